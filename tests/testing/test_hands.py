"""Disk and clock faults as entries of a plan, in the kit."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from topstepx import Client, Limit
from topstepx.errors import DeadlinePassed, InvalidRequest, ModeRefused, RecordUnavailable
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair


async def buy(tsx: Client, key: str, price: str = "25000") -> int | None:
    account = await tsx.accounts.one("PRAC")
    desk = tsx.desk(account, await tsx.contracts.front("MNQ"))
    return (await desk.buy(1, at=Limit(price), key=key)).id


def plan(pair: Pair, what: f.What, *, where: str = "journal", for_s: float = 10) -> None:
    until = pair.world.now() + timedelta(seconds=for_s)
    pair.faults.add(Fault(where=where, what=what, until=until))


def rows(pair: Pair) -> int:
    assert isinstance(pair.journal, MemoryJournal)
    return len(pair.journal.committed)


def seconds() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize(
    ("what", "words"), [(f.DiskFull(), "disk is full"), (f.DiskReadOnly(), "read-only")]
)
@virtual
async def test_a_disk_that_refuses_lets_no_order_out_and_works_again_when_the_window_ends(
    what: f.What, words: str
) -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await pair.tsx.accounts.one("PRAC"))
        plan(pair, what)
        await asyncio.sleep(1)
        with pytest.raises((RecordUnavailable, ModeRefused), match=words):
            await buy(pair.tsx, "one")
        await asyncio.sleep(15)
        assert await buy(pair.tsx, "two")
        assert len(pair.truth.orders(26282001)) == 1


@virtual
async def test_a_slow_disk_is_waited_for_and_a_hanging_one_until_it_goes_on() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await pair.tsx.accounts.one("PRAC"))
        plan(pair, f.DiskSlow(seconds=0.5), for_s=60)
        await asyncio.sleep(2)
        began = seconds()
        assert await buy(pair.tsx, "one")
        assert 0.5 <= seconds() - began < 2.0
        pair.faults.clear()
        plan(pair, f.DiskHangs(), for_s=3)
        await asyncio.sleep(0.01)
        before = rows(pair)
        buying = asyncio.create_task(buy(pair.tsx, "two", "24990"))
        await asyncio.sleep(2.5)
        assert rows(pair) == before
        with pytest.raises(DeadlinePassed):
            await buying
        await eventually(lambda: rows(pair) > before)
        assert len(pair.truth.orders(26282001)) == 1


@virtual
async def test_a_disk_that_lies_loses_what_it_promised_at_the_next_crash_and_not_after_it() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await pair.tsx.accounts.one("PRAC"))
        plan(pair, f.DiskLies(), for_s=3600)
        await asyncio.sleep(0.01)
        before = rows(pair)
        await buy(pair.tsx, "one")
        assert rows(pair) > before
        await pair.restart()
        assert pair.tsx is pair.process.client
        keys = [row.body for row in await pair.journal.rows(before - 1)]
        assert not any('"one"' in body for body in keys)
        pair.faults.clear()
        await buy(pair.tsx, "two")
        await pair.journal.flush()
        kept = rows(pair)
        await pair.restart()
        assert rows(pair) >= kept


@virtual
async def test_what_is_wrong_with_a_disk_outlives_the_program() -> None:
    async with Pair() as pair:
        pair.faults.add(Fault(where="journal", what=f.DiskFull()))
        await asyncio.sleep(1)
        await pair.restart()
        with pytest.raises((RecordUnavailable, ModeRefused), match="disk is full"):
            await buy(pair.tsx, "one")
        pair.faults.clear()
        await pair.restart()
        assert await buy(pair.tsx, "two")


# ---------------------------------------------------------------- clocks


@pytest.mark.parametrize("step", [-3600.0, 7.0])
@virtual
async def test_the_wall_clock_of_the_client_is_set_and_nothing_else(step: float) -> None:
    async with Pair() as pair:
        wall, ticks, world = pair.clock.now(), pair.clock.monotonic_ns(), pair.world.now()
        pair.faults.add(Fault(where="client", what=f.StepClock(seconds=step)))
        await asyncio.sleep(1)
        assert (pair.clock.now() - wall).total_seconds() == pytest.approx(step + 1)
        assert pair.clock.monotonic_ns() - ticks == 10**9
        assert (pair.world.now() - world).total_seconds() == pytest.approx(1)


@virtual
async def test_a_clock_drifts_until_its_window_ends_and_keeps_what_it_gained() -> None:
    async with Pair() as pair:
        wall = pair.clock.now()
        plan(pair, f.DriftClock(rate=1.5), where="client", for_s=10)
        await asyncio.sleep(20)
        assert (pair.clock.now() - wall).total_seconds() == pytest.approx(25, abs=0.01)


@virtual
async def test_a_closed_lid_is_time_that_no_timer_has_seen() -> None:
    async with Pair() as pair:
        account = await pair.tsx.accounts.one("PRAC")
        await pair.tsx.ready(account)
        wall, world, before = pair.clock.now(), pair.world.now(), pair.gateway.sessions
        pair.faults.add(Fault(where="*", what=f.Suspend(seconds=600, cut=True)))
        await asyncio.sleep(1)
        assert (pair.clock.now() - wall).total_seconds() == pytest.approx(601)
        assert (pair.world.now() - world).total_seconds() == pytest.approx(601)
        assert pair.gateway.sessions != before
        await eventually(lambda: len(pair.gateway.sessions) == len(before), timeout_s=60)


@virtual
async def test_the_gateways_clock_goes_ahead_by_itself_or_runs_faster() -> None:
    async with Pair() as pair:
        sessions = list(pair.gateway.sessions)
        wall, world = pair.clock.now(), pair.world.now()
        pair.faults.add(Fault(where="gateway", what=f.StepClock(seconds=90)))
        await asyncio.sleep(1)
        assert (pair.world.now() - world).total_seconds() == pytest.approx(91)
        assert (pair.clock.now() - wall).total_seconds() == pytest.approx(1)
        assert pair.gateway.now >= world + timedelta(seconds=90)
        assert pair.gateway.sessions == sessions
        world = pair.world.now()
        plan(pair, f.DriftClock(rate=2.0), where="gateway", for_s=20)
        await asyncio.sleep(15)
        assert (pair.world.now() - world).total_seconds() == pytest.approx(25, abs=0.5)
        with pytest.raises(InvalidRequest, match="skew_date"):
            pair.faults.add(Fault(where="gateway", what=f.StepClock(seconds=-1)))


# ---------------------------------------------------------------- the network


@virtual
async def test_the_network_goes_down_for_its_window_and_comes_back() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await pair.tsx.accounts.one("PRAC"))
        plan(pair, f.NetworkDown(), where="network", for_s=10)
        await asyncio.sleep(1)
        assert pair.gateway.sessions == []
        assert not pair.network.up
        await eventually(lambda: len(pair.gateway.sessions) == 1, timeout_s=60)
        assert pair.network.up


@virtual
async def test_a_half_open_network_swallows_one_way_and_breaks_in_the_end() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await pair.tsx.accounts.one("PRAC"))
        before = pair.gateway.sessions
        plan(pair, f.HalfOpen(up=False), where="*", for_s=3)
        await asyncio.sleep(1)
        assert (pair.network.lose_up, pair.network.lose_down) == (False, True)
        await asyncio.sleep(3)
        assert (pair.network.lose_up, pair.network.lose_down) == (False, False)
        await eventually(lambda: bool(set(pair.gateway.sessions) - set(before)), timeout_s=60)


@virtual
async def test_a_slow_network_adds_to_what_there_is_and_a_reset_breaks_once() -> None:
    async with Pair() as pair:
        pair.network.latency_s = 0.1
        plan(pair, f.SlowNetwork(seconds=0.4), where="network", for_s=5)
        await asyncio.sleep(0.5)
        began = seconds()
        await pair.tsx.accounts.all()
        assert seconds() - began == pytest.approx(1.0, abs=0.01)
        await asyncio.sleep(6)
        assert pair.network.latency_s == pytest.approx(0.1)
        await pair.tsx.ready(await pair.tsx.accounts.one("PRAC"))
        before = pair.gateway.sessions
        plan(pair, f.ResetNetwork(), where="network")
        await eventually(lambda: bool(set(pair.gateway.sessions) - set(before)), timeout_s=60)
        assert pair.network.up
