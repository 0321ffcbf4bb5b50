"""What an HTTP 429 does to the lanes of one bucket.

The gateway documents no `Retry-After` (assumed: it may come). Three answers to a 429:

* Patient lanes (reconcile, read, bars) pause: as long as the header says, at most two minutes, or else
  a random time between a quarter of the window and the whole of it. Their share of the limit shrinks to
  70 % and grows back by 5 % of the limit per window, because somebody else seems to be using it too.
* Orders are refused while the pause lasts.
* Exits and resolving look-ups do not pause. They come back after 1, 2, 4, 5, 5 … seconds, one at a
  time, until one of them passes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from topstepx.clock import NANOSECONDS
from topstepx.core.retry_after import LONGEST_S

if TYPE_CHECKING:
    from collections.abc import Callable

# Shares are whole millionths: 0.7 + 0.05 + 0.05 is not quite 0.8 in floating point, and "not quite" four
# requests are three.
WHOLE: Final = 1_000_000
SHRINK: Final = 700_000
RECOVER: Final = 50_000
LEAST_SHARE: Final = 100_000
STEPS_S: Final = (1, 2, 4, 5)
_CALM_NS: Final = 60 * NANOSECONDS


class Steps:
    """The schedule of a lane that never pauses: after each 429 one attempt, a little later each time."""

    def __init__(self) -> None:
        self._level = 0
        self._next_ns = 0
        self._changed_ns = 0

    def _delay_ns(self) -> int:
        return STEPS_S[min(self._level, len(STEPS_S)) - 1] * NANOSECONDS

    def throttled(self, sent_ns: int, now_ns: int) -> None:
        """One of this lane's attempts met a 429; those sent together count once."""
        if self._level and sent_ns < self._changed_ns:
            return
        self._level += 1
        self._changed_ns = now_ns
        self._next_ns = now_ns + self._delay_ns()

    def passed(self, sent_ns: int) -> None:
        """An attempt sent since the last 429 got through: the lane is free again."""
        if sent_ns >= self._changed_ns:
            self._level = 0

    def left(self, now_ns: int) -> None:
        """An attempt leaves: the next one waits a step."""
        if self.gate_ns(now_ns):
            self._next_ns = now_ns + self._delay_ns()

    def gate_ns(self, now_ns: int) -> int:
        """When the next attempt may leave; 0 when nothing holds it."""
        if self._level and now_ns - self._changed_ns > _CALM_NS:
            self._level = 0
        return self._next_ns if self._level else 0


class Throttle:
    """The pause and the share of one bucket."""

    def __init__(self, window_ns: int) -> None:
        self._window_ns = window_ns
        self._share = WHOLE
        self._shrunk_ns: int | None = None
        self.paused_until_ns = 0

    def share(self, now_ns: int) -> int:
        """The part of the limit that patient lanes may use now, in millionths: 0.1 to 1 million."""
        if self._shrunk_ns is None:
            return WHOLE
        windows = max(now_ns - self._shrunk_ns, 0) // self._window_ns
        return min(WHOLE, self._share + RECOVER * windows)

    def grows_at_ns(self, now_ns: int) -> int | None:
        """When the share grows next, or None when it is whole."""
        if self._shrunk_ns is None or self.share(now_ns) >= WHOLE:
            return None
        windows = max(now_ns - self._shrunk_ns, 0) // self._window_ns
        return self._shrunk_ns + (windows + 1) * self._window_ns

    def throttled(
        self, sent_ns: int, retry_after_s: float | None, now_ns: int, jitter: Callable[[], float]
    ) -> None:
        """An attempt sent at `sent_ns` met a 429, with this wait from its header (None: none)."""
        together = self._shrunk_ns is not None and sent_ns < self._shrunk_ns
        if retry_after_s is not None:
            wait_s = min(max(retry_after_s, 1.0), LONGEST_S) + jitter()
            self._pause(now_ns + round(wait_s * NANOSECONDS))
        elif not together:
            self._pause(now_ns + round(self._window_ns * (0.25 + 0.75 * jitter())))
        if not together:
            self._share = max(LEAST_SHARE, self.share(now_ns) * SHRINK // WHOLE)
            self._shrunk_ns = now_ns

    def _pause(self, until_ns: int) -> None:
        self.paused_until_ns = max(self.paused_until_ns, until_ns)
