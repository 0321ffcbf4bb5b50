"""`Order/place`: refuse, or take the order in with its legs and let it work.

A refused order usually exists all the same: it gets an id, is Rejected at birth, and burns its tag
(observed).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from topstepx.sim.venue import brackets, matching
from topstepx.sim.venue.checks import (
    ORDER_REJECTED,
    TAG_IN_USE,
    Refusal,
    refusal_of_place,
    trail_ticks,
)
from topstepx.sim.venue.orders import Order
from topstepx.wire.enums import OrderStatus, OrderType
from topstepx.wire.models import PlaceAnswer

if TYPE_CHECKING:
    from decimal import Decimal

    from topstepx.sim.venue.book import Book
    from topstepx.sim.venue.faults import ForcedRefusal
    from topstepx.sim.venue.floor import Floor
    from topstepx.wire.models import PlaceRequest

ACCOUNT_NOT_FOUND = 1
CONTRACT_NOT_FOUND = 8


def place(floor: Floor, request: PlaceRequest, origin: str) -> PlaceAnswer:
    """Answer a place request; everything it causes is in the outbox by then."""
    account = floor.accounts.get(request.account_id)
    if account is None:
        return PlaceAnswer(success=False, error_code=ACCOUNT_NOT_FOUND)
    book = floor.books.get(request.contract_id)
    if book is None:
        return PlaceAnswer(success=False, error_code=CONTRACT_NOT_FOUND)
    forced = floor.faults.take_refusal("place") if origin == "api" else None
    if forced is not None and not forced.executes:
        return _refuse_by_force(floor, book, request, origin, forced)
    refusal = refusal_of_place(floor, account, book, request)
    if refusal is not None:
        return _refuse(floor, book, request, origin, refusal)
    order = _accept(floor, book, request, origin)
    if forced is not None:
        return _forced(forced, order.id)
    return PlaceAnswer(success=True, error_code=0, order_id=order.id)


def _accept(floor: Floor, book: Book, request: PlaceRequest, origin: str) -> Order:
    order = _order(floor, book, request, origin)
    _set_prices(book, order, request)
    stop, target = brackets.legs_for(floor, order, request)
    if stop:
        floor.add(stop, OrderStatus.SUSPENDED, "bracket")
    pending = order.type is OrderType.MARKET
    floor.add(order, OrderStatus.PENDING if pending else OrderStatus.OPEN, "placed")
    if target:
        floor.add(target, OrderStatus.SUSPENDED, "bracket")
    matching.enter(floor, order)
    return order


def _order(floor: Floor, book: Book, request: PlaceRequest, origin: str) -> Order:
    order = Order(
        id=floor.new_order_id(),
        account_id=request.account_id,
        contract_id=request.contract_id,
        symbol_id=book.contract.symbol_id,
        tick_size=book.contract.tick_size,
        type=request.type,
        side=request.side,
        size=request.size,
        created=floor.now,
        custom_tag=request.custom_tag,
        origin=origin,
    )
    if request.custom_tag is not None:
        floor.truth.note_placed(request.account_id, request.custom_tag, order.id)
    return order


def _set_prices(book: Book, order: Order, request: PlaceRequest) -> None:
    """Give the order the prices its type uses; others that came along are ignored (assumed)."""
    kind = order.type
    if kind in {OrderType.LIMIT, OrderType.STOP_LIMIT}:
        order.limit_price = request.limit_price
    if kind in {OrderType.STOP, OrderType.STOP_LIMIT}:
        order.stop_price = request.stop_price
    elif kind is OrderType.JOIN_BID:
        order.limit_price = book.bid
    elif kind is OrderType.JOIN_ASK:
        order.limit_price = book.ask
    elif kind is OrderType.TRAILING_STOP and request.trail_price is not None:
        set_trail(book, order, request.trail_price)


def set_trail(book: Book, order: Order, trail_price: Decimal) -> None:
    """Give a trailing stop its distance, and its level from the last price."""
    order.trail_ticks = trail_ticks(book, trail_price)
    last = book.last if book.last is not None else trail_price
    distance = book.contract.points(order.trail_ticks)
    order.stop_price = last + order.side.sign * distance


# -------------------------------------------------------------------- refusals


def _refuse(
    floor: Floor, book: Book, request: PlaceRequest, origin: str, refusal: Refusal
) -> PlaceAnswer:
    code = refusal.code if floor.switches.refusal_codes == "specific" else ORDER_REJECTED
    if refusal.text == TAG_IN_USE and floor.switches.duplicate_tag_order == "none":
        return PlaceAnswer(success=False, error_code=code, error_message=refusal.text)
    order = _reject(floor, book, request, origin, refusal.text)
    return PlaceAnswer(
        success=False,
        error_code=code,
        error_message=refusal.text,
        # Only code 2 was seen with an id.
        order_id=order.id if code == ORDER_REJECTED else None,
    )


def _reject(floor: Floor, book: Book, request: PlaceRequest, origin: str, reason: str) -> Order:
    """The order that a refusal leaves behind: Rejected, without prices on the wire (observed)."""
    order = _order(floor, book, request, origin)
    if reason == TAG_IN_USE and floor.switches.duplicate_tag_order == "untagged":
        order.custom_tag = None
    floor.add(order, OrderStatus.REJECTED, reason)
    return order


def _refuse_by_force(
    floor: Floor, book: Book, request: PlaceRequest, origin: str, forced: ForcedRefusal
) -> PlaceAnswer:
    """A refusal that a fault asks for; as in life, only code 2 leaves an order behind."""
    if forced.code != ORDER_REJECTED:
        return _forced(forced, None)
    order = _reject(floor, book, request, origin, forced.text or "refused by a fault")
    return _forced(forced, order.id)


def _forced(forced: ForcedRefusal, order_id: int | None) -> PlaceAnswer:
    return PlaceAnswer(
        success=False,
        error_code=forced.code,
        error_message=forced.text,
        order_id=order_id if forced.code == ORDER_REJECTED else None,
    )
