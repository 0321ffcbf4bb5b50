"""The client's own tasks: named, watched, and ended in order."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

ResultT = TypeVar("ResultT")


class Tasks:
    """Keeps hold of tasks; one that dies of a bug is told to `died`, never lost."""

    def __init__(self, died: Callable[[str, BaseException], None]) -> None:
        self._died = died
        # In the order in which they began, so that ending them repeats itself in a run that is repeated.
        self._running: dict[asyncio.Task[Any], None] = {}

    def spawn(
        self, work: Coroutine[Any, Any, ResultT], name: str, *, watched: bool = True
    ) -> asyncio.Task[ResultT]:
        """Start work. `watched` False: whoever awaits the task hears its error."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running[task] = None
        task.add_done_callback(self._ended if watched else self._forget)
        if not watched:
            task.add_done_callback(_look_at)
        return task

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._running.pop(task, None)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._forget(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._died(task.get_name(), error)

    async def finish(self, tasks: set[asyncio.Task[Any]], timeout_s: float) -> None:
        """Let these end by themselves, for so long."""
        waiting = {task for task in tasks if not task.done()}
        if waiting:
            await asyncio.wait(waiting, timeout=timeout_s)

    async def stop(self) -> None:
        """Cancel everything and wait until it is over."""
        current = asyncio.current_task()
        running = [task for task in self._running if task is not current]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _look_at(task: asyncio.Task[Any]) -> None:
    """Take note of the error even when nobody awaits the task any more: it is in the record."""
    if not task.cancelled():
        task.exception()
