"""What intents asked for, and what of it may still fill."""

from __future__ import annotations

from datetime import timedelta

from tests.support.facts import ACCOUNT, ES, MNQ, at, intent, order
from topstepx.core.asked import may_fill, place_of
from topstepx.core.ledger import Ledger
from topstepx.events import (
    Event,
    IntentAnswered,
    IntentRecorded,
    IntentResolved,
    ListRead,
    OrderObserved,
)
from topstepx.wire import codec
from topstepx.wire.enums import OrderType, Side
from topstepx.wire.models import PlaceRequest

WATCHED = timedelta(hours=1)


def wanted(intent_id: str, size: int = 2, contract_id: str = MNQ) -> IntentRecorded:
    request = PlaceRequest(
        account_id=ACCOUNT,
        contract_id=contract_id,
        type=OrderType.MARKET,
        side=Side.BUY,
        size=size,
        custom_tag=f"T1{intent_id}",
    )
    return intent(intent_id, body=codec.encode(request).decode(), contract_id=contract_id)


def sizes(*facts: Event, seconds: float = 10) -> list[int]:
    ledger = Ledger()
    for fact in facts:
        ledger.apply(fact)
    found = may_fill(ledger, ACCOUNT, MNQ, watched=WATCHED, now=at(seconds))
    return [request.size for request in found]


def answered(outcome: str) -> IntentAnswered:
    return IntentAnswered(at=at(1), intent_id="A", account_id=ACCOUNT, outcome=outcome)  # type: ignore[arg-type]  # one of the words


def absent() -> IntentResolved:
    return IntentResolved(at=at(2), intent_id="A", account_id=ACCOUNT, verdict="presumed_absent")


def test_what_was_asked_is_read_back() -> None:
    ledger = Ledger()
    ledger.apply(wanted("A", 3))
    asked = place_of(ledger.intent("A"))
    assert asked is not None
    assert (asked.size, asked.custom_tag) == (3, "T1A")


def test_what_is_no_order_asked_for_none() -> None:
    ledger = Ledger()
    ledger.apply(intent("C", action="cancel"))
    assert place_of(ledger.intent("C")) is None
    assert place_of(None) is None


def test_open_intents_may_fill_from_the_moment_they_are_written_down() -> None:
    assert sizes(wanted("A", 3)) == [3]
    assert sizes(wanted("A", 3), answered("unknown")) == [3]
    assert sizes(wanted("A", 3), wanted("B", 1)) == [3, 1]


def test_dead_and_accepted_ones_are_not_counted_here() -> None:
    for outcome in ("refused", "not_sent", "accepted"):
        assert sizes(wanted("A"), answered(outcome)) == []


def test_presumed_absent_is_counted_while_it_is_watched() -> None:
    facts = (wanted("A"), answered("unknown"), absent())
    assert sizes(*facts, seconds=3000) == [2]
    assert sizes(*facts, seconds=4000) == []


def test_an_order_that_was_seen_counts_as_an_order_and_not_twice() -> None:
    assert sizes(wanted("A"), OrderObserved(at=at(1), order=order(7, custom_tag="t1a"))) == []


def test_another_contract_does_not_count() -> None:
    assert sizes(wanted("A", contract_id=ES)) == []


def test_one_intent_can_be_left_out() -> None:
    ledger = Ledger()
    for fact in (wanted("A", 3), wanted("B", 1)):
        ledger.apply(fact)
    found = may_fill(ledger, ACCOUNT, MNQ, watched=WATCHED, now=at(5), besides="A")
    assert [request.size for request in found] == [1]


def test_what_the_gateway_denies_counts_for_a_minute_or_until_a_reading() -> None:
    facts = (wanted("A", 3), answered("not_executed"), denied())
    assert sizes(*facts, seconds=30) == [3]
    assert sizes(*facts, seconds=62) == []
    at_once = ListRead(at=at(3), what="orders", account_id=ACCOUNT)
    assert sizes(*facts, at_once, seconds=30) == [3]  # too early to show it
    later = ListRead(at=at(7), what="orders", account_id=ACCOUNT)
    assert sizes(*facts, later, seconds=30) == []


def denied() -> IntentResolved:
    return IntentResolved(at=at(1), intent_id="A", account_id=ACCOUNT, verdict="not_sent")
