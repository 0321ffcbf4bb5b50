"""The log of send times, against counting by hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from topstepx.core.sliding_log import FOREVER_NS, SlidingLog

MOMENTS = st.lists(st.integers(0, 60), max_size=30)


def log_of(moments: list[int]) -> SlidingLog:
    log = SlidingLog(keep_ns=1000)
    for each in moments:
        log.add(each)
    return log


@given(MOMENTS, st.integers(1, 20), st.integers(0, 90))
def test_it_counts_what_a_slow_count_counts(moments: list[int], window: int, now: int) -> None:
    assert log_of(moments).count(window, now) == sum(now - each <= window for each in moments)


@given(MOMENTS, st.integers(1, 20), st.integers(1, 10))
def test_the_free_moment_is_the_first_one(moments: list[int], window: int, room: int) -> None:
    free = log_of(moments).free_at_ns(room, window)

    def fits(now: int) -> bool:
        return sum(now - each <= window for each in moments) < room

    if free < 0:
        assert len(moments) < room
    else:
        assert fits(free)
        assert not fits(free - 1)


def test_no_room_is_never_free() -> None:
    assert log_of([]).free_at_ns(0, 10) == FOREVER_NS


@given(MOMENTS, MOMENTS)
def test_what_never_left_is_forgotten_once(moments: list[int], unsent: list[int]) -> None:
    log, rest = log_of(moments), list(moments)
    for each in unsent:
        log.remove(each)
        if each in rest:
            rest.remove(each)
    assert len(log) == len(rest)
    assert log.count(1000, 60) == len(rest)


def test_old_entries_go_when_no_window_can_reach_them() -> None:
    log = log_of([0, 1, 500, 1500])
    log.prune(2000)  # not for every call: the oldest may wait until it is twice too old
    assert len(log) == 4
    log.prune(2001)
    assert len(log) == 1
    assert log.count(1000, 2001) == 1


def test_memory_stays_bounded() -> None:
    log = log_of([])
    for sent in range(0, 100_000, 10):
        log.add(sent)
        log.prune(sent)
        assert len(log) <= 202
