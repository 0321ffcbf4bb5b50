"""Prices: exact, on the grid, and refused with a way out."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topstepx.core.prices import ceil_to, exact, floor_to, nearest_to, on_grid, whole_contracts
from topstepx.errors import InvalidRequest, PriceOffGrid

TICKS = st.sampled_from(
    [Decimal(text) for text in ("0.25", "0.0000005", "0.00390625", "5", "0.1", "0.03125")]
)
PRICES = st.decimals(min_value=-100_000, max_value=100_000, places=8, allow_nan=False)


@given(PRICES, TICKS)
def test_the_neighbours_enclose_the_price_and_are_one_tick_apart(
    price: Decimal, tick: Decimal
) -> None:
    below, above = floor_to(price, tick), ceil_to(price, tick)
    assert below <= price <= above
    assert above - below in {Decimal(0), tick}
    assert nearest_to(price, tick) in {below, above}
    assert below % tick == above % tick == 0


@given(PRICES, TICKS)
def test_a_price_on_the_grid_passes_unchanged_and_another_names_both_neighbours(
    price: Decimal, tick: Decimal
) -> None:
    if price % tick == 0:
        assert on_grid("limit", price, tick, "MNQZ6") == price
        return
    with pytest.raises(PriceOffGrid) as caught:
        on_grid("limit", price, tick, "MNQZ6")
    assert caught.value.below == floor_to(price, tick)
    assert caught.value.above == ceil_to(price, tick)
    assert str(caught.value.below) in str(caught.value)
    assert str(caught.value.above) in str(caught.value)
    assert caught.value.did_it_happen == "no"


def test_the_message_says_what_to_use() -> None:
    with pytest.raises(
        PriceOffGrid, match=r"off the 0\.25 grid of MNQZ6\. Use 21503\.25 or 21503\.50"
    ):
        on_grid("limit", "21503.30", Decimal("0.25"), "MNQZ6")


@pytest.mark.parametrize("text", ["21503.25", "1E-7", "-37.63", "0.10000000000000000000000001"])
def test_strings_keep_every_digit(text: str) -> None:
    assert exact("price", text) == Decimal(text)


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        True,
        None,
        "",
        "abc",
        "NaN",
        "Infinity",
        "-Infinity",
        "1E+99",
        "1E+15",
        "1E-99",
        "9" * 31,
        b"1",
    ],
)
def test_what_is_not_an_exact_price_is_refused_with_the_field(value: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        exact("stop", value)  # type: ignore[arg-type]  # wrong types are the point
    assert caught.value.field == "stop"
    assert caught.value.next_step


@pytest.mark.parametrize("value", [True, 2.0, "2", 0, -1, float("nan"), 2**31, Decimal(2), None])
def test_sizes_are_whole_positive_numbers(value: object) -> None:
    with pytest.raises(InvalidRequest, match="size"):
        whole_contracts("size", value)


def test_a_whole_size_passes() -> None:
    assert whole_contracts("size", 3) == 3
