"""How long a hub link waits before its next attempt.

The first attempt after an end comes within a second, whatever the end was, but for a final Close: the hub
has just asked us not to come back at once. Then there are three paces:

- *retry*: full jitter below 1 s, 2 s, 4 s, … up to 30 s.
- *slowly*: 15 to 30 s, for what a repeat at once is unlikely to cure.
- *ease off*, for a hub that is busy: 1 to 2 s, then 2 to 4 s, and slowly while it goes on being busy. One
  trader whose hub restarts is back within seconds. A thousand who were cut off together ask in three
  waves, each thinner than the one before, and then like everybody on the slow lane.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from topstepx.core.link_ends import Reaction

if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST_WAIT_S, _WAIT_BASE_S, _WAIT_CAP_S, _SLOW_WAIT_S = 1.0, 0.5, 30.0, 30.0
_DOUBLINGS_MAX = 16
_EASES: Final = 2
"""How often a busy hub is asked again before the slow lane."""


class LinkWaits:
    """Counts the attempts that failed, and chooses the next wait by `jitter`, a number in [0, 1)."""

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self.failed = 0
        """How many connections or attempts ended in a row."""
        self._eased = 0
        """How many of the last ends in a row, after the first of all, were those of a busy hub."""

    def forget(self) -> None:
        """It went well for long enough: begin anew."""
        self.failed = self._eased = 0

    def after(self, reaction: Reaction, *, final: bool = False) -> float:
        """Seconds until the next attempt, after one more end; `final`: the hub's goodbye for good."""
        failed, eased = self.failed, self._eased
        self.failed += 1
        slow = reaction is not Reaction.RETRY
        if failed == 0 and not (slow and final):
            return _FIRST_WAIT_S * self._jitter()
        self._eased = eased + 1 if reaction is Reaction.EASE_OFF else 0
        if reaction is Reaction.EASE_OFF and eased < _EASES:
            return 2.0**eased * (1.0 + self._jitter())
        if slow:
            return _SLOW_WAIT_S * (0.5 + 0.5 * self._jitter())
        ceiling_s: float = min(_WAIT_CAP_S, _WAIT_BASE_S * 2.0 ** min(failed, _DOUBLINGS_MAX))
        return ceiling_s * self._jitter()
