"""Compressed time: an event loop on which everything happens as usual, only sooner.

Virtual time (`testing.loop`) has no sockets. Where sockets are the point and waiting is not, this loop
keeps its own time, in which waiting passes `speed` times as fast as in the real one: a time-out of thirty
seconds takes one and a half at speed 20, and an `asyncio.sleep(1)` a twentieth of a second. What the loop
works, and what a busy machine keeps it waiting beyond what it asked for, counts once: a machine that
stands still for two seconds makes no time-out of thirty.

Sockets, threads and processes are real, and while the loop waits for them their delays count `speed`
times: five milliseconds of a thread's work are a tenth of a second here, so do not compress further than
the shortest time-out for such work allows.

::

    @hurried(speed=20)
    async def test_my_bot_survives_a_dead_link() -> None:
        async with SocketPair() as pair: ...
"""

from __future__ import annotations

import asyncio
import functools
import math
import selectors
import time
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from topstepx.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

T = TypeVar("T")
P = ParamSpec("P")
_SPEED_MAX = 1000.0
"""Beyond that the loop-back device itself takes seconds."""


class _Selector(selectors.DefaultSelector):
    """Waits as much shorter as the loop's time is faster, and counts how far that time gets ahead."""

    speed = 1.0
    ahead_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        asked_s = math.inf if timeout is None else max(timeout, 0.0) / self.speed
        began = time.monotonic()
        ready = super().select(timeout if timeout is None else asked_s)
        self.ahead_s += min(time.monotonic() - began, asked_s) * (self.speed - 1.0)
        return ready


class HurriedLoop(asyncio.SelectorEventLoop):
    """The stock selector loop; while it waits, its clock runs `speed` times as fast as the real one."""

    def __init__(self, speed: float = 20.0) -> None:
        self.speed = speed
        self._waiting = selector = _Selector()
        selector.speed = speed
        super().__init__(selector)
        self._clock_resolution = time.get_clock_info("monotonic").resolution * speed

    def time(self) -> float:
        """Compressed seconds; only differences mean something."""
        return time.monotonic() + self._waiting.ahead_s


def run_hurried(main: Coroutine[Any, Any, T], *, speed: float = 20.0) -> T:
    """The result of `main`, run in compressed time. Use `LoopClock` where a clock is asked for.

    Raises `InvalidRequest` for a speed that cannot be meant.
    """
    if not 0.0 < speed <= _SPEED_MAX:
        main.close()
        raise InvalidRequest("speed", speed, "must be above 0, at most 1000.", "Try 20.")
    with asyncio.Runner(loop_factory=lambda: HurriedLoop(speed)) as runner:
        return runner.run(main)


def hurried(
    *, speed: float = 20.0
) -> Callable[[Callable[P, Coroutine[Any, Any, None]]], Callable[P, None]]:
    """Decorator that runs an `async def` test in compressed time."""

    def decorated(body: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
        @functools.wraps(body)
        def wrapper(*args: P.args, **options: P.kwargs) -> None:
            run_hurried(body(*args, **options), speed=speed)

        return wrapper

    return decorated
