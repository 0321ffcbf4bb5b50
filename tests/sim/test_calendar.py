from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topstepx.sim.calendar import (
    CHICAGO,
    AlwaysOpen,
    GlobexHours,
    flat_by,
    last_entry,
    trading_day,
    trading_day_end,
    trading_day_start,
)
from topstepx.sim.products import Product, product

GLOBEX = GlobexHours()
MNQ, CORN, HOGS = product("MNQ"), product("ZC"), product("HE")
MOMENTS = st.integers(0, 15 * 365 * 86_400).map(
    lambda seconds: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


def chicago(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHICAGO).astimezone(UTC)


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-11-22 16:59:59", False),  # Sunday
        ("2026-11-22 17:00", True),
        ("2026-11-23 15:59:59", True),  # Monday
        ("2026-11-23 16:00", False),
        ("2026-11-23 16:59:59", False),
        ("2026-11-23 17:00", True),
        ("2026-11-27 15:59:59", True),  # Friday
        ("2026-11-27 16:00", False),
        ("2026-11-27 17:00", False),
        ("2026-11-28 12:00", False),
    ],
)
def test_globex_hours(at: str, is_open: bool) -> None:
    assert GLOBEX.is_open(MNQ, chicago(at)) is is_open


@pytest.mark.parametrize(
    ("row", "at", "is_open"),
    [
        (CORN, "2026-11-22 17:00", False),
        (CORN, "2026-11-22 19:00", True),
        (CORN, "2026-11-23 08:00", False),
        (CORN, "2026-11-23 08:30", True),
        (CORN, "2026-11-23 13:20", False),
        (CORN, "2026-11-27 20:00", False),
        (HOGS, "2026-11-23 08:29", False),
        (HOGS, "2026-11-23 08:30", True),
        (HOGS, "2026-11-23 13:05", False),
    ],
)
def test_grains_and_livestock_keep_their_own_hours(row: Product, at: str, is_open: bool) -> None:
    assert GLOBEX.is_open(row, chicago(at)) is is_open


def test_summer_time_moves_the_open_in_utc() -> None:
    # Clocks in Chicago go forward on 8 March and back on 1 November 2026.
    assert trading_day_start(date(2026, 3, 6)) == datetime(2026, 3, 5, 23, tzinfo=UTC)
    assert trading_day_start(date(2026, 3, 9)) == datetime(2026, 3, 8, 22, tzinfo=UTC)
    assert trading_day_start(date(2026, 11, 2)) == datetime(2026, 11, 1, 23, tzinfo=UTC)
    assert GLOBEX.next_open(MNQ, datetime(2026, 3, 7, tzinfo=UTC)) == datetime(
        2026, 3, 8, 22, tzinfo=UTC
    )
    assert flat_by(date(2026, 7, 1)) == datetime(2026, 7, 1, 20, 10, tzinfo=UTC)
    assert flat_by(date(2026, 12, 1)) == datetime(2026, 12, 1, 21, 10, tzinfo=UTC)
    assert flat_by(date(2026, 12, 1)) - last_entry(date(2026, 12, 1)) == timedelta(minutes=2)


def test_a_sunday_evening_order_counts_for_monday() -> None:
    assert trading_day(chicago("2026-11-22 18:10")) == date(2026, 11, 23)
    assert trading_day(chicago("2026-11-23 16:59")) == date(2026, 11, 23)
    assert trading_day(chicago("2026-11-23 17:00")) == date(2026, 11, 24)
    assert GLOBEX.trading_day(chicago("2026-11-27 18:00")) == date(2026, 11, 30)
    assert GLOBEX.trading_day(chicago("2026-11-29 12:00")) == date(2026, 11, 30)
    assert AlwaysOpen().trading_day(chicago("2026-11-28 12:00")) == date(2026, 11, 28)


@given(now=MOMENTS)
def test_every_moment_lies_in_its_trading_day(now: datetime) -> None:
    day = trading_day(now)
    assert trading_day_start(day) <= now < trading_day_end(day)


@given(now=MOMENTS, row=st.sampled_from([MNQ, CORN, HOGS]))
def test_next_open_and_close_agree_with_is_open(now: datetime, row: Product) -> None:
    opens = GLOBEX.next_open(row, now)
    closes = GLOBEX.next_close(row, now)
    assert closes is not None
    assert now <= opens < closes
    assert GLOBEX.is_open(row, opens)
    assert not GLOBEX.is_open(row, closes)
    assert GLOBEX.is_open(row, now) is (opens == now)


@given(now=MOMENTS, hours=st.integers(1, 200))
def test_spans_are_the_open_times_of_a_window(now: datetime, hours: int) -> None:
    end = now + timedelta(hours=hours)
    spans = list(GLOBEX.spans(MNQ, now, end))
    for minute in range(0, hours * 60, 37):
        at = now + timedelta(minutes=minute)
        assert any(span.opens <= at < span.closes for span in spans) is GLOBEX.is_open(MNQ, at)


def test_the_default_market_never_closes() -> None:
    now = chicago("2026-11-28 12:00")
    market = AlwaysOpen()
    assert market.is_open(MNQ, now)
    assert market.next_open(MNQ, now) == now
    assert market.next_close(MNQ, now) is None
    assert market.activity(MNQ, now) == 1.0
    assert [
        span.closes - span.opens for span in market.spans(MNQ, now, now + timedelta(days=1))
    ] == [timedelta(days=1)]


def test_the_morning_is_busier_than_the_night() -> None:
    assert GLOBEX.activity(MNQ, chicago("2026-11-23 09:00")) == 1.0
    assert GLOBEX.activity(MNQ, chicago("2026-11-23 22:00")) < 0.2
