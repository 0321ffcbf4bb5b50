from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topstepx.sim.chance import stream
from topstepx.sim.minutes import MINUTE_US, MinuteBar, prints_needed
from topstepx.sim.tape import Trade, bar_of, trade_count, trades_of


@st.composite
def minute_bars(draw: st.DrawFn) -> MinuteBar:
    """Any possible bar, the tightest ones and negative prices included."""
    low = draw(st.integers(-50, 50))
    high = low + draw(st.integers(0, 40))
    open_, close = draw(st.integers(low, high)), draw(st.integers(low, high))
    volume = draw(st.integers(0, 300)) + prints_needed(open_, high, low, close)
    return MinuteBar(draw(st.integers(0, 10**8)), open_, high, low, close, volume)


def drawn(bar: MinuteBar, mean_size: float, seed: int) -> list[Trade]:
    return list(trades_of(bar, trade_count(bar, mean_size), stream(seed)))


@given(bar=minute_bars(), mean_size=st.floats(0.1, 50), seed=st.integers(0, 2**32))
def test_the_trades_make_exactly_the_bar(bar: MinuteBar, mean_size: float, seed: int) -> None:
    trades = drawn(bar, mean_size, seed)
    start = bar.minute * MINUTE_US
    assert bar_of(bar.minute, trades) == bar
    assert len(trades) == trade_count(bar, mean_size)
    times = [trade.at_us for trade in trades]
    assert times == sorted(times)
    assert start <= times[0]
    assert times[-1] < start + MINUTE_US
    assert min(trade.size for trade in trades) >= 1
    assert trades == drawn(bar, mean_size, seed)


BUSY = MinuteBar(0, 100, 120, 90, 110, 3000)


def test_a_busy_minute_has_as_many_trades_as_its_usual_size_says() -> None:
    assert len(drawn(BUSY, 2.5, 1)) == 1200


def test_sizes_stay_alike_from_the_first_trade_to_the_last() -> None:
    sizes = [trade.size for seed in range(20) for trade in drawn(BUSY, 2.5, seed)]
    assert max(sizes) < 100
    for third in range(3):
        part = [
            trade.size
            for seed in range(20)
            for trade in drawn(BUSY, 2.5, seed)[third * 400 : third * 400 + 400]
        ]
        assert 2.2 < sum(part) / len(part) < 2.8


def test_prices_wander_instead_of_jumping() -> None:
    prices = [trade.price for trade in drawn(BUSY, 2.5, 1)]
    assert max(abs(after - before) for before, after in pairwise(prices)) <= 5
    assert len(set(prices)) == 31, "every price of the range trades"


def test_a_bar_with_too_little_volume_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="cannot hold the 4 trades"):
        trade_count(MinuteBar(0, 5, 9, 1, 6, 3), 1.0)


def test_no_trades_are_no_bar() -> None:
    assert bar_of(0, []) is None
