from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topstepx.sim.expiries import MONTH_CODES, expiry, front, unexpired
from topstepx.sim.products import PRODUCTS, UNDERLYINGS, Roll

# Dates by the rules in the module, counted on a calendar by hand.
CASES: list[tuple[Roll, int, int, date, date]] = [
    ("equity", 2026, 9, date(2026, 9, 14), date(2026, 9, 18)),
    ("equity", 2024, 3, date(2024, 3, 11), date(2024, 3, 15)),
    ("currency", 2024, 3, date(2024, 3, 15), date(2024, 3, 18)),
    ("crypto", 2026, 8, date(2026, 8, 26), date(2026, 8, 28)),
    ("crude", 2026, 10, date(2026, 9, 18), date(2026, 9, 22)),
    ("gas", 2026, 9, date(2026, 8, 25), date(2026, 8, 27)),
    ("fuel", 2026, 9, date(2026, 8, 27), date(2026, 8, 31)),
    ("delivery", 2026, 9, date(2026, 8, 26), date(2026, 9, 30)),
]


@pytest.mark.parametrize(("rule", "year", "month", "rolls", "expires"), CASES)
def test_roll_and_expiry_dates(
    rule: Roll, year: int, month: int, rolls: date, expires: date
) -> None:
    found = expiry(rule, year, month)
    assert (found.rolls, found.expires) == (rolls, expires)


@given(
    day=st.dates(date(2000, 1, 1), date(2090, 12, 31)),
    name=st.sampled_from(sorted(UNDERLYINGS)),
)
def test_there_is_always_one_front_month_and_it_never_goes_back(day: date, name: str) -> None:
    underlying = UNDERLYINGS[name]
    today, tomorrow = front(underlying, day), front(underlying, day + timedelta(days=1))
    assert today.rolls > day
    assert today.expires >= day
    assert MONTH_CODES[today.month - 1] in underlying.cycle
    assert (tomorrow.year, tomorrow.month) >= (today.year, today.month)
    months = unexpired(underlying, day, 3)
    assert list(months) == sorted(months)
    assert months.index(today) == len(months) - 4
    assert all(month.expires >= day for month in months)


def test_every_cycle_is_made_of_month_codes() -> None:
    for row in PRODUCTS:
        codes = [MONTH_CODES.index(code) for code in row.underlying.cycle]
        assert codes == sorted(set(codes))
