"""Rounding and charges: the only place where money or an average loses a digit."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

    from topstepx.sim.venue.contracts import VenueContract

_WIDE = Context(prec=60, rounding=ROUND_HALF_EVEN)
_SHOWN = Decimal("1E-9")
_CENT = Decimal("0.01")
MONEY_STEP = Decimal("0.0001")
"""What profit is rounded to. One tick of every listed contract is a multiple of it."""


def rounded(value: Fraction, step: Decimal) -> Decimal:
    """The fraction as a decimal multiple of `step`, half to even."""
    exact = _WIDE.divide(Decimal(value.numerator), Decimal(value.denominator))
    return _WIDE.quantize(exact, step)


def shown_price(value: Fraction) -> Decimal:
    """A price with at most nine digits and no trailing zeros, as the wire shows averages."""
    return plain(rounded(value, _SHOWN))


def plain(number: Decimal) -> Decimal:
    """The same number without trailing zeros and without an exponent."""
    short = number.normalize(_WIDE)
    return _WIDE.quantize(short, Decimal(1)) if short == short.to_integral_value() else short


def tidy(money: Decimal) -> Decimal:
    """The same money with two digits, or with more where it has more."""
    cents = _WIDE.quantize(money, _CENT)
    return cents if cents == money else plain(money)


@dataclass(frozen=True, slots=True)
class Charges:
    """What a fill costs, both parts as positive money."""

    fees: Decimal
    commissions: Decimal

    @property
    def total(self) -> Decimal:
        """What leaves the account."""
        return self.fees + self.commissions


def charges(contract: VenueContract, size: int) -> Charges:
    """The charges for `size` contracts of one side."""
    return Charges(contract.fees * size, contract.commissions * size)
