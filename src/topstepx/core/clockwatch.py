"""Noticing that time did something else than pass: a closed lid, a clock that was set, a loop that hung.

Theory. Three clocks are read together, about once a second. The suspend-aware clock counts everything,
the loop's clock stands still while the computer sleeps (on Linux and macOS), the wall clock can be set.
What one of them says more than another since the last look tells what happened:

* suspend-aware ahead of the loop's: the computer *slept*. Timers stood still, sockets are probably dead,
  and what they still held may leave now.
* wall ahead of, or behind, the suspend-aware clock: somebody *set* the wall clock.
* the loop's clock well past the time we asked to be woken: the loop was *blocked*, most often by a
  callback that computes or sleeps. Where the loop's clock counts sleep too (Windows), a lid looks just
  the same, so a block of half a minute is taken for sleep.

Small differences are rounding and slewing, and pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from topstepx.clock import NANOSECONDS

if TYPE_CHECKING:
    from datetime import datetime

EVERY_S: Final = 1.0
"""How long to sleep between two looks."""

TOLERANCE_NS: Final = NANOSECONDS
_SLEEP_NS: Final = 30 * NANOSECONDS

JumpKind = Literal["slept", "wall_set", "blocked"]


@dataclass(frozen=True, slots=True)
class Reading:
    """The three clocks, read in one go."""

    monotonic_ns: int
    loop_ns: int
    wall: datetime


@dataclass(frozen=True, slots=True)
class Jump:
    """One thing that happened; `seconds` is how long, negative for a wall clock set back."""

    kind: JumpKind
    seconds: float

    @property
    def words(self) -> str:
        """What happened, for people."""
        match self.kind:
            case "slept":
                return f"the computer slept for {self.seconds:.0f} s"
            case "wall_set":
                way = "forward" if self.seconds > 0 else "back"
                return f"the wall clock was set {way} by {abs(self.seconds):.1f} s"
            case "blocked":
                return f"the event loop was blocked for {self.seconds:.1f} s"


class ClockWatch:
    """Compares each reading with the one before."""

    def __init__(self, first: Reading) -> None:
        self._before = first

    def look(self, reading: Reading) -> tuple[Jump, ...]:
        """What happened since the last look, which was `EVERY_S` ago if all is well."""
        before, self._before = self._before, reading
        passed_ns = reading.monotonic_ns - before.monotonic_ns
        loop_ns = reading.loop_ns - before.loop_ns
        step_s = (reading.wall - before.wall).total_seconds() - passed_ns / NANOSECONDS
        asleep_ns = passed_ns - loop_ns
        blocked_ns = loop_ns - round(EVERY_S * NANOSECONDS)
        if blocked_ns > _SLEEP_NS:
            asleep_ns, blocked_ns = max(asleep_ns, 0) + blocked_ns, 0
        jumps = []
        if asleep_ns > TOLERANCE_NS:
            jumps.append(Jump("slept", asleep_ns / NANOSECONDS))
        if abs(step_s) > TOLERANCE_NS / NANOSECONDS:
            jumps.append(Jump("wall_set", step_s))
        if blocked_ns > TOLERANCE_NS:
            jumps.append(Jump("blocked", blocked_ns / NANOSECONDS))
        return tuple(jumps)
