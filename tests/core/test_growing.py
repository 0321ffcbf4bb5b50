"""The size of an order counts at the largest that a change may have made or may yet make of it."""

from __future__ import annotations

import pytest

from tests.support.facts import ACCOUNT, at, intent, order
from topstepx import events
from topstepx.core.growing import size_at_most
from topstepx.core.ledger import Ledger
from topstepx.wire import codec
from topstepx.wire.models import ModifyRequest

ORDER = 3345169272


def changing(ledger: Ledger, size: int | None, intent_id: str = "A", seconds: float = 1) -> None:
    """A change of the order's size is written down and sent."""
    body = codec.encode(ModifyRequest(account_id=ACCOUNT, order_id=ORDER, size=size)).decode()
    recorded = intent(intent_id, seconds, action="modify", order_id=ORDER, body=body, tag=None)
    ledger.apply(recorded)
    ledger.apply(events.IntentSent(intent_id=intent_id, account_id=ACCOUNT, at=at(seconds)))


def answered(ledger: Ledger, outcome: events.Outcome, intent_id: str = "A") -> None:
    ledger.apply(
        events.IntentAnswered(
            intent_id=intent_id, account_id=ACCOUNT, outcome=outcome, attempt=1, at=at(2)
        )
    )


def seen(ledger: Ledger, size: int, seconds: float) -> None:
    told = order(ORDER, size=size, update_timestamp=at(seconds))
    ledger.apply(events.OrderObserved(order=told, at=at(seconds), source="rest"))


def at_most(ledger: Ledger) -> int:
    belief = ledger.order(ORDER)
    assert belief is not None
    return size_at_most(ledger, belief)


def test_a_change_counts_from_the_moment_it_is_written_down() -> None:
    ledger = Ledger()
    seen(ledger, 1, 0)
    assert at_most(ledger) == 1
    changing(ledger, 3)
    assert at_most(ledger) == 3


@pytest.mark.parametrize(
    ("outcome", "counted"), [("unknown", 3), ("refused", 1), ("not_sent", 1), ("accepted", 3)]
)
def test_what_an_answer_makes_of_it(outcome: events.Outcome, counted: int) -> None:
    ledger = Ledger()
    seen(ledger, 1, 0)
    changing(ledger, 3)
    answered(ledger, outcome)
    assert at_most(ledger) == counted


def test_a_lost_change_that_was_given_up_may_still_arrive() -> None:
    ledger = Ledger()
    seen(ledger, 1, 0)
    changing(ledger, 3)
    answered(ledger, "unknown")
    ledger.apply(
        events.IntentResolved(
            intent_id="A", account_id=ACCOUNT, verdict="presumed_absent", at=at(9)
        )
    )
    seen(ledger, 1, 60)
    assert at_most(ledger) == 3


def test_an_accepted_change_counts_until_the_order_is_told_anew() -> None:
    ledger = Ledger()
    seen(ledger, 1, 0)
    changing(ledger, 3)
    answered(ledger, "accepted")
    seen(ledger, 1, 4)  # it may be what the order was before
    assert at_most(ledger) == 3
    seen(ledger, 1, 6)
    assert at_most(ledger) == 1


def test_a_later_accepted_change_takes_the_place_of_an_earlier_one() -> None:
    ledger = Ledger()
    seen(ledger, 1, 0)
    changing(ledger, 3)
    answered(ledger, "accepted")
    changing(ledger, 1, "B", 3)
    answered(ledger, "accepted", "B")
    assert at_most(ledger) == 1


def test_a_change_of_the_price_says_nothing_about_the_size() -> None:
    ledger = Ledger()
    seen(ledger, 2, 0)
    changing(ledger, None)
    answered(ledger, "unknown")
    assert at_most(ledger) == 2


def test_a_change_of_the_price_alone_does_not_hide_the_one_of_the_size_before_it() -> None:
    ledger = Ledger()
    seen(ledger, 1, 0)
    changing(ledger, 3)
    answered(ledger, "accepted")
    changing(ledger, None, "B")
    answered(ledger, "accepted", "B")
    assert at_most(ledger) == 3
