"""Tasks that wait together: woken once each, in order, cancellable like those that await a future."""

from __future__ import annotations

import asyncio
import contextvars

import pytest

from topstepx.desk.wakes import Waiter, Wakes
from topstepx.testing.loop import virtual

NAME: contextvars.ContextVar[str] = contextvars.ContextVar("name")


async def wait(waiter: Waiter, log: list[str], name: str, times: int = 1) -> None:
    NAME.set(name)
    for _ in range(times):
        await waiter
        log.append(NAME.get())


@virtual
async def test_all_are_woken_in_order_each_in_its_own_context() -> None:
    wakes = Wakes()
    log: list[str] = []
    waiters = [Waiter(wakes) for _ in range(5)]
    tasks = [asyncio.create_task(wait(one, log, str(n))) for n, one in enumerate(waiters)]
    await asyncio.sleep(0)
    for number in (3, 1, 4, 0, 2):
        wakes.add(waiters[number])
    assert not log, "never inside of the call that has something for them"
    await asyncio.sleep(0)
    assert log == ["3", "1", "4", "0", "2"]
    assert all(task.done() for task in tasks)


@virtual
async def test_it_is_awaited_again_and_again() -> None:
    wakes = Wakes()
    log: list[str] = []
    waiter = Waiter(wakes)
    task = asyncio.create_task(wait(waiter, log, "x", 3))
    for seen in range(3):
        await asyncio.sleep(0)
        assert len(log) == seen
        wakes.add(waiter)
        await asyncio.sleep(0)
    await task
    wakes.add(waiter)  # nobody waits: nothing happens
    await asyncio.sleep(0)
    assert len(log) == 3


@virtual
async def test_a_task_that_waits_can_be_cancelled_and_timed_out() -> None:
    wakes = Wakes()
    waiter = Waiter(wakes)
    task = asyncio.create_task(wait(waiter, [], "x"))
    await asyncio.sleep(0)
    task.cancel("enough")
    with pytest.raises(asyncio.CancelledError, match="enough"):
        await task
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await waiter
    log: list[str] = []
    again = asyncio.create_task(wait(waiter, log, "again"))
    await asyncio.sleep(0)
    assert waiter.call is not None, "the end of those before it is not the end of this one"
    wakes.add(waiter)
    await again
    assert log == ["again"]


@virtual
async def test_cancelled_before_it_waits_and_between_wake_and_run() -> None:
    wakes = Wakes()
    waiter = Waiter(wakes)
    early = asyncio.create_task(wait(waiter, [], "early"))
    early.cancel()
    late = asyncio.create_task(wait(Waiter(wakes), [], "late"))
    await asyncio.gather(early, return_exceptions=True)
    assert early.cancelled()
    both = Waiter(wakes)
    torn = asyncio.create_task(wait(both, [], "torn"))
    await asyncio.sleep(0)
    wakes.add(both)
    torn.cancel()
    await asyncio.gather(torn, return_exceptions=True)
    assert torn.cancelled()
    late.cancel()


def test_ctrl_c_in_one_task_leaves_none_of_the_others_asleep() -> None:
    log: list[str] = []
    loop = asyncio.new_event_loop()

    async def stop(waiter: Waiter) -> None:
        await waiter
        raise KeyboardInterrupt

    async def start() -> None:
        wakes = Wakes()
        waiters = [Waiter(wakes) for _ in range(3)]
        tasks.append(loop.create_task(wait(waiters[0], log, "0")))
        tasks.append(loop.create_task(stop(waiters[1])))
        tasks.append(loop.create_task(wait(waiters[2], log, "2")))
        await asyncio.sleep(0)
        for waiter in waiters:
            wakes.add(waiter)
        await asyncio.sleep(10)

    tasks: list[asyncio.Task[None]] = []
    starting = loop.create_task(start())
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(starting)
    loop.run_until_complete(tasks[2])
    assert log == ["0", "2"]
    assert isinstance(tasks[1].exception(), KeyboardInterrupt)
    starting.cancel()
    loop.run_until_complete(asyncio.gather(starting, return_exceptions=True))
    loop.close()


@virtual
async def test_a_task_of_pure_python_waits_too() -> None:
    wakes = Wakes()
    log: list[str] = []
    waiter = Waiter(wakes)
    made = asyncio.tasks._PyTask  # type: ignore[attr-defined]  # typeshed hides it
    task = made(wait(waiter, log, "python"), loop=asyncio.get_running_loop())
    await asyncio.sleep(0)
    wakes.add(waiter)
    await task
    assert log == ["python"]
