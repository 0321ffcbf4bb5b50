"""Policies of the limiter: which are possible. (At work: `test_limiter.py`.)"""

from __future__ import annotations

import pytest

from topstepx.core.lanes import Lane
from topstepx.core.permits import DOCUMENTED, BucketPolicy
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
