"""What a `Retry-After` header says, whoever wrote it.

The gateway's 429 carries none that anybody recorded (assumed: it may one day, or a proxy in front may
add one), so the value is somebody else's text: it can be a number, a date, or nonsense.
"""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

LONGEST_S: Final = 120.0
_LENGTH_MAX: Final = 64
_SECONDS: Final = re.compile(r"[0-9]{1,40}(?:\.[0-9]{1,20})?", re.ASCII)


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Seconds to wait, 0 to 120, from a header that gives seconds or an HTTP date.

    `now` is aware UTC. None when there is no header or it makes no sense (negative, not a number, a
    date in the past, overlong); a wait longer than two minutes is cut to two minutes.
    """
    if value is None or len(value) > _LENGTH_MAX:
        return None
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST_S)
    try:
        moment = parsedate_to_datetime(text)
        # An HTTP date is in GMT; "-0000" means so too but is parsed without a zone.
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=now.tzinfo)
        wait_s = (moment - now).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(wait_s, LONGEST_S) if wait_s > 0 else None
