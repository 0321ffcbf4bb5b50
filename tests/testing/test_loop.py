"""Virtual time: it jumps, it repeats itself, and it never hangs."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from topstepx.clock import NANOSECONDS
from topstepx.testing.loop import (
    LoopClock,
    NotVirtual,
    OverTime,
    Stalled,
    UnhandledInLoop,
    VirtualLoop,
    run_virtual,
    virtual,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


def loop_time() -> float:
    return asyncio.get_running_loop().time()


async def trace_of_five() -> list[int]:
    order: list[int] = []

    async def step(number: int) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
            order.append(number)
        await asyncio.sleep(1)
        order.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(step(number))
    return order


def test_a_day_of_waiting_takes_no_time() -> None:
    async def main() -> float:
        await asyncio.sleep(24 * 3600)
        return loop_time()

    before = time.monotonic()
    assert run_virtual(main) == 24 * 3600
    assert time.monotonic() - before < 5


def test_timers_fire_in_order_at_their_own_instant() -> None:
    async def main() -> list[tuple[str, float]]:
        fired: list[tuple[str, float]] = []
        loop = asyncio.get_running_loop()

        def fire(name: str) -> None:
            fired.append((name, loop.time()))

        for name, delay_s in (("late", 2.5), ("early", 0.1), ("middle", 1.0)):
            loop.call_later(delay_s, fire, name)
        await asyncio.sleep(3)
        return fired

    assert run_virtual(main) == [("early", 0.1), ("middle", 1.0), ("late", 2.5)]


def test_a_timeout_fires_at_its_instant() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(7.25):
                await asyncio.Event().wait()
        return loop_time()

    assert run_virtual(main) == 7.25


@virtual(limit_s=1e9)
async def test_timers_far_away_still_fire() -> None:
    for _ in range(3):
        await asyncio.sleep(2e8)
        await asyncio.sleep(0.001)
    assert loop_time() >= 6e8


@virtual
async def test_waking_at_a_deadline_is_exact_to_the_nanosecond() -> None:
    clock = LoopClock()
    for step_ns in (1, 3, 7_000_000_001, 123_456_789, 86_400_000_000_007):
        deadline_ns = clock.monotonic_ns() + step_ns
        await asyncio.sleep((deadline_ns - clock.monotonic_ns()) / NANOSECONDS)
        assert clock.monotonic_ns() == deadline_ns


def test_without_a_seed_order_is_first_in_first_out() -> None:
    assert run_virtual(trace_of_five)[:15] == [0, 1, 2, 3, 4] * 3


def test_a_seed_repeats_its_order_and_seeds_differ() -> None:
    traces = [tuple(run_virtual(trace_of_five, seed=seed)) for seed in range(30)]
    assert traces == [tuple(run_virtual(trace_of_five, seed=seed)) for seed in range(30)]
    assert len(set(traces)) > 25
    assert all(sorted(trace) == sorted([0, 1, 2, 3, 4] * 4) for trace in traces)


def test_the_order_of_a_seed_does_not_rest_on_when_a_thread_was_done() -> None:
    """Its wake-up may come while others are at it, a turn sooner or later."""

    async def told(done_at: int) -> tuple[int, ...]:
        loop, done = asyncio.get_running_loop(), threading.Event()
        working = loop.run_in_executor(None, done.wait, 0.05)
        for turn in range(20):
            await asyncio.sleep(0)
            if turn == done_at:
                done.set()
                time.sleep(0.01)  # noqa: ASYNC251  the thread shall be done while the loop is not
        await working
        order: list[int] = []
        for number in range(20):
            loop.call_soon(order.append, number)
        await asyncio.sleep(0.001)
        return tuple(order)

    for seed in range(8):
        orders = {run_virtual(partial(told, done_at), seed=seed) for done_at in (1, 8, 19, 99)}
        assert len(orders) == 1, f"seed {seed}"


def test_a_failure_names_its_seed() -> None:
    async def main() -> None:
        raise ValueError("boom")

    with pytest.raises(ValueError, match="boom") as caught:
        run_virtual(main, seed=42)
    assert caught.value.__notes__ == ["with seed=42"]


def test_a_stall_is_an_error_that_says_who_waits() -> None:
    async def inner() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        await inner()

    with pytest.raises(Stalled, match=r"main:\d+ > inner:\d+ > wait:\d+"):
        run_virtual(main)


def test_a_stall_of_two_tasks_is_found_too() -> None:
    async def main() -> None:
        first, second = asyncio.Event(), asyncio.Event()

        async def hop(mine: asyncio.Event, theirs: asyncio.Event) -> None:
            await mine.wait()
            theirs.set()

        async with asyncio.TaskGroup() as group:
            group.create_task(hop(first, second))
            group.create_task(hop(second, first))

    with pytest.raises(Stalled):
        run_virtual(main)


def test_what_repeats_for_ever_ends() -> None:
    async def main() -> None:
        while True:
            await asyncio.sleep(15)
            beats.append(15)

    beats: list[int] = []
    with pytest.raises(OverTime, match="100 s of virtual time"):
        run_virtual(main, limit_s=100)
    assert len(beats) == 6


def test_work_that_repeats_without_time_ends_the_run() -> None:
    async def main() -> None:
        await asyncio.sleep(5)
        for _ in range(1900):
            await asyncio.sleep(0)
        await asyncio.sleep(0.001)  # time passes, and it may go on
        while True:  # noqa: ASYNC110  waiting for nothing is the point
            await asyncio.sleep(0)

    loop = VirtualLoop(turns_max=2000)
    with (
        asyncio.Runner(loop_factory=lambda: loop) as runner,
        pytest.raises(OverTime, match=r"stands still at 5\.001 s"),
    ):
        runner.run(main())


async def start_a_server() -> None:
    await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)


async def open_a_connection() -> None:
    await asyncio.open_connection("127.0.0.1", 1)


async def resolve_a_name() -> None:
    await asyncio.get_running_loop().getaddrinfo("localhost", 80)


@pytest.mark.parametrize("deed", [start_a_server, open_a_connection, resolve_a_name])
def test_real_input_is_refused(deed: Callable[[], Coroutine[None, None, None]]) -> None:
    with pytest.raises(NotVirtual, match="virtual time"):
        run_virtual(deed)


def test_a_real_socket_is_refused_too() -> None:
    async def main() -> None:
        near, far = socket.socketpair()
        with near, far:
            near.setblocking(False)
            await asyncio.get_running_loop().sock_recv(near, 1)

    with pytest.raises(NotVirtual, match="socket or pipe"):
        run_virtual(main)


def test_threads_stop_the_clock() -> None:
    async def main() -> None:
        ticks: list[float] = []

        async def tick() -> None:
            while True:
                await asyncio.sleep(1)
                ticks.append(loop_time())

        ticking = asyncio.create_task(tick())
        for number in range(20):
            before = loop_time()
            assert await asyncio.to_thread(pow, number, 2) == number**2
            assert loop_time() == before
        await asyncio.to_thread(time.sleep, 0.05)
        assert ticks == []
        await asyncio.sleep(2.5)
        assert ticks == [1.0, 2.0]
        ticking.cancel()

    run_virtual(main)


def test_results_of_threads_arrive_in_the_order_of_asking() -> None:
    async def main() -> list[int]:
        order: list[int] = []

        async def ask(number: int) -> None:
            await asyncio.to_thread(time.sleep, 0.02 * (4 - number))
            order.append(number)

        async with asyncio.TaskGroup() as group:
            for number in range(4):
                group.create_task(ask(number))
        return order

    assert [run_virtual(main) for _ in range(3)] == [[0, 1, 2, 3]] * 3


def test_a_thread_of_ones_own_is_waited_for_even_when_nobody_awaits_it() -> None:
    """What the journal does: one writer thread, and a caller that may give up."""
    done: list[str] = []

    async def main() -> None:
        with ThreadPoolExecutor(1) as writer:
            loop = asyncio.get_running_loop()

            def write(text: str) -> None:
                time.sleep(0.05)
                done.append(text)

            first = loop.run_in_executor(writer, write, "first")
            await asyncio.sleep(0)
            first.cancel()
            await asyncio.sleep(10)
            assert done == ["first"]
            await loop.run_in_executor(writer, write, "second")
            assert loop.time() == 10

    run_virtual(main)
    assert done == ["first", "second"]


def test_an_error_on_a_thread_reaches_its_caller() -> None:
    async def main() -> None:
        def fail() -> None:
            raise LookupError("no such row")

        with pytest.raises(LookupError, match="no such row"):
            await asyncio.to_thread(fail)

    run_virtual(main)


def test_a_thread_may_call_back_into_the_loop() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        seen = threading.Event()

        def work() -> bool:
            loop.call_soon_threadsafe(seen.set)
            return seen.wait(5)

        assert await loop.run_in_executor(None, work)

    run_virtual(main)


def test_a_thread_that_never_ends_is_named() -> None:
    release = threading.Event()
    loop = VirtualLoop(thread_limit_s=0.05)
    try:
        with pytest.raises(OverTime, match=r"Event\.wait took over"):
            loop.run_until_complete(loop.run_in_executor(None, release.wait))
    finally:
        release.set()
        loop.close()


@pytest.mark.parametrize("via_task", [False, True])
def test_an_error_that_nobody_sees_fails_the_run(via_task: bool) -> None:
    async def main() -> None:
        def fail() -> None:
            raise ValueError("unseen")

        async def fail_later() -> None:
            fail()

        if via_task:
            task = asyncio.create_task(fail_later())
            await asyncio.sleep(1)
            del task
        else:
            asyncio.get_running_loop().call_later(1, fail)
        await asyncio.sleep(2)

    with pytest.raises(UnhandledInLoop, match="unseen"):
        run_virtual(main)


def test_what_is_left_over_is_cancelled() -> None:
    ended: list[str] = []

    async def main() -> None:
        async def forever() -> None:
            try:
                await asyncio.sleep(1e5)
            finally:
                ended.append("cleanly")

        main.kept = asyncio.create_task(forever())  # type: ignore[attr-defined]  # keeps it alive
        await asyncio.sleep(1)

    run_virtual(main)
    assert ended == ["cleanly"]


def test_a_coroutine_is_taken_as_well() -> None:
    async def main(answer: int) -> int:
        await asyncio.sleep(1)
        return answer

    assert run_virtual(main(7)) == 7


def test_the_decorator_runs_once_per_seed() -> None:
    runs: list[float] = []

    @virtual(seeds=[None, 1, 2])
    async def body(delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        runs.append(loop_time())

    body(3.0)
    assert runs == [3.0, 3.0, 3.0]


@virtual
async def test_the_clock_steps_and_sleeps() -> None:
    start = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
    clock = LoopClock(start=start)
    zero_ns = clock.monotonic_ns()
    await asyncio.sleep(1.5)
    assert clock.monotonic_ns() - zero_ns == 1_500_000_000
    assert clock.now() == start + timedelta(seconds=1.5)
    clock.step_wall(-7)
    assert clock.monotonic_ns() - zero_ns == 1_500_000_000
    assert clock.now() == start - timedelta(seconds=5.5)


@virtual
async def test_a_closed_lid_moves_both_clocks_and_fires_no_timer() -> None:
    clock = LoopClock()
    fired: list[int] = []
    asyncio.get_running_loop().call_later(10, lambda: fired.append(clock.monotonic_ns()))
    before_ns, before = clock.monotonic_ns(), clock.now()
    clock.suspend(600)
    await asyncio.sleep(9)
    assert fired == []
    assert clock.now() - before == timedelta(seconds=609)
    await asyncio.sleep(1.5)
    assert fired == [before_ns + 610 * NANOSECONDS]
