"""A page read in slices is the page that the decoder reads in one go, or is left to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from topstepx.wire import codec
from topstepx.wire.bar_pages import SLICE_ROWS, read_in_slices
from topstepx.wire.models import BarModel, BarsAnswer

if TYPE_CHECKING:
    from collections.abc import Generator

OPENED = datetime(2026, 11, 2, 14, 30, tzinfo=UTC)


def page(count: int) -> bytes:
    bars = [
        BarModel(
            t=OPENED + timedelta(minutes=number),
            o=Decimal("21000.25") + number % 7,
            h=Decimal("21007.250"),
            l=Decimal("0.0000005"),
            c=Decimal(-37),
            v=number,
            k={"new": [number]},
        )
        for number in range(count)
    ]
    return codec.encode(BarsAnswer(success=True, error_code=0, bars=bars))


def told(slices: Generator[None, None, BarsAnswer | None]) -> tuple[int, BarsAnswer | None]:
    turns = 0
    while True:
        try:
            next(slices)
        except StopIteration as end:
            return turns, end.value
        turns += 1


@pytest.mark.parametrize("count", [0, 1, SLICE_ROWS, SLICE_ROWS + 1, 1234])
def test_slices_give_what_one_go_gives(count: int) -> None:
    turns, answer = told(read_in_slices(page(count)))
    assert answer == codec.decode(BarsAnswer, page(count))
    assert repr(answer) == repr(codec.decode(BarsAnswer, page(count))), "to the last zero"
    assert turns == -(-count // SLICE_ROWS)


@pytest.mark.parametrize(
    ("sent", "instead"),
    [
        (b"21000.25", b"1E+999999999"),
        (b"21000.25", b'"NaN"'),
        (b"21000.25", b"true"),
        (b"21000.25", b"0." + b"1" * 60_000),
        (b"2026-11-02T14:30:00Z", b"2026-11-02T14:30:00"),
        (b'"o":', b'"p":'),
        (b'"bars":[', b'"bars":[3,'),
        (b'"bars":', b'"bards":'),
        (b'"success":true', b'"success":1'),
        (b"]}", b"]"),
    ],
)
def test_what_is_odd_is_left_to_the_closer_look(sent: bytes, instead: bytes) -> None:
    whole = page(SLICE_ROWS + 1)
    odd = whole.replace(sent, instead, 1)
    assert odd != whole
    assert told(read_in_slices(odd))[1] is None


def test_a_refusal_has_no_rows_and_is_left_too() -> None:
    assert told(read_in_slices(b'{"success":false,"errorCode":2,"bars":null}'))[1] is None
