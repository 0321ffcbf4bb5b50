from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from topstepx.sim.limits import Limit, LimitPolicy, RequestLimits, WindowKind

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


def limits(kind: WindowKind, **more: object) -> RequestLimits:
    return RequestLimits(LimitPolicy(kind=kind, **more))  # type: ignore[arg-type]  # any field by name


def admitted(one: RequestLimits, at_s: float, bucket: str = "general", caller: str = "") -> bool:
    return one.admit(bucket, "Order/search", caller, NOON + timedelta(seconds=at_s)) is None


def test_the_documented_limits() -> None:
    one = limits(WindowKind.SLIDING)
    assert sum(admitted(one, 0) for _ in range(300)) == 200
    assert sum(admitted(one, 0, "bars") for _ in range(300)) == 50
    assert not admitted(one, 30, "general")
    assert admitted(one, 30.001, "bars")


def test_no_sliding_window_ever_holds_more() -> None:
    one = limits(WindowKind.SLIDING, general=Limit(20, 10.0))
    chance = random.Random(1)
    at, times = 0.0, []
    for _ in range(3000):
        at += chance.choice([0.0, 0.01, 0.3, 1.0])
        if admitted(one, at):
            times.append(at)
    assert len(times) > 200
    worst = max(sum(1 for other in times if 0 <= other - one <= 10.0) for one in times)
    assert worst == 20


def test_a_fixed_window_lets_twice_as_many_through_around_its_mark() -> None:
    one = limits(WindowKind.FIXED)
    assert sum(admitted(one, 59.9) for _ in range(300)) == 200
    assert sum(admitted(one, 60.0) for _ in range(300)) == 200


def test_a_bucket_refills_evenly() -> None:
    one = limits(WindowKind.BUCKET)
    assert sum(admitted(one, 0) for _ in range(300)) == 200
    assert sum(admitted(one, 3.001) for _ in range(300)) == 10


def test_off_admits_everything() -> None:
    one = limits(WindowKind.OFF)
    assert all(admitted(one, 0) for _ in range(1000))


def test_the_wait_is_the_true_one() -> None:
    for kind in (WindowKind.SLIDING, WindowKind.FIXED, WindowKind.BUCKET):
        one = limits(kind, general=Limit(2, 10.0))
        assert admitted(one, 1)
        assert admitted(one, 1)
        wait_s = one.admit("general", "x", "", NOON + timedelta(seconds=4))
        assert wait_s is not None
        assert not admitted(one, 4 + wait_s - 0.01)
        assert admitted(one, 4 + wait_s + 0.01)


def test_per_user_windows_are_apart() -> None:
    together = limits(WindowKind.SLIDING, general=Limit(1, 10.0))
    assert admitted(together, 0, caller="a")
    assert not admitted(together, 0, caller="b")
    apart = limits(WindowKind.SLIDING, general=Limit(1, 10.0), per_user=True)
    assert admitted(apart, 0, caller="a")
    assert admitted(apart, 0, caller="b")


def test_refused_requests_may_count_too() -> None:
    one = limits(WindowKind.SLIDING, general=Limit(1, 10.0), refused_count=True)
    assert admitted(one, 0)
    assert not admitted(one, 9)
    assert not admitted(one, 15)


@pytest.mark.parametrize(
    ("policy", "header"),
    [
        ({}, None),
        ({"retry_after": "seconds"}, "8"),
        ({"retry_after": "date"}, "Mon, 05 Jan 2026 12:00:08 GMT"),
        ({"retry_after_lie": "86400"}, "86400"),
    ],
)
def test_retry_after(policy: dict[str, object], header: str | None) -> None:
    assert limits(WindowKind.SLIDING, **policy).retry_after(7.2, NOON) == header


def test_auditors_find_every_arrival() -> None:
    one = limits(WindowKind.SLIDING, general=Limit(1, 10.0))
    admitted(one, 0, caller="me")
    admitted(one, 1, caller="me")
    assert [(seen.route, seen.caller, seen.admitted) for seen in one.arrivals] == [
        ("Order/search", "me", True),
        ("Order/search", "me", False),
    ]
    assert one.refused == 1
