"""What a quote says about the trading day: open, high, low, volume and change from the day before."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from topstepx.sim.minutes import MinuteBar


class DayStats:
    """The running figures of one trading day, in ticks; 0 open, high and low before its first trade.

    `ends_minute` is the first minute of the next day, `previous_close` what the change is counted from
    (None: the day's own open, where no earlier trade is known).
    """

    def __init__(self, ends_minute: int, previous_close: int | None) -> None:
        self.ends_minute = ends_minute
        self.previous_close = previous_close
        self.open: int | None = None
        self.high = 0
        self.low = 0
        self.volume = 0

    def add_bars(self, bars: Iterable[MinuteBar]) -> None:
        """Count whole minutes, in order."""
        for bar in bars:
            if self.open is None:
                self.open, self.high, self.low = bar.open, bar.high, bar.low
            self.high = max(self.high, bar.high)
            self.low = min(self.low, bar.low)
            self.volume += bar.volume

    def change(self, last: int) -> int:
        """How many ticks a price is above the close of the day before."""
        if self.previous_close is not None:
            return last - self.previous_close
        return 0 if self.open is None else last - self.open

    def change_basis_points(self, last: int) -> int:
        """The same in hundredths of a percent, rounded; 0 where there is nothing to compare with."""
        base = self.previous_close if self.previous_close is not None else self.open
        return round(10_000 * (last - base) / abs(base)) if base else 0
