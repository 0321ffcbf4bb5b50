from __future__ import annotations

from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topstepx.sim.minutes import MinuteBar, from_us, joined, prints_needed, to_minute, to_us


@given(us=st.integers(-(10**15), 4 * 10**15))
def test_time_is_exact_both_ways(us: int) -> None:
    assert to_us(from_us(us)) == us


def test_minutes_count_from_1970() -> None:
    assert to_minute(datetime(1970, 1, 2, 0, 0, 59, tzinfo=UTC)) == 1440
    assert from_us(0) == datetime(1970, 1, 1, tzinfo=UTC)


def shortest(open_: int, high: int, low: int, close: int) -> int:
    """By trying: the shortest row of prices that makes the bar."""
    for length in range(1, 5):
        for prices in product({open_, high, low, close}, repeat=length):
            made = (prices[0], max(prices), min(prices), prices[-1])
            if made == (open_, high, low, close):
                return length
    raise AssertionError


@pytest.mark.parametrize("open_", range(3))
@pytest.mark.parametrize("close", range(3))
@pytest.mark.parametrize("above", range(2))
@pytest.mark.parametrize("below", range(2))
def test_no_bar_needs_more_trades_than_it_must(
    open_: int, close: int, above: int, below: int
) -> None:
    high, low = max(open_, close) + above, min(open_, close) - below
    assert prints_needed(open_, high, low, close) == shortest(open_, high, low, close)


def test_joining_keeps_the_extremes_and_the_volume() -> None:
    bars = [MinuteBar(5, 10, 15, 9, 12, 7), MinuteBar(6, 12, 13, 4, 5, 1)]
    assert joined(5, bars) == MinuteBar(5, 10, 15, 4, 5, 8)
