from __future__ import annotations

import pytest

from tests.support.pit import ACCOUNT_ID, OTHER_ID, Pit, d
from topstepx.wire.enums import OrderStatus, OrderType, Side
from topstepx.wire.models import PlaceAnswer

IN_USE = "Specified custom tag is already in use"
MARKET, LIMIT, BUY = OrderType.MARKET, OrderType.LIMIT, Side.BUY


def test_an_accepted_order_answers_its_id_above_two_to_the_31() -> None:
    answer = Pit().place(MARKET, BUY)
    assert answer == PlaceAnswer(success=True, error_code=0, order_id=3_400_000_000)
    assert 3_400_000_000 > 2**31


def test_unknown_account_and_contract() -> None:
    pit = Pit()
    assert pit.place(MARKET, BUY, account_id=1) == PlaceAnswer(success=False, error_code=1)
    assert pit.place(MARKET, BUY, on="CON.F.US.NQ.U26") == PlaceAnswer(success=False, error_code=8)
    assert pit.story() == []


def test_a_refused_order_exists_and_is_told_without_a_reason() -> None:
    pit = Pit()
    answer = pit.place(MARKET, BUY, tag="t", stop_ticks=40)
    assert pit.story() == ["order 0 5"]
    assert answer.order_id is not None
    dead = pit.order(answer.order_id)
    assert (dead.custom_tag, dead.limit_price, dead.fill_volume) == ("t", None, 0)
    assert [order.id for order in pit.search()] == [answer.order_id]


# -------------------------------------------------------------------- tags


def test_a_tag_is_used_for_ever_even_by_a_refusal() -> None:
    pit = Pit(market_fill_ms=0)
    pit.buy(tag="a")
    pit.place(MARKET, BUY, 0, tag="b")
    cancelled = pit.accepted(LIMIT, BUY, limit=99, tag="c")
    pit.cancel(cancelled)
    for tag in "abc":
        answer = pit.place(MARKET, BUY, tag=tag)
        assert (answer.error_code, answer.error_message) == (2, IN_USE)
    assert pit.venue.truth.executions(ACCOUNT_ID, "a") == 1
    assert pit.venue.truth.executions(ACCOUNT_ID, "b") == 0


def test_another_account_may_use_the_same_tag() -> None:
    pit = Pit()
    pit.buy(tag="a")
    assert pit.place(MARKET, BUY, tag="a", account_id=OTHER_ID).success


@pytest.mark.parametrize(
    ("policy", "orders", "tagged"), [("untagged", 2, 1), ("tagged", 2, 2), ("none", 1, 1)]
)
def test_what_the_refusal_of_a_used_tag_leaves(policy: str, orders: int, tagged: int) -> None:
    pit = Pit(duplicate_tag_order=policy)
    pit.buy(tag="a")
    answer = pit.place(MARKET, BUY, tag="a")
    found = pit.venue.truth.orders(ACCOUNT_ID)
    assert len(found) == orders
    assert sum(order.custom_tag == "a" for order in found) == tagged
    assert (answer.order_id is None) is (policy == "none")


def test_a_venue_that_stopped_checking_tags() -> None:
    pit = Pit(tags_unique=False)
    pit.buy(tag="a")
    pit.buy(tag="a")
    assert pit.venue.truth.executions(ACCOUNT_ID, "a") == 2


# -------------------------------------------------------------------- forced refusals


def test_a_forced_refusal_with_code_2_leaves_a_dead_order() -> None:
    pit = Pit()
    pit.venue.faults.reject_next("place", text="no")
    answer = pit.place(MARKET, BUY, tag="a")
    assert answer.order_id is not None
    assert pit.status(answer.order_id) is OrderStatus.REJECTED
    assert pit.place(MARKET, BUY, tag="a").error_message == IN_USE


def test_a_forced_refusal_with_another_code_leaves_nothing() -> None:
    pit = Pit()
    pit.venue.faults.reject_next("place", code=7)
    assert pit.place(MARKET, BUY, tag="a") == PlaceAnswer(success=False, error_code=7)
    assert pit.venue.truth.orders(ACCOUNT_ID) == []


def test_a_refusal_that_lies() -> None:
    pit = Pit()
    pit.venue.faults.reject_next("place", code=7, executes=True)
    assert pit.place(MARKET, BUY, tag="a") == PlaceAnswer(success=False, error_code=7)
    assert pit.venue.truth.executions(ACCOUNT_ID, "a") == 1


def test_prices_that_a_type_does_not_use_are_ignored() -> None:
    pit = Pit(market_fill_ms=0)
    order = pit.accepted(MARKET, BUY, limit="1.1", stop="2.2")
    assert (pit.order(order).limit_price, pit.order(order).stop_price) == (None, None)
    limit = pit.accepted(LIMIT, BUY, limit=99, stop="77.7")
    assert (pit.order(limit).limit_price, pit.order(limit).stop_price) == (d(99), None)
