"""Exposure: the worst that may happen, and not more."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from topstepx.core.exposure import exposure
from topstepx.wire.enums import OrderStatus, OrderType, Side
from topstepx.wire.models import OrderModel, PlaceRequest


def _order(
    order_id: int, side: Side, size: int, filled: int = 0, parent: int | None = None
) -> OrderModel:
    return OrderModel(
        id=order_id,
        account_id=1,
        contract_id="C",
        creation_timestamp=datetime(2026, 1, 5, tzinfo=UTC),
        status=OrderStatus.OPEN,
        type=OrderType.LIMIT,
        side=side,
        size=size,
        fill_volume=filled,
        parent_order_id=parent,
    )


def _intent(side: Side, size: int) -> PlaceRequest:
    return PlaceRequest(account_id=1, contract_id="C", type=OrderType.MARKET, side=side, size=size)


@pytest.mark.parametrize(
    ("net", "working", "unresolved", "long", "short"),
    [
        (0, [], [], 0, 0),
        (2, [], [_intent(Side.BUY, 3)], 5, 2),
        (2, [], [_intent(Side.SELL, 3)], 2, -1),
        (0, [_order(1, Side.BUY, 5, filled=2)], [], 3, 0),
        (-1, [_order(1, Side.BUY, 2), _order(2, Side.SELL, 4)], [_intent(Side.SELL, 1)], 1, -6),
        (2, [_order(2, Side.SELL, 2, parent=1), _order(3, Side.SELL, 2, parent=1)], [], 2, 0),
        (2, [_order(2, Side.SELL, 2, parent=1), _order(9, Side.SELL, 2, parent=8)], [], 2, -2),
        (0, [_order(1, Side.BUY, 2, filled=5)], [], 0, 0),
    ],
)
def test_everything_that_may_fill_counts_and_siblings_count_once(
    net: int,
    working: list[OrderModel],
    unresolved: list[PlaceRequest],
    long: int,
    short: int,
) -> None:
    found = exposure(net, working, unresolved)
    assert (found.long, found.short) == (long, short)
    assert found.worst == max(abs(long), abs(short))


def test_legs_that_sleep_take_back_no_more_than_their_entry_filled() -> None:
    entry = _order(1, Side.BUY, 2, filled=1)
    legs = [
        msgspec.structs.replace(
            _order(number, Side.SELL, 2, parent=1), status=OrderStatus.SUSPENDED
        )
        for number in (2, 3)
    ]
    assert exposure(1, [entry, *legs], []).short == 0
    assert exposure(0, legs, []).short == -2  # their entry is not known: the worst is believed


def test_the_reach_of_a_side_does_not_count_the_other() -> None:
    found = exposure(5, [_order(1, Side.SELL, 2)], [])
    assert found.reach(Side.BUY) == 5
    assert found.reach(Side.SELL) == 0
    assert exposure(-1, [_order(1, Side.SELL, 2)], []).reach(Side.SELL) == 3
