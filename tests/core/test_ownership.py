"""Ownership: what is ours, and that nothing of others is ever taken for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.facts import ACCOUNT, ES, at, intent, order, trade
from topstepx.core.ledger import Ledger
from topstepx.core.ownership import intent_of, is_external, is_external_trade
from topstepx.events import Event, IntentAnswered, IntentRecorded, OrderObserved
from topstepx.wire.enums import OrderType

if TYPE_CHECKING:
    from topstepx.wire.models import OrderModel


def ledger_of(*facts: Event) -> Ledger:
    ledger = Ledger()
    for fact in facts:
        ledger.apply(fact)
    return ledger


def close(intent_id: str = "C", seconds: float = 0, watermark: int = 0) -> IntentRecorded:
    return intent(intent_id, seconds, action="close", tag=None, watermark=watermark)


def exit_order(order_id: int, seconds: float = 1) -> OrderModel:
    return order(order_id, type=OrderType.MARKET, creation_timestamp=at(seconds))


@pytest.mark.parametrize("tag", ["T1A", "t1a", " T1A ", "T1A-SL", "t1a-tp"])
def test_a_tag_of_ours_makes_it_ours(tag: str) -> None:
    ledger = ledger_of(intent("A"))
    found = intent_of(ledger, order(7, custom_tag=tag))
    assert found is not None
    assert found.intent_id == "A"
    assert not is_external(ledger, order(7, custom_tag=tag))


@pytest.mark.parametrize("tag", ["T1B", "manual", "T1A-XX"])
def test_another_tag_does_not(tag: str) -> None:
    assert is_external(ledger_of(intent("A")), order(7, custom_tag=tag))


def test_an_answered_id_makes_it_and_its_legs_ours_when_lists_show_no_tags() -> None:
    answer = IntentAnswered(
        at=at(1), intent_id="A", account_id=ACCOUNT, outcome="accepted", order_id=7
    )
    ledger = ledger_of(intent("A"), answer)
    assert not is_external(ledger, order(7))
    assert not is_external(ledger, order(8, parent_order_id=7))
    assert is_external(ledger, order(9))


def test_an_untagged_order_is_external_unless_an_unresolved_one_may_be_it() -> None:
    assert is_external(ledger_of(), order(7))
    ledger = ledger_of(intent("A", watermark=6))
    assert not is_external(ledger, order(7))
    assert is_external(ledger, order(6))
    assert is_external(ledger, order(7, contract_id=ES))


def test_each_close_of_ours_accounts_for_one_untagged_market_order() -> None:
    ledger = ledger_of(close(watermark=6))
    assert not is_external(ledger, exit_order(7))
    ledger.apply(OrderObserved(at=at(1), order=exit_order(7)))
    assert not is_external(ledger, exit_order(7))
    assert is_external(ledger, exit_order(8))
    ledger.apply(close("D", 2, watermark=7))
    assert not is_external(ledger, exit_order(8))


def test_a_close_of_ours_accounts_for_nothing_much_earlier_or_later() -> None:
    ledger = ledger_of(close())
    assert is_external(ledger, exit_order(7, seconds=-60))
    assert is_external(ledger, exit_order(7, seconds=600))
    assert not is_external(ledger, exit_order(7, seconds=20))


def test_a_refused_close_accounts_for_nothing() -> None:
    refused = IntentAnswered(at=at(1), intent_id="C", account_id=ACCOUNT, outcome="refused")
    assert is_external(ledger_of(close(), refused), exit_order(7))


def test_a_trade_goes_with_its_order() -> None:
    ledger = ledger_of(OrderObserved(at=at(1), order=order(7)))
    assert is_external_trade(ledger, trade(order_id=7))
    assert not is_external_trade(ledger, trade(order_id=8))
