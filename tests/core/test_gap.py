"""The story of a gap: what must have happened, in causal order, once, and nothing made up."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.support.facts import START, at, order, trade
from topstepx.core.gap import Found, Step, bridge, fact_of, same_moments, story
from topstepx.core.ledger import Ledger
from topstepx.events import OrderObserved, TradeObserved, TradeVoided
from topstepx.wire.enums import OrderStatus, OrderType
from topstepx.wire.models import OrderModel

FILLED, OPEN, CANCELLED = OrderStatus.FILLED, OrderStatus.OPEN, OrderStatus.CANCELLED
ID = 3345169272


def fill(number: int, size: int = 1, **parts: Any) -> Any:  # noqa: ANN401  any member
    when = START + timedelta(seconds=number)
    return trade(number, size=size, creation_timestamp=when, order_id=ID, **parts)


def ended(status: OrderStatus, filled: int, size: int = 3, **parts: Any) -> OrderModel:  # noqa: ANN401  any member
    return order(ID, size=size, fill_volume=filled, status=status, update_timestamp=at(9), **parts)


def told(steps: tuple[Step, ...]) -> list[str]:
    """The steps in short."""
    return [
        f"{step.status.name} {step.fill_volume}"
        if isinstance(step, OrderModel)
        else f"{'void' if step.voided else 'trade'} {step.id}"
        for step in steps
    ]


def test_an_order_that_came_and_filled_in_the_gap_is_told_from_its_placing() -> None:
    steps = bridge(None, ended(FILLED, 3), [fill(1), fill(2, 2)])
    assert told(steps) == ["OPEN 0", "OPEN 1", "trade 1", "FILLED 3", "trade 2"]


def test_trades_of_one_moment_are_one_step() -> None:
    pieces = [fill(1), fill(2), fill(3)]
    pieces = [msgspec.structs.replace(one, creation_timestamp=START) for one in pieces]
    steps = bridge(order(ID, size=3), ended(FILLED, 3), pieces)
    assert told(steps) == ["FILLED 3", "trade 1", "trade 2", "trade 3"]


def test_a_fill_of_which_one_trade_is_lost_is_no_step_of_its_own() -> None:
    piece = msgspec.structs.replace(fill(1), creation_timestamp=at(9))
    assert told(bridge(order(ID, size=3), ended(FILLED, 3), [piece])) == ["FILLED 3", "trade 1"]


def test_only_what_is_new_is_told() -> None:
    before = order(ID, size=3, fill_volume=1)
    steps = bridge(before, ended(FILLED, 3), [fill(2, 2)], filled=1)
    assert told(steps) == ["FILLED 3", "trade 2"]


def test_a_cancel_comes_after_the_last_fill() -> None:
    steps = bridge(order(ID, size=3), ended(CANCELLED, 2), [fill(1), fill(2)])
    assert told(steps) == ["OPEN 1", "trade 1", "OPEN 2", "trade 2", "CANCELLED 2"]


def test_a_living_order_is_reported_once_per_fill() -> None:
    steps = bridge(order(ID, size=3), ended(OPEN, 2), [fill(1), fill(2)])
    assert told(steps) == ["OPEN 1", "trade 1", "OPEN 2", "trade 2"]


def test_a_trade_that_was_voided_in_the_gap_is_a_trade_first() -> None:
    steps = bridge(order(ID, size=1), ended(FILLED, 1, 1), [fill(1, voided=True)])
    assert told(steps) == ["FILLED 1", "trade 1", "void 1"]


def test_what_an_order_was_when_it_was_new_follows_from_its_kind() -> None:
    market = ended(FILLED, 1, 1, type=OrderType.MARKET)
    leg = ended(CANCELLED, 0, 1, parent_order_id=5)
    rejected = ended(OrderStatus.REJECTED, 0, 1)
    assert told(bridge(None, market, []))[0] == "PENDING 0"
    assert told(bridge(None, leg, []))[0] == "SUSPENDED 0"
    assert told(bridge(None, rejected, [])) == ["REJECTED 0"]


def test_trades_that_are_missing_hold_nothing_up() -> None:
    assert told(bridge(order(ID, size=3), ended(FILLED, 3), [])) == ["FILLED 3"]


def test_a_story_goes_by_time_over_all_orders_and_the_ledger_takes_it_once() -> None:
    ledger = Ledger()
    other = order(7, size=1, fill_volume=1, status=FILLED, update_timestamp=at(4))
    found = Found(
        (ended(FILLED, 3), other),
        (fill(1), fill(6, 2), trade(5, order_id=7, creation_timestamp=at(4))),
    )
    facts = story(ledger, found, at=at(20), origin="reconciled")
    names = []
    for fact in facts:
        assert ledger.apply(fact), "each fact is news"
        assert fact.origin == "reconciled"
        assert isinstance(fact, OrderObserved | TradeObserved | TradeVoided)
        number = fact.order.id if isinstance(fact, OrderObserved) else fact.trade.order_id
        names.append((number == 7, fact.kind))
    assert names.index((True, "TradeObserved")) < names.index((False, "TradeObserved")) + 3
    again = story(ledger, found, at=at(30), origin="reconciled")
    assert not any(ledger.apply(fact) for fact in again)


def test_the_same_gap_found_by_two_programs_gives_the_same_ids() -> None:
    found = Found((ended(FILLED, 3),), (fill(1), fill(2, 2)))
    one = [fact.id for fact in story(Ledger(), found, at=at(20), origin="reconciled")]
    other = [fact.id for fact in story(Ledger(), found, at=at(55), origin="reconciled")]
    assert one == other
    assert len(set(one)) == len(one) == 5


def test_orders_whose_trades_are_ahead_are_asked_for() -> None:
    assert Found((order(ID, size=3),), (fill(1),)).ahead(Ledger()) == (ID,)
    assert Found((ended(FILLED, 3),), (fill(1, 3),)).ahead(Ledger()) == ()
    assert Found((), (fill(1),)).ahead(Ledger()) == (ID,)


@given(st.lists(st.integers(1, 3), min_size=1, max_size=6), st.data())
def test_whatever_part_was_known_the_whole_is_told_exactly_once(
    sizes: list[int], data: st.DataObject
) -> None:
    """Any cut through an order's life: what was told before and after it is the life."""
    total = sum(sizes)
    trades = [fill(number + 1, size) for number, size in enumerate(sizes)]
    cut = data.draw(st.integers(0, len(sizes)))
    whole = Found((ended(FILLED, total, total),), tuple(trades))
    known = sum(sizes[:cut])
    part = Found(
        (order(ID, size=total, fill_volume=known, update_timestamp=at(cut)),), tuple(trades[:cut])
    )
    part = whole if known == total else part
    ledger, fills, seen = Ledger(), [], []
    for found in (part, whole, whole):
        for fact in story(ledger, found, at=at(50), origin="reconciled"):
            if not ledger.apply(fact):
                continue
            if isinstance(fact, OrderObserved):
                fills.append(fact.order.fill_volume)
            elif isinstance(fact, TradeObserved):
                seen.append(fact.trade.id)
                belief = ledger.order(ID)
                assert belief is not None
                assert belief.filled >= sum(sizes[: fact.trade.id]), "an order before its trade"
    assert seen == [one.id for one in trades]
    assert [one for one in fills if one] == [sum(sizes[: n + 1]) for n in range(len(sizes))]


def test_a_moment_printed_with_other_digits_tells_nothing_new() -> None:
    ledger = Ledger()
    for fact in story(ledger, Found((ended(FILLED, 1, 1),), (fill(1),)), at=at(20), origin="live"):
        ledger.apply(fact)
    later = timedelta(microseconds=7)
    report = ended(FILLED, 1, 1)
    same = same_moments(ledger, msgspec.structs.replace(report, update_timestamp=at(9) + later))
    assert same == report
    known = ledger.trades_of(ID)[0].trade
    told = msgspec.structs.replace(known, creation_timestamp=known.creation_timestamp - later)
    assert same_moments(ledger, told) == known
    stale = order(ID, size=1, creation_timestamp=START - later, update_timestamp=at(1))
    assert ledger.apply(fact_of(same_moments(ledger, stale), at=at(40), source="hub")) == ()
    modified = msgspec.structs.replace(report, update_timestamp=at(10))
    assert same_moments(ledger, modified) == modified


def test_a_partial_fill_that_comes_late_and_prints_its_moment_with_more_digits_is_no_news() -> None:
    ledger, more = Ledger(), timedelta(microseconds=1)
    known = ended(FILLED, 3)
    ledger.apply(OrderObserved(at=at(10), order=known))
    for status, filled in ((OPEN, 1), (OPEN, 3), (FILLED, 2)):
        late = ended(status, filled, filled_price=None)
        late = msgspec.structs.replace(late, update_timestamp=at(9) + more)
        assert ledger.apply(fact_of(same_moments(ledger, late), at=at(40), source="hub")) == ()
