"""Broken off at every single await of placing and resolving: by a crash, and by cancelling the caller.

In virtual time, one whole run per await. After a crash the next run begins on what the journal had on
its disk at that very moment.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.runs import Runs
from tests.support.steps import Steps
from tests.support.trading import PRACTICE, PRACTICE_ID
from topstepx.core.terms import Limit
from topstepx.errors import TopstepxError
from topstepx.sim import fault_kinds
from topstepx.sim.faults import Fault
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import run_virtual
from topstepx.testing.memory import Network
from topstepx.wire.enums import OrderStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from topstepx.client import Client
    from topstepx.desk.desk import Desk

    BrokenOff = Callable[[int, str], Coroutine[Any, Any, bool]]

FAR = Limit("29000.00")
COUNTED = ("trader", "place", "resolve")
MOST = 400
"""More awaits than any of these has; a run that reaches it never ends by itself."""

FAULTS: dict[str, list[Fault]] = {
    "answered": [],
    "answer lost": [Fault(where="Order/place", what=fault_kinds.DropAnswer(cut=True))],
    "answer lost, hub deaf": [
        Fault(where="Order/place", what=fault_kinds.DropAnswer(cut=True)),
        Fault(where="hub/user", what=fault_kinds.DropEvents(), times=None),
    ],
    "arrives late": [Fault(where="Order/place", what=fault_kinds.Hold(7))],
    "never arrives": [Fault(where="Order/place", what=fault_kinds.LoseRequest(cut=True))],
    "502 after execution": [
        Fault(where="Order/place", what=fault_kinds.Answer(502, "<html>", when="after"))
    ],
}
LEAST = {"answer lost, hub deaf": 6, "arrives late": 9, "never arrives": 40}
"""How many awaits there are at least: without the resolver's reads it is three."""


def _world() -> Runs:
    return Runs(network=Network(latency_s=0.004), market_step_s=5.0)


async def _desk(tsx: Client) -> Desk:
    account = await tsx.accounts.one(PRACTICE)
    await tsx.ready(account)
    return tsx.desk(account, await tsx.contracts.front("MNQ"))


async def _place(desk: Desk) -> None:
    with suppress(TopstepxError):
        await desk.buy(1, at=FAR, key="one")


def _break(runs: Runs, faults: str) -> None:
    for fault in FAULTS[faults]:
        runs.faults.add(fault)


async def _settled(runs: Runs, tsx: Client) -> None:
    """Nothing is open any more, and what is believed is what the venue has: at most one order."""
    ledger, truth = tsx._record.ledger, runs.truth

    def even() -> None:
        assert not ledger.open_intents(PRACTICE_ID)
        believed = {one.id for one in ledger.working(PRACTICE_ID)}
        assert believed == {one.id for one in truth.working(PRACTICE_ID)}

    await eventually(even, timeout_s=400)
    assert len(truth.orders(PRACTICE_ID)) <= 1
    for intent in ledger.intents(PRACTICE_ID):
        assert intent.recorded is not None
        if intent.recorded.action != "place":
            continue
        executions = truth.executions(PRACTICE_ID, intent.recorded.tag or "")
        assert executions == (1 if intent.state == "accepted" else 0), intent


async def _crashed_at(number: int, faults: str) -> bool:
    """Whether the crash came about; after fewer awaits there is nothing left to break off."""
    async with _world() as runs:
        journal = MemoryJournal(write_s=0.002)
        first = runs.client(journal)
        found: list[MemoryJournal] = []
        dead = asyncio.Event()

        def crash() -> None:
            found.append(journal.crash())
            for transport in first._transports:
                transport._closed = True  # type: ignore[union-attr]  # not one more byte
            dead.set()

        steps = Steps(COUNTED, number, crash)
        await first.__aenter__()
        desk = await _desk(first)
        _break(runs, faults)
        steps.armed = True
        trader = asyncio.create_task(_place(desk), name="trader")

        async def live_on() -> None:
            await trader
            await _settled(runs, first)

        over = asyncio.create_task(live_on())
        await asyncio.wait(
            {over, asyncio.create_task(dead.wait())}, return_when=asyncio.FIRST_COMPLETED
        )
        steps.stop()
        if not dead.is_set():
            await over
            await first.__aexit__(None, None, None)
            return False
        me = asyncio.current_task()
        left = [task for task in steps.tasks if task is not me and not task.done()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        async with runs.client(found[0]) as second:
            await _place(await _desk(second))
            await _settled(runs, second)
    return True


async def _cancelled_at(number: int, faults: str) -> bool:
    async with _world() as runs, runs.client(MemoryJournal(write_s=0.002)) as tsx:
        desk = await _desk(tsx)
        _break(runs, faults)
        traders: list[asyncio.Task[None]] = []
        steps = Steps(COUNTED, number, lambda: _later(traders[0].cancel))
        steps.armed = True
        traders.append(asyncio.create_task(_place(desk), name="trader"))
        with suppress(asyncio.CancelledError):
            await traders[0]
        await _settled(runs, tsx)
        reached = steps.reached
        steps.stop()
        await _place(desk)  # the trader tries again with the same key
        await _settled(runs, tsx)
    return reached


def _later(act: object) -> None:
    """After the task has come to rest at its await: cancelling it from inside would be another thing."""
    assert callable(act)
    asyncio.get_running_loop().call_soon(act)


def _all_awaits(broken_off: BrokenOff, faults: str, stride: int = 1) -> None:
    number = 1
    while run_virtual(broken_off(number, faults)):
        number += stride
        assert number < MOST
    assert number > LEAST.get(faults, 3), "the awaits were counted"


def _stride(faults: str) -> int:
    """Two minutes of looking are long; `make soak` breaks off each of its awaits."""
    return 15 if faults == "never arrives" else 1


UNDER_WAY: dict[str, list[Fault]] = {
    "answered late": [
        Fault(where="Order/place", what=fault_kinds.Delay(1.0)),
        Fault(where="hub/user", what=fault_kinds.DelayEvents(2.0), times=None),
    ],
    "executed late": [Fault(where="Order/place", what=fault_kinds.Hold(1.0))],
    "answer lost": [
        Fault(where="Order/place", what=fault_kinds.DropAnswer(cut=False)),
        Fault(where="hub/user", what=fault_kinds.DelayEvents(9.0), times=None),
    ],
}
"""What an order is up to while it is cancelled."""


async def _wished_at(number: int, faults: str) -> bool:
    """A cancel is wanted while the order is on its way, and whoever wants it gives up at an await."""
    async with _world() as runs, runs.client(MemoryJournal(write_s=0.002)) as tsx:
        desk = await _desk(tsx)
        for fault in UNDER_WAY[faults]:
            runs.faults.add(fault)
        placing = asyncio.create_task(_place(desk), name="placing")
        await asyncio.sleep(0.1)
        order = tsx.orders.get(PRACTICE_ID, key="one")
        assert order is not None
        traders: list[asyncio.Task[Any]] = []
        steps = Steps(("trader",), number, lambda: _later(traders[0].cancel))
        steps.armed = True
        traders.append(asyncio.create_task(order.cancel(), name="trader"))
        with suppress(asyncio.CancelledError, TopstepxError):
            await traders[0]
        reached = steps.reached
        steps.stop()
        await placing

        def gone() -> None:
            (made,) = runs.truth.orders(PRACTICE_ID)
            assert made.status is OrderStatus.CANCELLED

        await eventually(gone, timeout_s=60)
        runs.faults.clear()
        await _settled(runs, tsx)
    return reached


@pytest.mark.parametrize("faults", UNDER_WAY)
def test_a_cancel_that_was_wanted_is_done_whoever_gives_up(faults: str) -> None:
    number = 1
    while run_virtual(_wished_at(number, faults)):
        number += 1
    assert number > 2, "the awaits were counted"


@pytest.mark.parametrize("faults", FAULTS)
def test_a_crash_at_every_await(faults: str) -> None:
    _all_awaits(_crashed_at, faults, _stride(faults))


@pytest.mark.parametrize("faults", FAULTS)
def test_the_caller_cancelled_at_every_await(faults: str) -> None:
    _all_awaits(_cancelled_at, faults, _stride(faults))


@pytest.mark.soak
@pytest.mark.parametrize("broken_off", [_crashed_at, _cancelled_at])
def test_each_await_of_the_two_minutes(broken_off: BrokenOff) -> None:
    _all_awaits(broken_off, "never arrives")
