"""Real one-minute bars as a market to replay.

Time is not mapped: the time of the bars *is* the simulator's time. A run on bars starts its clock at
`RealBars.start_moment()` and lets it go on from there, at any speed.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING

from topstepx.errors import ConfigurationError
from topstepx.sim.minutes import EPOCH, MinuteBar
from topstepx.sim.synthetic import by_hour

if TYPE_CHECKING:
    from topstepx.sim.catalogue import Listing
    from topstepx.sim.market_events import State

_CLOSED_MINUTES = 15  # a longer gap is a halt, a shorter one a quiet time
_HISTORY_ROWS = 3000  # what a run on bars has behind it, so that bars can be asked for at once
_BUSY_ROWS = 15


class RealBars:
    """A market of real bars; a `MinuteSource`. Gaps of 15 minutes and more count as closed."""

    def __init__(self, listing: Listing, bars: list[MinuteBar]) -> None:
        self.listing = listing
        self._bars = bars
        self._minutes = [bar.minute for bar in bars]

    def __len__(self) -> int:
        return len(self._bars)

    @property
    def first_at(self) -> datetime:
        """When the first bar opens."""
        return EPOCH + timedelta(minutes=self._minutes[0])

    @property
    def last_at(self) -> datetime:
        """When the last bar opens."""
        return EPOCH + timedelta(minutes=self._minutes[-1])

    def start_moment(self, wanted: datetime | None = None) -> datetime:
        """Where a run on these bars starts its clock.

        `wanted` must lie inside the file. Without it: a minute with 3,000 bars behind it (a third of a
        shorter file), from which on the next 15 minutes all trade, and at least as much as usual.

        Raises:
            ConfigurationError: `wanted` lies outside the file.
        """
        if wanted is not None:
            if not self.first_at <= wanted < self.last_at + timedelta(minutes=1):
                raise ConfigurationError(
                    f"start={wanted.isoformat()}: the bars go from {self.first_at.isoformat()} "
                    f"to {self.last_at.isoformat()}.",
                    next_step="Choose a start between them.",
                )
            return wanted
        first = min(_HISTORY_ROWS, len(self._bars) // 3)
        usual = median(bar.volume for bar in self._bars)
        for index in range(first, len(self._bars) - _BUSY_ROWS):
            window = self._bars[index : index + _BUSY_ROWS]
            whole = window[-1].minute - window[0].minute == _BUSY_ROWS - 1
            if whole and sum(bar.volume for bar in window) >= usual * _BUSY_ROWS:
                return EPOCH + timedelta(minutes=window[0].minute)
        return EPOCH + timedelta(minutes=self._minutes[first])

    def earliest(self, now_minute: int) -> int:  # noqa: ARG002  the port's signature
        """The first bar's minute."""
        return self._minutes[0]

    def at(self, minute: int) -> MinuteBar | None:
        """The bar of that minute."""
        index = bisect_left(self._minutes, minute)
        found = index < len(self._minutes) and self._minutes[index] == minute
        return self._bars[index] if found else None

    def before(self, minute: int) -> MinuteBar | None:
        """The last bar before that minute."""
        index = bisect_left(self._minutes, minute)
        return self._bars[index - 1] if index else None

    def next_minute(self, minute: int) -> int | None:
        """The first minute with a bar, from that one on; None after the last."""
        index = bisect_left(self._minutes, minute)
        return self._minutes[index] if index < len(self._minutes) else None

    def between(self, first: int, end: int) -> list[MinuteBar]:
        """The bars from minute `first` up to, not including, `end`."""
        return self._bars[bisect_left(self._minutes, first) : bisect_left(self._minutes, end)]

    def hours(self, first: int, end: int) -> list[MinuteBar]:
        """The same joined by clock hours."""
        return by_hour(self.between(first, end))

    def state(self, minute: int) -> State:
        """Open in a minute with a bar, closed in a gap of 15 minutes or more, else quiet."""
        index = bisect_left(self._minutes, minute)
        if index == len(self._minutes):
            return "closed"
        if self._minutes[index] == minute:
            return "open"
        gap = self._minutes[index] - self._minutes[index - 1] - 1 if index else _CLOSED_MINUTES
        return "closed" if gap >= _CLOSED_MINUTES else "quiet"
