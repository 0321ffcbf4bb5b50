from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.pit import ES, MNQ, Pit, d
from topstepx.wire.enums import OrderStatus, OrderType, Side

OPEN, FILLED, CANCELLED = OrderStatus.OPEN, OrderStatus.FILLED, OrderStatus.CANCELLED


# -------------------------------------------------------------------- market


def test_a_market_order_fills_eight_milliseconds_later() -> None:
    pit = Pit()
    order = pit.buy(2)
    assert pit.status(order) is OrderStatus.PENDING
    pit.pass_ms(7)
    assert pit.status(order) is OrderStatus.PENDING
    pit.pass_ms(1)
    assert (pit.status(order), pit.order(order).filled_price) == (FILLED, d("100.25"))


def test_it_fills_at_its_own_time_even_if_nobody_looked_before() -> None:
    pit = Pit()
    order = pit.buy()
    pit.pass_ms(5000)
    updated = pit.order(order).update_timestamp
    assert updated is not None
    assert (updated - pit.order(order).creation_timestamp).total_seconds() == 0.008


def test_without_delay_it_is_filled_before_the_answer() -> None:
    pit = Pit(market_fill_ms=0)
    assert pit.status(pit.sell()) is FILLED
    assert pit.net == -1


def test_a_big_market_order_walks_the_depth() -> None:
    pit = Pit(market_fill_ms=0)
    pit.venue.depth(MNQ.id, [], [(d("100.5"), 2), (d("101"), 3)], pit.now)
    pit.quote(100, "100.25", size=5)
    order = pit.buy(12)
    assert [(t.size, t.price) for t in pit.venue.truth.trades(pit.account.id)] == [
        (5, d("100.25")),
        (2, d("100.5")),
        (3, d("101")),
        (2, d("101")),  # beyond what is displayed: at the last price known
    ]
    assert pit.order(order).filled_price == d("100.604166667")


def test_a_market_order_waits_while_nobody_is_there() -> None:
    pit = Pit()
    order = pit.buy()
    pit.quote(100, None)
    pit.pass_ms(20)
    assert pit.status(order) is OrderStatus.PENDING
    pit.quote(100, "100.75")
    assert pit.order(order).filled_price == d("100.75")


# -------------------------------------------------------------------- limit


def test_a_crossing_limit_takes_what_is_displayed_and_rests() -> None:
    pit = Pit()
    order = pit.accepted(OrderType.LIMIT, Side.BUY, 15, limit="100.25")
    seen = pit.order(order)
    assert (seen.status, seen.fill_volume, seen.filled_price) == (OPEN, 10, d("100.25"))
    pit.quote(100, "100.25", size=3)
    assert pit.order(order).fill_volume == 13
    pit.quote("100.25", "100.5")
    pit.hit("100.25", 11)  # ten are displayed there already
    assert pit.order(order).fill_volume == 14
    pit.hit("100.25", 1)
    assert pit.status(order) is FILLED


def test_a_crossing_limit_gets_the_better_price() -> None:
    pit = Pit()
    order = pit.accepted(OrderType.LIMIT, Side.BUY, 1, limit=105)
    assert pit.order(order).filled_price == d("100.25")


def test_a_limit_in_the_queue_fills_after_those_before_it() -> None:
    pit = Pit()
    order = pit.accepted(OrderType.LIMIT, Side.BUY, 3, limit=100)
    pit.hit(100, 10)
    assert pit.order(order).fill_volume == 0
    pit.hit(100, 2)
    assert pit.order(order).fill_volume == 2
    pit.lift(100, 50)  # a buyer's print says nothing about the bid queue
    assert pit.order(order).fill_volume == 2
    pit.hit(100, 50)
    assert (pit.status(order), pit.order(order).fill_volume) == (FILLED, 3)


def test_the_queue_shrinks_with_the_display() -> None:
    pit = Pit()
    order = pit.accepted(OrderType.LIMIT, Side.SELL, 1, limit="100.25")
    pit.quote(100, "100.25", size=2)
    pit.quote(100, "100.25", size=50)
    pit.lift("100.25", 2)
    assert pit.status(order) is OPEN
    pit.lift("100.25", 1)
    assert pit.status(order) is FILLED


def test_own_orders_share_a_print_in_time_order() -> None:
    pit = Pit()
    pit.quote("99.75", "100.25")
    orders = [pit.accepted(OrderType.LIMIT, Side.BUY, 2, limit=100) for _ in range(3)]
    pit.hit(100, 3)
    assert [pit.order(order).fill_volume for order in orders] == [2, 1, 0]


def test_a_better_price_goes_first() -> None:
    pit = Pit()
    low = pit.accepted(OrderType.LIMIT, Side.BUY, 1, limit="99")
    high = pit.accepted(OrderType.LIMIT, Side.BUY, 1, limit="99.5")
    pit.hit("99.5", 1)
    assert (pit.status(low), pit.status(high)) == (OPEN, FILLED)


@pytest.mark.parametrize("by", ["quote", "print"])
def test_a_limit_that_is_gone_through_fills_at_its_own_price(by: str) -> None:
    pit = Pit()
    order = pit.accepted(OrderType.LIMIT, Side.BUY, 30, limit="99.5")
    if by == "quote":
        pit.quote(99, "99.25", size=1)
    else:
        pit.hit("99.25", 1)
    assert (pit.status(order), pit.order(order).filled_price) == (FILLED, d("99.5"))


def test_a_quote_that_touches_gives_only_what_it_displays() -> None:
    pit = Pit()
    order = pit.accepted(OrderType.LIMIT, Side.SELL, 5, limit=101)
    pit.quote(101, "101.25", size=2)
    assert pit.order(order).fill_volume == 2
    pit.quote(101, "101.25", size=2)
    assert pit.order(order).fill_volume == 4


def test_what_one_order_took_is_not_there_for_the_next() -> None:
    pit = Pit()
    first = pit.accepted(OrderType.LIMIT, Side.SELL, 2, limit=101)
    second = pit.accepted(OrderType.LIMIT, Side.SELL, 2, limit=101)
    pit.quote(101, "101.25", size=3)
    assert [pit.order(o).fill_volume for o in (first, second)] == [2, 1]


@pytest.mark.parametrize(
    ("kind", "side", "price"),
    [(OrderType.JOIN_BID, Side.BUY, "100"), (OrderType.JOIN_ASK, Side.SELL, "100.25")],
)
def test_joins_rest_at_their_side_and_stay_there(kind: OrderType, side: Side, price: str) -> None:
    pit = Pit()
    order = pit.accepted(kind, side)
    assert (pit.status(order), pit.order(order).limit_price) == (OPEN, d(price))
    pit.quote("99.75", "100.5")
    assert pit.order(order).limit_price == d(price)


# -------------------------------------------------------------------- stop, stop-limit


@pytest.mark.parametrize("by", ["quote", "print"])
def test_a_stop_sleeps_until_it_is_reached(by: str) -> None:
    pit = Pit()
    order = pit.accepted(OrderType.STOP, Side.SELL, 2, stop=99)
    pit.quote("99.25", "99.5")
    assert pit.status(order) is OPEN
    if by == "quote":
        pit.quote("98.75", 99)
    else:
        pit.hit(99, 1)
    assert pit.status(order) is FILLED
    # The quote left a bid of 98.75; the print swept the bid down to 99.
    assert pit.order(order).filled_price == d("98.75" if by == "quote" else "99")


@pytest.mark.parametrize(
    ("rule", "by_quote", "by_print"), [("trade", False, True), ("quote", True, False)]
)
def test_the_trigger_is_a_switch(rule: str, *, by_quote: bool, by_print: bool) -> None:
    pit = Pit(stop_trigger=rule)
    order = pit.accepted(OrderType.STOP, Side.BUY, stop=101)
    pit.quote(101, "101.25")
    assert (pit.status(order) is FILLED) is by_quote
    pit = Pit(stop_trigger=rule)
    order = pit.accepted(OrderType.STOP, Side.BUY, stop=101)
    pit.lift(101, 1)
    assert (pit.status(order) is FILLED) is by_print


def test_a_stop_slips_to_where_the_market_is() -> None:
    pit = Pit()
    order = pit.accepted(OrderType.STOP, Side.BUY, 1, stop=101)
    pit.quote(104, "104.25")
    assert pit.order(order).filled_price == d("104.25")


def test_a_stop_limit_becomes_a_limit_and_can_be_left_behind() -> None:
    pit = Pit()
    order = pit.accepted(OrderType.STOP_LIMIT, Side.BUY, 2, stop=101, limit="101.5")
    pit.quote(104, "104.25")
    assert (pit.status(order), pit.order(order).fill_volume) == (OPEN, 0)
    pit.quote("101.25", "101.5", size=1)
    assert (pit.order(order).fill_volume, pit.order(order).filled_price) == (1, d("101.5"))
    pit.quote("100", "100.25")
    assert pit.status(order) is FILLED


def test_stops_wake_in_the_order_they_came() -> None:
    pit = Pit()
    far = pit.accepted(OrderType.STOP, Side.SELL, stop=98)
    near = pit.accepted(OrderType.STOP, Side.SELL, stop=99)
    pit.quote(97, "97.25")
    sides = [t.order_id for t in pit.venue.truth.trades(pit.account.id)]
    assert sides == [far, near]


# -------------------------------------------------------------------- trailing stop


def test_a_trailing_stop_follows_one_way_and_shows_its_distance() -> None:
    pit = Pit()
    pit.trade(100, 1)
    order = pit.accepted(OrderType.TRAILING_STOP, Side.SELL, trail="98")
    seen = pit.order(order)
    assert (seen.trail_distance, seen.trail_price, seen.stop_price) == (8, d(2), d(98))
    pit.lift(103, 1)
    pit.quote("102.75", 103)
    pit.hit(102, 1)
    assert pit.order(order).stop_price == d(101)
    pit.quote("101.25", "101.5")
    pit.hit("101", 1)
    assert pit.status(order) is FILLED


def test_a_trailing_buy_follows_down() -> None:
    pit = Pit()
    order = pit.accepted(OrderType.TRAILING_STOP, Side.BUY, trail=102)
    pit.hit(97, 1)
    pit.hit("97.5", 1)
    assert pit.order(order).stop_price == d(99)


def test_the_moves_are_told_only_by_switch() -> None:
    for told, count in ((False, 0), (True, 2)):
        pit = Pit(trailing_moves_sent=told)
        pit.accepted(OrderType.TRAILING_STOP, Side.SELL, trail=98)
        pit.events()
        for price in ("101", "100.5", "102"):
            pit.lift(price, 1)
        assert len(pit.story()) == count


# -------------------------------------------------------------------- frozen, chopped


def test_nothing_matches_while_frozen() -> None:
    pit = Pit()
    pit.venue.faults.frozen_contracts.add(MNQ.id)
    market = pit.buy()
    limit = pit.accepted(OrderType.LIMIT, Side.BUY, limit="100.25")
    stop = pit.accepted(OrderType.STOP, Side.BUY, stop=101)
    pit.pass_ms(1000)
    pit.quote(102, "102.25")
    assert pit.net == 0
    pit.venue.faults.frozen_contracts.clear()
    pit.quote(102, "102.25")
    assert [pit.status(o) for o in (market, limit, stop)] == [FILLED, OPEN, FILLED]


def test_fills_can_be_chopped() -> None:
    pit = Pit()
    pit.venue.faults.max_fill_size = 2
    order = pit.buy(5)
    pit.pass_ms(8)
    assert (pit.status(order), pit.order(order).fill_volume) == (OPEN, 2)
    pit.pass_ms(1)
    pit.pass_ms(1)
    assert (pit.status(order), pit.order(order).fill_volume) == (FILLED, 5)
    assert pit.venue.next_event_at() is None


def test_chopped_market_orders_do_not_multiply_their_timers() -> None:
    pit = Pit()
    pit.venue.faults.max_fill_size = 1
    order = pit.buy(100)
    pit.pass_ms(8)
    for _ in range(5):
        pit.quote(100, "100.25")
    assert pit.order(order).fill_volume == 6
    pit.pass_ms(1)
    assert pit.order(order).fill_volume == 7


def test_contracts_do_not_mix() -> None:
    pit = Pit()
    order = pit.accepted(OrderType.LIMIT, Side.BUY, limit="99")
    pit.quote(98, "98.25", on=ES.id)
    assert pit.status(order) is OPEN


LIMITS = st.lists(st.tuples(st.integers(0, 6), st.integers(1, 3)), min_size=2, max_size=8)
PRINTS = st.lists(st.tuples(st.integers(-2, 6), st.integers(1, 6)), min_size=1, max_size=12)


@given(LIMITS, PRINTS)
def test_a_better_price_and_then_the_earlier_order_is_never_passed_over(
    limits: list[tuple[int, int]], prints: list[tuple[int, int]]
) -> None:
    pit = Pit(quoted=False)
    pit.trade(110, 1)
    pit.quote(109, "110", size=0)
    ids = {
        pit.accepted(OrderType.LIMIT, Side.BUY, size, limit=str(d(100) + d("0.25") * ticks)): ticks
        for ticks, size in limits
    }
    first_in_line = sorted(ids, key=lambda order_id: (-ids[order_id], order_id))
    for ticks, volume in prints:
        pit.hit(str(d(100) + d("0.25") * ticks), volume)
        left = [pit.order(one).size - pit.order(one).fill_volume for one in first_in_line]
        for earlier, later in pairwise(range(len(left))):
            touched = pit.order(first_in_line[later]).fill_volume > 0
            assert not (touched and left[earlier] > 0), (ids, prints)


@given(LIMITS, PRINTS)
def test_nothing_fills_while_the_session_is_closed(
    limits: list[tuple[int, int]], prints: list[tuple[int, int]]
) -> None:
    pit = Pit()
    for ticks, size in limits:
        pit.accepted(OrderType.LIMIT, Side.BUY, size, limit=str(d(98) + d("0.25") * ticks))
        pit.accepted(OrderType.STOP, Side.SELL, size, stop=str(d(98) + d("0.25") * ticks))
    pit.buy(3)
    pit.venue.set_session(MNQ.id, False, pit.now)
    for ticks, volume in prints:
        pit.hit(str(d(97) + d("0.25") * ticks), volume)
        pit.quote(str(d(97) + d("0.25") * ticks), str(d(98) + d("0.25") * ticks))
        pit.pass_ms(50)
    assert pit.venue.truth.all_trades == []
    pit.venue.set_session(MNQ.id, True, pit.now)
    pit.quote(97, "97.25")
    assert pit.venue.truth.all_trades
