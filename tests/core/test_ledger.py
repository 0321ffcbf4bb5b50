"""The ledger as a whole: a fold that does not care about order or repetition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from tests.support.facts import (
    ACCOUNT,
    ES,
    MNQ,
    OBSERVATIONS,
    account,
    at,
    intent,
    order,
    position,
    trade,
)
from topstepx import events
from topstepx.core.ledger import Ledger, Noted
from topstepx.core.ledger_orders import OrderChanged
from topstepx.core.ledger_positions import PositionChanged
from topstepx.core.mode import Mode, ModeMoved
from topstepx.wire.enums import OrderStatus

if TYPE_CHECKING:
    from collections.abc import Iterable


def folded(facts: Iterable[events.Event]) -> Ledger:
    ledger = Ledger()
    for fact in facts:
        ledger.apply(fact)
    return ledger


@given(st.lists(OBSERVATIONS, max_size=12), st.data())
def test_any_order_and_any_repetition_gives_the_same_ledger(
    facts: list[events.Observation], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(facts), max_size=6)) if facts else []
    shuffled = data.draw(st.permutations(facts + again))
    one, other = folded(facts), folded(shuffled)
    assert one.state() == other.state()
    ages = [(belief.id, belief.as_of) for belief in one.orders()]
    assert ages == [(belief.id, belief.as_of) for belief in other.orders()]


@given(st.lists(OBSERVATIONS, max_size=12))
def test_what_was_just_said_is_no_news(facts: list[events.Observation]) -> None:
    ledger = folded(facts)
    before = ledger.state()
    for fact in facts:
        assert ledger.apply(fact) == ()
    assert ledger.state() == before


@given(st.lists(OBSERVATIONS, max_size=12))
def test_no_news_means_no_change(facts: list[events.Observation]) -> None:
    ledger = Ledger()
    for fact in facts:
        before = ledger.state()
        if not ledger.apply(fact):
            assert ledger.state() == before


@given(st.lists(OBSERVATIONS, max_size=12))
def test_working_orders_are_those_not_known_to_be_over(facts: list[events.Observation]) -> None:
    ledger = folded(facts)
    expected = tuple(belief for belief in ledger.orders(ACCOUNT) if not belief.is_terminal)
    assert ledger.working(ACCOUNT) == expected


def test_nothing_seen_is_unknown_everywhere() -> None:
    ledger = Ledger()
    assert ledger.position(ACCOUNT, MNQ) is None
    assert ledger.order(1) is None
    assert ledger.account(ACCOUNT) is None
    assert ledger.listed_at("orders", ACCOUNT) is None
    assert ledger.positions(ACCOUNT) == ()
    assert ledger.orders() == ()
    assert ledger.trades() == ()
    assert ledger.links.session is None


def test_an_order_its_legs_and_its_trades_are_found() -> None:
    ledger = folded(
        [
            events.OrderObserved(order=order(1, custom_tag="T1A"), at=at(0)),
            events.OrderObserved(
                order=order(2, parent_order_id=1, status=OrderStatus.SUSPENDED), at=at(0)
            ),
            events.OrderObserved(order=order(3, account_id=7), at=at(0)),
            events.TradeObserved(trade=trade(10, order_id=1, creation_timestamp=at(2)), at=at(2)),
            events.TradeObserved(trade=trade(11, order_id=1, creation_timestamp=at(1)), at=at(2)),
        ]
    )
    found = ledger.order_by_tag(ACCOUNT, "T1A")
    assert found is not None
    assert found.id == 1
    assert ledger.order_by_tag(7, "T1A") is None
    assert [belief.id for belief in ledger.children(1)] == [2]
    assert [belief.id for belief in ledger.trades_of(1)] == [11, 10]
    assert [belief.id for belief in ledger.orders(7)] == [3]
    assert [belief.id for belief in ledger.working(ACCOUNT, MNQ)] == [1, 2]
    assert ledger.working(ACCOUNT, ES) == ()


def test_two_orders_of_one_tag_are_both_shown() -> None:
    ledger = folded(
        [events.OrderObserved(order=order(number, custom_tag="T1A"), at=at(0)) for number in (2, 1)]
    )
    assert [belief.id for belief in ledger.orders_by_tag(ACCOUNT, "T1A")] == [1, 2]


def test_complete_is_over_and_accounted_for() -> None:
    ledger = folded(
        [events.OrderObserved(order=order(1, status=OrderStatus.FILLED, fill_volume=2), at=at(0))]
    )
    assert not ledger.is_complete(1)
    ledger.apply(events.TradeObserved(trade=trade(10, order_id=1), at=at(1)))
    assert not ledger.is_complete(1)
    ledger.apply(events.TradeObserved(trade=trade(11, order_id=1), at=at(1)))
    assert ledger.is_complete(1)
    ledger.apply(events.TradeVoided(trade=trade(11, order_id=1), at=at(2)))
    assert not ledger.is_complete(1)
    assert not ledger.is_complete(99)


def test_the_first_complete_read_of_a_list_is_news_and_the_next_is_not() -> None:
    ledger = Ledger()
    read = events.ListRead(what="orders", account_id=ACCOUNT, at=at(1))
    assert ledger.apply(read) == (Noted(read),)
    assert ledger.apply(events.ListRead(what="orders", account_id=ACCOUNT, at=at(5))) == ()
    assert ledger.listed_at("orders", ACCOUNT) == at(5)
    assert ledger.listed_at("orders", 7) is None


def test_changes_name_what_was_and_what_is() -> None:
    ledger = Ledger()
    (new,) = ledger.apply(events.OrderObserved(order=order(1), at=at(0)))
    assert isinstance(new, OrderChanged)
    assert new.before is None
    (filled,) = ledger.apply(
        events.OrderObserved(order=order(1, fill_volume=1, update_timestamp=at(1)), at=at(1))
    )
    assert isinstance(filled, OrderChanged)
    assert filled.before == new.after
    assert (filled.after.filled, filled.after.remaining) == (1, 1)
    (moved,) = ledger.apply(events.PositionObserved(position=position(1), at=at(1), source="hub"))
    assert isinstance(moved, PositionChanged)
    assert (moved.before, moved.after.net) == (None, 1)


def test_intents_links_accounts_and_alarms_have_their_place() -> None:
    ledger = folded(
        [
            intent(key="orb"),
            events.LinkLive(hub="user", generation=1, at=at(0)),
            events.AccountObserved(account_model=account(), at=at(0)),
        ]
    )
    by_key = ledger.intent_by_key(ACCOUNT, "orb")
    assert by_key is not None
    assert by_key == ledger.intent_by_tag(ACCOUNT, "T101JDXK") == ledger.intent("01JDXK")
    assert ledger.open_intents(ACCOUNT) == (by_key,)
    assert ledger.open_intents(7) == ()
    link = ledger.link("user")
    assert link is not None
    assert link.state == "live"
    assert [belief.id for belief in ledger.accounts()] == [ACCOUNT]
    alarm = events.AlarmRaised(name="x", detail="y", at=at(1))
    assert ledger.apply(alarm) == (Noted(alarm),)


def test_a_mode_fact_is_noted_with_the_accounts_it_moved() -> None:
    ledger = folded([events.ModeCauseAdded(account_id=ACCOUNT, reason="syncing", at=at(0))])
    cleared = events.ModeCauseCleared(account_id=ACCOUNT, reason="syncing", at=at(1))
    noted, moved = ledger.apply(cleared)
    assert noted == Noted(cleared)
    assert moved == ModeMoved(ACCOUNT, Mode.SYNCING, Mode.ACTIVE, ())
    assert ledger.apply(cleared) == ()
    assert ledger.modes.mode(ACCOUNT).value == "ACTIVE"


def test_a_replayed_belief_has_no_age() -> None:
    ledger = Ledger()
    ledger.apply(events.OrderObserved(order=order(1), at=at(0), origin="replayed"), now_ns=5)
    belief = ledger.order(1)
    assert belief is not None
    assert (belief.source, belief.age_s(10**9)) == ("journal", None)
    ledger.apply(events.OrderObserved(order=order(1), at=at(0)), now_ns=10**9)
    belief = ledger.order(1)
    assert belief is not None
    assert (belief.source, belief.age_s(3 * 10**9)) == ("rest", 2.0)


@given(st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 5)), max_size=30))
def test_the_indexes_say_what_a_look_through_everything_says(steps: list[tuple[str, int]]) -> None:
    ledger = Ledger()
    for number, (name, step) in enumerate(steps):
        common: dict[str, Any] = {"intent_id": name, "account_id": ACCOUNT, "at": at(number)}
        fact: events.Event = {
            0: events.IntentRecorded(action="place", route="r", body="{}", **common),
            1: events.IntentSent(**common),
            2: events.IntentAnswered(outcome="unknown", **common),
            3: events.IntentAnswered(outcome="accepted", order_id=number + 1, **common),
            4: events.IntentResolved(verdict="presumed_absent", **common),
            5: events.IntentDoubted(order_id=number, **common),
        }[step]
        ledger.apply(fact)
        ledger.apply(events.OrderObserved(order=order(number + 7), at=at(number)))
        intents = ledger.intents()
        assert set(ledger.open_intents()) == {one for one in intents if one.is_open}
        unsettled = {
            one
            for one in intents
            if one.is_open
            or one.state == "presumed_absent"
            or (
                one.state == "accepted"
                and one.recorded is not None
                and one.order_id is not None
                and ledger.order(one.order_id) is None
            )
        }
        assert set(ledger.unsettled_intents(ACCOUNT)) == unsettled
        assert ledger.unsettled_intents(1) == ()
        for order_id in range(number + 3):
            made = {one for one in intents if one.order_id == order_id}
            assert set(ledger.intents_with_order(order_id)) == made
        assert ledger.highest_order_id(ACCOUNT) == max(one.id for one in ledger.orders(ACCOUNT))
        assert ledger.highest_order_id(1) == 0
