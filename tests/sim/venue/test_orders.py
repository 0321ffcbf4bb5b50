from __future__ import annotations

import pytest

from tests.support.pit import MNQ, START, d
from topstepx.sim.venue.orders import FINAL, NEXT, Order
from topstepx.wire.enums import OrderStatus, OrderType, Side


def order(**parts: object) -> Order:
    base = {
        "id": 3_400_000_001,
        "account_id": 1,
        "contract_id": MNQ.id,
        "symbol_id": MNQ.symbol_id,
        "tick_size": MNQ.tick_size,
        "type": OrderType.LIMIT,
        "side": Side.BUY,
        "size": 3,
        "created": START,
    }
    return Order(**(base | parts))  # type: ignore[arg-type]  # the parts are named as in the constructor


def test_the_table_knows_every_status_and_its_finals_are_the_wires() -> None:
    assert set(NEXT) == set(OrderStatus)
    assert set(FINAL) == {status for status in OrderStatus if status.is_terminal}


@pytest.mark.parametrize("final", sorted(FINAL))
def test_nothing_leaves_a_final_status(final: OrderStatus) -> None:
    dead = order()
    dead.status = final
    assert dead.is_final
    assert not dead.is_matchable
    assert not any(dead.may_become(status) for status in OrderStatus)


def test_every_living_status_can_end() -> None:
    for status, following in NEXT.items():
        assert status in FINAL or following & FINAL or status is OrderStatus.NONE


def test_the_model_shows_distances_in_ticks_and_in_price() -> None:
    leg = order(type=OrderType.STOP)
    leg.trail_ticks, leg.parent_order_id = 101, 3_400_000_000
    model = leg.model()
    assert (model.trail_distance, model.trail_price) == (101, d("25.25"))
    assert model.stop_price is None
    assert order().model().trail_price is None


def test_what_is_left() -> None:
    half = order()
    half.fill_volume = 1
    assert half.left == 2
