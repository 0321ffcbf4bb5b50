"""One-minute bars as the simulator's raw material, in whole ticks.

Every market here, generated or replayed, is a row of one-minute bars first; quotes, trades and depth
are then played inside each bar. So bars asked for later always agree with what was seen live.
Minutes are counted from 1970, UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from topstepx.sim.market_events import State

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_MINUTES = 60
DAY_MINUTES = 1440


def to_us(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - EPOCH) // MICROSECOND


def from_us(us: int) -> datetime:
    """The aware UTC moment of a count of microseconds."""
    return EPOCH + timedelta(microseconds=us)


def to_minute(moment: datetime) -> int:
    """The minute a moment lies in."""
    return to_us(moment) // MINUTE_US


class MinuteBar(NamedTuple):
    """A bar whose prices are ticks above zero; `minute` is the minute it opens in."""

    minute: int
    open: int
    high: int
    low: int
    close: int
    volume: int


def prints_needed(open_: int, high: int, low: int, close: int) -> int:
    """The smallest number of trades that can draw such a bar."""
    if high == low:
        return 1
    return 2 + (high not in (open_, close)) + (low not in (open_, close))


def joined(minute: int, bars: list[MinuteBar]) -> MinuteBar:
    """One bar made of several (at least one), said to open in `minute`."""
    return MinuteBar(
        minute,
        bars[0].open,
        max(bar.high for bar in bars),
        min(bar.low for bar in bars),
        bars[-1].close,
        sum(bar.volume for bar in bars),
    )


class MinuteSource(Protocol):
    """A market as one-minute bars; minutes in which nobody traded are missing."""

    def earliest(self, now_minute: int) -> int:
        """The minute before which there is nothing to read."""
        ...

    def at(self, minute: int) -> MinuteBar | None:
        """The bar of that minute."""
        ...

    def before(self, minute: int) -> MinuteBar | None:
        """The last bar before that minute; None when there is none (or none for a week)."""
        ...

    def next_minute(self, minute: int) -> int | None:
        """The first minute with a bar, from that one on; None at the end of the data."""
        ...

    def between(self, first: int, end: int) -> list[MinuteBar]:
        """The bars from minute `first` up to, not including, `end`."""
        ...

    def hours(self, first: int, end: int) -> list[MinuteBar]:
        """The same joined by clock hours; both bounds are full hours, in minutes."""
        ...

    def state(self, minute: int) -> State:
        """Whether the market trades in that minute, is quiet, or is closed."""
        ...
