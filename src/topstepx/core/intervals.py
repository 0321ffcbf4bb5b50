"""Bar lengths in a trader's shorthand: `30s`, `5m`, `1h`, `1d`, `1w`, `1mo`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from topstepx.errors import InvalidRequest
from topstepx.wire.enums import BarUnit

_UNITS: Final = {
    "s": (BarUnit.SECOND, timedelta(seconds=1)),
    "m": (BarUnit.MINUTE, timedelta(minutes=1)),
    "h": (BarUnit.HOUR, timedelta(hours=1)),
    "d": (BarUnit.DAY, timedelta(days=1)),
    "w": (BarUnit.WEEK, timedelta(weeks=1)),
    "mo": (BarUnit.MONTH, timedelta(days=31)),
}
_TEXT = re.compile(r"^(?P<number>[1-9]\d{0,4})(?P<unit>s|m|h|d|w|mo)$")


@dataclass(frozen=True, slots=True)
class Interval:
    """The length of a bar. `span` is its longest real length (a month counts 31 days)."""

    unit: BarUnit
    number: int
    span: timedelta


def read_interval(text: object) -> Interval:
    """The interval written as `text`; raises `InvalidRequest` for anything else."""
    match = _TEXT.match(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise InvalidRequest(
            "interval",
            text,
            "is a number and one of s, m, h, d, w, mo.",
            'Write for example "5m" or "1h".',
        )
    unit, one = _UNITS[match["unit"]]
    number = int(match["number"])
    return Interval(unit, number, one * number)
