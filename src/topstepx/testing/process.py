"""The process of the program under test, in memory: it can crash, stand still, leave and start again.

What belongs to it is its client, the tasks that client and program have started, and its journal. A crash
takes all of that away at once: not one more byte leaves, and the next run finds what the disk had.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import re
import time
import weakref
from typing import TYPE_CHECKING, Any, Self, TypeVar

from topstepx.clock import NANOSECONDS
from topstepx.sim.outside_faults import PROCESS_FAULTS
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.loop import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from types import TracebackType

    from topstepx.client import Client
    from topstepx.store.rows import Journal
    from topstepx.testing.memory import MemoryGateway, MemoryRest
    from topstepx.testing.memory_hubs import MemoryHubs

    Make = Callable[[MemoryRest, MemoryHubs, Journal], Client]

T = TypeVar("T")
_LOG = logging.getLogger("topstepx.testing")
_SWEEP_S = 5.0
"""So long a task may take over its own end; what it does then reaches nobody."""
_owner: contextvars.ContextVar[object] = contextvars.ContextVar("topstepx_process", default=None)


class ProgramEnded(asyncio.CancelledError):
    """The plan has ended the program in whose name this was awaited.

    A test that runs its program with `await pair.run(program)` never sees it. One that calls the client
    itself is the program: its call ends with this or a plain `CancelledError`, the log says why, and
    `await pair.restart()` goes on.
    """


class Process:
    """One process after another; `make` gives each its client.

    `client` is that of the process that runs, or the last one. `starts` counts them.
    """

    kinds = PROCESS_FAULTS

    def __init__(self, world: MemoryGateway, make: Make, journal: Journal) -> None:
        self._world, self._make = world, make
        self.journal = journal
        self.starts = 0
        self.over = False
        """Whether it has ended by a fault and was not started again."""
        self.on_start: Callable[[Journal], None] = lambda _: None
        """Told of each new process's journal: its disk may be in trouble."""
        self.client: Client
        self._rest: MemoryRest
        self._hubs: MemoryHubs
        self._loop = asyncio.get_running_loop()
        self._before = self._loop.get_task_factory()
        self._tasks: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        self._ended = asyncio.Event()
        self._leaves = False
        self._restart_s: float | None = None

    async def __aenter__(self) -> Self:
        self._loop.set_task_factory(self._born)  # type: ignore[arg-type]  # ours makes tasks, which are futures
        try:
            await self._start()
        except BaseException:
            self._loop.set_task_factory(self._before)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if not self._ended.is_set():
                await self.client.__aexit__(kind, error, traceback)
            elif self._leaves:
                await self.client.__aexit__(None, None, None)
            else:
                await self._sweep()
        finally:
            self._loop.set_task_factory(self._before)

    # ------------------------------------------------------------ the program

    async def run(self, program: Callable[[Client], Awaitable[T]]) -> T | None:
        """Run a program and start it again as the plan says; None when it ended for good."""
        while True:
            if not self._ended.is_set():
                task = self._spawn(program(self.client))
                await self._until_over(task)
                if not self._ended.is_set():
                    return await task
            if self._restart_s is None:
                await self._end()
                return None
            with contextlib.suppress(ProgramEnded):  # it was ended while it started
                await self.restart()

    async def _until_over(self, task: asyncio.Task[Any]) -> None:
        ended = self._loop.create_task(self._ended.wait(), name="end of the program under test")
        try:
            await asyncio.wait({task, ended}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            if not self._ended.is_set():
                task.cancel()  # whoever waited for it does no more; a task that is done stays so

    async def restart(self) -> Client:
        """Start the process again on what its disk has; gives the new client."""
        began_s = self._loop.time()
        await self._end()
        wait_s = (self._restart_s or 0.0) - (self._loop.time() - began_s)
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        await self._start()
        return self.client

    # ------------------------------------------------------------ what a plan does to it

    def crash(self, restart_s: float | None) -> None:
        """See `ProgramHand.crash`."""
        if self._ended.is_set():
            return  # the dead do not die
        _LOG.warning(
            "The plan crashes the program under test; `await pair.run(program)` survives it."
        )
        self._rest.die(ProgramEnded("the plan has ended this program"))
        self._hubs.die()
        if isinstance(self.journal, MemoryJournal):
            self.journal = self.journal.crash()
        self._ends(restart_s, leaves=False)

    def leave(self, restart_s: float | None) -> None:
        """See `ProgramHand.leave`."""
        if not self._ended.is_set():
            self._ends(restart_s, leaves=True)

    def stall(self, seconds: float) -> None:
        """See `ProgramHand.stall`: the loop itself stands still, so everything in it is late."""
        self._loop.call_soon(self._stand_still, seconds)

    def _stand_still(self, seconds: float) -> None:
        if isinstance(self._loop, VirtualLoop):
            self._loop.now_ns += round(seconds * NANOSECONDS)
        else:
            time.sleep(seconds)

    # ------------------------------------------------------------ inside

    def _born(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Coroutine[Any, Any, T],
        **how: Any,  # noqa: ANN401  as the loop gives them
    ) -> asyncio.Task[T]:
        if self._before is not None:
            task: asyncio.Task[T] = self._before(loop, coroutine, **how)  # type: ignore[assignment]  # factories make futures, in theory
        else:
            task = asyncio.Task(coroutine, loop=loop, **how)
        context: contextvars.Context | None = how.get("context")
        owner = _owner.get() if context is None else context.get(_owner)
        if owner is self:
            self._tasks.add(task)
        return task

    def _spawn(self, work: Awaitable[T]) -> asyncio.Task[T]:
        async def program() -> T:
            return await work

        context = contextvars.copy_context()
        context.run(_owner.set, self)
        return self._loop.create_task(program(), name="program under test", context=context)

    async def _start(self) -> None:
        self._rest, self._hubs = self._world.rest(), self._world.hubs()
        self.client = self._make(self._rest, self._hubs, self.journal)
        self.on_start(self.journal)
        self._ended.clear()
        self.starts += 1
        token = _owner.set(self)
        try:
            await self.client.__aenter__()
        except BaseException:
            if not self._ended.is_set():
                self._ends(None, leaves=False)
            raise
        finally:
            _owner.reset(token)

    def _ends(self, restart_s: float | None, *, leaves: bool) -> None:
        self._restart_s, self._leaves = restart_s, leaves
        self.over = restart_s is None
        self._ended.set()

    async def _end(self) -> None:
        """Be gone: in order, or by taking everything away."""
        if not self._ended.is_set():
            self.crash(None)
        if self._leaves:
            self._leaves = False
            for task in self._running():
                task.cancel()
            await self.client.__aexit__(asyncio.CancelledError, None, None)
            if isinstance(self.journal, MemoryJournal):
                self.journal = self.journal.crash()  # closed: nothing was left to lose
        await self._sweep()

    def _running(self) -> list[asyncio.Task[Any]]:
        """The program's own tasks, not those that the client closes by itself."""
        found = [one for one in self._tasks if one.get_name() == "program under test"]
        return [one for one in found if not one.done()]

    async def _sweep(self) -> None:
        left = sorted((one for one in self._tasks if not one.done()), key=in_order)
        for task in left:
            task.add_done_callback(_hear)
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=_SWEEP_S)
        self._tasks.clear()


def in_order(task: asyncio.Task[Any]) -> tuple[str, list[int]]:
    """Sorts tasks by name and number: Task-99 before Task-100, however many there were before."""
    name = task.get_name()
    return re.sub(r"\d+", "#", name), [int(number) for number in re.findall(r"\d+", name)]


def _hear(task: asyncio.Task[Any]) -> None:
    """What a dead program complains about is nobody's business."""
    if not task.cancelled():
        task.exception()
