"""The learnt spread of latencies."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from topstepx.clock import NANOSECONDS
from topstepx.core.arrival import LEAST_NS, MOST_NS, ArrivalSpread


@given(st.lists(st.integers(0, 10 * NANOSECONDS), min_size=1, max_size=200))
def test_few_samples_give_their_whole_range_within_the_bounds(latencies: list[int]) -> None:
    spread = ArrivalSpread()
    for each in latencies:
        spread.observe(each, 0)
    wanted = max(latencies) - min(latencies)
    assert spread.spread_ns == min(max(wanted, LEAST_NS), MOST_NS)


def test_one_in_a_thousand_is_left_out() -> None:
    spread = ArrivalSpread()
    for _ in range(1999):
        spread.observe(0, 0)
    spread.observe(2 * NANOSECONDS, 0)
    assert spread.spread_ns == LEAST_NS
    for _ in range(2):
        spread.observe(2 * NANOSECONDS, 0)
    assert spread.spread_ns == 2 * NANOSECONDS


def test_a_slow_request_is_remembered_for_ten_minutes_and_forgotten_after_twenty() -> None:
    spread = ArrivalSpread()
    spread.observe(0, 0)
    spread.observe(3 * NANOSECONDS, 0)
    for second in range(1, 1800, 10):
        spread.observe(0, second * NANOSECONDS)
        if second <= 1200:
            assert spread.spread_ns == 3 * NANOSECONDS, second
    assert spread.spread_ns == LEAST_NS


def test_a_latency_below_nothing_is_ignored() -> None:
    spread = ArrivalSpread()
    spread.observe(-NANOSECONDS, 0)
    spread.observe(NANOSECONDS // 10, 0)
    assert spread.spread_ns == LEAST_NS
