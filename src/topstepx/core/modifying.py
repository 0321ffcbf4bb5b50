"""Changing an order: what a change does to the risk, and whether it is in force.

A change is sent as absolute values, one at a time per order, and believed only when the order reads as
wanted. If it reads as before, it did not happen and may be sent again. Anything else was somebody else's
doing, and is reported instead of guessed.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from topstepx.core.mode import Operation
from topstepx.wire.enums import OrderType, Side

if TYPE_CHECKING:
    from decimal import Decimal

    from topstepx.wire.models import ModifyRequest, OrderModel

_COMPARED = ("size", "limit_price", "stop_price")
"""`trail_price` is a level when sent and a distance when read (verified), so it is not compared with what
was wanted."""


class Reading(Enum):
    """How an order reads after a change."""

    WANTED = "as wanted"
    BEFORE = "as before"
    OTHER = "as neither"


def can_be_read(wanted: ModifyRequest) -> bool:
    """Whether the order will read as wanted; a trail alone does not."""
    return any(getattr(wanted, name) is not None for name in _COMPARED)


def reading(before: OrderModel, wanted: ModifyRequest, now: OrderModel) -> Reading:
    """Compare what was wanted with what is read. Of a trail alone it is only seen that its distance moved."""
    asked = [name for name in _COMPARED if getattr(wanted, name) is not None]
    if not asked:
        trail = (before.trail_distance, before.trail_price)
        moved = (now.trail_distance, now.trail_price) != trail
        return Reading.WANTED if moved else Reading.BEFORE
    if all(getattr(now, name) == getattr(wanted, name) for name in asked):
        return Reading.WANTED
    if all(getattr(now, name) == getattr(before, name) for name in asked):
        return Reading.BEFORE
    return Reading.OTHER


_TAKES: dict[OrderType, frozenset[str]] = {
    OrderType.MARKET: frozenset({"size"}),
    OrderType.LIMIT: frozenset({"size", "limit"}),
    OrderType.STOP: frozenset({"size", "stop"}),
    OrderType.STOP_LIMIT: frozenset({"size", "limit", "stop"}),
    OrderType.TRAILING_STOP: frozenset({"size", "trail"}),
}
"""What an order of a type has, so that it can be changed. Of other types that is not known."""


def misfit(order: OrderModel, wanted: ModifyRequest) -> str | None:
    """The first thing that is to be changed and that an order of this type does not have."""
    asked = {
        "size": wanted.size,
        "limit": wanted.limit_price,
        "stop": wanted.stop_price,
        "trail": wanted.trail_price,
    }
    takes = _TAKES.get(order.type, frozenset(asked))
    return next(
        (name for name, value in asked.items() if value is not None and name not in takes), None
    )


def operation(order: OrderModel, wanted: ModifyRequest, net: int | None) -> Operation:
    """Whether a change can only lower the risk: a smaller order, or a protective stop drawn closer."""
    if wanted.size is not None and wanted.size > order.size:
        return Operation.MODIFY_RAISING
    if wanted.limit_price is not None or wanted.trail_price is not None:
        return Operation.MODIFY_RAISING
    if wanted.stop_price is None:
        return Operation.MODIFY_LOWERING
    protects = order.parent_order_id is not None or (net is not None and net * order.side.sign < 0)
    if protects and is_tighter(order, wanted.stop_price):
        return Operation.MODIFY_LOWERING
    return Operation.MODIFY_RAISING


def is_tighter(order: OrderModel, price: Decimal) -> bool:
    """Whether a stop at `price` is at least as close to the market as the order's own.

    A selling stop protects a long position from below: higher is closer. A buying one the other way.
    True for an order that has no stop price yet.
    """
    if order.type not in {OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP}:
        return False
    if order.stop_price is None:
        return True
    return is_closer(order.side, price, order.stop_price)


def is_closer(side: Side, price: Decimal, than: Decimal) -> bool:
    """Whether a stop of that side is at `price` no further from the market than at `than`."""
    return price >= than if side is Side.SELL else price <= than
