"""What the hub owes us, and by when: one timer for each length of patience, however much is owed.

Every order and every fill is waited for, and nearly all of them are told in time, so that expecting
something costs no more than a place at the end of a queue.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.core.doubts import Stream

STALL_S: Final = 1.0
"""Later than this means that we stood still: what waits to be read is heard first."""


class Debt(NamedTuple):
    """Something that must be told."""

    what: str
    generation: int
    """The life of the hub that owes it."""
    since_ns: int
    heard_ns: Callable[[], int | None]
    """When it was told; None: not yet."""
    stream: Stream = "order"
    """Where it should be told."""

    @property
    def is_paid(self) -> bool:
        """Whether it was told, now or since `since_ns`."""
        when_ns = self.heard_ns()
        return when_ns is not None and when_ns >= self.since_ns


class Owed:
    """Calls `due` with each debt whose time is up, paid or not, and with the seconds it was given."""

    def __init__(self, due: Callable[[Debt, float], None]) -> None:
        self._due = due
        self._queues: dict[float, deque[tuple[float, Debt]]] = {}
        self._timers: dict[float, asyncio.TimerHandle] = {}
        """Of the queues that are timed."""

    def expect(self, debt: Debt, within_s: float) -> None:
        """Look at it in so many seconds."""
        queue = self._queues.setdefault(within_s, deque())
        queue.append((asyncio.get_running_loop().time() + within_s, debt))
        self._set_timer(within_s)

    def drop(self) -> None:
        """Nothing is owed any more. A timer left behind would keep a client that is over alive."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._queues.clear()

    def _set_timer(self, within_s: float) -> None:
        queue = self._queues.get(within_s)
        if queue and within_s not in self._timers:
            loop = asyncio.get_running_loop()
            self._timers[within_s] = loop.call_at(queue[0][0], self._look, within_s)

    def _look(self, within_s: float) -> None:
        self._timers.pop(within_s, None)
        queue = self._queues[within_s]
        now_s = max(asyncio.get_running_loop().time(), queue[0][0])  # a timer may come a hair early
        if now_s - queue[0][0] > STALL_S:
            again_s = now_s + STALL_S
            later = deque((max(due_s, again_s), debt) for due_s, debt in queue)
            self._queues[within_s] = queue = later
        while queue and queue[0][0] <= now_s:
            self._due(queue.popleft()[1], within_s)
        self._set_timer(within_s)
