"""A used key says again what came of its order, out of the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.cards.world import world
from tests.support.facts import ACCOUNT, at, intent
from topstepx import Bracket, CancelRest, Limit, Market, StopLimit, errors
from topstepx.core.ledger import Ledger
from topstepx.desk.used_keys import _TERMS, _WISHES, note_of, outcome_again, used_up
from topstepx.desk.wishes import Wishes
from topstepx.errors import InvalidRequest
from topstepx.events import Event, IntentAnswered, IntentResolved
from topstepx.testing.loop import virtual
from topstepx.wire.enums import Side
from topstepx.wire.models import PlaceRequest

if TYPE_CHECKING:
    from topstepx.core.ledger_intents import IntentBelief


def answered(outcome: str, **parts: object) -> IntentAnswered:
    return IntentAnswered(at=at(1), intent_id="A", account_id=ACCOUNT, outcome=outcome, **parts)  # type: ignore[arg-type]  # one of the words


def resolved(verdict: str, *evidence: str) -> IntentResolved:
    return IntentResolved(
        at=at(2),
        intent_id="A",
        account_id=ACCOUNT,
        verdict=verdict,  # type: ignore[arg-type]  # one of the words
        evidence=evidence,
    )


def belief(*facts: Event) -> IntentBelief:
    ledger = Ledger()
    for fact in (intent("A"), *facts):
        ledger.apply(fact)
    found = ledger.intent("A")
    assert found is not None
    return found


@pytest.mark.parametrize(
    "kind",
    [
        errors.DeadlinePassed,
        errors.RateLimited,
        errors.BreakerOpen,
        errors.AuthBroken,
        errors.NotSent,
        errors.RecordUnavailable,
    ],
)
def test_what_was_not_sent_raises_its_own_class_again(kind: type[errors.TopstepxError]) -> None:
    first = kind("It was too late: 3 s.", next_step="Decide again.")
    again = outcome_again(belief(answered("not_sent", text=note_of(first))), "k")
    assert type(again) is kind
    assert str(again).startswith("It was too late: 3 s. Decide again.")
    assert "The key 'k' is used up" in str(again)
    assert "take another one" in again.next_step
    assert again.did_it_happen == "no"


def test_the_mode_that_refused_it_in_the_last_moment() -> None:
    first = errors.ModeRefused("An entry is refused.", "HALTED", ("killed",), "Look.")
    again = outcome_again(belief(answered("not_sent", text=note_of(first))), "k")
    assert type(again) is errors.ModeRefused
    assert again.causes == ()


def test_a_refusal_has_its_code_words_and_dead_order_again() -> None:
    fact = answered("refused", code=2, text="Invalid price.", status=200, order_id=7)
    again = outcome_again(belief(fact), "k")
    assert isinstance(again, errors.OrderRefused)
    assert (again.code, again.name, again.order_id) == (2, "OrderRejected", 7)
    assert again.gateway_text == "Invalid price."
    plain = outcome_again(belief(answered("refused", text="bad size", status=400)), None)
    assert isinstance(plain, errors.OrderRefused)
    assert (plain.code, plain.status) == (None, 400)
    assert "used up" not in str(plain)


def test_a_busy_gateway_and_a_rejection_that_was_found() -> None:
    busy = belief(answered("not_executed", status=429), resolved("not_sent", "429"))
    assert type(outcome_again(busy, "k")) is errors.GatewayBusy
    found = outcome_again(belief(answered("unknown"), resolved("refused", "order 7")), "k")
    assert isinstance(found, errors.OrderRefused)
    assert "found rejected" in str(found)


def test_what_an_earlier_version_wrote_is_understood() -> None:
    again = outcome_again(belief(answered("not_sent", text="DeadlinePassed")), "k")
    assert type(again) is errors.DeadlinePassed
    strange = outcome_again(belief(resolved("not_sent", "the disk is full")), "k")
    assert type(strange) is errors.NotSent
    assert "the disk is full" in str(strange)


def test_a_living_or_undecided_order_has_no_error() -> None:
    assert outcome_again(belief(answered("accepted", order_id=7)), "k") is None
    assert outcome_again(belief(answered("unknown")), "k") is None
    assert outcome_again(belief(resolved("presumed_absent")), "k") is None


def test_without_a_key_nothing_is_added() -> None:
    error = used_up(errors.DeadlinePassed("Too late.", next_step="Again."), None)
    assert str(error) == "Too late. Again."


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"size": 3}, "size: 2, now 3"),
        ({"side": Side.SELL, "at": Limit("29000")}, "side: BUY, now SELL"),
        ({"at": Limit("29000.25")}, "limit price: 29000.00, now 29000.25"),
        ({"at": Market()}, "type: LIMIT, now MARKET; limit price: 29000.00, now none"),
        (
            {"at": StopLimit("29010", "29000")},
            "type: LIMIT, now STOP_LIMIT; stop price: none, now 29010.00",
        ),
        ({"bracket": None}, "bracket stop: 40 ticks, now none; bracket target: 80 ticks, now none"),
        (
            {"bracket": Bracket(stop_ticks=40, target_ticks=90, trailing=True)},
            "bracket stop: 40 ticks, now 40 ticks, trailing; bracket target: 80 ticks, now 90 ticks",
        ),
        (
            {"bracket": Bracket(stop="28990", target_ticks=80)},
            "bracket stop price: none, now 28990.00",
        ),
        ({"remainder": None}, "remainder: cancel the rest after 5 s, now none"),
        (
            {"remainder": CancelRest(after_s=2.5)},
            "remainder: cancel the rest after 5 s, now cancel the rest after 2.5 s",
        ),
    ],
)
@virtual
async def test_other_terms_are_named(parts: dict[str, Any], told: str) -> None:
    terms: dict[str, Any] = {
        "at": Limit("29000"),
        "bracket": Bracket(stop_ticks=40, target_ticks=80),
        "remainder": CancelRest(after_s=5),
        "key": "k",
    }
    async with world() as w:
        order = await w.buy(2, **terms)
        with pytest.raises(InvalidRequest) as refused:
            await w.buy(**{"size": 2, **terms, **parts})
        assert refused.value.rule == f"already names an order with other terms: {told}."
        assert (await w.buy(2, **terms)).id == order.id
        assert w.requests("place") == 1


def test_every_member_of_an_order_is_a_term_of_it() -> None:
    named = set(_TERMS) | {"account_id", "custom_tag"}
    assert named == set(PlaceRequest.__struct_fields__)
    assert {*_WISHES, "key", "label"} == set(Wishes.__struct_fields__)
