"""`Retry-After`, as a well-behaved server writes it and as a hostile one does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topstepx.core.retry_after import LONGEST_S, retry_after_s

NOW = datetime(2026, 11, 22, 14, 30, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("86400", 120.0),
        ("9" * 40, 120.0),
        ("9" * 400, None),
        ("-1", None),
        ("+5", None),
        ("1e3", None),
        ("0x10", None),
        ("nan", None),
        ("inf", None),
        ("", None),
        ("٣", None),  # a digit, in Arabic
        ("soon", None),
        ("7 seconds", None),
        ("Sun, 22 Nov 2026 14:30:20 GMT", 20.0),
        ("Sunday, 22-Nov-26 14:30:20 GMT", 20.0),
        ("Sun Nov 22 14:30:20 2026", 20.0),
        ("Sun, 22 Nov 2026 14:30:20 -0000", 20.0),
        ("Sun, 22 Nov 2026 15:30:20 +0100", 20.0),
        ("Sun, 22 Nov 2026 14:29:00 GMT", None),
        ("Mon, 23 Nov 2026 14:30:00 GMT", 120.0),
        ("Sun, 22 Nov 99999 14:30:20 GMT", None),
        ("Sun, 99 Nov 2026 99:99:99 GMT", None),
        ("7\r\nX-Other: 1", None),
    ],
)
def test_known_headers(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, NOW) == seconds


@given(st.text(max_size=80))
def test_any_text_is_survived(header: str) -> None:
    seconds = retry_after_s(header, NOW)
    assert seconds is None or 0 <= seconds <= LONGEST_S


@given(st.integers(1, 10**6))
def test_any_coming_date_is_a_wait(seconds: int) -> None:
    moment = NOW + timedelta(seconds=seconds)
    header = moment.strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert retry_after_s(header, NOW) == min(float(seconds), LONGEST_S)
