from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from statistics import stdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topstepx.sim.calendar import AlwaysOpen, GlobexHours
from topstepx.sim.catalogue import Catalogue, Listing
from topstepx.sim.minutes import DAY_MINUTES, EPOCH, prints_needed, to_minute
from topstepx.sim.products import PRODUCTS
from topstepx.sim.synthetic import SyntheticMinutes, busy_minute_volume, by_hour

MONDAY = datetime(2026, 11, 23, 15, tzinfo=UTC)


def listing(name: str = "MNQ") -> Listing:
    return Catalogue().front(name, now=MONDAY)


def market(name: str = "MNQ", seed: int = 1) -> SyntheticMinutes:
    return SyntheticMinutes(listing(name), seed, AlwaysOpen())


@pytest.mark.parametrize("name", [row.name for row in PRODUCTS])
def test_every_product_has_possible_bars_that_follow_each_other(name: str) -> None:
    minute = to_minute(MONDAY)
    bars = market(name).between(minute - 300, minute + 300)
    assert [bar.minute for bar in bars] == list(range(minute - 300, minute + 300))
    spread = listing(name).product.spread_ticks
    for before, bar in itertools.pairwise(bars):
        assert bar.open == before.close
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
        assert bar.high - bar.low >= spread
        assert bar.volume >= prints_needed(bar.open, bar.high, bar.low, bar.close)
        assert bar.low > 0


@settings(max_examples=15)
@given(seed=st.integers(0, 2**63), minute=st.integers(20_000_000, 40_000_000))
def test_reading_in_any_order_gives_the_same_bars(seed: int, minute: int) -> None:
    far = minute + 3 * DAY_MINUTES
    one, other = market(seed=seed), market(seed=seed)
    first = [one.at(minute), one.at(far)]
    later = [other.at(far), other.at(minute)]
    assert first == later[::-1]
    assert one.between(minute, minute + 2) == [one.at(minute), one.at(minute + 1)]
    assert one.before(minute) == one.at(minute - 1)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**63))
def test_years_stay_near_the_reference_price(seed: int) -> None:
    source, product = market(seed=seed), listing().product
    for year in range(2024, 2044, 2):
        bar = source.at(to_minute(datetime(year, 6, 1, tzinfo=UTC)))
        assert bar is not None
        price = bar.open * float(product.tick_size)
        assert abs(price / product.underlying.price - 1) < 0.25


def test_a_busy_minute_looks_like_the_product() -> None:
    minute = to_minute(MONDAY)
    bars = market().between(minute, minute + 1000)
    product = listing().product
    usual = product.underlying.price * product.underlying.minute_move / float(product.tick_size)
    assert 0.7 < stdev(bar.close - bar.open for bar in bars) / usual < 1.4
    assert 0.7 < sum(bar.volume for bar in bars) / 1000 / busy_minute_volume(listing()) < 1.4


def test_products_on_one_underlying_move_as_one() -> None:
    minute = to_minute(MONDAY)
    small, large = (market(name).between(minute, minute + 50) for name in ("MNQ", "NQ"))
    assert [(bar.open, bar.high, bar.low, bar.close) for bar in small] == [
        (bar.open, bar.high, bar.low, bar.close) for bar in large
    ]
    assert [bar.volume for bar in small] != [bar.volume for bar in large]


def test_other_seeds_and_more_volume() -> None:
    minute = to_minute(MONDAY)
    assert market(seed=1).at(minute) != market(seed=2).at(minute)
    usual, tenfold = (
        SyntheticMinutes(listing(), 1, AlwaysOpen(), factor).at(minute) for factor in (1.0, 10.0)
    )
    assert usual is not None
    assert tenfold is not None
    assert usual[:5] == tenfold[:5]
    assert abs(tenfold.volume - 10 * usual.volume) < 10


def test_true_hours_leave_out_the_halts() -> None:
    source = SyntheticMinutes(listing(), 1, GlobexHours())
    friday_close = to_minute(datetime(2026, 11, 27, 22, tzinfo=UTC))
    sunday_open = to_minute(datetime(2026, 11, 29, 23, tzinfo=UTC))
    assert source.at(friday_close - 1) is not None
    assert source.between(friday_close, sunday_open) == []
    assert source.next_minute(friday_close) == sunday_open
    assert source.next_minute(sunday_open + 5) == sunday_open + 5
    assert source.before(sunday_open) == source.at(friday_close - 1)
    assert (source.state(friday_close - 1), source.state(friday_close)) == ("open", "closed")


def test_hours_are_the_minutes_joined() -> None:
    source = market()
    hour = to_minute(MONDAY)
    minutes = source.between(hour, hour + 26 * 60)
    assert source.hours(hour, hour + 26 * 60) == by_hour(minutes)
    assert len(source.hours(hour, hour + 26 * 60)) == 26
    assert source.earliest(hour) == to_minute(MONDAY - timedelta(days=120))
    assert EPOCH + timedelta(minutes=hour) == MONDAY
