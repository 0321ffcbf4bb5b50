"""Intents: open until something definite is known."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.facts import ACCOUNT, at, intent
from topstepx import events
from topstepx.core.ledger_intents import IntentBelief, IntentEntry, IntentFact


def answered(outcome: str, attempt: int = 1, **parts: Any) -> events.IntentAnswered:  # noqa: ANN401  any member
    return events.IntentAnswered(
        intent_id="01JDXK",
        account_id=ACCOUNT,
        outcome=outcome,  # type: ignore[arg-type]  # the parameters below are outcomes
        attempt=attempt,
        at=at(attempt),
        **parts,
    )


def resolved(verdict: str, seconds: float = 100, **parts: Any) -> events.IntentResolved:  # noqa: ANN401  any member
    return events.IntentResolved(
        intent_id="01JDXK",
        account_id=ACCOUNT,
        verdict=verdict,  # type: ignore[arg-type]  # the parameters below are verdicts
        at=at(seconds),
        **parts,
    )


def sent(attempt: int = 1) -> events.IntentSent:
    return events.IntentSent(
        intent_id="01JDXK", account_id=ACCOUNT, attempt=attempt, at=at(attempt)
    )


def after(*facts: IntentFact) -> IntentBelief:
    entry = IntentEntry("01JDXK", ACCOUNT)
    for fact in facts:
        entry.apply(fact)
    assert entry.belief is not None
    return entry.belief


@pytest.mark.parametrize(
    ("facts", "state", "is_open"),
    [
        ([], "recorded", True),
        ([sent()], "sent", True),
        ([sent(), answered("unknown")], "unknown", True),
        ([sent(), answered("duplicate")], "unknown", True),
        ([sent(), answered("accepted", order_id=9)], "accepted", False),
        ([sent(), answered("refused")], "refused", False),
        ([answered("not_sent")], "not_sent", False),
        ([sent(), answered("not_executed")], "unknown", True),
        ([sent(), answered("not_executed"), answered("not_sent", 2)], "not_sent", False),
        ([answered("not_sent"), sent(2)], "sent", True),
        ([answered("unknown"), answered("refused", 2)], "unknown", True),
        ([answered("unknown"), resolved("presumed_absent")], "presumed_absent", False),
        (
            [
                answered("unknown"),
                resolved("presumed_absent"),
                resolved("accepted", 200, order_id=9),
            ],
            "accepted",
            False,
        ),
        ([resolved("accepted", 50, order_id=9), resolved("presumed_absent")], "accepted", False),
        ([resolved("not_sent")], "not_sent", False),
    ],
)
def test_what_is_known_of_an_intent(facts: list[IntentFact], state: str, *, is_open: bool) -> None:
    belief = after(intent(), *facts)
    assert (belief.state, belief.is_open) == (state, is_open)
    if state == "accepted":
        assert belief.order_id == 9


def test_an_intent_keeps_what_was_wanted() -> None:
    belief = after(intent(key="orb"), sent(1), sent(3))
    assert belief.recorded is not None
    assert belief.recorded.key == "orb"
    assert (belief.recorded_at, belief.attempts) == (at(0), 3)


FACTS: list[IntentFact] = [
    intent(),
    sent(),
    answered("unknown"),
    answered("not_executed", 2),
    resolved("presumed_absent"),
    resolved("accepted", 200, order_id=9),
]


@given(st.permutations(FACTS), st.lists(st.sampled_from(FACTS)))
def test_order_and_repetition_do_not_matter(
    facts: list[IntentFact], again: list[IntentFact]
) -> None:
    assert after(*facts, *again) == after(*FACTS)


def test_copies_are_counted_and_repeats_across_a_401_are_not() -> None:
    copy = events.IntentSent(intent_id="A", account_id=ACCOUNT, attempt=3, again=True, at=at(3))
    assert after(sent(1), sent(2)).copies == 1
    assert after(sent(1), sent(2), copy, copy).copies == 2


def looked(rounds: int) -> events.IntentLooked:
    return events.IntentLooked(
        intent_id="A", account_id=ACCOUNT, rounds=rounds, waited_s=10.0 * rounds, at=at(50 + rounds)
    )


def test_looks_count_since_it_last_left() -> None:
    copy = events.IntentSent(intent_id="A", account_id=ACCOUNT, attempt=2, again=True, at=at(60))
    sequence: list[IntentFact] = [sent(), answered("unknown"), looked(1), looked(2)]
    assert after(*sequence).looked == looked(2)
    assert after(*sequence, looked(0)).looked == looked(0), "what is not explained begins anew"
    assert after(*sequence, copy).looked is None, "nobody has looked for the copy"
    whole: list[IntentFact] = [*sequence, copy, looked(3)]
    assert after(*whole, *whole).looked == looked(3), "a journal that is read twice"


@pytest.mark.parametrize(
    ("facts", "denied"),
    [
        pytest.param([sent(), answered("not_executed"), resolved("not_sent")], True, id="429"),
        pytest.param(
            [sent(), answered("not_sent", text="DeadlinePassed: x")], True, id="401 and no token"
        ),
        pytest.param(
            [sent(), sent(2), answered("not_sent", 2, text="NotSent: x")],
            True,
            id="401 and no line",
        ),
        pytest.param([sent(), answered("not_sent", text="NotSent: x")], False, id="no line"),
        pytest.param([answered("not_sent", text="RateLimited: x")], False, id="never left"),
        pytest.param([sent(), answered("refused")], False, id="refused"),
        pytest.param([sent(), answered("not_executed")], False, id="still open"),
    ],
)
def test_what_left_and_is_denied(facts: list[IntentFact], *, denied: bool) -> None:
    assert after(*facts).was_denied is denied
