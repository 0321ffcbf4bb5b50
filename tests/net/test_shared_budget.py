"""Sharing the budget: batches, cancelled callers, exits that do not wait, and being alone."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from topstepx.clock import NANOSECONDS, SystemClock
from topstepx.core.budget import BudgetUnavailable, Claimed, Foreign, Want
from topstepx.core.lanes import Lane
from topstepx.core.permits import BucketPolicy, BudgetNote, News, UnknownPast, Waits
from topstepx.errors import RateLimited
from topstepx.net.limiter import RateLimiter
from topstepx.store.budget import SqliteBudget
from topstepx.testing.loop import LoopClock, virtual
from topstepx.wire.routes import Bucket

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LONG_NS = 10**15


class Flaky(SqliteBudget):
    """The real store with a switch that puts it out of reach, and a count of trips."""

    broken = False
    trips = 0

    def claim(self, wants: Sequence[Want]) -> Claimed:
        self.trips += 1
        if self.broken:
            raise BudgetUnavailable("unplugged")
        return super().claim(wants)


def limiters(
    tmp_path: Path, clock: LoopClock, news: list[News] | None = None
) -> tuple[RateLimiter, RateLimiter, Flaky]:
    stores = [
        Flaky(tmp_path / "budget.sqlite", clock, name, boot="b", busy_s=5.0)
        for name in ("one", "two")
    ]
    listener = None if news is None else news.append
    first, second = (
        RateLimiter(clock, lambda: 0.5, store=store, listener=listener) for store in stores
    )
    return first, second, stores[0]


async def take(it: RateLimiter, count: int, lane: Lane = Lane.READ) -> None:
    await asyncio.gather(*(it.permit(lane, deadline_ns=LONG_NS) for _ in range(count)))


@virtual
async def test_two_clients_share_and_learn_of_each_other(tmp_path: Path) -> None:
    clock = LoopClock()
    first, second, _ = limiters(tmp_path, clock)
    await asyncio.gather(first.start(), second.start())
    before_ns = clock.monotonic_ns()
    await asyncio.gather(take(first, 70), take(second, 40))
    assert clock.monotonic_ns() == before_ns
    await asyncio.gather(take(first, 1), take(second, 1))
    assert clock.monotonic_ns() - before_ns == 60_750_000_001
    await asyncio.gather(first.close(), second.close())


@virtual
async def test_an_order_overruled_by_others_is_refused_with_the_time(tmp_path: Path) -> None:
    clock = LoopClock()
    first, second, _ = limiters(tmp_path, clock)
    await asyncio.gather(first.start(), second.start())
    await take(first, 140, Lane.ORDER)
    with pytest.raises(RateLimited, match="other programs of this user") as refused:
        await second.permit(Lane.ORDER, deadline_ns=LONG_NS)
    assert refused.value.retry_after_s is not None
    await asyncio.sleep(1)
    with pytest.raises(RateLimited, match="the window is full") as refused:
        await second.permit(Lane.ORDER, deadline_ns=LONG_NS)
    assert refused.value.retry_after_s == pytest.approx(59.75)
    await take(second, 40, Lane.EXIT)
    await asyncio.gather(first.close(), second.close())


@virtual
async def test_callers_of_one_moment_ride_together(tmp_path: Path) -> None:
    first, second, store = limiters(tmp_path, LoopClock())
    await first.start()
    await take(first, 100)
    assert store.trips <= 2
    await asyncio.gather(first.close(), second.close())


@virtual
async def test_a_caller_cancelled_on_the_trip_gives_its_slot_back(tmp_path: Path) -> None:
    first, second, _ = limiters(tmp_path, LoopClock())
    await asyncio.gather(first.start(), second.start())
    leaving = [asyncio.create_task(take(first, 1)) for _ in range(110)]
    await asyncio.sleep(0)
    for task in leaving:
        task.cancel()
    await asyncio.gather(*leaving, return_exceptions=True)
    await asyncio.sleep(1)
    await asyncio.wait_for(take(second, 110), 10)
    await asyncio.gather(first.close(), second.close())


@virtual
async def test_what_was_not_sent_is_free_for_the_others(tmp_path: Path) -> None:
    clock = LoopClock()
    first, second, _ = limiters(tmp_path, clock)
    await asyncio.gather(first.start(), second.start())
    permits = [await first.permit(Lane.READ, deadline_ns=LONG_NS) for _ in range(110)]
    first.unsent(permits[7])
    await asyncio.sleep(1)
    await asyncio.wait_for(take(second, 1), 5)
    await asyncio.gather(first.close(), second.close())


@virtual
async def test_alone_it_uses_a_quarter_says_so_and_tells_the_store_later(tmp_path: Path) -> None:
    clock = LoopClock()
    news: list[News] = []
    first, second, store = limiters(tmp_path, clock, news)
    await asyncio.gather(first.start(), second.start())
    store.broken = True
    start_ns = clock.monotonic_ns()
    await take(first, 27)
    assert clock.monotonic_ns() - start_ns < NANOSECONDS
    state = first.snapshot()[0]
    assert state.note is not None
    assert "a quarter is used: unplugged" in state.note
    assert state.lanes[Lane.READ].line == 27
    await take(first, 40, Lane.EXIT)
    assert clock.monotonic_ns() - start_ns < NANOSECONDS
    assert [type(each) for each in news if not isinstance(each, Waits)] == [BudgetNote]
    store.broken = False
    await asyncio.sleep(5.1)
    await take(first, 1, Lane.ORDER)
    assert first.snapshot()[0].note is None
    assert news[-1] == BudgetNote(None)
    # 27 reads, 40 exits and this order: the other process now counts them all.
    await take(second, 110 - 68)
    assert clock.monotonic_ns() - start_ns < 10 * NANOSECONDS
    with pytest.raises(RateLimited):
        await second.permit(Lane.READ, deadline_ns=clock.monotonic_ns() + NANOSECONDS)
    await asyncio.gather(first.close(), second.close())


@virtual
async def test_a_store_out_of_reach_from_the_start_leaves_the_past_unknown(tmp_path: Path) -> None:
    clock = LoopClock()
    (tmp_path / "file").write_text("in the way")
    store = SqliteBudget(tmp_path / "file" / "budget.sqlite", clock, "one", boot="b")
    it = RateLimiter(clock, lambda: 0.5, store=store, unknown_past=UnknownPast())
    await it.start()
    start_ns = clock.monotonic_ns()
    await take(it, 1)
    assert clock.monotonic_ns() - start_ns == 5 * NANOSECONDS
    await it.close()


@virtual
async def test_a_log_older_than_the_window_makes_the_past_known(tmp_path: Path) -> None:
    clock = LoopClock()
    first, second, _ = limiters(tmp_path, clock)
    await first.start()
    await asyncio.sleep(61)
    store = SqliteBudget(tmp_path / "budget.sqlite", clock, "three", boot="b")
    it = RateLimiter(clock, lambda: 0.5, store=store, unknown_past=UnknownPast())
    await it.start()
    before_ns = clock.monotonic_ns()
    await take(it, 100)
    assert clock.monotonic_ns() == before_ns
    await asyncio.gather(first.close(), second.close(), it.close())


@virtual
async def test_an_order_under_way_when_the_store_is_lost_leaves_all_the_same(
    tmp_path: Path,
) -> None:
    first, second, store = limiters(tmp_path, LoopClock())
    await asyncio.gather(first.start(), second.start())
    store.broken = True
    await take(first, 1, Lane.ORDER)
    assert first.snapshot()[0].used == 1
    await asyncio.gather(first.close(), second.close())


@virtual
async def test_the_loss_is_told_once_however_long_it_lasts(tmp_path: Path) -> None:
    news: list[News] = []
    first, second, store = limiters(tmp_path, LoopClock(), news)
    await first.start()
    store.broken = True
    await take(first, 1)
    await asyncio.sleep(600)
    assert store.trips > 100
    assert len(news) == 1
    await asyncio.gather(first.close(), second.close())


def test_an_exit_does_not_wait_for_anothers_lock(tmp_path: Path) -> None:
    """In real time: the store hangs for half a second, the exits are gone long before."""

    class Hanging(SqliteBudget):
        def __init__(self, path: Path) -> None:
            super().__init__(path, SystemClock(), "one")
            self.release_it = threading.Event()
            self.written: list[Want] = []

        def claim(self, wants: Sequence[Want]) -> Claimed:
            self.release_it.wait(10)
            self.written += wants
            return super().claim(wants)

    async def main() -> float:
        store, clock = Hanging(tmp_path / "budget.sqlite"), SystemClock()
        policy = BucketPolicy(Bucket.GENERAL, 200, 60.0, {Lane.EXIT: 40})
        it = RateLimiter(clock, lambda: 0.5, policies=[policy], store=store)
        await it.start()
        before_ns = clock.monotonic_ns()
        await take(it, 40, Lane.EXIT)
        passed_s = (clock.monotonic_ns() - before_ns) / NANOSECONDS
        store.release_it.set()
        await it.close()
        assert len(store.written) == 40
        return passed_s

    assert asyncio.run(main()) < 0.4


def test_the_port_has_what_the_shell_needs() -> None:
    assert Foreign("general", 1) == Foreign("general", 1)
