"""Points in time as people give them: aware, or refused."""

from __future__ import annotations

from datetime import datetime

from topstepx.errors import InvalidRequest


def aware(field: str, at: object) -> datetime:
    """`at` itself, if it is a datetime with a time zone; raises `InvalidRequest` for anything else."""
    step = "Give an aware datetime, such as datetime.now(UTC)."
    if not isinstance(at, datetime):
        raise InvalidRequest(field, at, "is no datetime.", step)
    if at.utcoffset() is None:
        raise InvalidRequest(field, at, "has no time zone.", step)
    return at
