from __future__ import annotations

import pytest

from tests.support.pit import ACCOUNT_ID, MNQ, OTHER_ID, Pit, d
from topstepx.wire.enums import OrderStatus, OrderType, Side


def test_a_lock_is_told_and_refuses_orders() -> None:
    pit = Pit()
    pit.venue.set_can_trade(ACCOUNT_ID, can_trade=False, now=pit.now)
    assert [event.kind for event in pit.events()] == ["account"]
    assert not pit.place(OrderType.MARKET, Side.BUY).success


def test_money_can_come_and_go() -> None:
    pit = Pit()
    pit.venue.adjust_balance(ACCOUNT_ID, d("-100.50"), pit.now)
    assert pit.story() == ["account 149899.50"]


def test_the_firm_ends_it() -> None:
    pit = Pit(market_fill_ms=0)
    pit.buy(2, stop_ticks=-40)
    pit.pass_ms(26)
    resting = pit.accepted(OrderType.LIMIT, Side.BUY, limit=99)
    pit.venue.liquidate(ACCOUNT_ID, pit.now)
    assert pit.net == 0
    assert pit.status(resting) is OrderStatus.CANCELLED
    assert pit.venue.truth.working(ACCOUNT_ID) == []
    assert not pit.account.can_trade
    pit.venue.liquidate(OTHER_ID, pit.now, lock=False)
    assert pit.place(OrderType.MARKET, Side.BUY, account_id=OTHER_ID).success


def test_the_firm_cannot_close_what_a_shut_exchange_holds() -> None:
    pit = Pit(market_fill_ms=0)
    pit.buy(2)
    pit.venue.set_session(MNQ.id, False, pit.now)
    pit.venue.liquidate(ACCOUNT_ID, pit.now)
    assert (pit.net, pit.venue.truth.working(ACCOUNT_ID)) == (2, [])
    assert not pit.account.can_trade


def test_expiry_ends_orders_and_their_sleeping_legs() -> None:
    pit = Pit()
    entry = pit.accepted(OrderType.LIMIT, Side.BUY, limit=99, stop_ticks=-8)
    pit.venue.expire_orders(pit.now, "CON.F.US.EP.U26")
    assert pit.status(entry) is OrderStatus.OPEN
    pit.venue.expire_orders(pit.now)
    assert pit.status(entry) is OrderStatus.EXPIRED
    assert pit.status(entry + 1).is_terminal


def test_the_session_ends_day_orders_by_switch() -> None:
    for force, status in (("gtc", OrderStatus.OPEN), ("day", OrderStatus.EXPIRED)):
        pit = Pit(time_in_force=force)
        order = pit.accepted(OrderType.LIMIT, Side.BUY, limit=99)
        pit.venue.set_session(MNQ.id, is_open=False, now=pit.now)
        assert pit.status(order) is status


def test_a_hand_fills_what_works_and_no_more() -> None:
    pit = Pit()
    order = pit.accepted(OrderType.LIMIT, Side.BUY, 2, limit=99)
    for size in (0, 3):
        with pytest.raises(ValueError, match=str(size)):
            pit.venue.fill(order, size, d(99), pit.now)
    pit.venue.fill(order, 2, d(99), pit.now)
    with pytest.raises(ValueError, match="FILLED"):
        pit.venue.fill(order, 1, d(99), pit.now)


def test_an_overfill_can_be_played() -> None:
    pit = Pit()
    order = pit.accepted(OrderType.LIMIT, Side.BUY, 5, limit=99)
    pit.venue.fill(order, 6, d(99), pit.now, beyond_size=True)
    assert (pit.order(order).fill_volume, pit.net) == (6, 6)
    pit.venue.fill(order, 1, d(99), pit.now, beyond_size=True)
    assert (pit.status(order), pit.net) == (OrderStatus.FILLED, 7)


# -------------------------------------------------------------------- voided trades


def test_a_voided_opening_never_was() -> None:
    pit = Pit(market_fill_ms=0)
    pit.buy(2)
    trade = pit.venue.truth.trades(ACCOUNT_ID)[0]
    pit.events()
    pit.venue.void_trade(trade.id, pit.now)
    assert (pit.net, pit.balance) == (0, d(150000))
    assert pit.story() == [
        "trade BUY 2 @ 100.25",
        "position UNDEFINED 0",
        "account 150000.00",
    ]
    assert pit.venue.truth.trade(trade.id).voided
    pit.venue.void_trade(trade.id, pit.now)
    assert pit.story() == []


def test_a_voided_closing_opens_again() -> None:
    pit = Pit(market_fill_ms=0)
    pit.buy(1)
    pit.quote(102, "102.25")
    pit.sell(1)
    closing = pit.venue.truth.trades(ACCOUNT_ID)[1]
    pit.venue.void_trade(closing.id, pit.now)
    assert (pit.net, pit.balance) == (1, d(150000) - d("0.61"))
    assert pit.positions()[0].average_price == d("100.25")


def test_later_profits_follow_a_voided_opening() -> None:
    pit = Pit(market_fill_ms=0)
    pit.buy(1)
    pit.quote(102, "102.25")
    pit.buy(1)
    pit.quote(104, "104.25")
    pit.sell(1)
    first, second, closing = pit.venue.truth.trades(ACCOUNT_ID)
    assert closing.profit_and_loss == d("5.50")
    pit.venue.void_trade(first.id, pit.now)
    assert pit.venue.truth.trade(closing.id).profit_and_loss == d("3.50")
    assert (pit.net, pit.balance) == (0, d(150000) + d("3.50") - d("1.22"))
    assert second.voided is False
