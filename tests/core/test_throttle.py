"""After a 429: the pause, the share, and the schedule of what does not pause."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from topstepx.clock import NANOSECONDS
from topstepx.core.throttle import LEAST_SHARE, WHOLE, Steps, Throttle

MINUTE = 60 * NANOSECONDS


@given(
    chance=st.floats(0, 1, exclude_max=True),
    header=st.one_of(st.none(), st.floats(-1e9, 1e300)),
)
def test_every_pause_is_bounded(chance: float, header: float | None) -> None:
    throttle = Throttle(MINUTE)
    throttle.throttled(0, header, 0, lambda: chance)
    paused_s = throttle.paused_until_ns / NANOSECONDS
    if header is None:
        assert 15 <= paused_s <= 60
    else:
        assert max(1.0, min(header, 120.0)) <= paused_s <= min(max(header, 1.0), 120.0) + 1


def test_the_pause_is_at_least_what_the_header_says() -> None:
    throttle = Throttle(MINUTE)
    throttle.throttled(0, 7.0, 0, lambda: 0.0)
    assert throttle.paused_until_ns == 7 * NANOSECONDS


def test_the_share_has_a_floor_and_comes_back() -> None:
    throttle = Throttle(MINUTE)
    for second in range(20):
        throttle.throttled(second * NANOSECONDS, None, second * NANOSECONDS, lambda: 0.0)
    assert throttle.share(19 * NANOSECONDS) == LEAST_SHARE
    last_ns = 19 * NANOSECONDS
    assert throttle.share(last_ns + MINUTE) == LEAST_SHARE + 50_000
    assert throttle.grows_at_ns(last_ns + 1) == last_ns + MINUTE
    assert throttle.share(last_ns + 18 * MINUTE) == WHOLE
    assert throttle.grows_at_ns(last_ns + 18 * MINUTE) is None


def test_ten_refused_together_shrink_once() -> None:
    throttle = Throttle(MINUTE)
    for number in range(10):
        throttle.throttled(number, None, NANOSECONDS + number, lambda: 0.0)
    assert throttle.share(NANOSECONDS + 9) == 700_000


def test_steps_are_one_two_four_five_and_five() -> None:
    steps, now_ns = Steps(), 0
    waits = []
    for _ in range(6):
        steps.throttled(now_ns, now_ns)
        waits.append((steps.gate_ns(now_ns) - now_ns) // NANOSECONDS)
        now_ns = steps.gate_ns(now_ns)
    assert waits == [1, 2, 4, 5, 5, 5]


def test_one_at_a_time_until_one_passes() -> None:
    steps = Steps()
    steps.throttled(0, 0)
    steps.left(NANOSECONDS)
    assert steps.gate_ns(NANOSECONDS) == 2 * NANOSECONDS
    steps.passed(-1)  # sent before the 429: proves nothing
    assert steps.gate_ns(NANOSECONDS) == 2 * NANOSECONDS
    steps.passed(NANOSECONDS)
    assert steps.gate_ns(NANOSECONDS) == 0


def test_a_calm_minute_forgets_the_steps() -> None:
    steps = Steps()
    for _ in range(5):
        steps.throttled(0, 0)
    assert steps.gate_ns(MINUTE) > 0
    assert steps.gate_ns(MINUTE + 1) == 0
