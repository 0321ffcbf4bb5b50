from __future__ import annotations

from datetime import timedelta
from decimal import Decimal, localcontext

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topstepx.wire.scalars import DIGITS_MAX, EXPONENT_MAX, Int64, Moment, is_sound


@pytest.mark.parametrize(
    "text",
    ["0", "-0.00", "0E-28", "1E-7", "0.0000005", "6065.250000000", "-37.63", "9" * 30, "1E+30"],
)
def test_sound(text: str) -> None:
    assert is_sound(Decimal(text))


@pytest.mark.parametrize(
    "text",
    ["NaN", "sNaN", "Infinity", "-Infinity", "1E+31", "-1E-31", "0E-999999999", "1." + "1" * 50],
)
def test_not_sound(text: str) -> None:
    assert not is_sound(Decimal(text))


@given(st.decimals(allow_nan=True, allow_infinity=True))
def test_what_is_sound_can_be_printed_and_computed_with(number: Decimal) -> None:
    with localcontext(prec=5):  # the verdict does not depend on the caller's context
        sound = is_sound(number)
    if sound:
        assert len(format(number, "f")) <= EXPONENT_MAX + DIGITS_MAX + 5
        assert Decimal(format(number, "f")) == number
        assert number + 1 > number or number.adjusted() >= 27


def test_int64_is_bounded_while_decoding() -> None:
    decode = msgspec.json.Decoder(Int64).decode
    for edge in (-(2**63), 2**63 - 1):
        assert decode(str(edge)) == edge
    for beyond in (-(2**63) - 1, 2**63, 2**64):
        with pytest.raises(msgspec.ValidationError):
            decode(str(beyond))


def test_a_moment_needs_its_offset() -> None:
    decode = msgspec.json.Decoder(Moment).decode
    assert decode('"2026-08-19T20:51:31.1234567Z"').utcoffset() == timedelta()
    with pytest.raises(msgspec.ValidationError):
        decode('"2026-08-19T20:51:31"')
