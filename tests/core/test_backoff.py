"""Waits between attempts: bounded on both sides, for any number of attempts."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topstepx.core.backoff import Backoff

SECONDS = st.floats(0.001, 1e6)


def test_the_bound_doubles_up_to_the_cap() -> None:
    backoff = Backoff(base_s=0.3, cap_s=8.0)
    assert [backoff.bound_s(n) for n in range(7)] == [0.3, 0.6, 1.2, 2.4, 4.8, 8.0, 8.0]


def test_full_jitter_reaches_from_the_floor_to_the_bound() -> None:
    backoff = Backoff(base_s=1.0, cap_s=30.0, floor_s=0.5)
    assert backoff.delay_s(3, lambda: 0.0) == 0.5
    assert backoff.delay_s(3, lambda: 0.5) == 4.25
    assert 7.9 < backoff.delay_s(3, lambda: 0.999999) < 8.0


@pytest.mark.parametrize("attempt", [1000, 10**6, 10**30])
def test_a_patient_client_does_not_overflow(attempt: int) -> None:
    assert Backoff().bound_s(attempt) == 8.0
    assert Backoff(factor=1.0).bound_s(attempt) == 0.3


@given(
    base_s=SECONDS,
    cap_s=SECONDS,
    floor_s=st.floats(0, 1e6),
    factor=st.floats(1, 1e6),
    attempt=st.integers(-5, 10**9),
    chance=st.floats(0, 1, exclude_max=True),
)
def test_every_wait_lies_between_floor_and_cap(
    base_s: float, cap_s: float, floor_s: float, factor: float, attempt: int, chance: float
) -> None:
    floor_s = min(floor_s, cap_s)
    backoff = Backoff(base_s, cap_s, floor_s, factor)
    delay_s = backoff.delay_s(attempt, lambda: chance)
    assert floor_s <= delay_s <= cap_s
    assert delay_s <= backoff.bound_s(attempt) <= backoff.bound_s(attempt + 1) * (1 + 1e-9)


@pytest.mark.parametrize(
    "parts",
    [
        {"base_s": 0.0},
        {"base_s": -1.0},
        {"factor": 0.5},
        {"floor_s": -0.1},
        {"floor_s": 9.0, "cap_s": 8.0},
        {"cap_s": math.inf},
        {"base_s": math.nan},
    ],
)
def test_senseless_policies_are_refused(parts: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="Backoff"):
        Backoff(**parts)
