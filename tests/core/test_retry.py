"""The retry budget: three attempts at most, a tenth of the traffic at most."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from topstepx.core.retry import ATTEMPTS_MAX, RetryBudget


def test_a_read_is_sent_three_times_at_most_with_growing_ceilings() -> None:
    budget = RetryBudget(lambda: 0.999)
    budget.first()
    waits = [budget.again(failures) for failures in (1, 2, 3)]
    assert waits[0] is not None
    assert waits[1] is not None
    assert 0.29 < waits[0] <= 0.3
    assert 0.59 < waits[1] <= 0.6
    assert waits[2] is None
    assert ATTEMPTS_MAX == 3


def test_in_a_storm_repeats_die_out_and_come_back_with_traffic() -> None:
    budget = RetryBudget(lambda: 0.0)
    granted = sum(budget.again(1) is not None for _ in range(50))
    assert granted == 10
    for _ in range(9):
        budget.first()
    assert budget.again(1) is None
    budget.first()
    assert budget.again(1) is not None


@given(st.lists(st.booleans(), max_size=2000))
def test_repeats_never_exceed_a_tenth_of_first_attempts_and_the_reserve(sent: list[bool]) -> None:
    budget = RetryBudget(lambda: 0.5)
    firsts = repeats = 0
    for fails in sent:
        budget.first()
        firsts += 1
        if fails and budget.again(1) is not None:
            repeats += 1
    assert repeats <= firsts / 10 + 10
    assert budget.left <= 10
