"""One try at getting out, and what it came to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cards.world import CANCEL, CLOSE, PARTIAL, world
from topstepx import Market
from topstepx.desk.exits import Came, pause_s
from topstepx.sim import fault_kinds as f
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.loop import virtual

if TYPE_CHECKING:
    from topstepx.sim.venue.faults import Verb


@pytest.mark.parametrize(
    ("fault", "came"),
    [
        (None, Came.ACCEPTED),
        (f.DropAnswer(), Came.UNKNOWN),
        (f.Answer(503), Came.UNKNOWN),
        (f.Answer(429), Came.STOPPED),
        (f.Answer(200, "{}"), Came.UNKNOWN),
        (f.Answer(400, "{}"), Came.REFUSED),
    ],
)
@virtual
async def test_what_answers_mean(fault: f.RequestFault | None, came: Came) -> None:
    async with world() as w:
        order = await w.buy()
        if fault is not None:
            w.break_(CANCEL, fault)
        tried = await w.tsx._trading.exits.cancel(w.account.id, order.id, w.contract.id)
        assert tried.came is came
        assert (tried.error is None) == (came is Came.ACCEPTED)


@pytest.mark.parametrize(
    ("verb", "code", "came"),
    [
        ("close", 2, Came.GONE),
        ("close", 5, Came.REFUSED),
        ("close", 6, Came.UNKNOWN),
        ("close", 8, Came.FORBIDDEN),
        ("partial_close", 5, Came.REFUSED),
        ("partial_close", 7, Came.UNKNOWN),
        ("partial_close", 9, Came.FORBIDDEN),
        ("cancel", 2, Came.GONE),
        ("cancel", 4, Came.UNKNOWN),
        ("cancel", 6, Came.FORBIDDEN),
    ],
)
@virtual
async def test_what_codes_mean_endpoint_by_endpoint(verb: Verb, code: int, came: Came) -> None:
    async with world() as w:
        held = await w.buy(at=Market())
        await held.filled(timeout=5)
        w.pair.gateway.venue.faults.reject_next(verb, code=code)
        exits = w.tsx._trading.exits
        if verb == "close":
            tried = await exits.close(w.account.id, w.contract.id)
        elif verb == "cancel":
            tried = await exits.cancel(w.account.id, held.id, w.contract.id)
        else:
            tried = await exits.partial_close(w.account.id, w.contract.id, 1)
        assert tried.came is came
        assert ("exit_unavailable" in w.standing()) is (came is Came.FORBIDDEN)


@virtual
async def test_an_exit_leaves_while_the_journal_cannot_be_written() -> None:
    journal = MemoryJournal()
    async with world(journal=journal) as w:
        order = await w.buy()
        journal.fail("disk full")
        tried = await w.tsx._trading.exits.cancel(w.account.id, order.id, w.contract.id)
        assert tried.came is Came.ACCEPTED
        journal.recover()


@virtual
async def test_no_network_is_certainly_not_sent() -> None:
    async with world() as w:
        w.pair.network.up = False
        for route in (CLOSE, PARTIAL):
            assert route
        tried = await w.tsx._trading.exits.close(w.account.id, w.contract.id)
        assert tried.came is Came.STOPPED


def test_the_pauses() -> None:
    assert [pause_s(number) for number in range(6)] == [1, 2, 4, 5, 5, 5]
