"""Legs that must be there and were not shown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.support.facts import ACCOUNT, MNQ, at, intent, order, trade
from topstepx.core.ledger import Ledger
from topstepx.events import Event, IntentAnswered, OrderObserved, TradeObserved
from topstepx.wire import codec
from topstepx.wire.enums import OrderStatus, OrderType, Side
from topstepx.wire.models import BracketModel, PlaceRequest

STOP = BracketModel(ticks=-40, type=OrderType.STOP)
TARGET = BracketModel(ticks=80, type=OrderType.LIMIT)


def asked(**legs: Any) -> Event:  # noqa: ANN401  brackets by name
    request = PlaceRequest(
        account_id=ACCOUNT,
        contract_id=MNQ,
        type=OrderType.MARKET,
        side=Side.BUY,
        size=3,
        custom_tag="T1A",
        **legs,
    )
    return intent("A", body=codec.encode(request).decode())


def seen(order_id: int = 1, **parts: Any) -> Event:  # noqa: ANN401  any member
    tag = parts.pop("custom_tag", "T1A")
    return OrderObserved(order=order(order_id, custom_tag=tag, **parts), at=at(1))


def stop_leg(**parts: Any) -> Event:  # noqa: ANN401  any member
    terms: dict[str, Any] = {"type": OrderType.STOP, "side": Side.SELL, "size": 3}
    return seen(2, parent_order_id=1, custom_tag="T1A-SL", **(terms | parts))


def unseen(*facts: Event, seconds: float = 10) -> list[tuple[Side, int]]:
    ledger = Ledger()
    for fact in facts:
        ledger.apply(fact)
    found = ledger.expected_legs.unseen(
        ledger, ACCOUNT, MNQ, watched=timedelta(hours=1), now=at(seconds)
    )
    return [(one.side, one.size) for one in found]


BOTH = asked(stop_loss_bracket=STOP, take_profit_bracket=TARGET)
FILLED = seen(size=3, fill_volume=3, status=OrderStatus.FILLED)


def test_they_count_with_what_the_entry_filled() -> None:
    assert unseen(BOTH) == []
    assert unseen(BOTH, seen(size=3)) == []
    assert unseen(BOTH, seen(size=3, fill_volume=2)) == [(Side.SELL, 2)]
    assert unseen(BOTH, FILLED) == [(Side.SELL, 3)]
    assert unseen(asked(take_profit_bracket=TARGET), FILLED) == [(Side.SELL, 3)]
    assert unseen(asked(), FILLED) == []


def test_trades_tell_of_a_fill_before_the_entry_itself_is_shown() -> None:
    accepted = IntentAnswered(
        at=at(1), intent_id="A", account_id=ACCOUNT, outcome="accepted", order_id=1
    )
    filled = TradeObserved(trade=trade(1, order_id=1, size=2), at=at(2), source="hub")
    assert unseen(BOTH, accepted) == []
    assert unseen(BOTH, accepted, filled) == [(Side.SELL, 2)]


def test_of_two_siblings_one_is_enough() -> None:
    assert unseen(BOTH, FILLED, stop_leg()) == []
    assert unseen(BOTH, FILLED, stop_leg(size=1)) == [(Side.SELL, 2)]
    gone = stop_leg(status=OrderStatus.CANCELLED)
    assert unseen(BOTH, FILLED, gone) == [(Side.SELL, 3)]
    hit = stop_leg(fill_volume=3, status=OrderStatus.FILLED)
    assert unseen(BOTH, FILLED, hit) == []


def test_what_was_seen_once_goes_by_its_own_reports() -> None:
    assert unseen(asked(stop_loss_bracket=STOP), FILLED, stop_leg()) == []
    gone = stop_leg(status=OrderStatus.CANCELLED)
    assert unseen(asked(stop_loss_bracket=STOP), FILLED, gone) == []


def test_they_are_not_watched_for_ever() -> None:
    assert unseen(BOTH, FILLED, seconds=3700) == []
