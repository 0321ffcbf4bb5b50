"""The life of an order: the table, and what it makes of any two reports."""

from __future__ import annotations

import pytest

from tests.support.facts import at, intent, order
from topstepx.core.ledger import Ledger
from topstepx.core.order_life import LEGAL, REACHABLE, Stage, judge, stage_of, stage_of_order
from topstepx.events import IntentAnswered, OrderObserved
from topstepx.wire.enums import OrderStatus

ENDS = (Stage.FILLED, Stage.CANCELLED, Stage.EXPIRED, Stage.REJECTED)


@pytest.mark.parametrize("end", [*ENDS, Stage.REFUSED, Stage.NOT_SENT])
def test_nothing_follows_an_end(end: Stage) -> None:
    assert end.is_terminal
    assert not REACHABLE[end]
    assert all(judge(end, stage) != "legal" for stage in Stage)


def test_presumed_absent_is_no_end() -> None:
    assert not Stage.PRESUMED_ABSENT.is_terminal
    assert all(judge(Stage.PRESUMED_ABSENT, end) == "legal" for end in ENDS)


def test_every_stage_is_in_the_table_and_every_live_one_can_end() -> None:
    assert set(LEGAL) == set(Stage)
    for stage in Stage:
        if not stage.is_terminal:
            assert REACHABLE[stage] & set(ENDS)


@pytest.mark.parametrize(
    ("before", "after", "step"),
    [
        (Stage.OPEN, Stage.OPEN, "none"),
        (Stage.SENT, Stage.FILLED, "legal"),
        (Stage.OPEN, Stage.FILLED, "legal"),
        (Stage.OPEN, Stage.SUSPENDED, "stale"),
        (Stage.PARTIAL, Stage.PENDING, "stale"),
        (Stage.FILLED, Stage.OPEN, "stale"),
        (Stage.FILLED, Stage.CANCELLED, "illegal"),
        (Stage.CANCELLED, Stage.FILLED, "illegal"),
        (Stage.REFUSED, Stage.OPEN, "illegal"),
        (Stage.CANCELLING, Stage.OPEN, "legal"),
        (Stage.UNSEEN, Stage.SUSPENDED, "legal"),
    ],
)
def test_what_a_report_means(before: Stage, after: Stage, step: str) -> None:
    assert judge(before, after) == step


def test_the_stage_of_what_was_seen_outweighs_the_answer() -> None:
    ledger = Ledger()
    recorded = intent("I")
    ledger.apply(recorded)
    assert stage_of(ledger.intent("I"), None) is Stage.RECORDED
    ledger.apply(
        IntentAnswered(
            at=at(1),
            intent_id="I",
            account_id=recorded.account_id,
            outcome="accepted",
            order_id=7,
        )
    )
    assert stage_of(ledger.intent("I"), None) is Stage.ACCEPTED
    ledger.apply(OrderObserved(at=at(2), order=order(7)))
    belief = ledger.order(7)
    assert belief is not None
    assert stage_of(ledger.intent("I"), belief) is Stage.OPEN


@pytest.mark.parametrize(
    ("status", "filled", "stage"),
    [
        (OrderStatus.OPEN, 0, Stage.OPEN),
        (OrderStatus.OPEN, 1, Stage.PARTIAL),
        (OrderStatus.PENDING_CANCELLATION, 1, Stage.CANCELLING),
        (OrderStatus.CANCELLED, 1, Stage.CANCELLED),
        (OrderStatus(42), 0, Stage.UNSEEN),
    ],
)
def test_the_stage_of_a_status(status: OrderStatus, filled: int, stage: Stage) -> None:
    ledger = Ledger()
    ledger.apply(OrderObserved(at=at(1), order=order(7, status=status, fill_volume=filled)))
    belief = ledger.order(7)
    assert belief is not None
    assert stage_of_order(belief) is stage
