from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topstepx.sim.minutes import from_us, to_us
from topstepx.sim.periods import Periods
from topstepx.wire.enums import BarUnit

UNITS = [unit for unit in BarUnit if unit not in {BarUnit.UNSPECIFIED, BarUnit.TICK}]


def period(unit: BarUnit, count: int, at: str) -> tuple[str, str]:
    found = Periods(unit, count).of(to_us(datetime.fromisoformat(at)))
    return tuple(f"{from_us(us):%m-%d %H:%M:%S}" for us in found)  # type: ignore[return-value]  # two of them


@pytest.mark.parametrize(
    ("unit", "count", "start", "end"),
    [
        (BarUnit.SECOND, 15, "11-25 15:07:30", "11-25 15:07:45"),
        (BarUnit.MINUTE, 1, "11-25 15:07:00", "11-25 15:08:00"),
        (BarUnit.MINUTE, 5, "11-25 15:05:00", "11-25 15:10:00"),
        (BarUnit.HOUR, 1, "11-25 15:00:00", "11-25 16:00:00"),
        # The trading day of 25 November begins on the 24th at 23:00 UTC.
        (BarUnit.HOUR, 4, "11-25 15:00:00", "11-25 19:00:00"),
        (BarUnit.DAY, 1, "11-24 23:00:00", "11-25 23:00:00"),
        (BarUnit.WEEK, 1, "11-22 23:00:00", "11-29 23:00:00"),
        (BarUnit.MONTH, 1, "10-31 22:00:00", "11-30 23:00:00"),
    ],
)
def test_where_a_wednesday_afternoon_belongs(
    unit: BarUnit, count: int, start: str, end: str
) -> None:
    assert period(unit, count, "2026-11-25T15:07:33+00:00") == (start, end)


def test_no_bar_spans_two_trading_days() -> None:
    assert period(BarUnit.HOUR, 5, "2026-11-25T22:30:00+00:00") == (
        "11-25 19:00:00",
        "11-25 23:00:00",
    )


@given(
    unit=st.sampled_from(UNITS),
    count=st.integers(1, 50),
    seconds=st.integers(0, 10 * 365 * 86_400),
)
def test_periods_follow_each_other_without_gaps(unit: BarUnit, count: int, seconds: int) -> None:
    at = to_us(datetime(2021, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))
    periods = Periods(unit, count)
    found = periods.of(at)
    assert found.start_us <= at < found.end_us
    assert periods.of(found.end_us).start_us == found.end_us
    assert periods.of(found.start_us).start_us == found.start_us
