"""Clocks: one that never steps, one that people read, and one that tests move."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from topstepx.clock import NANOSECONDS, Clock, ManualClock, SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable


def test_the_system_clock_runs_and_is_utc() -> None:
    clock: Clock = SystemClock()
    before_ns, before = clock.monotonic_ns(), clock.now()
    time.sleep(0.02)
    passed_ns = clock.monotonic_ns() - before_ns
    assert 0.02 * NANOSECONDS <= passed_ns < 10 * NANOSECONDS
    assert clock.now() > before
    assert before.utcoffset() == timedelta(0)
    assert abs(before - datetime.now(UTC)) < timedelta(seconds=10)


def test_suspended_time_counts_where_the_computer_can_tell() -> None:
    clock = SystemClock()
    if hasattr(time, "CLOCK_BOOTTIME"):
        difference_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - clock.monotonic_ns()
    else:
        difference_ns = time.monotonic_ns() - clock.monotonic_ns()
    assert abs(difference_ns) < NANOSECONDS


def test_without_such_a_clock_the_plain_one_is_used() -> None:
    clock = SystemClock()
    clock._boottime = None
    assert abs(time.monotonic_ns() - clock.monotonic_ns()) < NANOSECONDS


def test_a_manual_clock_moves_when_told_and_exactly() -> None:
    start = datetime(2026, 11, 23, 15, tzinfo=UTC)
    clock = ManualClock(start, monotonic_ns=5)
    assert (clock.now(), clock.monotonic_ns()) == (start, 5)
    for _ in range(1000):
        clock.advance(0.001)
    assert (clock.now(), clock.monotonic_ns()) == (start + timedelta(seconds=1), NANOSECONDS + 5)


def test_a_step_of_the_wall_clock_is_no_passing_of_time() -> None:
    clock = ManualClock()
    before, before_ns = clock.now(), clock.monotonic_ns()
    clock.step_wall(-7)
    assert (before - clock.now(), clock.monotonic_ns()) == (timedelta(seconds=7), before_ns)


def test_it_tells_utc_whatever_zone_it_was_given() -> None:
    chicago = timezone(timedelta(hours=-6))
    clock = ManualClock(datetime(2026, 11, 23, 9, tzinfo=chicago))
    assert clock.now() == datetime(2026, 11, 23, 15, tzinfo=UTC)
    assert clock.now().tzinfo is UTC


def _naive() -> None:
    ManualClock(datetime(2026, 11, 23))  # noqa: DTZ001  that is the point


def _backwards() -> None:
    ManualClock().advance(-1)


@pytest.mark.parametrize(("wrong", "words"), [(_naive, "no time zone"), (_backwards, "backwards")])
def test_what_no_clock_does_is_refused(wrong: Callable[[], None], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        wrong()
