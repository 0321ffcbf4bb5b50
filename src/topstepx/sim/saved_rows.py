"""The rows of a saved venue: one order, one book, one position, one account, as plain data."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

import msgspec

from topstepx.sim.venue.accounts import VenueAccount
from topstepx.sim.venue.contracts import VenueContract
from topstepx.sim.venue.orders import Order
from topstepx.wire.enums import OrderStatus, OrderType, Side

if TYPE_CHECKING:
    from topstepx.sim.venue.book import Book
    from topstepx.sim.venue.positions import Position

LISTS = ("takers", "bids", "asks", "buy_stops", "sell_stops", "trailing")
"""Where an order can wait in a book."""


class AccountRow(msgspec.Struct, kw_only=True):
    """One account."""

    id: int
    name: str
    balance: Decimal
    can_trade: bool
    is_visible: bool
    simulated: bool
    active: bool
    follower: bool
    bracket_mode: Literal["auto_oco", "position"]
    max_minis: int | None

    def account(self) -> VenueAccount:
        """The account itself."""
        return VenueAccount(**msgspec.structs.asdict(self))


class ContractRow(msgspec.Struct, kw_only=True):
    """One listed contract."""

    id: str
    symbol_id: str
    display_name: str
    tick_size: Decimal
    tick_value: Decimal
    fees: Decimal
    commissions: Decimal
    micro: bool
    active: bool

    def contract(self) -> VenueContract:
        """The contract itself."""
        return VenueContract(**msgspec.structs.asdict(self))


class BookRow(msgspec.Struct, kw_only=True):
    """One contract's market; `waiting` names the ids of each list of `LISTS`, in their order."""

    contract: ContractRow
    is_open: bool
    bid: Decimal | None
    ask: Decimal | None
    bid_left: int
    ask_left: int
    last: Decimal | None
    deep_bids: list[tuple[Decimal, int]]
    deep_asks: list[tuple[Decimal, int]]
    arrivals: int
    waiting: dict[str, list[int]]


class PositionRow(msgspec.Struct, kw_only=True):
    """One position; `average` and `carried` are exact fractions, written `n/d`."""

    account_id: int
    contract_id: str
    id: int
    size: int
    average: str
    carried: str
    shown: Decimal
    opened: datetime | None


class OrderRow(msgspec.Struct, kw_only=True):
    """One order: the members of `Order`, every one."""

    account_id: int
    at_market: bool
    bracket_ticks: int
    contract_id: str
    cost: Decimal | None
    covered: int
    created: datetime
    custom_tag: str | None
    fill_volume: int
    filled_price: Decimal | None
    id: int
    leg_ids: tuple[int, ...]
    limit_price: Decimal | None
    linked_order_id: int | None
    origin: str
    parent_order_id: int | None
    piece_due: bool
    queue_ahead: int
    sequence: int
    sibling_id: int | None
    side: Side
    size: int
    status: OrderStatus
    stop_price: Decimal | None
    symbol_id: str
    tick_size: Decimal
    trail_ticks: int | None
    triggered: bool
    type: OrderType
    updated: datetime


def account_row(account: VenueAccount) -> AccountRow:
    """An account as a row."""
    names = AccountRow.__struct_fields__
    return AccountRow(**{name: getattr(account, name) for name in names})


def order_row(order: Order) -> OrderRow:
    """An order as a row."""
    return OrderRow(**{name: getattr(order, name) for name in OrderRow.__struct_fields__})


def order_of(row: OrderRow) -> Order:
    """The order of a row."""
    order = Order.__new__(Order)
    for name in OrderRow.__struct_fields__:
        setattr(order, name, getattr(row, name))
    return order


def position_row(position: Position) -> PositionRow:
    """A position as a row."""
    return PositionRow(
        account_id=position.account_id,
        contract_id=position.contract.id,
        id=position.id,
        size=position.size,
        average=str(position.average),
        carried=str(position.carried),
        shown=position.shown,
        opened=position.opened,
    )


def book_row(book: Book) -> BookRow:
    """A book as a row."""
    names = ContractRow.__struct_fields__
    bids, asks = book.depth()
    return BookRow(
        contract=ContractRow(**{name: getattr(book.contract, name) for name in names}),
        is_open=book.is_open,
        bid=book.bid,
        ask=book.ask,
        bid_left=book.bid_left,
        ask_left=book.ask_left,
        last=book.last,
        deep_bids=bids,
        deep_asks=asks,
        arrivals=book.arrivals,
        waiting={name: [order.id for order in getattr(book, name)] for name in LISTS},
    )
