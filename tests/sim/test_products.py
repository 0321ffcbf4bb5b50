from __future__ import annotations

from decimal import Decimal

import pytest

from topstepx.errors import ContractUnknown
from topstepx.sim.products import PRODUCTS, UNDERLYINGS, Product, product


def test_there_are_52_products_with_names_of_their_own() -> None:
    assert len(PRODUCTS) == 52
    assert len({row.root for row in PRODUCTS}) == 52
    assert len({row.name for row in PRODUCTS}) == 52
    assert len({row.description for row in PRODUCTS}) == 52


# Contract size by hand: the money one whole point is worth must be a known contract multiplier.
POINT_VALUES = {
    "ES": 50,
    "MES": 5,
    "NQ": 20,
    "MNQ": 2,
    "RTY": 50,
    "M2K": 5,
    "YM": 5,
    "MYM": "0.5",
    "NKD": 5,
    "MBT": "0.1",
    "MET": "0.1",
    "CL": 1000,
    "MCL": 100,
    "QM": 500,
    "NG": 10000,
    "MNG": 1000,
    "QG": 2500,
    "RB": 42000,
    "HO": 42000,
    "PL": 50,
    "GC": 100,
    "MGC": 10,
    "SI": 5000,
    "SIL": 1000,
    "HG": 25000,
    "MHG": 2500,
    "6E": 125000,
    "M6E": 12500,
    "E7": 62500,
    "6B": 62500,
    "M6B": 6250,
    "6A": 100000,
    "M6A": 10000,
    "6C": 100000,
    "6J": 12500000,
    "6S": 125000,
    "6N": 100000,
    "6M": 500000,
    "ZT": 2000,
    "ZF": 1000,
    "ZN": 1000,
    "TN": 1000,
    "ZB": 1000,
    "UB": 1000,
    "ZC": 50,
    "ZW": 50,
    "ZS": 50,
    "ZM": 100,
    "ZL": 600,
    "HE": 400,
    "LE": 400,
    "EMD": 100,
}


@pytest.mark.parametrize("row", PRODUCTS, ids=lambda row: row.name)
def test_tick_size_and_value_make_the_contract_multiplier(row: Product) -> None:
    assert row.tick_value / row.tick_size == Decimal(str(POINT_VALUES[row.name]))


@pytest.mark.parametrize("row", PRODUCTS, ids=lambda row: row.name)
def test_every_product_can_make_a_market(row: Product) -> None:
    assert row.underlying is UNDERLYINGS[row.underlying.name]
    assert row.spread_ticks >= 1
    assert row.displayed_size >= 1
    assert row.fees > 0
    assert row.commissions > 0
    move_in_ticks = row.underlying.price * row.underlying.minute_move / float(row.tick_size)
    assert 0.05 < move_in_ticks < 500, f"{row.name} moves {move_in_ticks} ticks a minute"


def test_fees_seen_live() -> None:
    assert (product("MNQ").fees, product("MNQ").commissions) == (Decimal("0.36"), Decimal("0.25"))
    assert (product("MES").fees, product("MES").commissions) == (Decimal("0.36"), Decimal("0.25"))
    assert product("MCL").fees == Decimal("0.51")


def test_names_and_roots_resolve_without_confusion() -> None:
    assert product("NQ").root == "ENQ"
    assert product("mnq").root == "MNQ"
    assert product("NQM").name == "QM"
    assert product("NQG").name == "QG"
    for row in PRODUCTS:
        assert product(row.name) is row
        assert product(row.root) is row


def test_an_unknown_product_names_what_is_near() -> None:
    with pytest.raises(ContractUnknown) as caught:
        product("N")
    assert "MNQ" in caught.value.near
    with pytest.raises(ContractUnknown, match="there is no such product"):
        product("")
