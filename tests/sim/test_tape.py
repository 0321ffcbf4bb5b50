from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topstepx.sim.chance import stream
from topstepx.sim.minutes import MINUTE_US, MinuteBar, prints_needed
from topstepx.sim.tape import plan_tape, so_far


@st.composite
def minute_bars(draw: st.DrawFn) -> MinuteBar:
    """Any possible bar, the tightest ones and negative prices included."""
    low = draw(st.integers(-50, 50))
    high = low + draw(st.integers(0, 40))
    open_, close = draw(st.integers(low, high)), draw(st.integers(low, high))
    volume = draw(st.integers(0, 300)) + prints_needed(open_, high, low, close)
    return MinuteBar(draw(st.integers(0, 10**8)), open_, high, low, close, volume)


@given(bar=minute_bars(), mean_size=st.floats(0.1, 50), seed=st.integers(0, 2**32))
def test_the_trades_make_exactly_the_bar(bar: MinuteBar, mean_size: float, seed: int) -> None:
    plan = plan_tape(bar, mean_size, stream(seed))
    start = bar.minute * MINUTE_US
    assert so_far(plan, start, start + MINUTE_US, bar.minute) == bar
    assert len(plan.times_us) == len(plan.prices) == len(plan.sizes)
    assert plan.times_us == sorted(plan.times_us)
    assert start <= plan.times_us[0]
    assert plan.times_us[-1] < start + MINUTE_US
    assert min(plan.sizes) >= 1
    assert plan == plan_tape(bar, mean_size, stream(seed))


def test_a_busy_minute_has_as_many_trades_as_its_usual_size_says() -> None:
    bar = MinuteBar(0, 100, 120, 90, 110, 3000)
    assert len(plan_tape(bar, 2.5, stream(1)).sizes) == 1200


def test_prices_wander_instead_of_jumping() -> None:
    bar = MinuteBar(0, 100, 120, 90, 110, 3000)
    prices = plan_tape(bar, 2.5, stream(1)).prices
    steps = [abs(after - before) for before, after in itertools.pairwise(prices)]
    assert max(steps) <= 5
    assert len(set(prices)) == 31, "every price of the range trades"


def test_a_bar_with_too_little_volume_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="cannot hold the 4 trades"):
        plan_tape(MinuteBar(0, 5, 9, 1, 6, 3), 1.0, stream(1))


def test_a_part_of_a_minute_without_trades_is_no_bar() -> None:
    plan = plan_tape(MinuteBar(0, 5, 5, 5, 5, 1), 1.0, stream(1))
    assert so_far(plan, 0, plan.times_us[0], 0) is None
    assert so_far(plan, 0, plan.times_us[0] + 1, 0) == plan.bar
