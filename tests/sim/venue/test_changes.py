from __future__ import annotations

from typing import Any

import pytest

from tests.support.pit import ACCOUNT_ID, MNQ, OTHER_ID, Pit, d
from topstepx.sim.venue import VenueAccount
from topstepx.wire.enums import OrderStatus, OrderType, Side
from topstepx.wire.models import CancelRequest, Envelope, ModifyRequest

OPEN, FILLED, CANCELLED = OrderStatus.OPEN, OrderStatus.FILLED, OrderStatus.CANCELLED
LIMIT, STOP = OrderType.LIMIT, OrderType.STOP


def resting(pit: Pit, size: int = 3, **parts: Any) -> int:  # noqa: ANN401  passed through by name
    return pit.accepted(LIMIT, Side.BUY, size, limit=99, **parts)


def outcome(answer: Envelope) -> tuple[object, object]:
    return answer.error_code, answer.error_message


# -------------------------------------------------------------------- cancel


def test_a_cancel_ends_the_order_and_is_told() -> None:
    pit = Pit()
    order = resting(pit)
    pit.events()
    assert outcome(pit.cancel(order)) == (0, None)
    assert pit.story() == ["order 0 3"]
    pit.quote(90, "90.25")
    assert pit.net == 0


def test_what_cannot_be_cancelled() -> None:
    pit = Pit(market_fill_ms=0)
    assert outcome(pit.cancel(5)) == (2, None)
    assert outcome(pit.cancel(5, account_id=1)) == (1, None)
    done = pit.buy()
    assert outcome(pit.cancel(done)) == (5, None)
    mine = resting(pit)
    assert outcome(pit.cancel(mine, account_id=OTHER_ID)) == (2, None)
    pit.cancel(mine)
    assert outcome(pit.cancel(mine)) == (5, None)


def test_an_order_on_its_way_is_pending() -> None:
    pit = Pit()
    order = pit.buy()
    assert outcome(pit.cancel(order)) == (4, None)
    assert outcome(pit.modify(order, size=2)) == (4, None)


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({"follower": True}, "Follower accounts cannot cancel orders"),
        ({"simulated": False}, "Live accounts not supported"),
    ],
)
def test_some_accounts_cannot_cancel(parts: dict[str, Any], text: str) -> None:
    pit = Pit(account=VenueAccount(ACCOUNT_ID, "X", d(0)))
    order = resting(pit)
    for name, value in parts.items():
        setattr(pit.account, name, value)
    assert outcome(pit.cancel(order)) == (6, text)
    assert pit.status(order) is OPEN


def test_a_slow_cancel_can_lose_the_race() -> None:
    pit = Pit(cancel_ms=100)
    slow, raced = resting(pit), resting(pit)
    assert pit.cancel(slow).success
    assert pit.cancel(raced).success
    assert outcome(pit.cancel(slow)) == (4, None)
    assert pit.status(slow) is OrderStatus.PENDING_CANCELLATION
    pit.venue.fill(raced, 3, d(99), pit.now)
    pit.pass_ms(100)
    assert (pit.status(slow), pit.status(raced)) == (CANCELLED, FILLED)


def test_a_sleeping_leg_can_be_cancelled() -> None:
    pit = Pit(cancel_ms=100)
    entry = resting(pit, stop_ticks=-8)
    assert pit.cancel(entry + 1).success
    assert pit.status(entry + 1) is CANCELLED


# -------------------------------------------------------------------- modify


def test_only_what_is_named_changes() -> None:
    pit = Pit()
    order = resting(pit)
    pit.events()
    assert pit.modify(order, limit_price="98.5").success
    assert (pit.order(order).limit_price, pit.order(order).size) == (d("98.5"), 3)
    assert pit.modify(order, size=5).success
    assert (pit.order(order).limit_price, pit.order(order).size) == (d("98.5"), 5)
    assert pit.story() == ["order 0 1", "order 0 1"]


def test_a_modified_limit_may_trade_at_once() -> None:
    pit = Pit()
    order = resting(pit)
    assert pit.modify(order, limit_price="100.25").success
    assert pit.status(order) is FILLED


def test_a_modified_stop_waits_at_its_new_price() -> None:
    pit = Pit()
    order = pit.accepted(STOP, Side.SELL, stop=98)
    assert pit.modify(order, stop_price="99.5").success
    pit.quote("99.25", "99.5")
    assert pit.status(order) is FILLED


def test_a_trailing_stop_gets_a_new_distance_without_cap() -> None:
    pit = Pit()
    order = pit.accepted(OrderType.TRAILING_STOP, Side.BUY, trail=105)
    assert pit.modify(order, trail_price=380).success
    seen = pit.order(order)
    assert (seen.trail_distance, seen.stop_price) == (1120, d(380))
    assert outcome(pit.modify(order, trail_price="101.1")) == (
        3,
        "Invalid trail price. Price is not aligned to tick size.",
    )


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({"limit_price": "98.1"}, "Invalid limit price. Price is not aligned to tick size."),
        ({"limit_price": 20}, "Invalid price. Price is outside allowed range."),
        ({"size": 0}, "Invalid order size specified"),
        ({"size": -1}, "Invalid order size specified"),
    ],
)
def test_a_refused_modify_changes_nothing(parts: dict[str, Any], text: str) -> None:
    pit = Pit()
    order = resting(pit)
    before = pit.order(order)
    assert outcome(pit.modify(order, **parts)) == (3, text)
    assert pit.order(order) == before


def test_a_stop_cannot_be_moved_through_the_market() -> None:
    pit = Pit()
    order = pit.accepted(STOP, Side.SELL, stop=98)
    answer = pit.modify(order, stop_price=101)
    assert answer.error_code == 3
    assert "below best ask" in (answer.error_message or "")


def test_what_cannot_be_modified() -> None:
    pit = Pit(market_fill_ms=0)
    assert outcome(pit.modify(1, size=1)) == (2, None)
    assert outcome(pit.modify(pit.buy(), size=2)) == (5, None)
    pit.account.simulated = False
    assert outcome(pit.modify(1, size=1)) == (6, "Live accounts not supported")
    request = ModifyRequest(account_id=9, order_id=1)
    assert outcome(pit.venue.modify(request, pit.now)) == (1, None)


def test_a_closed_market_takes_cancels_only() -> None:
    pit = Pit()
    order = resting(pit)
    pit.venue.set_session(MNQ.id, is_open=False, now=pit.now)
    assert pit.modify(order, size=1).error_code == 3
    assert pit.cancel(order).success


@pytest.mark.parametrize(("means", "total"), [("total", 4), ("rest", 5)])
def test_size_after_a_partial_fill(means: str, total: int) -> None:
    pit = Pit(modify_size_means=means)
    order = resting(pit)
    pit.venue.fill(order, 1, d(99), pit.now)
    assert pit.modify(order, size=4).success
    assert pit.order(order).size == total
    refused = pit.modify(order, size=1)
    assert refused.success is (means == "rest")


def test_less_keeps_the_place_in_the_queue_and_more_loses_it() -> None:
    for size, first in ((2, 0), (4, 1)):
        pit = Pit()
        pit.quote("98", "100")
        orders = [resting(pit), resting(pit)]
        pit.modify(orders[0], size=size)
        pit.hit(99, 1)
        assert [pit.order(o).fill_volume for o in orders] == [1 - first, first]


def test_less_keeps_what_the_queue_has_worked_off() -> None:
    pit = Pit()
    order = pit.accepted(LIMIT, Side.BUY, 3, limit=100)
    pit.hit(100, 8)
    assert pit.modify(order, size=2).success
    pit.hit(100, 3)
    assert pit.order(order).fill_volume == 1


@pytest.mark.parametrize(("policy", "code"), [("refuse", 3), ("accept", 0)])
def test_a_sleeping_leg_by_switch(policy: str, code: int) -> None:
    pit = Pit(modify_suspended=policy)
    entry = pit.buy(1, stop_ticks=-8)
    assert pit.modify(entry + 1, stop_price=95).error_code == code
    pit.pass_ms(26)
    assert pit.order(entry + 1).stop_price == d("98.25" if code else 95)


@pytest.mark.parametrize("both", [False, True])
def test_resizing_a_leg(*, both: bool) -> None:
    pit = Pit(resize_leg_resizes_sibling=both)
    entry = pit.buy(3, stop_ticks=-8, target_ticks=8)
    pit.pass_ms(26)
    assert pit.modify(entry + 1, size=2).success
    assert pit.order(entry + 2).size == (2 if both else 3)


# -------------------------------------------------------------------- faults


def test_a_forced_refusal_may_happen_all_the_same() -> None:
    pit = Pit()
    order = resting(pit)
    pit.venue.faults.reject_next("cancel", code=5)
    pit.venue.faults.reject_next("cancel", code=5, executes=True)
    assert (pit.cancel(order).error_code, pit.status(order)) == (5, OPEN)
    assert (pit.cancel(order).error_code, pit.status(order)) == (5, CANCELLED)
    other = resting(pit)
    pit.venue.faults.reject_next("modify", code=3, text="no", executes=True)
    assert outcome(pit.modify(other, size=1)) == (3, "no")
    assert pit.order(other).size == 1


def test_forced_refusals_spare_other_clients() -> None:
    pit = Pit()
    order = resting(pit)
    pit.venue.faults.reject_next("cancel")
    request = CancelRequest(account_id=ACCOUNT_ID, order_id=order)
    assert pit.venue.cancel(request, pit.now, origin="other").success
