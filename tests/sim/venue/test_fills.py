from __future__ import annotations

from tests.support.pit import ACCOUNT_ID, Pit, d
from topstepx.wire.enums import OrderStatus, OrderType, Side


def test_a_round_trip_leaves_profit_less_charges() -> None:
    pit = Pit(market_fill_ms=0)
    pit.buy(2)
    pit.quote("102", "102.25")
    pit.sell(2)
    # 1.75 points, 2 contracts, $2 a point; 4 sides at 0.61.
    assert pit.balance == d("150000") + d("7.00") - d("2.44")
    opened, closed = pit.venue.truth.trades(ACCOUNT_ID)
    assert (opened.profit_and_loss, closed.profit_and_loss) == (None, d("7.00"))
    assert (opened.fees, opened.commissions) == (d("0.72"), d("0.50"))


def test_the_order_of_what_is_told() -> None:
    pit = Pit(market_fill_ms=0)
    pit.sell(1)
    assert pit.story() == [
        "order 0 6",
        "order 0 2",
        "trade SELL 1 @ 100",
        "position SHORT 1",
        "account 149999.39",
    ]


def test_actions_are_the_captured_ones() -> None:
    pit = Pit(market_fill_ms=0)
    pit.buy(1)
    pit.close()
    actions = {(event.kind, event.action) for event in pit.events()}
    assert actions == {
        ("order", 1),
        ("trade", 0),
        ("position", 1),
        ("position", 2),
        ("account", 1),
    }


def test_turning_around_is_two_half_turns_and_a_new_position() -> None:
    pit = Pit(market_fill_ms=0)
    pit.buy(2)
    first = pit.positions()[0].id
    pit.events()
    pit.sell(5)
    assert pit.story() == [
        "order 1 6",
        "order 1 2",
        "trade SELL 2 @ 100",
        "position UNDEFINED 0",
        "trade SELL 3 @ 100",
        "position SHORT 3",
        "account 149994.73",
    ]
    assert pit.positions()[0].id == first + 1
    assert {t.order_id for t in pit.venue.truth.trades(ACCOUNT_ID)[1:]} == {3_400_000_001}


def test_a_position_that_opens_again_is_a_new_one() -> None:
    pit = Pit(market_fill_ms=0)
    pit.buy()
    first = pit.positions()[0].id
    pit.close()
    pit.buy()
    assert pit.positions()[0].id == first + 1


def test_a_partial_fill_is_open_with_an_average() -> None:
    pit = Pit()
    order = pit.accepted(OrderType.LIMIT, Side.BUY, 3, limit=99)
    pit.venue.fill(order, 1, d("98.75"), pit.now)
    pit.venue.fill(order, 1, d(99), pit.now)
    seen = pit.order(order)
    assert (seen.status, seen.fill_volume, seen.filled_price) == (
        OrderStatus.OPEN,
        2,
        d("98.875"),
    )
    assert pit.positions()[0].average_price == d("98.875")
