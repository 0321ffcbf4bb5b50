from __future__ import annotations

import pytest

from tests.support.pit import Pit, d
from topstepx.wire.enums import OrderStatus, OrderType, Side

OPEN, FILLED, CANCELLED = OrderStatus.OPEN, OrderStatus.FILLED, OrderStatus.CANCELLED
SUSPENDED = OrderStatus.SUSPENDED


def awake(pit: Pit, **parts: object) -> int:
    """A bought entry at 100.25 with both legs awake."""
    entry = pit.buy(**({"stop_ticks": -40, "target_ticks": 80, "tag": "t"} | parts))  # type: ignore[arg-type]  # parts of a request
    pit.pass_ms(26)
    pit.events()
    return entry


def test_the_life_of_a_bracket_is_the_captured_one() -> None:
    pit = Pit()
    entry = pit.sell(1, tag="my-tag-1", stop_ticks=101, target_ticks=-80)
    assert pit.story() == ["order 1 8", "order 0 6", "order 2 8"]
    stop, target = pit.order(entry + 1), pit.order(entry + 2)
    assert (stop.custom_tag, target.custom_tag) == ("my-tag-1-SL", "my-tag-1-TP")
    assert (stop.type, target.type) == (OrderType.STOP, OrderType.LIMIT)
    assert (stop.side, target.side) == (Side.BUY, Side.BUY)
    assert (stop.parent_order_id, target.parent_order_id) == (entry, entry)
    assert (stop.linked_order_id, target.linked_order_id) == (None, stop.id)
    assert (stop.trail_distance, stop.trail_price) == (101, d("25.25"))
    assert (stop.stop_price, target.limit_price) == (None, None)
    assert stop.creation_timestamp == pit.order(entry).creation_timestamp
    pit.pass_ms(8)
    assert pit.story() == [
        "order 0 2",
        "trade SELL 1 @ 100",
        "position SHORT 1",
        "account 149999.39",
    ]
    pit.pass_ms(18)
    assert pit.story() == ["order 2 1", "order 1 1"]
    assert pit.order(entry + 1).stop_price == d("125.25")
    assert pit.order(entry + 2).limit_price == d(80)
    assert pit.order(entry + 1).trail_distance is None


@pytest.mark.parametrize(
    ("quote", "hit", "other"), [(("90", "90.25"), 1, 2), (("121", "121.25"), 2, 1)]
)
def test_one_leg_cancels_the_other(quote: tuple[str, str], hit: int, other: int) -> None:
    pit = Pit()
    entry = awake(pit)
    pit.quote(*quote)
    assert pit.status(entry + hit) is FILLED
    assert pit.status(entry + other) is CANCELLED
    assert pit.net == 0


def test_legs_wake_at_once_without_delays() -> None:
    pit = Pit(market_fill_ms=0, bracket_wake_ms=0)
    entry = pit.buy(1, stop_ticks=-4, target_ticks=4)
    assert [pit.status(entry + leg) for leg in (1, 2)] == [OPEN, OPEN]


def test_a_leg_may_come_alone() -> None:
    pit = Pit()
    entry = pit.buy(1, target_ticks=8)
    pit.pass_ms(26)
    assert pit.order(entry + 1).limit_price == d("102.25")
    assert pit.order(entry + 1).linked_order_id is None
    assert len(pit.venue.truth.orders(pit.account.id)) == 2


def test_without_a_tag_the_legs_have_none() -> None:
    pit = Pit()
    entry = pit.buy(1, stop_ticks=-40)
    assert pit.order(entry + 1).custom_tag is None


def test_a_stop_that_wakes_beyond_the_market_fills_at_once() -> None:
    pit = Pit()
    entry = pit.buy(1, stop_ticks=-4, target_ticks=40)
    pit.pass_ms(8)
    pit.quote(95, "95.25")
    pit.pass_ms(18)
    assert (pit.status(entry + 1), pit.status(entry + 2)) == (FILLED, CANCELLED)
    assert pit.order(entry + 1).filled_price == d(95)


def test_a_trailing_leg_trails_from_the_fill() -> None:
    pit = Pit()
    entry = awake(pit, stop_ticks=-8, stop_type=OrderType.TRAILING_STOP)
    leg = pit.order(entry + 1)
    assert (leg.type, leg.stop_price, leg.trail_distance) == (
        OrderType.TRAILING_STOP,
        d("98.25"),
        8,
    )
    pit.lift(104, 1)
    assert pit.order(entry + 1).stop_price == d(102)


def test_legs_of_a_limit_sleep_until_it_fills_and_die_with_it() -> None:
    pit = Pit()
    entry = pit.accepted(OrderType.LIMIT, Side.BUY, limit=98, stop_ticks=-8, target_ticks=8)
    assert [pit.status(entry + n) for n in (0, 1, 2)] == [OPEN, SUSPENDED, SUSPENDED]
    pit.events()
    assert pit.cancel(entry).success
    assert pit.story() == ["order 0 3", "order 1 3", "order 2 3"]


def test_legs_can_outlive_their_entry_by_switch() -> None:
    pit = Pit(legs_die_with_entry=False)
    entry = pit.accepted(OrderType.LIMIT, Side.BUY, limit=98, stop_ticks=-8)
    pit.cancel(entry)
    assert pit.status(entry + 1) is SUSPENDED


# -------------------------------------------------------------------- partial fills


def test_legs_wait_for_the_whole_entry() -> None:
    pit = Pit()
    entry = pit.accepted(OrderType.LIMIT, Side.BUY, 4, limit=98, stop_ticks=-8, target_ticks=20)
    pit.venue.fill(entry, 3, d(98), pit.now)
    pit.pass_ms(50)
    assert pit.status(entry + 1) is SUSPENDED
    pit.cancel(entry)
    pit.pass_ms(18)
    assert [(pit.status(entry + n), pit.order(entry + n).size) for n in (1, 2)] == [(OPEN, 3)] * 2


def test_legs_can_grow_with_each_fill() -> None:
    pit = Pit(bracket_wakes="each_fill")
    entry = pit.accepted(OrderType.LIMIT, Side.BUY, 4, limit=98, stop_ticks=-8, target_ticks=20)
    pit.venue.fill(entry, 1, d(98), pit.now)
    pit.pass_ms(18)
    assert [(pit.status(entry + n), pit.order(entry + n).size) for n in (1, 2)] == [(OPEN, 1)] * 2
    pit.venue.fill(entry, 3, d(98), pit.now)
    pit.pass_ms(18)
    assert [pit.order(entry + n).size for n in (1, 2)] == [4, 4]


@pytest.mark.parametrize(
    ("policy", "status", "size"),
    [("reduce", OPEN, 2), ("cancel", CANCELLED, 3), ("keep", OPEN, 3)],
)
def test_a_partly_filled_leg_and_its_sibling(policy: str, status: OrderStatus, size: int) -> None:
    pit = Pit(oco_on_partial=policy)
    entry = awake(pit, size=3)
    pit.venue.fill(entry + 2, 1, d("120.25"), pit.now)
    sibling = pit.order(entry + 1)
    assert (sibling.status, sibling.size) == (status, size)
    pit.venue.fill(entry + 2, 2, d("120.25"), pit.now)
    assert pit.status(entry + 1) is CANCELLED


def test_prices_come_from_the_average_fill_on_the_grid() -> None:
    pit = Pit()
    entry = pit.accepted(OrderType.LIMIT, Side.BUY, 3, limit=99, stop_ticks=-8, target_ticks=8)
    pit.venue.fill(entry, 2, d(98), pit.now)
    pit.venue.fill(entry, 1, d("98.25"), pit.now)
    pit.pass_ms(18)
    assert pit.order(entry).filled_price == d("98.083333333")
    assert pit.order(entry + 1).stop_price == d(96)
    assert pit.order(entry + 2).limit_price == d(100)


# -------------------------------------------------------------------- other ways out


@pytest.mark.parametrize(("switch", "status"), [(False, OPEN), (True, CANCELLED)])
def test_cancelling_one_leg(switch: bool, status: OrderStatus) -> None:
    pit = Pit(cancel_leg_cancels_sibling=switch)
    entry = awake(pit)
    pit.cancel(entry + 1)
    assert pit.status(entry + 2) is status


@pytest.mark.parametrize(
    ("policy", "part", "whole"),
    [("never", OPEN, OPEN), ("when_flat", OPEN, CANCELLED), ("long_only", CANCELLED, CANCELLED)],
)
def test_an_exit_by_another_order(policy: str, part: OrderStatus, whole: OrderStatus) -> None:
    pit = Pit(exit_cancels_legs=policy, market_fill_ms=0)
    entry = awake(pit, size=2)
    pit.sell(1)
    assert pit.status(entry + 1) is part
    pit.sell(1)
    assert (pit.status(entry + 1), pit.status(entry + 2)) == (whole, whole)


def test_a_short_exit_leaves_the_legs_with_long_only() -> None:
    pit = Pit(exit_cancels_legs="long_only", market_fill_ms=0)
    entry = pit.sell(1, stop_ticks=8, target_ticks=-8)
    pit.pass_ms(18)
    pit.buy(1)
    assert pit.status(entry + 1) is OPEN


def test_an_exit_takes_the_oldest_entry_first() -> None:
    pit = Pit(exit_cancels_legs="long_only", market_fill_ms=0)
    first, second = awake(pit, tag="a"), awake(pit, tag="b")
    pit.sell(1)
    assert (pit.status(first + 1), pit.status(second + 1)) == (CANCELLED, OPEN)


def test_an_orphan_stop_turns_the_position_around() -> None:
    pit = Pit(market_fill_ms=0)
    entry = awake(pit)
    assert pit.close().success
    assert (pit.net, pit.status(entry + 1)) == (0, OPEN)
    pit.quote(80, "80.25")
    assert pit.net == -1


def test_hidden_legs_live_where_nobody_sees_them() -> None:
    pit = Pit()
    pit.venue.faults.hide_legs = True
    entry = awake(pit)
    assert [order.id for order in pit.query()] == [entry]
    assert pit.status(entry + 1) is OPEN
    pit.quote(80, "80.25")
    assert pit.net == 0
    assert "order 1 2" not in pit.story()
