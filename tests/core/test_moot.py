"""When it does not matter any more what came of a request."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.facts import ACCOUNT, MNQ, at, intent, order, position, trade
from topstepx import events
from topstepx.core.ledger import Ledger
from topstepx.core.moot import LATE_S, may_arrive, settled_by
from topstepx.wire.enums import OrderStatus


def ledger_of(*facts: events.Event) -> Ledger:
    ledger = Ledger()
    for fact in facts:
        ledger.apply(fact)
    return ledger


def listed(seconds: float, *held: int) -> events.PositionsListed:
    rows = tuple(position(net) for net in held)
    return events.PositionsListed(
        account_id=ACCOUNT, positions=rows, at=at(seconds), server_at=at(seconds)
    )


def settled(ledger: Ledger) -> str | None:
    belief = ledger.intent("A")
    assert belief is not None
    return settled_by(ledger, belief)


@pytest.mark.parametrize("action", ["cancel", "modify"])
def test_an_order_that_is_over_needs_no_cancel_and_no_change(action: Any) -> None:  # noqa: ANN401  one of the words
    ledger = ledger_of(intent("A", action=action, order_id=7))
    assert settled(ledger) is None
    ledger.apply(events.OrderObserved(order=order(7), at=at(1)))
    assert settled(ledger) is None
    done = order(7, status=OrderStatus.FILLED, update_timestamp=at(2))
    ledger.apply(events.OrderObserved(order=done, at=at(2)))
    assert settled(ledger) == "order 7 is FILLED"


@pytest.mark.parametrize("action", ["close", "partial_close"])
def test_a_close_is_settled_by_a_later_reading_that_is_flat(action: Any) -> None:  # noqa: ANN401  one of the words
    ledger = ledger_of(listed(0), intent("A", 5, action=action))
    assert settled(ledger) is None, "that reading is older than the close"
    ledger.apply(listed(6, 2))
    assert settled(ledger) is None
    ledger.apply(events.PositionObserved(position=position(0), at=at(7), source="hub"))
    assert settled(ledger) is None, "the hub alone is a hint"
    ledger.apply(listed(60))
    assert settled(ledger) == f"{MNQ} was read and is flat"
    bought = trade(1, creation_timestamp=at(61))
    ledger.apply(events.TradeObserved(trade=bought, at=at(61)))
    assert settled(ledger) is None, "something was bought since"


def test_an_order_is_never_settled_by_this() -> None:
    assert settled(ledger_of(intent("A", 1), listed(5))) is None


def test_what_was_answered_has_arrived_and_what_was_lost_may_still() -> None:
    ledger = ledger_of(intent("A", action="close"))
    belief = ledger.intent("A")
    assert belief is not None
    assert may_arrive(belief, 0)
    assert may_arrive(belief, -5), "the clock was set back"
    assert not may_arrive(belief, LATE_S)
    for status, late in ((503, True), (200, False)):
        answer = events.IntentAnswered(
            intent_id="A", account_id=ACCOUNT, outcome="unknown", status=status, at=at(1)
        )
        told = ledger_of(intent("A", action="close"), answer).intent("A")
        assert told is not None
        assert may_arrive(told, 1) is late
