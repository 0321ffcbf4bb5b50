"""What must go before a position is made smaller, and what stays."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tests.support.facts import ACCOUNT, MNQ, at, order
from topstepx import events
from topstepx.core.ledger import Ledger
from topstepx.core.overhang import overhang
from topstepx.wire.enums import OrderType, Side

if TYPE_CHECKING:
    from topstepx.wire.models import OrderModel


def goes(net_after: int, *working: OrderModel, most: int = 2) -> list[int]:
    """The ids of the selling orders that must go, in the order in which they do."""
    ledger = Ledger()
    for one in working:
        ledger.apply(events.OrderObserved(order=one, at=at(1), source="rest"))
    found = overhang(ledger, ACCOUNT, MNQ, net_after, Side.SELL, most, timedelta(days=1), at(2))
    return [one.id for one in found]


def sell(order_id: int, size: int, kind: OrderType = OrderType.LIMIT) -> OrderModel:
    return order(order_id, side=Side.SELL, size=size, type=kind)


def test_what_still_has_room_stays() -> None:
    assert goes(1, sell(1, 3)) == []
    assert goes(0, sell(1, 1), sell(2, 1)) == []


def test_the_newest_goes_first_and_no_more_than_must() -> None:
    assert goes(1, sell(1, 2), sell(2, 2), sell(3, 1)) == [3, 2]


def test_stops_go_last() -> None:
    assert goes(0, sell(1, 2), sell(2, 2, OrderType.STOP)) == [1]


def test_legs_and_the_other_side_stay() -> None:
    leg = order(3, side=Side.SELL, size=9, parent_order_id=2)
    assert goes(0, leg, order(4, side=Side.BUY, size=9)) == []
