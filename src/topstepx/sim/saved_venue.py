"""The venue as plain data and back: orders, positions, books, timers, and everything that happened."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import msgspec

from topstepx.sim.saved_rows import (
    AccountRow,
    BookRow,
    OrderRow,
    PositionRow,
    account_row,
    book_row,
    order_of,
    order_row,
    position_row,
)
from topstepx.sim.venue.book import Book
from topstepx.sim.venue.floor import Step
from topstepx.sim.venue.positions import Position
from topstepx.sim.venue.truth import RequestSeen, Transition
from topstepx.wire import models as m
from topstepx.wire.enums import OrderStatus

if TYPE_CHECKING:
    from topstepx.sim.venue.floor import Floor
    from topstepx.sim.venue.truth import Truth

_ASKED: dict[str, tuple[type[m.Request], type[m.Envelope]]] = {
    "place": (m.PlaceRequest, m.PlaceAnswer),
    "modify": (m.ModifyRequest, m.Envelope),
    "cancel": (m.CancelRequest, m.Envelope),
    "close": (m.CloseContractRequest, m.Envelope),
    "partial_close": (m.PartialCloseRequest, m.Envelope),
}


class SavedTruth(msgspec.Struct, kw_only=True):
    """What happened; rows in the order of their fields."""

    transitions: list[tuple[int, OrderStatus, OrderStatus, int, datetime, str]]
    requests: list[tuple[str, Any, Any, str, datetime]]
    trades: list[m.TradeModel]
    placed: list[tuple[int, str, list[int]]]
    orders: list[tuple[int, list[tuple[datetime, m.OrderModel]]]]
    positions: list[tuple[int, str, list[tuple[datetime, m.PositionModel]]]]


class SavedVenue(msgspec.Struct, kw_only=True):
    """The floor of a venue."""

    now: datetime
    next_ids: tuple[int, int, int]
    timers_set: int
    timers: list[tuple[datetime, int, str, int]]
    accounts: list[AccountRow]
    books: list[BookRow]
    orders: list[OrderRow]
    positions: list[PositionRow]
    tags: list[tuple[int, str]]
    closing: list[tuple[int, str, int]]
    truth: SavedTruth


def save_venue(floor: Floor) -> SavedVenue:
    """Everything on the floor, as it is now."""
    return SavedVenue(
        now=floor.now,
        next_ids=floor.next_ids,
        timers_set=floor.timers_set,
        timers=[
            (at, number, step.name, order)
            for at, number, step, order in sorted(floor.timers, key=_due)
        ],
        accounts=[account_row(one) for one in floor.accounts.values()],
        books=[book_row(one) for one in floor.books.values()],
        orders=[order_row(one) for one in floor.orders.values()],
        positions=[position_row(one) for one in floor.positions.values()],
        tags=sorted(floor.tags),
        closing=[(*key, order_id) for key, order_id in floor.closing.items()],
        truth=_save_truth(floor.truth),
    )


def load_venue(saved: SavedVenue, floor: Floor) -> None:
    """Put everything on the floor of a venue that was just made with the same accounts."""
    floor.accounts.clear()
    floor.accounts.update({row.id: row.account() for row in saved.accounts})
    for row in saved.orders:
        order = order_of(row)
        floor.orders[order.id] = order
        floor.orders_of[order.account_id].append(order)
        if not order.is_final:
            floor.live_of[order.account_id][order.id] = order
    for book in saved.books:
        floor.books[book.contract.id] = _book(book, floor)
    for held in saved.positions:
        key = held.account_id, held.contract_id
        floor.positions[key] = _position(held, floor)
    floor.tags.update(saved.tags)
    floor.closing.update({(owner, about): number for owner, about, number in saved.closing})
    floor.resume(
        saved.now,
        saved.next_ids,
        saved.timers_set,
        [(at, number, Step[name], order) for at, number, name, order in saved.timers],
    )
    _load_truth(saved.truth, floor.truth)


def _due(timer: tuple[datetime, int, Step, int]) -> tuple[datetime, int]:
    return timer[0], timer[1]


def _book(row: BookRow, floor: Floor) -> Book:
    book = Book(row.contract.contract())
    book.is_open, book.last = row.is_open, row.last
    book.quote(row.bid, row.bid_left, row.ask, row.ask_left)
    book.deepen(row.deep_bids, row.deep_asks)
    book.arrivals = row.arrivals
    for name, ids in row.waiting.items():
        getattr(book, name).extend(floor.orders[order_id] for order_id in ids)
    return book


def _position(row: PositionRow, floor: Floor) -> Position:
    position = Position(row.account_id, floor.books[row.contract_id].contract)
    position.id, position.size, position.opened = row.id, row.size, row.opened
    position.average, position.carried = Fraction(row.average), Fraction(row.carried)
    position.shown = row.shown
    return position


def _save_truth(truth: Truth) -> SavedTruth:
    return SavedTruth(
        transitions=[
            (one.order_id, one.before, one.after, one.fill_volume, one.at, one.reason)
            for one in truth.transitions
        ],
        requests=[
            (one.verb, one.request, one.answer, one.origin, one.at) for one in truth.requests
        ],
        trades=list(truth.all_trades),
        placed=[(*key, list(ids)) for key, ids in truth.all_placed.items()],
        orders=list(truth.order_versions.items()),
        positions=[(*key, rows) for key, rows in truth.position_versions.items()],
    )


def _load_truth(saved: SavedTruth, truth: Truth) -> None:
    truth.transitions.extend(Transition(*row) for row in saved.transitions)
    for verb, request, answer, origin, at in saved.requests:
        request_type, answer_type = _ASKED[verb]
        truth.requests.append(
            RequestSeen(
                verb,
                msgspec.convert(request, request_type, strict=False),
                msgspec.convert(answer, answer_type, strict=False),
                origin,
                at,
            )
        )
    for trade in saved.trades:
        truth.note_trade(trade)
    for owner, tag, ids in saved.placed:
        truth.all_placed[owner, tag].extend(ids)
    for order_id, versions in saved.orders:
        truth.order_versions[order_id].extend(versions)
    for owner, about, shown in saved.positions:
        truth.position_versions[owner, about].extend(shown)
