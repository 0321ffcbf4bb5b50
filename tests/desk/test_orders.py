"""Orders: placed once, found again, and bad input never leaves."""

from __future__ import annotations

import asyncio
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.cards.world import world
from topstepx import Bracket, Limit, Market, Stop
from topstepx.core.terms import CancelRest
from topstepx.errors import (
    DeadlinePassed,
    DuplicateOrder,
    InvalidRequest,
    NotSent,
    PriceOffGrid,
    RecordUnavailable,
)
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.sim.gateway import Gateway
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.loop import virtual
from topstepx.testing.pair import START, Pair
from topstepx.wire.enums import OrderStatus, Side


@pytest.mark.parametrize("size", [-1, 0, 1.5, True, "2", 10**20, None, float("nan")])
@virtual
async def test_sizes_that_are_none(size: Any) -> None:  # noqa: ANN401  anything at all
    async with world() as w:
        with pytest.raises(InvalidRequest, match="size"):
            await w.buy(size)
        assert w.requests("place") == 0


@pytest.mark.parametrize(
    ("at", "error"),
    [
        (Limit("NaN"), InvalidRequest),
        (Limit(100.5), InvalidRequest),  # type: ignore[arg-type]  # floats are refused
        (Limit("100.10"), PriceOffGrid),
        (Stop(Decimal("Infinity")), InvalidRequest),
        (Limit, InvalidRequest),
        ("market", InvalidRequest),
        (None, InvalidRequest),
    ],
)
@virtual
async def test_terms_that_are_none(at: Any, error: type[Exception]) -> None:  # noqa: ANN401  anything at all
    async with world() as w:
        with pytest.raises(error):
            await w.buy(at=at)
        assert w.requests("place") == 0


@pytest.mark.parametrize(
    "parts",
    [
        {"bracket": Bracket(stop_ticks=3)},
        {"bracket": Bracket()},
        {"bracket": 40},
        {"at": Market(), "bracket": Bracket(stop="100")},
        {"remainder": 5},
        {"key": ""},
        {"key": 7},
        {"key": "k" * 201},
        {"side": 2},
        {"side": "buy"},
    ],
)
@virtual
async def test_wishes_that_are_none(parts: dict[str, Any]) -> None:
    async with world() as w:
        with pytest.raises(InvalidRequest):
            await w.buy(**parts)
        assert w.requests("place") == 0


@virtual
async def test_a_contract_that_does_not_trade_and_a_time_without_zone() -> None:
    async with world() as w:
        listed = await w.tsx.contracts.by_id(w.contract.id)
        dead = type(listed)(msgspec.structs.replace(listed.model, active_contract=False))
        with pytest.raises(InvalidRequest, match="does not trade now"):
            await w.tsx.orders.place(w.account, dead, Side.BUY, 1, at=Market())
        with pytest.raises(InvalidRequest, match="time zone"):
            await w.tsx.orders.history(w.account, start=datetime(2026, 1, 1))  # noqa: DTZ001  that is the point


@virtual
async def test_the_same_key_is_the_same_order_also_at_once_and_after_a_restart() -> None:
    journal = MemoryJournal()
    gateway = Gateway.build(at=START, seed=1, limited=False, rate=0.1)
    async with world(gateway=gateway, journal=journal) as w:
        found = await asyncio.gather(*(w.buy(key="k") for _ in range(5)))
        assert len({one.id for one in found}) == 1
        with pytest.raises(InvalidRequest, match="other terms"):
            await w.buy(3, key="k")
        price = found[0].limit_price
    async with Pair(gateway=gateway, journal=journal.crash(), seed=2) as pair:
        again = await pair.tsx.orders.place(
            w.account.id, w.contract.id, Side.BUY, 2, at=Limit(price), key="k"
        )
        assert again.id == found[0].id
    assert len(w.working) == 1


@virtual
async def test_no_record_no_send() -> None:
    journal = MemoryJournal()
    async with world(journal=journal) as w:
        journal.fail("disk full")
        with pytest.raises(RecordUnavailable):
            await w.buy()
        assert w.requests("place") == 0
        journal.recover()
        await asyncio.sleep(1)
        await w.buy()


@virtual
async def test_a_decision_that_grew_old_while_getting_ready_is_not_sent() -> None:
    gateway = Gateway.build(at=START, seed=1, limited=False, rate=0.1)
    async with Pair(gateway=gateway) as pair:
        account = await pair.tsx.accounts.one("PRAC")
        contract = await pair.tsx.contracts.front("MNQ")
        pair.faults.add(Fault(where="Trade/search", what=f.Delay(3)))
        with pytest.raises(DeadlinePassed, match="Getting ready"):
            await pair.tsx.orders.place(account, contract, Side.BUY, 1, at=Market())
        assert not pair.truth.requests
        order = await pair.tsx.orders.place(account, contract, Side.BUY, 1, at=Market())
        await order.filled(timeout=5)


@virtual
async def test_what_is_open_and_what_was() -> None:
    async with world() as w:
        resting, done = await w.buy(1), await w.buy(2)
        await done.cancel()
        assert {one.id for one in await w.tsx.orders.open(w.account)} == {resting.id}
        history = await w.tsx.orders.history(w.account, start=START)
        assert [one.id for one in history] == [resting.id, done.id]
        assert w.tsx.orders.get(w.account, key="none") is None
        assert w.tsx.orders.get(w.account, order_id=1) is None
        assert CancelRest(1).after_s == 1


@virtual
async def test_after_the_block_is_left_everything_says_that_the_client_is_closed() -> None:
    async with world() as w:
        order = await w.buy()
        w.audited = False
    for late in (
        w.buy(1),
        order.cancel(),
        order.modify(size=1),
        w.desk.close(),
        w.desk.reduce_to(1),
    ):
        with pytest.raises(NotSent, match="this client is closed"):
            await late


@virtual
async def test_an_open_record_becomes_a_handle() -> None:
    async with world() as w:
        placed = await w.buy()
        (record,) = await w.tsx.orders.open(w.account)
        order = w.tsx.orders.handle(record)
        assert (order.id, order.key) == (placed.id, placed.key)
        await order.cancel()
        assert placed.status is OrderStatus.CANCELLED


@virtual
async def test_wrong_words_are_refused_by_name() -> None:
    async with world() as w:
        with pytest.raises(InvalidRequest, match="key=5"):
            await w.tsx.orders.place(w.account, w.contract, Side.BUY, 1, at=w.far_below(), key=5)
        with pytest.raises(InvalidRequest, match="start='2026-11-20': is no datetime"):
            await w.tsx.orders.history(w.account, start="2026-11-20")
        order = await w.buy()
        with pytest.raises(InvalidRequest, match="timeout='3'"):
            await order.filled(timeout="3")
        with pytest.raises(DuplicateOrder, match="BUY 2 MNQZ6 at 29"):
            await w.buy()
