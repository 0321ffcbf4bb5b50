"""The limiter's shell: waiting, cancelling and refusing, in virtual time."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from topstepx.clock import NANOSECONDS
from topstepx.core.lanes import Lane
from topstepx.core.permits import (
    DOCUMENTED,
    BucketPolicy,
    News,
    Permit,
    Throttled,
    UnknownPast,
    Waits,
    policies_of,
)
from topstepx.errors import RateLimited
from topstepx.net.limiter import RateLimiter
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import LoopClock, virtual
from topstepx.wire.routes import Bucket

if TYPE_CHECKING:
    from collections.abc import Sequence

LONG_NS = 10**15
SEEDS = [None, *range(8)]


def limiter(
    clock: LoopClock,
    news: list[News] | None = None,
    policies: Sequence[BucketPolicy] = DOCUMENTED,
    unknown_past: UnknownPast | None = None,
) -> RateLimiter:
    return RateLimiter(
        clock,
        lambda: 0.0,
        policies=policies,
        unknown_past=unknown_past,
        listener=news.append if news is not None else None,
    )


async def fill(it: RateLimiter, count: int, lane: Lane = Lane.READ) -> list[Permit]:
    return [await it.permit(lane, deadline_ns=LONG_NS, caller="filler") for _ in range(count)]


@virtual(seeds=SEEDS)
async def test_reads_wait_and_leave_at_the_first_moment() -> None:
    clock = LoopClock()
    it = limiter(clock)
    start_ns = clock.monotonic_ns()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(it.permit(Lane.READ, deadline_ns=LONG_NS)) for _ in range(250)]
    left = sorted(task.result().at_ns - start_ns for task in tasks)
    step_ns = 60_750_000_001
    assert left == [0] * 110 + [step_ns] * 110 + [2 * step_ns] * 30
    await it.close()


@virtual
async def test_an_order_never_waits() -> None:
    clock = LoopClock()
    it = limiter(clock)
    await fill(it, 110)
    await fill(it, 30, Lane.ORDER)
    before_ns = clock.monotonic_ns()
    with pytest.raises(RateLimited, match="Nothing was sent") as refused:
        await it.permit(Lane.ORDER, deadline_ns=LONG_NS)
    assert clock.monotonic_ns() == before_ns
    assert refused.value.did_it_happen == "no"
    wait_s = refused.value.retry_after_s
    assert wait_s is not None
    await asyncio.sleep(wait_s)
    await it.permit(Lane.ORDER, deadline_ns=LONG_NS)


@virtual(seeds=SEEDS)
async def test_forty_exits_leave_at_once_from_a_drained_budget_with_a_queue() -> None:
    clock = LoopClock()
    it = limiter(clock)
    queue = [asyncio.create_task(it.permit(Lane.READ, deadline_ns=LONG_NS)) for _ in range(300)]
    resolving = [
        asyncio.create_task(it.permit(Lane.RESOLVE, deadline_ns=LONG_NS)) for _ in range(99)
    ]
    await asyncio.sleep(1)
    before_ns = clock.monotonic_ns()
    await fill(it, 40, Lane.EXIT)
    assert clock.monotonic_ns() == before_ns
    for task in queue + resolving:
        task.cancel()
    await asyncio.gather(*queue, *resolving, return_exceptions=True)


@virtual(seeds=SEEDS)
async def test_a_wait_ends_at_its_deadline() -> None:
    clock = LoopClock()
    news: list[News] = []
    it = limiter(clock, news)
    await fill(it, 110)
    deadline_ns = clock.monotonic_ns() + 7 * NANOSECONDS
    with pytest.raises(RateLimited, match="the window is full") as refused:
        await it.permit(Lane.READ, deadline_ns=deadline_ns, caller="bars")
    assert clock.monotonic_ns() == deadline_ns
    assert refused.value.retry_after_s == pytest.approx(53.75)
    (waits,) = news
    assert isinstance(waits, Waits)
    assert (waits.caller, waits.reason) == ("bars", "the window is full")
    assert waits.wait_s == pytest.approx(60.75)


@virtual(seeds=SEEDS)
async def test_a_cancelled_wait_frees_its_place() -> None:
    clock = LoopClock()
    it = limiter(clock)
    await fill(it, 110)
    waits = [asyncio.create_task(it.permit(Lane.READ, deadline_ns=LONG_NS)) for _ in range(3)]
    await asyncio.sleep(1)
    waits[0].cancel()
    await asyncio.sleep(1)
    assert it.snapshot()[0].lanes[Lane.READ].waiting == 2
    await asyncio.gather(*waits[1:])
    assert it.snapshot()[0].used == 2


@virtual(seeds=range(40))
async def test_a_permit_is_never_lost_to_a_cancellation_at_the_same_instant() -> None:
    clock = LoopClock()
    it = limiter(clock, policies=[BucketPolicy(Bucket.BARS, 1, 10.0)])
    first = await it.permit(Lane.READ, Bucket.BARS, deadline_ns=LONG_NS)
    waits = [
        asyncio.create_task(it.permit(Lane.READ, Bucket.BARS, deadline_ns=LONG_NS))
        for _ in range(4)
    ]
    await asyncio.sleep(1)
    loop = asyncio.get_running_loop()
    # At the very moment at which the slot goes to somebody, and also just before and after it.
    for delay_s in (9.75 - 1e-9, 9.75, 9.75 + 1e-9):
        loop.call_later(delay_s, waits[0].cancel)
        loop.call_later(delay_s, waits[2].cancel)
    await eventually(lambda: waits[1].done() or waits[3].done(), timeout_s=60, every_s=1)
    await eventually(lambda: waits[1].done() and waits[3].done(), timeout_s=60, every_s=1)
    granted = [task.result().at_ns for task in waits if not task.cancelled()]
    moments = sorted([first.at_ns, *granted])
    window_ns = 10_750_000_000
    assert all(b - a > window_ns for a, b in pairwise(moments))
    assert clock.monotonic_ns() - first.at_ns <= 5 * window_ns
    await it.close()


@virtual
async def test_what_was_not_sent_lets_the_next_go() -> None:
    it = limiter(LoopClock())
    permits = await fill(it, 110)
    waiting = asyncio.create_task(it.permit(Lane.READ, deadline_ns=LONG_NS))
    await asyncio.sleep(1)
    it.unsent(permits[3])
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert waiting.done()


@virtual
async def test_a_429_pauses_reads_refuses_orders_and_lets_exits_go() -> None:
    clock = LoopClock()
    news: list[News] = []
    it = limiter(clock, news)
    (permit,) = await fill(it, 1)
    before_ns = clock.monotonic_ns()
    assert it.throttled(permit, "7") == 7.0
    assert news == [Throttled(Bucket.GENERAL, Lane.READ, 7.0, 0.7, used=1, line=77)]
    with pytest.raises(RateLimited, match="429") as refused:
        await it.permit(Lane.ORDER, deadline_ns=LONG_NS)
    assert refused.value.retry_after_s == 7.0
    await it.permit(Lane.EXIT, deadline_ns=LONG_NS)
    assert clock.monotonic_ns() == before_ns
    await it.permit(Lane.READ, deadline_ns=LONG_NS)
    assert clock.monotonic_ns() - before_ns == 7 * NANOSECONDS
    assert it.throttled(permit, "-3") > 0


@virtual
async def test_after_a_suspend_the_past_is_in_doubt_and_nobody_bursts() -> None:
    clock = LoopClock()
    it = limiter(clock, unknown_past=UnknownPast())
    await asyncio.sleep(100)
    await fill(it, 100)
    clock.suspend(600)
    it.resumed()
    before_ns = clock.monotonic_ns()
    permits = await fill(it, 60)
    assert permits[0].at_ns - before_ns == 5 * NANOSECONDS
    assert permits[54].at_ns - before_ns == 5 * NANOSECONDS
    assert permits[55].at_ns - before_ns == 60_750_000_000


@virtual
async def test_latency_makes_the_window_longer() -> None:
    it = limiter(LoopClock())
    for delay_s in (0.0, 2.0):
        (permit,) = await fill(it, 1)
        await asyncio.sleep(delay_s)
        it.answered(permit)
    assert it.snapshot()[0].window_s == 62.25


@virtual
async def test_closing_turns_away_whoever_waits() -> None:
    it = limiter(LoopClock())
    await fill(it, 110)
    waiting = asyncio.create_task(it.permit(Lane.READ, deadline_ns=LONG_NS))
    await asyncio.sleep(1)
    await it.close()
    with pytest.raises(RateLimited, match="the client closes"):
        await waiting


@virtual(seeds=range(10))
async def test_a_storm_of_callers_ends_with_every_place_free() -> None:
    clock, chance = LoopClock(), random.Random(5)
    it = limiter(clock)

    async def caller(name: str) -> None:
        for _ in range(8):
            lane = chance.choice(list(Lane))
            try:
                async with asyncio.timeout(chance.uniform(0, 90)):
                    deadline_ns = clock.monotonic_ns() + chance.randrange(100 * NANOSECONDS)
                    permit = await it.permit(lane, deadline_ns=deadline_ns, caller=name)
                    await asyncio.sleep(chance.uniform(0, 1))
                chance.choice((it.answered, it.unsent))(permit)
            except (TimeoutError, RateLimited):
                await asyncio.sleep(1)

    async with asyncio.TaskGroup() as group:
        for number in range(60):
            group.create_task(caller(str(number)))
    await asyncio.sleep(120)
    state = it.snapshot()[0]
    assert state.used == 0
    assert all(lane.waiting == 0 for lane in state.lanes.values())
    assert it._turns == {}


@virtual
async def test_keeping_room_for_looks_is_undone_at_once_and_scales_with_the_limit() -> None:
    it = limiter(LoopClock())
    it.keep(Lane.RECONCILE, 50)
    await fill(it, 60)
    last = asyncio.create_task(fill(it, 1))
    await asyncio.sleep(1)
    assert not last.done()
    assert it.room(Lane.RECONCILE) == (50, 50)
    it.keep(Lane.RECONCILE, 0)
    await asyncio.wait_for(last, 1)
    await it.close()
    half = limiter(LoopClock(), policies=policies_of(general_limit_per_60s=100))
    half.keep(Lane.RECONCILE, 50)
    await fill(half, 30)
    with pytest.raises(RateLimited):
        await half.permit(Lane.READ, deadline_ns=LoopClock().monotonic_ns() + NANOSECONDS)
    await half.close()
