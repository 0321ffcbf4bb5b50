from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topstepx.errors import ContractUnknown, PriceOffGrid
from topstepx.sim.catalogue import ACCOUNTS, SEARCH_ROWS_MAX, Catalogue
from topstepx.sim.products import PRODUCTS, Product

AUGUST = datetime(2026, 8, 20, 15, tzinfo=UTC)
CATALOGUE = Catalogue()


def test_the_row_seen_live() -> None:
    row = CATALOGUE.front("NQ", now=AUGUST).model()
    assert (row.id, row.name, row.symbol_id) == ("CON.F.US.ENQ.U26", "NQU6", "F.US.ENQ")
    assert row.description == "E-mini NASDAQ-100: September 2026"
    assert (row.tick_size, row.tick_value) == (Decimal("0.25"), Decimal(5))
    assert row.active_contract
    assert CATALOGUE.front("MNQ", now=AUGUST).display_name == "MNQU26"
    assert CATALOGUE.front("MNQ", now=AUGUST).symbol_name == "/MNQ"


def test_available_has_one_active_row_for_each_product() -> None:
    rows = CATALOGUE.available(live=False, now=AUGUST)
    assert len(rows) == 52
    assert [row.product for row in rows] == list(PRODUCTS)
    assert all(CATALOGUE.is_active(row, now=AUGUST) for row in rows)
    assert all(CATALOGUE.by_id(row.id, now=AUGUST) == row for row in rows)


def test_the_contract_of_the_sample_data() -> None:
    assert CATALOGUE.front("6E", now=datetime(2024, 1, 2, tzinfo=UTC)).id == "CON.F.US.EU6.H24"


def test_the_front_month_changes_with_the_trading_day() -> None:
    # The Monday before the third Friday begins on Sunday at 17:00 in Chicago.
    roll = datetime(2026, 9, 13, 22, tzinfo=UTC)
    before, after = (CATALOGUE.front("MNQ", now=at) for at in (roll - timedelta(seconds=1), roll))
    assert (before.name, after.name) == ("MNQU6", "MNQZ6")
    assert CATALOGUE.is_active(before, now=roll), "a position in the old month can be closed"
    gone = roll + timedelta(days=6)
    assert not CATALOGUE.is_active(before, now=gone)
    assert CATALOGUE.by_id(before.id, now=gone) is None


def test_later_months_are_known_but_not_active() -> None:
    later = CATALOGUE.by_id("CON.F.US.MNQ.M27", now=AUGUST)
    assert later is not None
    assert not CATALOGUE.is_active(later, now=AUGUST)
    assert CATALOGUE.by_id("CON.F.US.MNQ.U30", now=AUGUST) is None
    assert CATALOGUE.by_id("CON.F.US.XYZ.U26", now=AUGUST) is None


def test_a_search_for_nq_finds_more_than_nq() -> None:
    found = [row.name for row in CATALOGUE.search("NQ", live=False, now=AUGUST)]
    assert found == ["NQU6", "MNQU6", "QMV6", "QGU6"]
    assert [row.name for row in CATALOGUE.search("nasdaq", live=False, now=AUGUST)] == [
        "NQU6",
        "MNQU6",
    ]


def test_a_search_has_at_most_20_rows_and_no_text_finds_the_first() -> None:
    for text in ("", None, "  ", "CON.F.US"):
        assert (
            CATALOGUE.search(text, live=False, now=AUGUST)
            == CATALOGUE.available(live=False, now=AUGUST)[:SEARCH_ROWS_MAX]
        )
    assert CATALOGUE.search("no such thing", live=False, now=AUGUST) == ()


@pytest.mark.parametrize("row", PRODUCTS, ids=lambda row: row.name)
def test_every_product_is_found_by_its_name(row: Product) -> None:
    name = row.name
    assert any(hit.product is row for hit in CATALOGUE.search(name, live=False, now=AUGUST))


def test_live_data_needs_an_entitlement() -> None:
    assert CATALOGUE.search("NQ", live=True, now=AUGUST) == ()
    assert len(Catalogue(live_entitled=True).available(live=True, now=AUGUST)) == 52


def test_an_unknown_product() -> None:
    with pytest.raises(ContractUnknown):
        CATALOGUE.front("QQQ", now=AUGUST)


@given(row=st.sampled_from(PRODUCTS), ticks=st.integers(-(10**7), 10**7))
def test_ticks_and_prices_are_exact_both_ways(row: Product, ticks: int) -> None:
    listing = CATALOGUE.front(row.name, now=AUGUST)
    price = listing.price(ticks)
    assert listing.ticks(price) == ticks
    with pytest.raises(PriceOffGrid) as caught:
        listing.ticks(price + listing.tick_size / 4)
    assert (caught.value.below, caught.value.above) == (price, listing.price(ticks + 1))


def test_the_accounts_of_the_contract_notes_and_two_more() -> None:
    by_id = {row.id: row for row in ACCOUNTS}
    assert by_id[25775001].name == "50KTC-V2-DLL-600001-97590001"
    assert by_id[25775001].balance == 50_000
    assert by_id[26282001].name == "PRAC-V2-600001-47190001"
    assert by_id[26282001].balance == 150_000
    assert sum(row.follower for row in ACCOUNTS) == 1
    assert len({row.name for row in ACCOUNTS}) == len(by_id) == len(ACCOUNTS)
    assert all(0 < row.id < 2**31 for row in ACCOUNTS), "account ids are 32-bit"
