"""Waking many waiting tasks at the price of little more than one.

A future schedules each task that waits for it by itself, which costs as much as decoding a record. Here
those that have to be woken in one turn of the loop are woken by one call, each in its own context, in the
order in which something came for them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextvars import Context


class Wakes:
    """Wakes what was added, soon, from the loop."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._due: deque[Waiter] = deque()

    def add(self, waiter: Waiter) -> None:
        """Wake it before the loop looks at its sockets again."""
        due = self._due
        if not due:
            self.loop.call_soon(self._run)
        due.append(waiter)

    def _run(self) -> None:
        due, self._due = self._due, deque()
        try:
            while due:
                waiter = due.popleft()
                call, waiter.call = waiter.call, None
                if call is not None:
                    waiter.context.run(call, waiter)
        finally:
            if due:  # such as Ctrl-C in the middle: the others are woken all the same
                due.extend(self._due)
                self._due = due
                self.loop.call_soon(self._run)


class Waiter:
    """What one task at a time awaits, again and again; it may be woken for nothing.

    To a task it is a future: these are the members that asyncio uses of one that a task waits for.
    """

    __slots__ = ("_asyncio_future_blocking", "_cancelled", "_loop", "_wakes", "call", "context")

    call: Callable[[Any], object] | None
    """Goes on with the task that waits; None while none does."""
    context: Context

    def __init__(self, wakes: Wakes) -> None:
        self._asyncio_future_blocking = False
        self._loop = wakes.loop  # asyncio looks here
        self._wakes = wakes
        self.call = None
        self._cancelled: asyncio.CancelledError | None = None

    def __await__(self) -> Generator[Any]:
        self._asyncio_future_blocking = True
        return iter((self,))  # type: ignore[return-value]  # a cheaper one than a generator

    # -- what a task asks of a future

    def add_done_callback(self, call: Callable[[Any], object], *, context: Context) -> None:
        """A task waits."""
        self.call, self.context = call, context

    def result(self) -> None:
        """Nothing, or that the task was cancelled."""
        if self._cancelled is not None:
            cancelled, self._cancelled = self._cancelled, None
            raise cancelled

    def cancel(self, msg: object = None) -> bool:
        """The task is cancelled: it goes on with that."""
        self._cancelled = asyncio.CancelledError() if msg is None else asyncio.CancelledError(msg)
        self._wakes.add(self)
        return True
