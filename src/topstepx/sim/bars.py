"""`History/retrieveBars`: bars of any length, made of the one-minute bars that the market is played in.

Because the tape is drawn inside those bars, what is answered here is what the tape showed, for a market
that somebody watched and for one that nobody did. Verified: the newest bar comes first, `limit` keeps
the most recent ones, at most 20,000, `t` is the open time, no bars in halts, and the error codes.
Assumed: `start <= t < end`, the order of the checks, and the boundaries (see `periods`).
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from topstepx.sim.minutes import (
    DAY_MINUTES,
    HOUR_MINUTES,
    MINUTE_US,
    SECOND_US,
    MinuteBar,
    from_us,
    joined,
    to_us,
)
from topstepx.sim.periods import Period, Periods
from topstepx.sim.tape import Trade, bar_of
from topstepx.wire.enums import BarUnit
from topstepx.wire.models import BarModel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from topstepx.sim.catalogue import Listing
    from topstepx.sim.feed import Feed

BARS_MAX = 20_000
SUCCESS, CONTRACT_NOT_FOUND, UNIT_INVALID, UNIT_NUMBER_INVALID, LIMIT_INVALID = range(5)
_UNIT_NUMBER_MAX = 100_000
_UNITS = (BarUnit.SECOND, BarUnit.MINUTE, BarUnit.HOUR, BarUnit.DAY, BarUnit.WEEK, BarUnit.MONTH)

# A piece of market: when it begins (microseconds since 1970), and its prices and volume.
_Piece = tuple[int, MinuteBar]


class BarsReply(NamedTuple):
    """The answer: bars, newest first, or the code of the refusal."""

    error_code: int
    bars: list[BarModel]


class BarHistory:
    """Answers for every contract of a feed, started or not.

    `tick_bars=True` serves unit 7 as well, N trades to a bar, counted anew each minute (the gateway's
    own behaviour is unknown). `end_inclusive` and `extra_fields` are the switches of those names.
    """

    def __init__(
        self,
        feed: Feed,
        *,
        tick_bars: bool = False,
        end_inclusive: bool = False,
        extra_fields: bool = False,
    ) -> None:
        self._feed = feed
        self._tick_bars = tick_bars
        self._end_inclusive = end_inclusive
        self._extra_fields = extra_fields

    def retrieve_bars(  # noqa: PLR0917  the wire's own order
        self,
        listing: Listing | None,
        start: datetime,
        end: datetime,
        unit: int,
        unit_number: int,
        limit: int,
        include_partial: bool,  # noqa: FBT001  the wire's own order
        now: datetime,
    ) -> BarsReply:
        """The last `limit` bars that open in `start` (included) to `end` (see the switch), newest first.

        `listing` is None for a contract that does not exist. Nothing after `now` is told. The error codes
        are 1 contract, 2 unit, 3 unit number, 4 limit; an empty window is a success.
        """
        bar_unit = BarUnit(unit)
        code = self._refusal(listing, bar_unit, unit_number, limit)
        if listing is None or code:
            return BarsReply(code, [])
        earliest = self._feed.source(listing).earliest(to_us(now) // MINUTE_US)
        end_us = to_us(end) + self._end_inclusive
        window = Period(max(to_us(start), earliest * MINUTE_US), end_us)
        if bar_unit is BarUnit.TICK:
            found = self._tick_groups(listing, window, unit_number, to_us(now))
        else:
            periods = Periods(bar_unit, unit_number)
            found = self._groups(listing, window, bar_unit, periods, to_us(now))
        if window.end_us <= window.start_us or window.start_us > to_us(now):
            return BarsReply(SUCCESS, [])
        bars: list[BarModel] = []
        for period, bar in found:
            if period.start_us < window.start_us or len(bars) == limit:
                break
            partial = period.end_us > to_us(now)
            if period.start_us < window.end_us and (include_partial or not partial):
                model = _model(listing, period.start_us, bar)
                bars.append(_with_extras(model) if self._extra_fields else model)
        return BarsReply(SUCCESS, bars)

    def _refusal(self, listing: Listing | None, unit: BarUnit, number: int, limit: int) -> int:
        if listing is None:
            return CONTRACT_NOT_FOUND
        if unit not in _UNITS and not (unit is BarUnit.TICK and self._tick_bars):
            return UNIT_INVALID
        if not 1 <= number <= _UNIT_NUMBER_MAX:
            return UNIT_NUMBER_INVALID
        return SUCCESS if 1 <= limit <= BARS_MAX else LIMIT_INVALID

    def _groups(
        self, listing: Listing, window: Period, unit: BarUnit, periods: Periods, now_us: int
    ) -> Iterator[tuple[Period, MinuteBar]]:
        """Whole bars from the newest that opens before the window ends, backwards for ever."""
        stop_us = min(periods.of(min(window.end_us - 1, now_us)).end_us, now_us + 1)
        if unit is BarUnit.SECOND:
            pieces = self._seconds(listing, window.start_us, stop_us)
        elif unit is BarUnit.MINUTE:
            pieces = self._minutes(listing, window.start_us, stop_us)
        else:
            pieces = self._hours(listing, window.start_us, stop_us)
        period, group = Period(0, 0), list[MinuteBar]()
        for at_us, piece in pieces:
            if not period.start_us <= at_us < period.end_us:
                if group:
                    yield period, joined(0, group[::-1])
                period, group = periods.of(at_us), []
            group.append(piece)
        if group:
            yield period, joined(0, group[::-1])

    def _minutes(self, listing: Listing, first_us: int, stop_us: int) -> Iterator[_Piece]:
        """One-minute pieces backwards from `stop_us`; the first may be a part of a minute."""
        source = self._feed.source(listing)
        stop, rest_us = divmod(stop_us, MINUTE_US)
        if rest_us:
            yield from self._part(listing, stop, stop_us)
        first = first_us // MINUTE_US
        while stop > first:
            begin = max(first, (stop - 1) // DAY_MINUTES * DAY_MINUTES)
            for bar in reversed(source.between(begin, stop)):
                yield bar.minute * MINUTE_US, bar
            stop = begin

    def _part(self, listing: Listing, minute: int, stop_us: int) -> Iterator[_Piece]:
        bar = self._feed.source(listing).at(minute)
        if bar is not None:
            shown = takewhile(lambda row: row.at_us < stop_us, self._feed.trades(listing, bar))
            part = bar_of(minute, shown)
            if part is not None:
                yield minute * MINUTE_US, part

    def _hours(self, listing: Listing, first_us: int, stop_us: int) -> Iterator[_Piece]:
        """Pieces of an hour backwards from `stop_us`; the running hour comes in minutes."""
        source = self._feed.source(listing)
        stop = stop_us // MINUTE_US // HOUR_MINUTES * HOUR_MINUTES
        yield from self._minutes(listing, stop * MINUTE_US, stop_us)
        first = first_us // MINUTE_US // HOUR_MINUTES * HOUR_MINUTES
        while stop > first:
            begin = max(first, (stop - 1) // DAY_MINUTES * DAY_MINUTES)
            for bar in reversed(source.hours(begin, stop)):
                yield bar.minute * MINUTE_US, bar
            stop = begin

    def _seconds(self, listing: Listing, first_us: int, stop_us: int) -> Iterator[_Piece]:
        for tape in self._tapes(listing, first_us, stop_us):
            seconds: dict[int, list[Trade]] = {}
            for trade in tape:
                seconds.setdefault(trade.at_us // SECOND_US, []).append(trade)
            for second, trades in reversed(seconds.items()):
                bar = bar_of(0, trades)
                if bar is not None:
                    yield second * SECOND_US, bar

    def _tapes(self, listing: Listing, first_us: int, stop_us: int) -> Iterator[list[Trade]]:
        """The tape minute by minute, backwards from `stop_us`."""
        whole_us = -(-stop_us // MINUTE_US) * MINUTE_US
        for _, bar in self._minutes(listing, first_us, whole_us):
            trades = self._feed.trades(listing, bar)
            yield list(takewhile(lambda row: row.at_us < stop_us, trades))

    def _tick_groups(
        self, listing: Listing, window: Period, number: int, now_us: int
    ) -> Iterator[tuple[Period, MinuteBar]]:
        """Groups of so many trades, backwards; the last one of a minute may have fewer."""
        stop_us = min(window.end_us, now_us + 1)
        for tape in self._tapes(listing, window.start_us, stop_us):
            for begin in reversed(range(0, len(tape), number)):
                bar = bar_of(0, tape[begin : begin + number])
                if bar is not None:
                    yield Period(tape[begin].at_us, tape[begin].at_us), bar


def _with_extras(bar: BarModel) -> BarModel:
    """The members that came in 2026: a date and a whole number (their meaning is unknown)."""
    return msgspec.structs.replace(bar, d=bar.t.date().isoformat(), k=0)


def _model(listing: Listing, at_us: int, bar: MinuteBar) -> BarModel:
    price = listing.price
    return BarModel(
        t=from_us(at_us),
        o=price(bar.open),
        h=price(bar.high),
        l=price(bar.low),
        c=price(bar.close),
        v=bar.volume,
    )
