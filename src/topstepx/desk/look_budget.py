"""What looking at the accounts may take of the request budget, and what is kept for it.

A hub can go away at any moment, and a window that the user's own reads have filled stays full for a
minute. So a part of each window is kept for looks, out of reach of other reads (`keep`), and the looks
that come again and again, polling and comparing, are spread so that a recovery, which cannot wait,
always finds room (`pause_s`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from topstepx.core.lanes import Lane

if TYPE_CHECKING:
    from topstepx.net.limiter import RateLimiter

FIRST, EACH_MORE, MOST = 50, 20, 90
"""Requests of a window that are kept for looking at one account, for each further one, and at most."""
RECOVERY_EACH: Final = 10
"""Two looks of four requests, the accounts, and one more."""
PAUSE_MAX_S: Final = 20.0
"""However little room there is: what is known may be thirty seconds old, and no older."""

_WINDOW_S: Final = 62.0
"""The gateway's minute, and what the limiter adds for latencies that differ."""


def kept_for(accounts: int) -> int:
    """How many requests of a window other reads leave to the looks at so many accounts."""
    return min(MOST, FIRST + EACH_MORE * (accounts - 1)) if accounts else 0


class LookBudget:
    """Keeps room for looks, and spreads them."""

    def __init__(self, limiter: RateLimiter) -> None:
        self._limiter = limiter
        self._accounts = 0

    def keep(self, accounts: int) -> None:
        """So many accounts are kept level from now on."""
        self._accounts = accounts
        self._limiter.keep(Lane.RECONCILE, kept_for(accounts))

    def pause_s(self, calls: int, least_s: float) -> float:
        """Seconds from one look of so many requests to the next: `least_s`, or more where room is short."""
        for_recovery = min(RECOVERY_EACH * self._accounts + 2, kept_for(self._accounts) // 3)
        now, a_window = self._limiter.room(Lane.RECONCILE)
        if now < for_recovery // 2:  # steady looks leave all of it
            return max(least_s, PAUSE_MAX_S)  # outages close to each other have used it up
        steady_s = _WINDOW_S * calls / max(1, a_window - for_recovery)
        return max(least_s, min(PAUSE_MAX_S, steady_s))
