"""Moments that people give: aware, or refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

import pytest

from topstepx.core.moments import aware
from topstepx.errors import InvalidRequest


class Nowhere(tzinfo):
    """A time zone that knows no offset: Python counts such a datetime as naive."""

    def utcoffset(self, _at: datetime | None) -> None:
        return None

    def dst(self, _at: datetime | None) -> None:
        return None

    def tzname(self, _at: datetime | None) -> None:
        return None


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=-6))])
def test_an_aware_moment_is_given_back(zone: timezone) -> None:
    at = datetime(2026, 11, 23, 15, tzinfo=zone)
    assert aware("start", at) is at


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 11, 23, 15),  # noqa: DTZ001  that is the point
        datetime(2026, 11, 23, tzinfo=Nowhere()),
        date(2026, 11, 23),
        "2026-11-23T15:00:00Z",
        1_700_000_000,
        None,
    ],
)
def test_anything_else_is_refused_by_name(at: object) -> None:
    with pytest.raises(InvalidRequest, match=r"has no time zone|is no datetime") as refused:
        aware("start", at)
    assert (refused.value.field, refused.value.value) == ("start", at)
