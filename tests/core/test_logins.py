"""The bounds on logins, against a plain count."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from topstepx.clock import NANOSECONDS
from topstepx.core.logins import LoginBounds, next_login_ns

S = NANOSECONDS


def test_five_seconds_apart() -> None:
    assert next_login_ns([]) == 0
    assert next_login_ns([100 * S]) == 105 * S


def test_four_in_ten_minutes_and_a_fifth_for_an_exit() -> None:
    past = [0, 10 * S, 20 * S, 30 * S]
    assert next_login_ns(past) == 600 * S
    assert next_login_ns(past, exit_waits=True) == 35 * S
    assert next_login_ns([*past, 40 * S], exit_waits=True) == 600 * S


@given(st.lists(st.tuples(st.integers(0, 700), st.booleans()), max_size=60))
def test_whoever_obeys_never_breaks_the_bounds(steps: list[tuple[int, bool]]) -> None:
    bounds, now_ns, made = LoginBounds(), 0, []
    for wait_s, exit_waits in steps:
        now_ns = max(now_ns + wait_s * S, bounds.next_ns(exit_waits=exit_waits))
        bounds.leaves(now_ns)
        made.append(now_ns)
    for index, at_ns in enumerate(made):
        assert index == 0 or at_ns - made[index - 1] >= 5 * S
        assert sum(at_ns - 600 * S < one <= at_ns for one in made) <= 5


def test_a_login_that_never_left_does_not_count() -> None:
    bounds = LoginBounds()
    bounds.leaves(10 * S)
    bounds.take_back()
    assert bounds.next_ns() == 0
    bounds.take_back()


def test_other_processes_hold_it_back() -> None:
    bounds = LoginBounds()
    bounds.hold(50 * S)
    assert bounds.next_ns() == 50 * S
    assert bounds.next_ns(exit_waits=True) == 50 * S
