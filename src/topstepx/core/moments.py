"""Points in time as people give them: aware, or refused."""

from __future__ import annotations

from datetime import datetime

from topstepx.errors import InvalidRequest


def aware(field: str, at: object) -> datetime:
    """`at` itself, if it is a datetime with a time zone; raises `InvalidRequest` for anything else."""
    if not isinstance(at, datetime) or at.utcoffset() is None:
        raise InvalidRequest(
            field, at, "has no time zone.", "Give an aware datetime, such as datetime.now(UTC)."
        )
    return at
