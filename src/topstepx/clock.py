"""Time as a part that is passed in.

Two readings, because they answer different questions: ``monotonic_ns`` for "how long", which never
jumps and goes on while the computer sleeps, and ``now`` for "what time is it", which people and other
computers may set. Nothing else in the library reads a clock.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

NANOSECONDS = 1_000_000_000


class Clock(Protocol):
    """What every clock can tell."""

    def monotonic_ns(self) -> int:
        """Nanoseconds since some fixed moment; never steps, and counts suspended time."""
        ...

    def now(self) -> datetime:
        """The wall clock as aware UTC; may step."""
        ...


class SystemClock:
    """The computer's clocks.

    On Linux CLOCK_BOOTTIME counts the time a closed laptop sleeps; CLOCK_MONOTONIC does not. macOS's
    CLOCK_MONOTONIC and Windows' tick count go on while asleep by themselves.
    """

    def __init__(self) -> None:
        boottime = getattr(time, "CLOCK_BOOTTIME", None)
        self._boottime: int | None = boottime if isinstance(boottime, int) else None

    def monotonic_ns(self) -> int:
        """Nanoseconds since boot, suspended time included."""
        if self._boottime is None:
            return time.monotonic_ns()
        return time.clock_gettime_ns(self._boottime)

    def now(self) -> datetime:
        """The wall clock as aware UTC."""
        return datetime.now(UTC)


class ManualClock:
    """A clock that moves only when told to; for tests and for the simulator's paused clock."""

    def __init__(self, start: datetime | None = None, monotonic_ns: int = 0) -> None:
        self._now = start or datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
        if self._now.tzinfo is None:
            msg = f"start={start!r} has no time zone; a clock needs an aware datetime"
            raise ValueError(msg)
        self._now = self._now.astimezone(UTC)
        self._monotonic_ns = monotonic_ns

    def monotonic_ns(self) -> int:
        """Nanoseconds passed by `advance` so far (plus the start value)."""
        return self._monotonic_ns

    def now(self) -> datetime:
        """The wall time set or advanced to."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass on both readings."""
        nanoseconds = round(seconds * NANOSECONDS)
        if nanoseconds < 0:
            msg = f"seconds={seconds}: time does not run backwards; use step_wall for a wall-clock step"
            raise ValueError(msg)
        self._monotonic_ns += nanoseconds
        self._now += timedelta(microseconds=nanoseconds / 1000)

    def step_wall(self, seconds: float) -> None:
        """Set the wall clock by a step, as NTP or a person would; monotonic time stays."""
        self._now += timedelta(seconds=seconds)
