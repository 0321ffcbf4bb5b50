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
        self.sending: set[asyncio.Task[Any]] = set()
        """Those of the running ones that `send` began."""

    def spawn(
        self, work: Coroutine[Any, Any, ResultT], name: str, *, watched: bool = True
    ) -> asyncio.Task[ResultT]:
        """Start work. `watched` False: whoever awaits the task hears its error."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running[task] = None
        if watched:
            task.add_done_callback(self._ended)
        else:
            task.add_done_callback(self._look_at)
        return task

    def send(self, work: Coroutine[Any, Any, ResultT], name: str) -> asyncio.Task[ResultT]:
        """Start what puts something on the wire: unwatched, and found in `sending` until it is over."""
        task = self.spawn(work, name, watched=False)
        self.sending.add(task)
        return task

    def _look_at(self, task: asyncio.Task[Any]) -> None:
        """Take note of the error even when nobody awaits the task any more: it is in the record."""
        self._running.pop(task, None)
        self.sending.discard(task)
        if not task.cancelled():
            task.exception()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.pop(task, None)
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
