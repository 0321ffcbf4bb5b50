"""One contract's market as the venue sees it, and the orders that wait in it.

The market is what is fed in: the touch (best bid and ask with sizes), the last price, and, when given,
the depth behind the touch. What our orders take from a displayed size is gone until the next quote or
depth renews it. The waiting orders are kept sorted by who is hit first, so that a quote that hits
nobody costs a handful of comparisons.
"""

from __future__ import annotations

from bisect import insort
from decimal import Decimal
from typing import TYPE_CHECKING

from topstepx.wire.enums import OrderType, Side

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from topstepx.sim.venue.contracts import VenueContract
    from topstepx.sim.venue.orders import Order

_ZERO = Decimal(0)


class Level:
    """One displayed price and what is left of its size."""

    __slots__ = ("left", "price")

    def __init__(self, price: Decimal, left: int) -> None:
        self.price, self.left = price, left


def _limit(order: Order) -> Decimal:
    return order.limit_price if order.limit_price is not None else _ZERO


def _stop(order: Order) -> Decimal:
    return order.stop_price if order.stop_price is not None else _ZERO


def _highest_limit_first(order: Order) -> tuple[Decimal, int]:
    return -_limit(order), order.sequence


def _lowest_limit_first(order: Order) -> tuple[Decimal, int]:
    return _limit(order), order.sequence


def _lowest_stop_first(order: Order) -> tuple[Decimal, int]:
    return _stop(order), order.sequence


def _highest_stop_first(order: Order) -> tuple[Decimal, int]:
    return -_stop(order), order.sequence


class Book:
    """The market of one contract and its waiting orders.

    `bids` and `asks` hold resting limits, best first; `buy_stops` and `sell_stops` sleeping stops, next
    first; `trailing` the trailing stops; `takers` orders that take whatever is displayed: market orders
    on their way and limits that still cross the market.
    """

    def __init__(self, contract: VenueContract) -> None:
        self.contract = contract
        self.is_open = True
        self.bid: Decimal | None = None
        self.ask: Decimal | None = None
        self.bid_left = 0
        self.ask_left = 0
        self.last: Decimal | None = None
        self._deep_bids: list[Level] = []
        self._deep_asks: list[Level] = []
        self.bids: list[Order] = []
        self.asks: list[Order] = []
        self.buy_stops: list[Order] = []
        self.sell_stops: list[Order] = []
        self.trailing: list[Order] = []
        self.takers: list[Order] = []
        self.arrivals = 0

    # ---------------------------------------------------------------- the market

    def quote(self, bid: Decimal | None, bid_size: int, ask: Decimal | None, ask_size: int) -> None:
        """The touch is this now; None on a side means that nobody is there."""
        self.bid, self.bid_left = bid, bid_size
        self.ask, self.ask_left = ask, ask_size

    def deepen(
        self, bids: Sequence[tuple[Decimal, int]], asks: Sequence[tuple[Decimal, int]]
    ) -> None:
        """The whole depth is this now, best first; it does not move the touch."""
        self._deep_bids = [Level(price, size) for price, size in bids]
        self._deep_asks = [Level(price, size) for price, size in asks]

    def depth(self) -> tuple[list[tuple[Decimal, int]], list[tuple[Decimal, int]]]:
        """What is left of the depth behind the touch: bids and asks, best first."""
        bids = [(level.price, level.left) for level in self._deep_bids]
        return bids, [(level.price, level.left) for level in self._deep_asks]

    def print_trade(self, price: Decimal, volume: int) -> None:
        """Somebody traded. A print beyond the touch means that the touch was swept up to there."""
        self.last = price
        if self.bid is not None and price < self.bid:
            self.bid, self.bid_left = price, volume
        elif self.ask is not None and price > self.ask:
            self.ask, self.ask_left = price, volume

    @property
    def reference(self) -> Decimal | None:
        """A price to judge others by: the last one, else a side of the touch."""
        if self.last is not None:
            return self.last
        return self.bid if self.bid is not None else self.ask

    def opposite(self, side: Side) -> Decimal | None:
        """The best price an order on this side can take."""
        return self.ask if side is Side.BUY else self.bid

    def crosses(self, side: Side, price: Decimal) -> bool:
        """Whether a limit at this price would trade at once."""
        touch = self.opposite(side)
        if touch is None:
            return False
        return price >= touch if side is Side.BUY else price <= touch

    def queue_at(self, side: Side, price: Decimal) -> int:
        """The size displayed at this price on our own side: who stands before us."""
        if side is Side.BUY:
            touch, left, deep = self.bid, self.bid_left, self._deep_bids
        else:
            touch, left, deep = self.ask, self.ask_left, self._deep_asks
        if price == touch:
            return left
        return next((level.left for level in deep if level.price == price), 0)

    def offers(self, side: Side) -> Iterator[Level]:
        """What an order on this side can take, best first; report what was taken with `took`."""
        touch = self.opposite(side)
        if touch is None:
            return
        left = self.ask_left if side is Side.BUY else self.bid_left
        yield Level(touch, left)
        deep = self._deep_asks if side is Side.BUY else self._deep_bids
        for level in deep:
            if level.price > touch if side is Side.BUY else level.price < touch:
                yield level

    def took(self, side: Side, level: Level, size: int) -> None:
        """An order on this side took `size` from a level of `offers`."""
        level.left = max(0, level.left - size)
        if side is Side.BUY and level.price == self.ask:
            self.ask_left = level.left
        elif side is Side.SELL and level.price == self.bid:
            self.bid_left = level.left

    # ---------------------------------------------------------------- waiting orders

    @property
    def is_idle(self) -> bool:
        """Whether no order waits here."""
        return not (
            self.bids
            or self.asks
            or self.buy_stops
            or self.sell_stops
            or self.trailing
            or self.takers
        )

    def arrive(self, order: Order) -> None:
        """Give an order its place in time, behind all others."""
        self.arrivals += 1
        order.sequence = self.arrivals

    def wait_as_taker(self, order: Order) -> None:
        """Keep an order that takes what is displayed."""
        self.takers.append(order)

    def rest(self, order: Order) -> None:
        """Keep a limit order that does not cross the market."""
        if order.side is Side.BUY:
            insort(self.bids, order, key=_highest_limit_first)
        else:
            insort(self.asks, order, key=_lowest_limit_first)

    def sleep(self, order: Order) -> None:
        """Keep a stop that has not been reached."""
        if order.type is OrderType.TRAILING_STOP:
            self.trailing.append(order)
        elif order.side is Side.BUY:
            insort(self.buy_stops, order, key=_lowest_stop_first)
        else:
            insort(self.sell_stops, order, key=_highest_stop_first)

    def remove(self, order: Order) -> None:
        """Forget an order wherever it waits; nothing happens when it waits nowhere."""
        for waiting in (
            self.takers,
            self.bids if order.side is Side.BUY else self.asks,
            self.buy_stops if order.side is Side.BUY else self.sell_stops,
            self.trailing,
        ):
            if order in waiting:
                waiting.remove(order)
                return

    def waiting(self) -> Iterable[Order]:
        """Every waiting order."""
        yield from self.takers
        yield from self.bids
        yield from self.asks
        yield from self.buy_stops
        yield from self.sell_stops
        yield from self.trailing
