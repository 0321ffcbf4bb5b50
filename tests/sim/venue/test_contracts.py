from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topstepx.sim.venue.contracts import VenueContract

TICKS = ["0.25", "0.1", "1", "5", "0.0000005", "0.00390625", "0.025", "0.00005"]


def contract(tick_size: str = "0.25", tick_value: str = "0.5") -> VenueContract:
    return VenueContract(
        "CON.F.US.X.U26", "F.US.X", "XU26", Decimal(tick_size), Decimal(tick_value)
    )


@pytest.mark.parametrize(
    ("tick_size", "tick_value", "point_value"),
    [
        ("0.25", "12.5", "50"),
        ("0.0000005", "6.25", "12500000"),
        ("0.00390625", "7.8125", "2000"),
        ("0.5", "0.05", "0.1"),
        ("0.0001", "4.2", "42000"),
    ],
)
def test_the_point_value_is_exact(tick_size: str, tick_value: str, point_value: str) -> None:
    assert contract(tick_size, tick_value).point_value == Decimal(point_value)


@pytest.mark.parametrize(("tick_size", "tick_value"), [("0", "1"), ("1", "0"), ("3", "1")])
def test_a_contract_without_exact_money_is_refused(tick_size: str, tick_value: str) -> None:
    with pytest.raises(ValueError, match=r"CON\.F\.US\.X\.U26"):
        contract(tick_size, tick_value)


@given(st.sampled_from(TICKS), st.integers(-(10**9), 10**9), st.integers(-499, 499))
def test_nearest_finds_the_closest_tick(tick_size: str, ticks: int, off: int) -> None:
    kind = contract(tick_size, tick_size)
    on_grid = kind.points(ticks)
    assert kind.is_aligned(on_grid)
    assert kind.nearest(on_grid + kind.tick_size * off / 1000) == on_grid


@pytest.mark.parametrize(("price", "nearest"), [("1.125", "1.25"), ("-1.125", "-1.00")])
def test_a_tie_goes_up(price: str, nearest: str) -> None:
    assert contract().nearest(Decimal(price)) == Decimal(nearest)


def test_ticks_drop_fractions() -> None:
    assert contract().ticks_in(Decimal("2.6")) == 10


@pytest.mark.parametrize("price", ["NaN", "Infinity", "1E+40", "-1E+9"])
def test_absurd_prices_are_known(price: str) -> None:
    assert not contract().is_plausible(Decimal(price))
    assert contract().is_plausible(Decimal("-37.63"))
