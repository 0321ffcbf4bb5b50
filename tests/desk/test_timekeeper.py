"""A closed lid, a set clock and a blocked loop, through the whole client."""

from __future__ import annotations

import asyncio
import time

import topstepx
from tests.support.requests import next_of
from tests.support.trading import PRACTICE_ID, practice
from topstepx.clock import NANOSECONDS
from topstepx.core.clockwatch import EVERY_S
from topstepx.core.mode import Mode
from topstepx.events import AlarmRaised, Event, ModeCauseAdded, ModeCauseCleared
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.sim.server import SimServer
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair

CAUSE = "clock_jumped"


def mode(pair: Pair) -> Mode:
    return pair.tsx.health().modes[PRACTICE_ID]


@virtual
async def test_after_a_sleep_nothing_opens_until_all_is_read_again() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        pair.network.latency_s = 0.2
        heard: list[Event] = []
        off = pair.tsx._record.listen(lambda fact, _: heard.append(fact))
        pair.clock.suspend(600)
        pair.world.suspended(600)
        await asyncio.sleep(EVERY_S + 0.01)
        assert mode(pair) is not Mode.ACTIVE
        assert any("slept for 600 s" in problem for problem in pair.tsx.health().problems)
        await eventually(lambda: mode(pair) is Mode.ACTIVE and pair.tsx.health().ok, timeout_s=60)
        off()
        kinds = [
            type(fact)
            for fact in heard
            if getattr(fact, "reason", "") == CAUSE or getattr(fact, "name", "") == CAUSE
        ]
        assert kinds == [ModeCauseAdded, AlarmRaised, ModeCauseCleared]
        added = next(at for at, fact in enumerate(heard) if isinstance(fact, ModeCauseAdded))
        assert added < len(heard) - 1


@virtual
async def test_a_set_clock_is_told_and_ends_by_itself() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        pair.network.latency_s = 0.2
        async with pair.tsx.events(AlarmRaised) as alarms:
            pair.clock.step_wall(-90)
            alarm = await next_of(alarms, AlarmRaised)
        assert (alarm.name, "set back by 90.0 s" in alarm.detail) == (CAUSE, True)
        assert mode(pair) is Mode.REDUCE_ONLY
        await eventually(lambda: mode(pair) is Mode.ACTIVE, timeout_s=30)


@virtual
async def test_it_stays_closed_while_nothing_can_be_read() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        failing = pair.faults.add(
            Fault(where="Position/searchOpen", what=f.Answer(503), times=None)
        )
        pair.clock.step_wall(60)
        await asyncio.sleep(60)
        assert mode(pair) is Mode.REDUCE_ONLY
        pair.clock.step_wall(60)  # a second jump, while the first is being read
        await asyncio.sleep(5)
        pair.faults.remove(failing)
        await eventually(lambda: mode(pair) is Mode.ACTIVE, timeout_s=60)


@virtual
async def test_an_hour_of_ordinary_time_says_nothing() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        heard: list[Event] = []
        pair.tsx._record.listen(lambda fact, _: heard.append(fact))
        await asyncio.sleep(3600)
        assert not [fact for fact in heard if isinstance(fact, AlarmRaised | ModeCauseAdded)]


@virtual
async def test_after_a_sleep_the_budget_takes_the_past_for_unknown() -> None:
    async with Pair() as pair:
        told: list[int] = []
        pair.tsx._timekeeper._slept = lambda _seconds: told.append(pair.clock.monotonic_ns())
        before_ns = pair.clock.monotonic_ns()
        pair.clock.suspend(600)
        pair.world.suspended(600)
        await asyncio.sleep(3 * EVERY_S)
        assert len(told) == 1
        assert told[0] - before_ns <= (600 + EVERY_S) * NANOSECONDS


def test_a_blocked_loop_is_told_and_closes_nothing() -> None:
    async def run() -> tuple[str, bool]:
        async with (
            SimServer() as sim,
            topstepx.connect(
                "sim", url=sim.url, user_name=sim.user_name, api_key=sim.api_key
            ) as tsx,
            tsx.events(AlarmRaised) as alarms,
        ):
            await asyncio.sleep(0.1)
            time.sleep(2.3)  # noqa: ASYNC251  blocking the loop is what this is about
            alarm = await next_of(alarms, AlarmRaised)
            return f"{alarm.name}: {alarm.detail}", tsx.health().ok

    said, ok = asyncio.run(run())
    assert said.startswith("loop_blocked: the event loop was blocked for")
    assert ok
