"""Searches: evidence decides, its lack decides late, and doubt never decides."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.facts import ACCOUNT, MNQ, at, order
from topstepx.clock import NANOSECONDS
from topstepx.core.resolve import (
    ABSENT_AFTER_S,
    ABSENT_ROUNDS,
    CloseSearch,
    Fate,
    PlaceSearch,
    Round,
    highest_id,
    same_tag,
    tags_are_shown,
    two_for_one,
)
from topstepx.wire.enums import OrderStatus, OrderType, Side
from topstepx.wire.models import OrderModel, PlaceRequest

REQUEST = PlaceRequest(
    account_id=ACCOUNT,
    contract_id=MNQ,
    type=OrderType.LIMIT,
    side=Side.BUY,
    size=2,
    custom_tag="T1A",
)
OURS = order(7, custom_tag="T1A")
EMPTY = Round(complete=True, orders=())
LATE_NS = round(ABSENT_AFTER_S * NANOSECONDS)


def search(watermark: int = 5) -> PlaceSearch:
    return PlaceSearch(MNQ, 0, watermark, request=REQUEST)


def closing(watermark: int = 5, size: int | None = None) -> CloseSearch:
    return CloseSearch(MNQ, 0, watermark, size=size)


def seen(*orders: OrderModel, **parts: Any) -> Round:  # noqa: ANN401  any member
    defaults: dict[str, Any] = {"complete": True, "orders": orders}
    return Round(**(defaults | parts))


def fate(one: PlaceSearch | CloseSearch, *rounds: Round, now_ns: int = LATE_NS) -> Fate | None:
    for round_ in rounds:
        one.looked(round_, now_ns)
    return one.finding.fate if one.finding else None


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (OrderStatus.OPEN, Fate.ACCEPTED),
        (OrderStatus.FILLED, Fate.ACCEPTED),
        (OrderStatus.CANCELLED, Fate.ACCEPTED),
        (OrderStatus(42), Fate.ACCEPTED),
        (OrderStatus.REJECTED, Fate.REFUSED),
    ],
)
def test_the_order_under_the_tag_decides_whatever_its_status(
    status: OrderStatus, verdict: Fate
) -> None:
    assert fate(search(), seen(order(7, custom_tag=" t1a ", status=status))) is verdict


def test_what_the_hub_tells_decides_as_well() -> None:
    one = search()
    assert one.heard(order(8, custom_tag="T1B")) is None
    found = one.heard(OURS)
    assert found is not None
    assert found.fate is Fate.ACCEPTED


def test_an_incomplete_look_finds_but_never_excludes() -> None:
    incomplete = seen(complete=False, problem="page 2 failed")
    one = search()
    assert fate(one, *[incomplete] * 20) is None
    assert one.looking(LATE_NS).evidence == ("page 2 failed",)
    assert fate(one, seen(OURS, complete=False)) is Fate.ACCEPTED


@pytest.mark.parametrize(
    ("rounds", "seconds", "presumed"),
    [
        (ABSENT_ROUNDS, ABSENT_AFTER_S, True),
        (ABSENT_ROUNDS - 1, ABSENT_AFTER_S, False),
        (ABSENT_ROUNDS * 5, ABSENT_AFTER_S - 0.001, False),
    ],
)
def test_absence_takes_rounds_and_time(rounds: int, seconds: float, presumed: bool) -> None:
    now_ns = round(seconds * NANOSECONDS)
    found = fate(search(), *[EMPTY] * rounds, now_ns=now_ns)
    assert (found is Fate.PRESUMED_ABSENT) is presumed


@pytest.mark.parametrize(
    "last",
    [
        seen(complete=False, problem="the gateway is down"),
        seen(order(9, custom_tag=None), order(10, custom_tag=None), tags_shown=False),
        seen(unexplained=True),
    ],
    ids=["nothing could be read", "two may be it", "a trade is not explained"],
)
def test_early_looks_do_not_speak_for_what_comes_after_them(last: Round) -> None:
    """Five looks in the first seconds, and then nothing that proves anything: it may have come since."""
    one = search()
    for number in range(ABSENT_ROUNDS + 2):
        one.looked(EMPTY, number * NANOSECONDS)
    assert fate(one, *[last] * 20) is None
    assert one.looking(LATE_NS).absent_in_s == 0
    rounds = 1 if not last.unexplained else ABSENT_ROUNDS
    assert fate(one, *[EMPTY] * rounds) is Fate.PRESUMED_ABSENT


def test_a_look_speaks_for_the_moment_in_which_it_began() -> None:
    one = search()
    for number in range(ABSENT_ROUNDS):
        one.looked(EMPTY, number * NANOSECONDS)
    assert one.looked(EMPTY, LATE_NS + 5 * NANOSECONDS, began_ns=LATE_NS - 1) is None
    assert one.looked(EMPTY, LATE_NS + 9 * NANOSECONDS, began_ns=LATE_NS) is not None


def test_an_unexplained_trade_starts_the_count_anew() -> None:
    one = search()
    fate(one, *[EMPTY] * (ABSENT_ROUNDS - 1), seen(unexplained=True))
    assert fate(one, *[EMPTY] * (ABSENT_ROUNDS - 1)) is None
    assert fate(one, EMPTY) is Fate.PRESUMED_ABSENT


def test_an_order_outweighs_its_presumed_absence() -> None:
    one = search()
    assert fate(one, *[EMPTY] * ABSENT_ROUNDS) is Fate.PRESUMED_ABSENT
    one.heard(OURS)
    assert fate(one) is Fate.ACCEPTED


@pytest.mark.parametrize("parts", [{"size": 3}, {"side": Side.SELL}, {"contract_id": "X"}])
def test_our_tag_with_other_terms_is_a_conflict(parts: dict[str, Any]) -> None:
    assert fate(search(), seen(order(7, custom_tag="T1A", **parts))) is Fate.CONFLICT


def test_a_size_that_was_edited_since_is_none() -> None:
    edited = order(7, custom_tag="T1A", size=3, update_timestamp=at(1))
    assert fate(search(), seen(edited)) is Fate.ACCEPTED
    other = order(7, custom_tag="T1A", size=3, side=Side.SELL, update_timestamp=at(1))
    assert fate(search(), seen(other)) is Fate.CONFLICT


def test_two_orders_under_one_tag_are_a_conflict_unless_one_was_refused() -> None:
    twin = order(8, custom_tag="T1A")
    assert fate(search(), seen(OURS, twin)) is Fate.CONFLICT
    refused = order(6, custom_tag="T1A", status=OrderStatus.REJECTED)
    one = search()
    assert fate(one, seen(refused, OURS)) is Fate.ACCEPTED
    assert one.finding is not None
    assert one.finding.order == OURS


UNTAGGED = order(7)


def no_tags(*orders: OrderModel, **parts: Any) -> Round:  # noqa: ANN401  any member
    return seen(*orders, tags_shown=False, **parts)


def test_without_tags_the_only_order_that_fits_is_taken() -> None:
    assert fate(search(), no_tags(UNTAGGED)) is Fate.ACCEPTED


@pytest.mark.parametrize(
    "round_",
    [
        seen(UNTAGGED),  # lists do show tags, so an untagged order is somebody else's
        no_tags(UNTAGGED, order(8)),
        no_tags(UNTAGGED, siblings=1),
        no_tags(UNTAGGED, complete=False),
        no_tags(UNTAGGED, claimed=frozenset({7})),
        no_tags(order(5)),
        no_tags(order(7, size=3)),
        no_tags(order(7, parent_order_id=6)),
    ],
)
def test_without_tags_any_doubt_takes_nothing(round_: Round) -> None:
    assert fate(search(), round_) is None


def test_without_tags_two_candidates_never_become_absence() -> None:
    assert fate(search(), *[no_tags(UNTAGGED, order(8))] * 50) is None


def test_lists_show_tags_until_one_that_must_have_a_tag_shows_none() -> None:
    assert tags_are_shown([], frozenset())
    assert tags_are_shown([order(7)], frozenset())
    assert tags_are_shown([order(7), order(8, custom_tag="x")], frozenset({7}))
    assert not tags_are_shown([order(7), order(8)], frozenset({7}))


CLOSING = order(7, type=OrderType.MARKET, side=Side.SELL, status=OrderStatus.FILLED)


def test_a_close_is_found_by_its_kind_of_order() -> None:
    assert fate(closing(), seen(CLOSING)) is Fate.ACCEPTED
    assert fate(closing(size=2), seen(CLOSING)) is Fate.ACCEPTED
    assert fate(closing(size=1), seen(CLOSING)) is None
    assert closing().heard(CLOSING) is None


def test_a_close_is_not_found_in_the_order_of_another_close() -> None:
    second = order(8, type=OrderType.MARKET, side=Side.SELL)
    assert fate(closing(), seen(CLOSING, siblings=1)) is None
    assert fate(closing(), seen(CLOSING, second, siblings=1)) is Fate.ACCEPTED
    assert fate(closing(), seen(CLOSING, claimed=frozenset({7}))) is None
    assert fate(closing(watermark=7), seen(CLOSING)) is None


def test_a_close_whose_order_is_its_siblings_is_absent_in_the_end() -> None:
    assert fate(closing(), *[seen(CLOSING, siblings=1)] * ABSENT_ROUNDS) is Fate.PRESUMED_ABSENT


def test_the_countdown() -> None:
    one = search()
    looking = one.looking(30 * NANOSECONDS)
    assert looking.absent_in_s == ABSENT_AFTER_S - 30
    assert looking.rounds == 0
    one.heard(OURS)
    assert one.looking(0).absent_in_s is None


@given(st.lists(st.integers(0, 300), min_size=1, max_size=30))
def test_looks_come_quickly_first_and_never_further_apart_than_the_cap(steps: list[int]) -> None:
    one, now_ns = search(), 0
    assert one.next_ns <= NANOSECONDS // 4
    for step in steps:
        now_ns += step * NANOSECONDS
        one.looked(EMPTY, now_ns)
        if one.finding is not None:
            break
        assert now_ns < one.next_ns <= now_ns + 10 * NANOSECONDS


def test_small_things() -> None:
    assert highest_id([]) == 0
    assert highest_id([order(3), order(9)]) == 9
    assert not same_tag(None, None)
    assert two_for_one([OURS, OURS]) is None


def test_a_rejected_order_decides_only_when_every_copy_was_rejected() -> None:
    refused = order(7, custom_tag="T1A", status=OrderStatus.REJECTED)
    one = search()
    one.sent_again(NANOSECONDS)
    assert (one.copies, one.sent_ns) == (2, NANOSECONDS)
    assert one.heard(refused) is None
    assert fate(one, seen(refused)) is None
    both = seen(refused, order(8, custom_tag="T1A", status=OrderStatus.REJECTED))
    assert fate(one, both) is Fate.REFUSED
    other = search()
    other.sent_again(0)
    assert fate(other, seen(refused, OURS)) is Fate.ACCEPTED


def test_a_copy_starts_the_two_minutes_and_the_count_anew() -> None:
    one = search()
    assert fate(one, *[EMPTY] * ABSENT_ROUNDS, now_ns=LATE_NS - 1) is None
    one.sent_again(LATE_NS - 1)
    assert fate(one, *[EMPTY] * ABSENT_ROUNDS, now_ns=LATE_NS) is None
    assert fate(one, EMPTY, now_ns=2 * LATE_NS) is Fate.PRESUMED_ABSENT
