"""`Order/modify` and `Order/cancel`.

Both answer 1 for an unknown account, 2 for an unknown order and 5 for one that is finished (observed
for cancel), all without a text; 4 while the order is on its way (assumed). Modify refuses what place
would refuse, with code 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from topstepx.sim.venue import brackets, checks, matching
from topstepx.sim.venue.entry import set_trail
from topstepx.sim.venue.floor import Step
from topstepx.sim.venue.orders import FINAL
from topstepx.wire.enums import OrderStatus, OrderType
from topstepx.wire.models import Envelope

if TYPE_CHECKING:
    from topstepx.sim.venue.book import Book
    from topstepx.sim.venue.faults import Verb
    from topstepx.sim.venue.floor import Floor
    from topstepx.sim.venue.orders import Order
    from topstepx.wire.models import CancelRequest, ModifyRequest

DONE = Envelope(success=True, error_code=0)
ACCOUNT_NOT_FOUND = 1
ORDER_NOT_FOUND = 2
REJECTED = 3
PENDING = 4
UNKNOWN_ERROR = 5
ACCOUNT_REJECTED = 6

_LIMITED = frozenset(
    {OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.JOIN_BID, OrderType.JOIN_ASK}
)
_STOPPED = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})
_NOT_CHANGEABLE = {
    **dict.fromkeys(FINAL, UNKNOWN_ERROR),
    OrderStatus.PENDING: PENDING,
    OrderStatus.PENDING_CANCELLATION: PENDING,
}


def refused(code: int, text: str | None = None) -> Envelope:
    """An answer that says no."""
    return Envelope(success=False, error_code=code, error_message=text)


def modify(floor: Floor, request: ModifyRequest, origin: str) -> Envelope:
    """Answer a modify request."""
    forced = floor.faults.take_refusal("modify") if origin == "api" else None
    if forced is not None and not forced.executes:
        return refused(forced.code, forced.text)
    found = _find(floor, request, "modify")
    if isinstance(found, Envelope):
        return found
    book = floor.books[found.contract_id]
    if found.status is OrderStatus.SUSPENDED and floor.switches.modify_suspended == "refuse":
        return refused(REJECTED)
    problem = _modify_problem(floor, book, found, request)
    if problem is not None:
        return refused(REJECTED, problem)
    _apply(floor, book, found, request)
    return DONE if forced is None else refused(forced.code, forced.text)


def cancel(floor: Floor, request: CancelRequest, origin: str) -> Envelope:
    """Answer a cancel request."""
    forced = floor.faults.take_refusal("cancel") if origin == "api" else None
    if forced is not None and not forced.executes:
        return refused(forced.code, forced.text)
    found = _find(floor, request, "cancel")
    if isinstance(found, Envelope):
        return found
    end(floor, found, "cancelled", floor.switches.cancel_ms)
    brackets.after_cancelled_leg(floor, found)
    return DONE if forced is None else refused(forced.code, forced.text)


def end(floor: Floor, order: Order, reason: str, delay_ms: int = 0) -> None:
    """Cancel a living order, now or by way of PendingCancellation."""
    if delay_ms and order.status is not OrderStatus.SUSPENDED:
        floor.move(order, OrderStatus.PENDING_CANCELLATION, reason)
        floor.schedule(Step.CANCEL, order, delay_ms)
        return
    floor.move(order, OrderStatus.CANCELLED, reason)
    brackets.after_end(floor, order)


def _find(floor: Floor, request: CancelRequest | ModifyRequest, verb: Verb) -> Order | Envelope:
    """The living order that a request names, or the answer that there is none to change."""
    account = floor.accounts.get(request.account_id)
    if account is None:
        return refused(ACCOUNT_NOT_FOUND)
    if not account.simulated:
        return refused(ACCOUNT_REJECTED, checks.LIVE_ACCOUNT)
    if verb == "cancel" and account.follower:
        return refused(ACCOUNT_REJECTED, checks.FOLLOWER_ACCOUNT)
    order = floor.orders.get(request.order_id)
    if order is None or order.account_id != account.id:
        return refused(ORDER_NOT_FOUND)
    code = _NOT_CHANGEABLE.get(order.status)
    return order if code is None else refused(code)


# -------------------------------------------------------------------- modify


def _new_size(floor: Floor, order: Order, request: ModifyRequest) -> int:
    if request.size is None:
        return order.size
    means_rest = floor.switches.modify_size_means == "rest"
    return request.size + order.fill_volume if means_rest else request.size


def _modify_problem(floor: Floor, book: Book, order: Order, request: ModifyRequest) -> str | None:
    """What is wrong with a change; members that the order's type does not use are ignored."""
    if not book.is_open:
        return checks.closed_text(floor)
    if _new_size(floor, order, request) <= order.fill_volume:
        return checks.BAD_SIZE
    problem = None
    if request.stop_price is not None and order.type in _STOPPED and not order.triggered:
        problem = checks.stop_problem(floor, book, order.side, request.stop_price)
    if problem is None and request.limit_price is not None and order.type in _LIMITED:
        resting = order.type is not OrderType.STOP_LIMIT or order.triggered
        problem = checks.limit_problem(
            floor, book, order.side, request.limit_price, resting=resting
        )
    if problem is None and request.trail_price is not None and _trails(order):
        problem = checks.trail_problem(book, request.trail_price, capped=False)
    return problem


def _trails(order: Order) -> bool:
    return order.type is OrderType.TRAILING_STOP and not order.triggered


def _apply(floor: Floor, book: Book, order: Order, request: ModifyRequest) -> None:
    size = _new_size(floor, order, request)
    keeps_place = size <= order.size
    if floor.switches.resize_leg_resizes_sibling and order.sibling_id is not None:
        _resize_sibling(floor, order, size - order.size)
    order.size = size
    prices_before = order.limit_price, order.stop_price
    asleep = order.status is OrderStatus.SUSPENDED
    book.remove(order)
    if request.limit_price is not None and order.type in _LIMITED:
        order.limit_price = request.limit_price
    if request.stop_price is not None and order.type in _STOPPED and not order.triggered:
        order.stop_price = request.stop_price
    if request.trail_price is not None and _trails(order):
        set_trail(book, order, request.trail_price)
    floor.tell_order(order, order.status, "modified")
    if asleep:
        return
    keeps_place = keeps_place and prices_before == (order.limit_price, order.stop_price)
    queue_ahead = order.queue_ahead
    if not keeps_place:
        book.arrive(order)
    if order.at_market:
        book.wait_as_taker(order)
        return
    matching.place_in_book(floor, book, order)
    if keeps_place:
        order.queue_ahead = min(queue_ahead, order.queue_ahead)


def _resize_sibling(floor: Floor, order: Order, change: int) -> None:
    sibling = floor.orders.get(order.sibling_id) if order.sibling_id else None
    if sibling and not sibling.is_final and sibling.left + change > 0:
        sibling.size += change
        floor.tell_order(sibling, sibling.status, "resized with its sibling")
