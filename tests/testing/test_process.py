"""Process faults as entries of a plan, in the kit: the program ends, stands still, leaves, starts again."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest

from topstepx import Client, Desk, Limit
from topstepx.errors import InvalidRequest, OrderUnresolved
from topstepx.sim import fault_kinds as f
from topstepx.sim.fault_plans import FaultPlan
from topstepx.sim.faults import Fault
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair
from topstepx.testing.process import ProgramEnded, in_order


async def bot(tsx: Client) -> int:
    """Buys one contract far below the market, under a key, and tells the order's id."""
    account = await tsx.accounts.one("PRAC")
    desk = tsx.desk(account, await tsx.contracts.front("MNQ"))
    order = await desk.buy(1, at=Limit("25000"), key="opening")
    assert order.id is not None
    return order.id


def position_of(desk: Desk) -> int:
    position = desk.position
    return (position.net or 0) if position is not None else 0


def orders(pair: Pair) -> int:
    accounts = pair.gateway.venue.floor.accounts
    return sum(len(pair.truth.orders(account_id)) for account_id in accounts)


@virtual
async def test_killed_when_its_order_was_executed_the_next_run_finds_it() -> None:
    async with Pair() as pair:
        first = pair.tsx
        pair.faults.add(Fault(where="Order/place", what=f.Crash()))
        order_id = await pair.run(bot)
        assert pair.process.starts == 2
        assert pair.tsx is not first
        assert orders(pair) == 1
        assert pair.truth.order(order_id or 0).id == order_id


@virtual
async def test_killed_before_its_order_was_executed_the_next_run_sends_no_other() -> None:
    async with Pair() as pair:
        pair.faults.add(Fault(where="Order/place", what=f.Crash(when="before")))
        with pytest.raises(OrderUnresolved):
            await pair.run(bot)
        assert pair.process.starts == 2
        assert orders(pair) == 0


@virtual
async def test_nothing_leaves_a_program_after_it_was_killed_and_it_stays_down_if_told_so() -> None:
    left: list[str] = []

    async def program(tsx: Client) -> None:
        try:
            await bot(tsx)
            await asyncio.sleep(3600)
        finally:
            left.append("the program's own clean-up")
            await tsx.accounts.all()
            left.append("reached nobody")

    async with Pair() as pair:
        pair.faults.add(Fault(where="Order/place", what=f.Crash(restart=False)))
        await pair.run(program)
        asked = len(pair.gateway.limits.arrivals)
        await asyncio.sleep(60)
        assert pair.process.over
        assert left == ["the program's own clean-up"]
        assert len(pair.gateway.limits.arrivals) == asked
        assert pair.gateway.sessions == []
        assert orders(pair) == 1


@pytest.mark.parametrize(("when", "rows"), [("before", 0), ("after", 1)])
@virtual
async def test_a_write_of_the_journal_is_a_point_to_die_at(when: str, rows: int) -> None:
    async with Pair() as pair:
        journal = pair.journal
        assert isinstance(journal, MemoryJournal)
        await journal.flush()
        before = len(journal.committed)
        what = f.Crash(when=when, restart=False)  # type: ignore[arg-type]  # one of the two
        pair.faults.add(Fault(where="journal", what=what))
        assert await pair.run(bot) is None
        assert isinstance(pair.journal, MemoryJournal)
        assert (len(pair.journal.committed) > before) is bool(rows)
        assert orders(pair) == 0


@virtual
async def test_killed_at_a_time_and_started_again_after_so_long() -> None:
    starts: list[float] = []

    async def program(tsx: Client) -> str:
        starts.append(asyncio.get_running_loop().time())
        await asyncio.sleep(30)
        await tsx.accounts.one("PRAC")
        return "done"

    async with Pair() as pair:
        plan = """
            [[faults]]
            where = "client"
            what = { kind = "crash", restart_s = 5.0 }
            in_s = 10
        """
        FaultPlan.from_toml(plan).add_to(pair.faults, pair.world.now())
        assert await pair.run(program) == "done"
        assert starts[1] - starts[0] == pytest.approx(15, abs=0.5)


@virtual
async def test_it_can_be_killed_while_it_starts() -> None:
    async with Pair() as pair:
        pair.faults.add(Fault(where="Order/place", what=f.Crash()))
        pair.faults.add(Fault(where="Account/search", what=f.Crash(), after=1))
        assert await pair.run(bot) is not None
        assert pair.process.starts == 3
        assert orders(pair) == 1


@virtual
async def test_who_calls_the_client_itself_is_told_that_the_program_has_ended() -> None:
    async with Pair() as pair:
        pair.faults.add(Fault(where="Order/place", what=f.Crash()))
        with pytest.raises(asyncio.CancelledError):
            await bot(pair.tsx)
        with pytest.raises(ProgramEnded, match="the plan has ended"):
            await pair.tsx.accounts.all()
        await pair.restart()
        assert await bot(pair.tsx)
        assert orders(pair) == 1


@virtual
async def test_a_stall_is_time_in_which_the_world_goes_on_and_the_program_does_not() -> None:
    async with Pair() as pair:
        account = await pair.tsx.accounts.one("PRAC")
        contract = await pair.tsx.contracts.front("MNQ")
        desk = pair.tsx.desk(account, contract)
        order = await desk.buy(1, at=Limit("25000"))
        order_id, began = order.id or 0, pair.world.now()
        pair.faults.add(Fault(where="*", what=f.Stall(seconds=45)))
        fill_at = began + timedelta(seconds=20)
        pair.gateway.schedule(
            fill_at, lambda now: pair.gateway.venue.fill(order_id, 1, Decimal(25000), now)
        )
        await asyncio.sleep(1)
        assert (pair.world.now() - began).total_seconds() >= 45
        assert pair.truth.trades(account.id)[0].creation_timestamp == fill_at
        await eventually(lambda: position_of(desk) == 1, timeout_s=30)


@virtual
async def test_a_program_that_is_asked_to_leave_does_so_in_order_and_comes_again() -> None:
    async with Pair() as pair:
        runs: list[str] = []

        async def program(tsx: Client) -> None:
            try:
                await bot(tsx)
                await asyncio.sleep(0 if len(runs) else 600)
            finally:
                runs.append("left")

        pair.faults.add(
            Fault(
                where="client",
                what=f.Quit(restart_s=2),
                since=pair.world.now() + timedelta(seconds=60),
            )
        )
        await pair.run(program)
        assert runs == ["left", "left"]
        assert pair.process.starts == 2
        assert orders(pair) == 1


@virtual
async def test_other_tasks_of_the_test_live_on() -> None:
    async with Pair() as pair:
        other = asyncio.create_task(asyncio.sleep(5, "mine"))
        pair.faults.add(Fault(where="Order/place", what=f.Crash()))
        await pair.run(bot)
        assert await other == "mine"


@virtual
async def test_what_a_program_returns_or_raises_comes_through() -> None:
    async def broken(_: Client) -> None:
        raise RuntimeError("a bug of the bot")

    async with Pair() as pair:
        with pytest.raises(RuntimeError, match="a bug"):
            await pair.run(broken)


@virtual
async def test_a_plan_that_finds_no_hand_is_refused_with_where_it_would_work() -> None:
    async with Pair() as pair:
        gateway = pair.gateway
        gateway.faults.add(Fault(where="client", what=f.Stall(seconds=1)))
    for what, where in ((f.Crash(), "client"), (f.DiskFull(), "journal"), (f.Suspend(1), "client")):
        with pytest.raises(InvalidRequest, match=r"topstepx\.testing"):
            gateway.faults.add(Fault(where=where, what=what))


@virtual
async def test_tasks_end_in_the_order_of_their_numbers() -> None:
    names = ["Task-99", "a 1 of 10", "Task-100", "a 1 of 9", "Task-9"]
    tasks = [asyncio.create_task(asyncio.sleep(0), name=name) for name in names]
    told = [task.get_name() for task in sorted(tasks, key=in_order)]
    await asyncio.gather(*tasks)
    assert told == ["Task-9", "Task-99", "Task-100", "a 1 of 9", "a 1 of 10"]
