from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from tests.support.pit import MNQ
from topstepx.sim.venue.money import MONEY_STEP, charges, plain, rounded, shown_price, tidy


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Fraction(1, 3), "0.333333333"),
        (Fraction(2, 3), "0.666666667"),
        (Fraction(56892750, 2000), "28446.375"),
        (Fraction(30000), "30000"),
        (Fraction(-1, 4), "-0.25"),
        (Fraction(0), "0"),
    ],
)
def test_averages_show_at_most_nine_digits(value: Fraction, shown: str) -> None:
    assert str(shown_price(value)) == shown


def test_rounding_is_half_to_even() -> None:
    assert rounded(Fraction(5, 100_000), MONEY_STEP) == Decimal("0.0000")
    assert rounded(Fraction(15, 100_000), MONEY_STEP) == Decimal("0.0002")


def test_plain_has_no_exponent() -> None:
    assert str(plain(Decimal("1E+3"))) == "1000"
    assert str(plain(Decimal("6065.250000000"))) == "6065.25"


def test_tidy_shows_cents_and_loses_nothing() -> None:
    assert str(tidy(Decimal("6.5"))) == "6.50"
    assert str(tidy(Decimal("7.8125"))) == "7.8125"
    assert str(tidy(Decimal("-49.0000"))) == "-49.00"


def test_charges_are_per_contract() -> None:
    cost = charges(MNQ, 3)
    assert (cost.fees, cost.commissions, cost.total) == (
        Decimal("1.08"),
        Decimal("0.75"),
        Decimal("1.83"),
    )
