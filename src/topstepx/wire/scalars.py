"""The plain values inside the gateway's records: whole numbers, moments and exact decimals.

msgspec checks the first two while it decodes. A `Decimal` it takes as it comes, also `NaN` (in a
string) and `1E+999999999`, which would fill the memory when printed. So decimals are looked at again:
the gateway computes with .NET decimals, which hold 29 digits, and nothing far outside of that is real.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

if TYPE_CHECKING:
    from decimal import Decimal

Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""A whole number of at most 64 bits; order and trade ids passed 2^31 in 2026 (verified)."""

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A point in time with its offset; without one the strict decoders refuse it."""

EXPONENT_MAX: Final = 30
DIGITS_MAX: Final = 40


def is_sound(number: Decimal) -> bool:
    """Whether a number is finite and of a size that a price or an amount of money can have.

    Loops over market data spell the first two conditions out: a call costs as much as they do.
    """
    return (
        -EXPONENT_MAX <= number.adjusted() <= EXPONENT_MAX
        and number.is_finite()
        and len(str(number)) <= DIGITS_MAX + 3  # a sign, a point, a leading zero
    )
