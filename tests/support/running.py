"""Runs a coroutine on a real loop and fails if it leaves a task, a socket or a log secret behind."""

from __future__ import annotations

import asyncio
import gc
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


def run(main: Coroutine[object, object, T], *, debug: bool = False) -> T:
    """The coroutine's result. Fails on leftover tasks, loop complaints and (Linux) open sockets."""
    complaints: list[str] = []

    async def watched() -> T:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(str(context)))
        try:
            return await main
        finally:
            await asyncio.sleep(0)
            left = asyncio.all_tasks() - {asyncio.current_task()}
            complaints.extend(f"left running: {task!r}" for task in left)

    before = open_sockets()
    result = asyncio.run(watched(), debug=debug)
    gc.collect()
    assert not complaints, complaints
    deadline = time.monotonic() + 2.0  # a server's thread may be about to close its end
    while open_sockets() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert open_sockets() <= before, "sockets were left open"
    return result


async def until(condition: Callable[[], object], timeout_s: float = 5.0) -> None:
    """Wait in real time for something that another thread or the other end does."""
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout_s
    for _ in range(1_000_000):
        if condition():
            return
        assert loop.time() < end, "it did not happen in time"
        await asyncio.sleep(0.002)


def open_sockets() -> int:
    """How many sockets this process holds; 0 where the system does not tell."""
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        return 0
    count = 0
    for entry in folder.iterdir():
        try:
            count += str(entry.readlink()).startswith("socket:")
        except OSError:
            continue
    return count
