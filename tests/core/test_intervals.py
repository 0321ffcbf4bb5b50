"""Bar lengths in shorthand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from topstepx.core.intervals import read_interval
from topstepx.errors import InvalidRequest
from topstepx.wire.enums import BarUnit


@pytest.mark.parametrize(
    ("text", "unit", "number", "span"),
    [
        ("30s", BarUnit.SECOND, 30, timedelta(seconds=30)),
        ("5m", BarUnit.MINUTE, 5, timedelta(minutes=5)),
        ("1h", BarUnit.HOUR, 1, timedelta(hours=1)),
        ("1d", BarUnit.DAY, 1, timedelta(days=1)),
        ("2w", BarUnit.WEEK, 2, timedelta(weeks=2)),
        ("1mo", BarUnit.MONTH, 1, timedelta(days=31)),
        (" 15m ", BarUnit.MINUTE, 15, timedelta(minutes=15)),
    ],
)
def test_shorthand(text: str, unit: BarUnit, number: int, span: timedelta) -> None:
    read = read_interval(text)
    assert (read.unit, read.number, read.span) == (unit, number, span)


@pytest.mark.parametrize(
    "text", ["", "5", "m", "0m", "-1m", "5 minutes", "1.5h", "5M", "1y", 5, None]
)
def test_anything_else_is_refused(text: object) -> None:
    with pytest.raises(InvalidRequest, match="interval"):
        read_interval(text)
