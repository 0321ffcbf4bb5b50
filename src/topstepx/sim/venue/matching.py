"""Who trades with whom: simple, deterministic, and never better than a real queue would allow.

The rules, all of them ours:

* Market orders and woken stops take the displayed levels, best first. Where the display ends, the
  rest trades at its last price: a market order never stays half done. Without any opposite price they
  wait.
* A limit that crosses takes the displayed levels up to its price; what is left takes again at each
  new quote until it no longer crosses, and then rests.
* A resting limit trades at its own price: wholly when the opposite quote or a print goes through it;
  up to the displayed size when the opposite quote touches it; and by the tape when a print at its
  price, by the other side's aggressor, is larger than the size that stood at that price when it came
  (that size also shrinks when the quote shows less). Our own orders share a print in price-time order.
* A stop wakes by a print or a quote at or through it (switch `stop_trigger`) and then is a market
  order, or a limit if it has a limit price. A trailing stop follows prints, one way only.
* Nothing matches while the contract is closed or frozen.
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from topstepx.sim.venue import brackets, fills
from topstepx.sim.venue.floor import Step
from topstepx.wire.enums import OrderStatus, OrderType, Side, TradeLogType

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from topstepx.sim.venue.book import Book
    from topstepx.sim.venue.floor import Floor
    from topstepx.sim.venue.orders import Order

CHOPPED_FILL_MS = 1
"""How long a market order whose fills are chopped (a fault) waits between two pieces."""


def enter(floor: Floor, order: Order) -> None:
    """An order starts to work: it trades at once, rests, sleeps, or is on its way."""
    book = floor.books[order.contract_id]
    book.arrive(order)
    if order.type is OrderType.MARKET:
        floor.schedule(Step.FILL, order, floor.switches.market_fill_ms)
        return
    place_in_book(floor, book, order)


def place_in_book(floor: Floor, book: Book, order: Order) -> None:
    """Put a priced order where it belongs in today's market."""
    if order.stop_price is not None and not order.triggered:
        if _quote_reaches(floor, book, order) and can_match(floor, book):
            _trigger(floor, book, order)
        else:
            book.sleep(order)
    elif order.limit_price is not None and book.crosses(order.side, order.limit_price):
        book.wait_as_taker(order)
        if can_match(floor, book):
            _take(floor, book, order)
    else:
        _rest(book, order)


def can_match(floor: Floor, book: Book) -> bool:
    """Whether anything may trade on this contract now."""
    return book.is_open and book.contract.id not in floor.faults.frozen_contracts


def run_due(floor: Floor, now: datetime) -> None:
    """Do everything that timers have due by `now`, each at its own time."""
    while (due := floor.pop_due(now)) is not None:
        step, order = due
        if step is Step.FILL:
            _start_taking(floor, order)
        elif step is Step.WAKE:
            for leg in list(brackets.wake(floor, order)):
                if not leg.is_final:
                    enter(floor, leg)
        elif order.status is OrderStatus.PENDING_CANCELLATION:
            floor.move(order, OrderStatus.CANCELLED, "cancelled")
            brackets.after_end(floor, order)


def on_quote(floor: Floor, book: Book) -> None:
    """The displayed market changed."""
    if book.is_idle or not can_match(floor, book):
        return
    if floor.switches.stop_trigger != "trade":
        _wake_stops(floor, book, book.bid, book.ask)
    if book.takers:
        _take_all(floor, book)
    if book.bids:
        if book.bids[0].limit_price == book.bid:
            _shrink_queue(book.bids, book.bid_left)
        _quote_meets(floor, book, book.bids, Side.BUY)
    if book.asks:
        if book.asks[0].limit_price == book.ask:
            _shrink_queue(book.asks, book.ask_left)
        _quote_meets(floor, book, book.asks, Side.SELL)


def on_trade(
    floor: Floor, book: Book, price: Decimal, volume: int, aggressor: TradeLogType
) -> None:
    """Somebody traded at `price`."""
    if book.is_idle or not can_match(floor, book):
        return
    for order in book.trailing:
        _follow(floor, book, order, price)
    if floor.switches.stop_trigger != "quote":
        _wake_stops(floor, book, price, price)
    if book.takers:
        _take_all(floor, book)
    _print_meets(floor, book, Side.BUY, price, volume if aggressor is TradeLogType.SELL else 0)
    _print_meets(floor, book, Side.SELL, price, volume if aggressor is TradeLogType.BUY else 0)


# -------------------------------------------------------------------- taking


def _start_taking(floor: Floor, order: Order) -> None:
    """A market order reaches the book, or its next piece is due."""
    order.piece_due = False
    if not order.is_matchable:
        return
    book = floor.books[order.contract_id]
    if order not in book.takers:
        book.wait_as_taker(order)
    if can_match(floor, book):
        _take(floor, book, order)


def _take_all(floor: Floor, book: Book) -> None:
    for order in list(book.takers):
        if order.is_matchable:
            _take(floor, book, order)


def _take(floor: Floor, book: Book, order: Order) -> None:
    """Take what is displayed; what then still crosses stays a taker, what does not rests."""
    budget = _budget(floor, order)
    last_price = None
    for level in list(book.offers(order.side)):
        if not _acceptable(order, level.price) or budget <= 0 or not order.is_matchable:
            break
        last_price = level.price
        size = min(level.left, budget)
        if size > 0:
            book.took(order.side, level, size)
            budget -= size
            fills.fill(floor, order, size, level.price)
    if order.at_market:
        if budget > 0 and last_price is not None and order.is_matchable:
            fills.fill(floor, order, budget, last_price)
        if order.is_matchable and floor.faults.max_fill_size and not order.piece_due:
            order.piece_due = True
            floor.schedule(Step.FILL, order, CHOPPED_FILL_MS)
    elif order.is_matchable and not book.crosses(order.side, _limit_of(order)):
        book.remove(order)
        _rest(book, order)


def _budget(floor: Floor, order: Order) -> int:
    most = floor.faults.max_fill_size
    return order.left if most is None else min(order.left, most)


def _acceptable(order: Order, price: Decimal) -> bool:
    if order.at_market or order.limit_price is None:
        return True
    return price <= order.limit_price if order.side is Side.BUY else price >= order.limit_price


def _limit_of(order: Order) -> Decimal:
    assert order.limit_price is not None  # noqa: S101  only limits are asked
    return order.limit_price


# -------------------------------------------------------------------- resting


def _rest(book: Book, order: Order) -> None:
    order.queue_ahead = book.queue_at(order.side, _limit_of(order))
    book.rest(order)


def _shrink_queue(resting: list[Order], displayed: int) -> None:
    """The quote shows less at our best price than we thought: those before us left."""
    touch = resting[0].limit_price
    for order in resting:
        if order.limit_price != touch:
            return
        order.queue_ahead = min(order.queue_ahead, displayed)


def _quote_meets(floor: Floor, book: Book, resting: list[Order], side: Side) -> None:
    while resting:
        order = resting[0]
        limit, touch = _limit_of(order), book.opposite(side)
        if touch is None or not book.crosses(side, limit):
            return
        if limit != touch:
            size = _budget(floor, order)
        else:
            level = next(book.offers(side))
            size = min(_budget(floor, order), level.left)
            book.took(side, level, size)
        if size <= 0:
            return
        fills.fill(floor, order, size, limit)
        if floor.faults.max_fill_size:
            return


def _print_meets(floor: Floor, book: Book, side: Side, price: Decimal, volume: int) -> None:
    """A print fills those it went through, and those at its price that it reaches in the queue."""
    resting = book.bids if side is Side.BUY else book.asks
    passed = 0
    for order in list(resting):
        limit = _limit_of(order)
        if (limit < price) if side is Side.BUY else (limit > price):
            return
        if not order.is_matchable:
            continue
        if limit != price:
            fills.fill(floor, order, _budget(floor, order), limit)
            continue
        before_us = min(max(0, order.queue_ahead - passed), volume)
        passed += before_us
        volume -= before_us
        order.queue_ahead = max(0, order.queue_ahead - passed)
        size = min(volume, _budget(floor, order))
        if size > 0 and order.queue_ahead == 0:
            volume -= size
            fills.fill(floor, order, size, limit)


# -------------------------------------------------------------------- stops


def _wake_stops(floor: Floor, book: Book, high: Decimal | None, low: Decimal | None) -> None:
    """Wake the stops that a price reached: buys at or below `high`, sells at or above `low`."""
    buys = bool(book.buy_stops) and _reaches(book.buy_stops[0], high)
    sells = bool(book.sell_stops) and _reaches(book.sell_stops[0], low)
    if not (buys or sells or book.trailing):
        return
    reached = [o for o in book.trailing if _reaches(o, high if o.side is Side.BUY else low)]
    reached += takewhile(lambda order: _reaches(order, high), book.buy_stops)
    reached += takewhile(lambda order: _reaches(order, low), book.sell_stops)
    reached.sort(key=lambda order: order.sequence)
    for order in reached:
        if order.is_matchable and not order.triggered:
            _trigger(floor, book, order)


def _reaches(order: Order, price: Decimal | None) -> bool:
    if price is None or order.stop_price is None:
        return False
    return price >= order.stop_price if order.side is Side.BUY else price <= order.stop_price


def _quote_reaches(floor: Floor, book: Book, order: Order) -> bool:
    """Whether today's market is already beyond a stop that comes in."""
    if floor.switches.stop_trigger == "trade":
        return _reaches(order, book.last)
    return _reaches(order, book.bid if order.side is Side.BUY else book.ask)


def _trigger(floor: Floor, book: Book, order: Order) -> None:
    book.remove(order)
    order.triggered = True
    if order.limit_price is not None:
        place_in_book(floor, book, order)
        return
    order.at_market = True
    book.wait_as_taker(order)
    _take(floor, book, order)


def _follow(floor: Floor, book: Book, order: Order, price: Decimal) -> None:
    """Move a trailing stop after a print; never back."""
    if order.stop_price is None or order.trail_ticks is None or order.triggered:
        return
    distance = book.contract.points(order.trail_ticks)
    level = price + distance if order.side is Side.BUY else price - distance
    closer = level < order.stop_price if order.side is Side.BUY else level > order.stop_price
    if closer:
        order.stop_price = level
        if floor.switches.trailing_moves_sent:
            floor.tell_order(order, order.status, "trailed")
