"""Policies of the limiter: which are possible. (At work: `test_limiter.py`.)"""

from __future__ import annotations

import pytest

from topstepx.core.lanes import Lane
from topstepx.core.permits import DOCUMENTED, BucketPolicy, policies_of
from topstepx.wire.routes import Bucket


def test_the_documented_limits() -> None:
    assert [(each.bucket, each.limit, each.window_s) for each in DOCUMENTED] == [
        (Bucket.GENERAL, 200, 60.0),
        (Bucket.BARS, 50, 30.0),
    ]


@pytest.mark.parametrize(
    ("limit", "window_s", "reserves"),
    [
        (0, 60.0, {}),
        (10, 0.0, {}),
        (10, float("nan"), {}),
        (10, 60.0, {Lane.EXIT: 10}),
        (10, 60.0, {Lane.EXIT: -1}),
    ],
)
def test_senseless_policies_are_refused(
    limit: int, window_s: float, reserves: dict[Lane, int]
) -> None:
    with pytest.raises(ValueError, match="general"):
        BucketPolicy(Bucket.GENERAL, limit, window_s, reserves)


def test_policies_from_settings() -> None:
    assert policies_of() == DOCUMENTED
    general, bars = policies_of(100, 30)
    assert (general.limit, bars.limit) == (100, 30)
    assert [general.line(lane) for lane in Lane] == [100, 80, 70, 55, 55]
    assert policies_of(400)[0].reserves == DOCUMENTED[0].reserves


@pytest.mark.parametrize("limit", [1, 2, 7, 90, 199])
def test_small_limits_still_leave_room_for_reads(limit: int) -> None:
    assert policies_of(limit)[0].line(Lane.READ) >= 1
