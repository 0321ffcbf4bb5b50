from __future__ import annotations

from tests.support.pit import MNQ, START, d
from topstepx.sim.venue.book import Book
from topstepx.sim.venue.orders import Order
from topstepx.wire.enums import OrderType, Side


def book() -> Book:
    fresh = Book(MNQ)
    fresh.quote(d(100), 5, d("100.25"), 7)
    return fresh


def order(side: Side, limit: str | None = None, stop: str | None = None) -> Order:
    return Order(
        id=1,
        account_id=1,
        contract_id=MNQ.id,
        symbol_id=MNQ.symbol_id,
        tick_size=MNQ.tick_size,
        type=OrderType.STOP if stop else OrderType.LIMIT,
        side=side,
        size=1,
        created=START,
        limit_price=None if limit is None else d(limit),
        stop_price=None if stop is None else d(stop),
    )


def test_resting_orders_stand_in_price_then_time() -> None:
    here = book()
    bids = [order(Side.BUY, p) for p in ("99", "99.75", "99", "99.5")]
    for bid in bids:
        here.arrive(bid)
        here.rest(bid)
    assert here.bids == [bids[1], bids[3], bids[0], bids[2]]
    asks = [order(Side.SELL, p) for p in ("102", "101")]
    for ask in asks:
        here.arrive(ask)
        here.rest(ask)
    assert here.asks == [asks[1], asks[0]]


def test_stops_stand_by_who_is_hit_first() -> None:
    here = book()
    for price in ("103", "101", "102"):
        here.sleep(order(Side.BUY, stop=price))
        here.sleep(order(Side.SELL, stop=str(d(price) - 5)))
    assert [o.stop_price for o in here.buy_stops] == [d(101), d(102), d(103)]
    assert [o.stop_price for o in here.sell_stops] == [d(98), d(97), d(96)]


def test_removing_leaves_nothing_behind() -> None:
    here = book()
    waiting = [order(Side.BUY, "99"), order(Side.SELL, stop="98")]
    here.rest(waiting[0])
    here.sleep(waiting[1])
    assert not here.is_idle
    assert set(here.waiting()) == set(waiting)
    for each in waiting:
        here.remove(each)
        here.remove(each)
    assert here.is_idle


def test_what_is_taken_is_gone_until_the_next_quote() -> None:
    here = book()
    level = next(here.offers(Side.BUY))
    here.took(Side.BUY, level, 5)
    assert next(here.offers(Side.BUY)).left == 2
    here.quote(d(100), 5, d("100.25"), 7)
    assert next(here.offers(Side.BUY)).left == 7


def test_depth_continues_behind_the_touch_only() -> None:
    here = book()
    here.deepen([(d(100), 9), (d("99.75"), 4)], [(d("100.25"), 9), (d("100.5"), 3)])
    assert [(v.price, v.left) for v in here.offers(Side.BUY)] == [(d("100.25"), 7), (d("100.5"), 3)]
    assert [(v.price, v.left) for v in here.offers(Side.SELL)] == [(d(100), 5), (d("99.75"), 4)]


def test_nobody_on_a_side_offers_nothing() -> None:
    here = book()
    here.quote(None, 0, d("100.25"), 7)
    assert list(here.offers(Side.SELL)) == []
    assert here.reference == d("100.25")


def test_a_print_beyond_the_touch_moves_it() -> None:
    here = book()
    here.print_trade(d("99.5"), 3)
    assert (here.bid, here.bid_left, here.ask) == (d("99.5"), 3, d("100.25"))
    here.print_trade(d("101"), 2)
    assert (here.ask, here.ask_left, here.last) == (d(101), 2, d(101))


def test_the_queue_is_what_is_displayed_on_our_side() -> None:
    here = book()
    here.deepen([(d("99.75"), 4)], [])
    assert here.queue_at(Side.BUY, d(100)) == 5
    assert here.queue_at(Side.BUY, d("99.75")) == 4
    assert here.queue_at(Side.BUY, d("99.5")) == 0
    assert here.queue_at(Side.SELL, d("100.25")) == 7
