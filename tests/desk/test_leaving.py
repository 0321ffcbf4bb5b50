"""Leaving: entries taken back, protection kept, what is open waited for, and what is left said."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

import pytest

from tests.support.runs import Runs
from tests.support.trading import PRACTICE, PRACTICE_ID
from topstepx.connecting import Connection
from topstepx.core.terms import Bracket, Limit, Market, Stop
from topstepx.errors import IntentsLeftOpen, NotSent, OrderUnresolved, TopstepxError
from topstepx.events import ClientStopped
from topstepx.sim import fault_kinds
from topstepx.sim.faults import Fault
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.wire.enums import OrderType

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from topstepx.client import Client
    from topstepx.desk.desk import Desk

FAR = Limit(Decimal("29000.00"))


class _Bug(Exception):
    """What went wrong in the trader's own code."""


async def _desk(tsx: Client) -> Desk:
    account = await tsx.accounts.one(PRACTICE)
    await tsx.ready(account)
    return tsx.desk(account, await tsx.contracts.front("MNQ"))


async def _exposed(tsx: Client) -> Desk:
    """Long 2 with a bracket and a stop of one's own, and an entry still resting."""
    desk = await _desk(tsx)
    order = await desk.buy(2, at=Market(), bracket=Bracket(stop_ticks=100, target_ticks=200))
    await order.filled(timeout=10)
    await order.stop.working()
    await desk.sell(1, at=Stop("29100.00"))
    await desk.buy(1, at=FAR)
    return desk


def _working(runs: Runs) -> set[tuple[OrderType, str, int]]:
    return {(one.type, one.side.name, one.size) for one in runs.truth.working(PRACTICE_ID)}


PROTECTION = {
    (OrderType.STOP, "SELL", 2),
    (OrderType.LIMIT, "SELL", 2),
    (OrderType.STOP, "SELL", 1),
}


@virtual
async def test_an_exception_takes_back_entries_and_keeps_protection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Runs() as runs:
        tsx = runs.client()
        with suppress(_Bug):
            async with tsx:
                desk = await _exposed(tsx)
                raise _Bug
        assert _working(runs) == PROTECTION
        assert runs.truth.net_size(PRACTICE_ID, desk.contract.id) == 2
        assert tsx.left_open == ()
        told = "\n".join(tsx.left_behind)
        assert f"holds 2 {desk.contract.id}" in told
        assert told.count("works") == 3
        logged = [one for one in caplog.messages if one.startswith("left behind: ")]
        assert logged == [f"left behind: {line}" for line in tsx.left_behind]


@virtual
async def test_limits_for_which_the_position_has_no_room_are_entries() -> None:
    """Each was no larger than it, so that all stayed, and the second to fill opened the opposite one."""
    async with Runs() as runs:
        with suppress(_Bug):
            async with runs.client() as tsx:
                desk = await _exposed(tsx)
                for price, size in (("29700.00", 1), ("29710.00", 2), ("29720.00", 1)):
                    await desk.sell(size, at=Limit(price))
                raise _Bug
        assert _working(runs) == {
            *PROTECTION,
            (OrderType.LIMIT, "SELL", 1),
            (OrderType.LIMIT, "SELL", 2),
        }
        assert [one.limit_price for one in runs.truth.working(PRACTICE_ID)].count(
            Decimal("29720.00")
        ) == 0


@virtual
async def test_ctrl_c_cancels_the_program_and_does_the_same() -> None:
    async with Runs() as runs:
        ready = asyncio.Event()

        async def program() -> None:
            async with runs.client() as tsx:
                await _exposed(tsx)
                ready.set()
                await asyncio.sleep(3600)

        task = asyncio.ensure_future(program())
        await ready.wait()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert _working(runs) == PROTECTION


@virtual
async def test_an_ordinary_end_leaves_everything_as_it_is() -> None:
    async with Runs() as runs:
        async with runs.client() as tsx:
            await _exposed(tsx)
        assert _working(runs) == PROTECTION | {(OrderType.LIMIT, "BUY", 1)}


@pytest.mark.parametrize("on_exit", ["keep", "flatten"])
@virtual
async def test_other_choices(on_exit: Literal["keep", "flatten"]) -> None:
    async with Runs() as runs:
        with suppress(_Bug):
            async with runs.client(on_exit=on_exit) as tsx:
                desk = await _exposed(tsx)
                raise _Bug
        if on_exit == "keep":
            assert _working(runs) == PROTECTION | {(OrderType.LIMIT, "BUY", 1)}
        else:
            assert _working(runs) == set()
            assert runs.truth.net_size(PRACTICE_ID, desk.contract.id) == 0


@virtual
async def test_orders_of_other_software_are_left_alone() -> None:
    async with Runs() as runs:
        journal = MemoryJournal()
        async with runs.client(journal, installation="ZZZZZZZZ") as other:
            await (await _desk(other)).buy(1, at=FAR)
        with suppress(_Bug):
            async with runs.client() as tsx:
                await _desk(tsx)
                raise _Bug
        assert _working(runs) == {(OrderType.LIMIT, "BUY", 1)}


@virtual
async def test_a_gateway_that_is_gone_does_not_keep_the_program() -> None:
    async with Runs() as runs:
        began = asyncio.get_running_loop().time()
        with suppress(_Bug):
            async with runs.client() as tsx:
                await (await _desk(tsx)).buy(1, at=FAR)
                runs.network.up = False
                runs.network.cut_all()
                raise _Bug
        assert asyncio.get_running_loop().time() - began < 45
        assert any("works" in line for line in tsx.left_behind)


# ---- what is open


@virtual
async def test_an_entry_that_nobody_has_shown_yet_is_taken_back_too() -> None:
    async with Runs() as runs:
        tsx = runs.client()
        late = fault_kinds.DelayEvents(5.0, "GatewayUserOrder")
        runs.faults.add(Fault(where="hub/user", what=late, times=None))
        with suppress(_Bug):
            async with tsx:
                desk = await _desk(tsx)
                order = await desk.buy(1, at=FAR)
                assert order.belief is None, "accepted, and not seen"
                raise _Bug
        assert _working(runs) == set()
        assert tsx.left_open == ()


@virtual
async def test_an_entry_whose_answer_was_lost_is_taken_back_when_it_is_found() -> None:
    async with Runs() as runs:
        tsx = runs.client()
        runs.faults.add(Fault(where="Order/place", what=fault_kinds.Hold(4)))
        with suppress(_Bug):
            async with tsx:
                desk = await _desk(tsx)
                placing = asyncio.ensure_future(desk.buy(1, at=FAR))
                await eventually(tsx._record.ledger.open_intents, timeout_s=5)
                placing.cancel()
                raise _Bug
        assert _working(runs) == set()


async def _lost(runs: Runs, tsx: Client) -> None:
    runs.faults.add(Fault(where="Order/place", what=fault_kinds.LoseRequest(cut=True)))
    desk = await _desk(tsx)
    with pytest.raises(OrderUnresolved):
        await desk.buy(1, at=FAR, key="my-key")


@virtual
async def test_what_is_open_is_waited_for_15_seconds_and_then_listed() -> None:
    async with Runs() as runs:
        journal = MemoryJournal()
        tsx = runs.client(journal)
        loop = asyncio.get_running_loop()
        async with tsx:
            await _lost(runs, tsx)
            left_at = loop.time()
        assert 15 <= loop.time() - left_at < 16
        assert len(tsx.left_open) == 1
        assert "my-key" in tsx.left_open[0]
        stopped = journal.committed[-1].event()
        assert isinstance(stopped, ClientStopped)
        assert not stopped.clean


@virtual
async def test_what_is_found_meanwhile_ends_the_wait() -> None:
    async with Runs() as runs:
        journal = MemoryJournal()
        tsx = runs.client(journal)
        async with tsx:
            desk = await _desk(tsx)
            runs.faults.add(Fault(where="Order/place", what=fault_kinds.Hold(8)))
            task = asyncio.ensure_future(desk.buy(1, at=FAR))
            await eventually(tsx._record.ledger.open_intents, timeout_s=5)
            task.cancel()
            began = asyncio.get_running_loop().time()
        assert 7 < asyncio.get_running_loop().time() - began < 15
        assert tsx.left_open == ()
        stopped = journal.committed[-1].event()
        assert isinstance(stopped, ClientStopped)
        assert stopped.clean


@virtual
async def test_a_program_does_not_end_as_if_all_were_well() -> None:
    async with Runs() as runs:

        async def opened(_: AsyncExitStack) -> Client:
            return runs.client(MemoryJournal())

        with pytest.raises(IntentsLeftOpen, match="my-key") as left:
            async with Connection(opened) as tsx:
                await _lost(runs, tsx)
        assert left.value.did_it_happen == "unknown"
        with pytest.raises(_Bug):  # noqa: PT012  another error is not hidden by it
            async with Connection(opened) as tsx:
                await _lost(runs, tsx)
                raise _Bug


@virtual
async def test_a_strategy_that_goes_on_places_nothing_once_the_block_is_left() -> None:
    """Its task is not the one that failed, and nobody has told it: what it placed would be left alone."""
    async with Runs() as runs:
        ended: list[BaseException] = []

        async def trade(desk: Desk) -> None:
            for tick in range(200):
                try:
                    await desk.buy(1, at=Limit(FAR.price - tick))  # type: ignore[operator]  # it is a Decimal here
                except TopstepxError as error:
                    ended.append(error)
                    return
                await asyncio.sleep(0.05)

        with suppress(_Bug):
            async with runs.client() as tsx:
                desk = await _desk(tsx)
                trading = asyncio.create_task(trade(desk))
                await asyncio.sleep(0.5)
                runs.faults.add(
                    Fault(where="Order/cancel", what=fault_kinds.Delay(1.0), times=None)
                )
                raise _Bug
        await trading
        assert len(runs.truth.orders(PRACTICE_ID)) > 3
        assert _working(runs) == set()
        (error,) = ended
        assert isinstance(error, NotSent)
        assert "this client is" in str(error)
