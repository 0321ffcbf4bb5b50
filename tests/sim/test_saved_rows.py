from __future__ import annotations

import msgspec

from tests.support.pit import Pit
from topstepx.sim.saved_rows import (
    LISTS,
    AccountRow,
    BookRow,
    OrderRow,
    account_row,
    book_row,
    order_of,
    order_row,
    position_row,
)
from topstepx.sim.venue.accounts import VenueAccount
from topstepx.sim.venue.orders import Order
from topstepx.wire.enums import OrderType, Side


def test_every_member_of_an_order_and_an_account_is_saved() -> None:
    assert set(OrderRow.__struct_fields__) == set(Order.__slots__)
    assert set(AccountRow.__struct_fields__) == set(VenueAccount.__dataclass_fields__)


def test_rows_survive_json() -> None:
    pit = Pit()
    pit.buy(3, stop_ticks=-20, target_ticks=20, tag="one")
    pit.accepted(OrderType.LIMIT, Side.BUY, 2, limit="99")
    pit.pass_ms(100)
    floor = pit.venue.floor
    for order in floor.orders.values():
        row = msgspec.json.decode(msgspec.json.encode(order_row(order)), type=OrderRow)
        again = order_of(row)
        assert again.model() == order.model()
        assert order_row(again) == order_row(order)
    assert account_row(pit.account).account() == pit.account
    for book in floor.books.values():
        row_of_book = msgspec.json.decode(msgspec.json.encode(book_row(book)), type=BookRow)
        assert row_of_book == book_row(book)
        assert set(row_of_book.waiting) == set(LISTS)
        assert row_of_book.contract.contract() == book.contract
    (position,) = floor.positions.values()
    assert position_row(position).average == "401/4"
