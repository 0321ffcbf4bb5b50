"""The simulated clock on top of a real one: another start, another speed, a pause, a jump ahead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from topstepx.clock import NANOSECONDS
from topstepx.errors import ConfigurationError

if TYPE_CHECKING:
    from topstepx.clock import Clock

SPEED_MAX = 10_000.0


class SimClock:
    """Simulated time: starts at `at` (None: the real time) and runs `speed` times as fast.

    It never runs backwards. Raises `ConfigurationError` for a speed or a moment that cannot be meant.
    """

    def __init__(self, clock: Clock, at: datetime | None = None, speed: float = 1.0) -> None:
        if at is not None and at.tzinfo is None:
            raise ConfigurationError(f"at={at}: has no time zone; write it like 2026-01-05T15:00Z.")
        self._clock = clock
        self._since_ns = clock.monotonic_ns()
        self._at = (at or clock.now()).astimezone(UTC)
        self._speed = checked_speed(speed)
        self._paused = False

    @property
    def speed(self) -> float:
        """How many simulated seconds pass in a real one while it runs."""
        return self._speed

    @property
    def paused(self) -> bool:
        """Whether it stands still."""
        return self._paused

    def now(self) -> datetime:
        """The simulated time as aware UTC."""
        if self._paused:
            return self._at
        passed_s = (self._clock.monotonic_ns() - self._since_ns) / NANOSECONDS
        return self._at + timedelta(seconds=passed_s * self._speed)

    def pause(self) -> None:
        """Stand still from now on."""
        self._start_from(self.now())
        self._paused = True

    def resume(self) -> None:
        """Run on from where it stands."""
        self._start_from(self.now())
        self._paused = False

    def set_speed(self, speed: float) -> None:
        """Run faster or slower from now on."""
        self._start_from(self.now())
        self._speed = checked_speed(speed)

    def jump(self, to: datetime) -> None:
        """Be at a later moment now; what goes back is refused with `ConfigurationError`."""
        now = self.now()
        if to < now:
            raise ConfigurationError(
                f"at={to.isoformat()}: the simulated clock is already at {now.isoformat()}.",
                next_step="Time does not run backwards: reset the state, or load a saved one.",
            )
        self._start_from(to)

    def start_over(self, at: datetime) -> None:
        """Be at any moment: for another gateway than the one before."""
        self._start_from(at)

    def _start_from(self, at: datetime) -> None:
        self._since_ns = self._clock.monotonic_ns()
        self._at = at.astimezone(UTC)


def checked_speed(speed: float) -> float:
    """The speed, when it can be one."""
    if not 0.0 < speed <= SPEED_MAX:  # beyond that one step is minutes long
        raise ConfigurationError(
            f"speed={speed}: use a number above 0, at most {SPEED_MAX:.0f}.",
            next_step="To stop the clock, pause it.",
        )
    return speed
