"""What orders against a position may still take from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from tests.support.facts import order
from topstepx.core.fitting import fits, fitted, too_large
from topstepx.wire.enums import OrderStatus, OrderType, Side

if TYPE_CHECKING:
    from topstepx.wire.models import OrderModel


def sell(
    order_id: int, size: int, kind: OrderType = OrderType.LIMIT, **parts: object
) -> OrderModel:
    return order(order_id, side=Side.SELL, size=size, type=kind, **parts)


def legs(entry: int, size: int) -> tuple[OrderModel, OrderModel]:
    return (
        sell(entry + 1, size, OrderType.STOP, parent_order_id=entry),
        sell(entry + 2, size, parent_order_id=entry),
    )


def becomes(net: int, *orders: OrderModel, held: int = 5) -> dict[int, int]:
    return {one.id: size for one, size in fitted(orders, net, 1, held)}


def test_both_legs_become_as_small_as_the_position() -> None:
    assert becomes(2, *legs(10, 5)) == {11: 2, 12: 2}
    assert becomes(5, *legs(10, 5)) == {}
    assert becomes(0, *legs(10, 5)) == {11: 0, 12: 0}


def test_the_oldest_keep_their_part_and_the_rest_goes() -> None:
    assert becomes(2, *legs(10, 3), *legs(20, 2)) == {11: 2, 12: 2, 21: 0, 22: 0}
    assert becomes(4, *legs(10, 3), *legs(20, 2)) == {21: 1, 22: 1}


def test_legs_come_before_other_stops_and_limits_have_a_part_of_their_own() -> None:
    stop, limit = sell(1, 5, OrderType.STOP), sell(2, 5)
    assert becomes(2, stop, *legs(10, 5)) == {11: 2, 12: 2, 1: 0}
    assert becomes(2, stop, limit) == {1: 2, 2: 2}


def test_what_stops_comes_before_what_does_not() -> None:
    target, stop = sell(11, 2, parent_order_id=10), sell(20, 2, OrderType.STOP)
    assert becomes(2, target, *legs(30, 2)) == {11: 0}
    assert becomes(3, target, stop) == {11: 1}
    small = sell(51, 1, OrderType.STOP, parent_order_id=50), sell(52, 2, parent_order_id=50)
    assert becomes(2, *small, sell(60, 1, OrderType.STOP)) == {52: 1}
    assert becomes(2, *small) == {}


def test_what_fills_already_counts() -> None:
    assert becomes(2, sell(1, 5, OrderType.STOP, fill_volume=3)) == {}
    assert becomes(1, sell(1, 5, OrderType.STOP, fill_volume=3)) == {1: 1}


def test_what_is_left_alone() -> None:
    turns = sell(1, 6)
    asleep = sell(2, 5, OrderType.STOP, status=OrderStatus.SUSPENDED, parent_order_id=9)
    entry = order(3, side=Side.BUY, size=9)
    close = sell(4, 5, OrderType.MARKET)
    assert becomes(1, turns, asleep, entry, close) == {}


def test_a_turned_position_leaves_no_part() -> None:
    assert becomes(-3, *legs(10, 5)) == {11: 0, 12: 0}


def large(net: int, *orders: OrderModel) -> dict[int, int]:
    return {one.id: size for one, size in too_large(orders, net)}


def test_legs_and_stops_share_the_position_and_a_limit_stands_alone() -> None:
    stop, limits = sell(1, 2, OrderType.STOP), [sell(2, 2), sell(3, 2)]
    assert large(2, *legs(10, 2), *limits) == {}
    assert large(2, *legs(10, 2), stop) == {1: 0}
    assert large(1, *legs(10, 2), *limits) == {11: 1, 12: 1, 2: 1, 3: 1}
    assert large(-1, *legs(10, 2), *limits) == {}, "they are not against it"


def test_an_order_is_an_exit_while_there_is_room_for_it() -> None:
    stop = sell(1, 2, OrderType.STOP)
    assert fits(stop, [], 2)
    assert not fits(stop, [], 1)
    assert not fits(stop, [], -2)
    assert not fits(stop, legs(10, 1), 2)
    assert fits(sell(1, 2), legs(10, 2), 2), "a limit is another way out"
    assert not fits(sell(1, 2, OrderType.MARKET), [], 2)


@given(
    st.lists(st.tuples(st.integers(1, 5), st.sampled_from(["legs", "stop", "limit"])), max_size=5),
    st.integers(0, 5),
)
def test_afterwards_nothing_can_turn_it(made: list[tuple[int, str]], net: int) -> None:
    orders: list[OrderModel] = []
    for number, (size, kind) in enumerate(made):
        if kind == "legs":
            orders += legs(100 * number, size)
        else:
            orders.append(
                sell(100 * number, size, OrderType.STOP if kind == "stop" else OrderType.LIMIT)
            )
    new = becomes(net, *orders)
    sizes = {one.id: new.get(one.id, one.size) for one in orders}
    assert all(sizes[one.id] <= one.size for one in orders)
    assert sum(sizes[one.id] for one in orders if one.type is OrderType.STOP) <= net
    alone = [one for one in orders if one.type is OrderType.LIMIT and one.parent_order_id is None]
    assert sum(sizes[one.id] for one in alone) <= net
