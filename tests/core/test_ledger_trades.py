"""One trade, merged from many reports."""

from __future__ import annotations

from decimal import Decimal

from tests.support.facts import at, trade
from topstepx import events
from topstepx.core.ledger_trades import TradeEntry, Trades


def test_a_voided_trade_stays_voided() -> None:
    entry = TradeEntry()
    entry.apply(events.TradeVoided(trade=trade(1), at=at(5)), None)
    assert entry.apply(events.TradeObserved(trade=trade(1), at=at(9)), None) is None
    assert entry.belief is not None
    assert entry.belief.is_void


def test_a_reversal_is_a_change() -> None:
    entry = TradeEntry()
    entry.apply(events.TradeObserved(trade=trade(1), at=at(0)), None)
    change = entry.apply(events.TradeObserved(trade=trade(1, voided=True), at=at(1)), None)
    assert change is not None
    assert change.before is not None
    assert (change.before.is_void, change.after.is_void) == (False, True)


def test_later_reports_complete_it_and_forget_nothing() -> None:
    entry = TradeEntry()
    full = trade(1, profit_and_loss=Decimal(-49), commissions=Decimal("0.25"))
    entry.apply(events.TradeObserved(trade=full, at=at(0)), None)
    assert entry.apply(events.TradeObserved(trade=trade(1), at=at(1)), None) is None
    assert entry.belief is not None
    assert entry.belief.trade == full
    assert entry.belief.as_of == at(1)


def test_a_trade_reads_as_a_trader_says_it() -> None:
    entry = TradeEntry()
    entry.apply(events.TradeObserved(trade=trade(1, order_id=7), at=at(5)), None)
    assert str(entry.belief) == "MNQZ6 BUY 1 at 21503.25, order 7"
    entry.apply(events.TradeVoided(trade=trade(1, order_id=7), at=at(6)), None)
    assert str(entry.belief) == "MNQZ6 BUY 1 at 21503.25, order 7, taken back"


def test_the_trades_that_were_seen_first_are_known_by_their_number() -> None:
    trades = Trades()
    for number in (7, 3, 7, 9):
        trades.apply(events.TradeObserved(trade=trade(number), at=at(0)), None)
    assert trades.count == 3
    assert trades.first(2) == {7, 3}
    assert [one.id for one in trades.of(trade(1).order_id)] == [3, 7, 9]
