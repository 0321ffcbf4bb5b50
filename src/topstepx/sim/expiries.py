"""When contract months end, and when the next one becomes the front month.

The gateway does not say when it rolls (unknown), so each product follows its usual custom, in whole
days and without exchange holidays (assumed):

=========  =====================================  ==========================================
rule       the contract expires                   the next one is the front month from
=========  =====================================  ==========================================
equity     third Friday of its month              the Monday of that week
currency   Monday before its third Wednesday      the Friday before
crypto     last Friday of its month               two business days earlier
crude      three business days before the 25th    two business days earlier
           of the month before
gas        three business days before the first   two business days earlier
           of its month
fuel       last business day of the month before  two business days earlier
delivery   last business day of its month         four business days before its month begins
=========  =====================================  ==========================================
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from topstepx.sim.products import Roll, Underlying

MONTH_CODES = "FGHJKMNQUVXZ"
_DAY = timedelta(days=1)
_MONDAY, _WEDNESDAY, _FRIDAY, _SATURDAY = 0, 2, 4, 5
_MONTHS_IN_YEAR = 12


class Expiry(NamedTuple):
    """One contract month: `rolls` is the first day on which a later month is the front."""

    year: int
    month: int
    rolls: date
    expires: date

    @property
    def code(self) -> str:
        """The month code: F is January, Z December."""
        return MONTH_CODES[self.month - 1]


def _business_days_back(day: date, count: int) -> date:
    """The `count`-th business day before `day` (0: the last one on or before it)."""
    while day.weekday() >= _SATURDAY:
        day -= _DAY
    for _ in range(count):
        day -= _DAY
        while day.weekday() >= _SATURDAY:
            day -= _DAY
    return day


def _nth_weekday(year: int, month: int, weekday: int, count: int) -> date:
    first = date(year, month, 1)
    return first + _DAY * ((weekday - first.weekday()) % 7 + 7 * (count - 1))


def _first_of_next(year: int, month: int) -> date:
    return date(year + month // _MONTHS_IN_YEAR, month % _MONTHS_IN_YEAR + 1, 1)


def _last_friday(year: int, month: int) -> date:
    last = _first_of_next(year, month) - _DAY
    return last - _DAY * ((last.weekday() - _FRIDAY) % 7)


@cache
def expiry(rule: Roll, year: int, month: int) -> Expiry:
    """Roll and expiry dates of one contract month."""
    first = date(year, month, 1)
    if rule == "equity":
        end = _nth_weekday(year, month, _FRIDAY, 3)
        rolls = end - _DAY * 4
    elif rule == "currency":
        end = _nth_weekday(year, month, _WEDNESDAY, 3) - _DAY * 2
        rolls = _business_days_back(end, 1)
    elif rule == "crypto":
        end = _last_friday(year, month)
        rolls = _business_days_back(end, 2)
    elif rule == "crude":
        month_before = (first - _DAY).replace(day=25)
        end = _business_days_back(month_before - _DAY, 2)
        rolls = _business_days_back(end, 2)
    elif rule == "gas":
        end = _business_days_back(first - _DAY, 2)
        rolls = _business_days_back(end, 2)
    elif rule == "fuel":
        end = _business_days_back(first - _DAY, 0)
        rolls = _business_days_back(end, 2)
    else:
        end = _business_days_back(_first_of_next(year, month) - _DAY, 0)
        rolls = _business_days_back(first - _DAY, 3)
    return Expiry(year, month, rolls, end)


@cache
def unexpired(underlying: Underlying, on: date, later: int) -> tuple[Expiry, ...]:
    """Every month not expired on that day up to the front month, and `later` ones after it."""
    found: list[Expiry] = []
    after_front = -1
    year = on.year - 1
    while after_front < later:
        for code in underlying.cycle:
            row = expiry(underlying.roll, year, MONTH_CODES.index(code) + 1)
            if row.expires < on or after_front >= later:
                continue
            if row.rolls > on:
                after_front += 1
            found.append(row)
        year += 1
    return tuple(found)


def front(underlying: Underlying, on: date) -> Expiry:
    """The front month on that day."""
    return unexpired(underlying, on, 0)[-1]
