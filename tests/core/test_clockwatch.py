"""Sleep, a set clock and a blocked loop, each told from the others and from ordinary time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topstepx.clock import NANOSECONDS
from topstepx.core.clockwatch import ClockWatch, Jump, Reading

START = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)


def reading(monotonic_s: float, loop_s: float, wall_s: float) -> Reading:
    return Reading(
        round(monotonic_s * NANOSECONDS),
        round(loop_s * NANOSECONDS),
        START + timedelta(seconds=wall_s),
    )


def jumps(monotonic_s: float, loop_s: float, wall_s: float) -> list[tuple[str, float]]:
    found = ClockWatch(reading(0, 0, 0)).look(reading(monotonic_s, loop_s, wall_s))
    return [(jump.kind, round(jump.seconds, 3)) for jump in found]


@pytest.mark.parametrize(
    ("monotonic_s", "loop_s", "wall_s", "expected"),
    [
        (1, 1, 1, []),
        (1.9, 1.9, 1.9, []),  # a busy machine
        (1, 1, 1.9, []),  # slewing
        (1, 1, 0.1, []),
        (601, 1, 601, [("slept", 600)]),
        (2.5, 1, 2.5, [("slept", 1.5)]),
        (1, 1, 8, [("wall_set", 7)]),
        (1, 1, -6, [("wall_set", -7)]),
        (601, 1, 1, [("slept", 600), ("wall_set", -600)]),
        (4, 4, 4, [("blocked", 3)]),
        (61, 61, 61, [("slept", 60)]),  # a loop clock that counts sleep
        (61, 61, 68, [("slept", 60), ("wall_set", 7)]),
        (604, 4, 604, [("slept", 600), ("blocked", 3)]),
    ],
)
def test_what_happened(
    monotonic_s: float, loop_s: float, wall_s: float, expected: list[tuple[str, float]]
) -> None:
    assert jumps(monotonic_s, loop_s, wall_s) == expected


def test_each_look_compares_with_the_one_before() -> None:
    watch = ClockWatch(reading(0, 0, 0))
    assert [jump.kind for jump in watch.look(reading(601, 1, 601))] == ["slept"]
    assert watch.look(reading(602, 2, 602)) == ()


def test_small_steps_never_add_up_to_an_alarm() -> None:
    watch = ClockWatch(reading(0, 0, 0))
    for second in range(1, 1000):
        assert watch.look(reading(second, second, second * 1.5)) == ()


@given(st.floats(0, 10**5), st.floats(-(10**5), 10**5), st.floats(0, 29))
def test_each_part_is_measured_whatever_the_others_do(
    asleep_s: float, step_s: float, blocked_s: float
) -> None:
    loop_s = 1 + blocked_s
    passed_s = loop_s + asleep_s
    found = dict(jumps(passed_s, loop_s, passed_s + step_s))
    assert ("slept" in found) == (asleep_s > 1.0) or abs(asleep_s - 1) < 1e-3
    assert ("wall_set" in found) == (abs(step_s) > 1.0) or abs(abs(step_s) - 1) < 1e-3
    assert ("blocked" in found) == (blocked_s > 1.0) or abs(blocked_s - 1) < 1e-3


@pytest.mark.parametrize(
    ("jump", "words"),
    [
        (Jump("slept", 600), "the computer slept for 600 s"),
        (Jump("wall_set", 7), "the wall clock was set forward by 7.0 s"),
        (Jump("wall_set", -7.25), "the wall clock was set back by 7.2 s"),
        (Jump("blocked", 1.5), "the event loop was blocked for 1.5 s"),
    ],
)
def test_words(jump: Jump, words: str) -> None:
    assert jump.words == words
