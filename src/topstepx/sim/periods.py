"""Into which bar a moment falls, for every unit and length of bars.

Assumed, as the gateway does not say: bars up to hours are counted from the start of the trading day
(17:00 Chicago time), so that no bar spans two days; a daily bar is a trading day and opens at its start;
weeks begin with Monday's trading day, months with the first trading day; several of them are counted
from a fixed date, so that asking twice gives the same bars.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from topstepx.sim.calendar import trading_day, trading_day_end, trading_day_start
from topstepx.sim.minutes import MINUTE_US, SECOND_US, from_us, to_us
from topstepx.wire.enums import BarUnit

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_WEEK_DAYS = 7
_YEAR_MONTHS = 12
_LENGTH_US = {
    BarUnit.SECOND: SECOND_US,
    BarUnit.MINUTE: MINUTE_US,
    BarUnit.HOUR: 60 * MINUTE_US,
}


class Period(NamedTuple):
    """The time of one bar: from `start_us` up to, not including, `end_us`."""

    start_us: int
    end_us: int


class Periods:
    """The bars of one unit and length; `of` finds the one that a moment belongs to."""

    def __init__(self, unit: BarUnit, count: int) -> None:
        self._unit = unit
        self._count = count
        self._length_us = _LENGTH_US.get(unit, 0) * count
        self._day = Period(0, 0)
        self._last = Period(0, 0)

    def of(self, us: int) -> Period:
        """The period of that moment, in microseconds since 1970."""
        if self._last.start_us <= us < self._last.end_us:
            return self._last
        if not self._day.start_us <= us < self._day.end_us:
            self._day = self._day_of(us)
        if not self._length_us:
            self._last = self._day
            return self._day
        start, length = self._day.start_us, self._length_us
        begin = start + (us - start) // length * length
        self._last = Period(begin, min(begin + length, self._day.end_us))
        return self._last

    def _day_of(self, us: int) -> Period:
        day = trading_day(from_us(us))
        if self._length_us:
            return _span(day, day)
        return _several_days(self._unit, self._count, day)


def _several_days(unit: BarUnit, count: int, day: date) -> Period:
    if unit is BarUnit.DAY:
        first = date.fromordinal(max(1, day.toordinal() // count * count))
        return _span(first, first + timedelta(days=count - 1))
    if unit is BarUnit.WEEK:
        week = (day.toordinal() - 1) // _WEEK_DAYS // count * count
        first = date.fromordinal(week * _WEEK_DAYS + 1)
        return _span(first, first + timedelta(days=_WEEK_DAYS * count - 1))
    month = (day.year * _YEAR_MONTHS + day.month - 1) // count * count
    return _span(_month(month), _month(month + count) - timedelta(days=1))


def _month(index: int) -> date:
    return date(max(1, index // _YEAR_MONTHS), index % _YEAR_MONTHS + 1, 1)


@lru_cache(maxsize=1024)
def _span(first: date, last: date) -> Period:
    return Period(to_us(trading_day_start(first)), to_us(trading_day_end(last)))


def bar_ends(unit: BarUnit, count: int) -> Callable[[datetime], datetime]:
    """A function from the opening of a bar to its end; bars of trades have no length."""
    if unit is BarUnit.TICK:
        return lambda opens: opens
    periods = Periods(unit, count)
    return lambda opens: from_us(periods.of(to_us(opens)).end_us)
