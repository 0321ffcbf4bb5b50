"""Counts every await of chosen tasks, and does something at the n-th: the finest places to break off."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


class Steps:
    """Watches the tasks made on the running loop from now on.

    `names` are beginnings of task names; `at` is the number of the await (from 1) at which `act` runs.
    """

    def __init__(self, names: tuple[str, ...], at: int, act: Callable[[], None]) -> None:
        self._names, self._at, self._act = names, at, act
        self.count = 0
        self.armed = False
        self.tasks: list[asyncio.Task[Any]] = []
        asyncio.get_running_loop().set_task_factory(self._make)

    @property
    def reached(self) -> bool:
        return self.count >= self._at

    def stop(self) -> None:
        """Make tasks as usual again."""
        self.armed = False
        asyncio.get_running_loop().set_task_factory(None)

    def _make(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Any,  # noqa: ANN401  as asyncio has it
        **more: Any,  # noqa: ANN401  as asyncio has it
    ) -> asyncio.Task[Any]:
        counted = _Counted(work, self)
        task = asyncio.Task(counted, loop=loop, **more)
        counted.task = task
        self.tasks.append(task)
        return task

    def suspended(self, task: asyncio.Task[Any] | None) -> None:
        """A task came to an await that really waits."""
        if not self.armed or task is None or not task.get_name().startswith(self._names):
            return
        self.count += 1
        if self.count == self._at:
            self._act()


class _Counted(Coroutine[Any, Any, Any]):
    def __init__(self, inner: Coroutine[Any, Any, Any], steps: Steps) -> None:
        self._inner, self._steps = inner, steps
        self.task: asyncio.Task[Any] | None = None

    def send(self, value: Any) -> Any:  # noqa: ANN401  as a coroutine has it
        given = self._inner.send(value)
        self._steps.suspended(self.task)
        return given

    def throw(self, *error: Any) -> Any:  # noqa: ANN401  as a coroutine has it
        given = self._inner.throw(*error)
        self._steps.suspended(self.task)
        return given

    def close(self) -> None:
        self._inner.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._inner.__await__()
