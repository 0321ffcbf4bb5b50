"""What the orders against a position may still take from it once it is smaller, so that none can turn it.

The gateway changes no order when a position is reduced (verified), so a stop for five stays a stop for
five when one is left, and opens four the other way when it is hit. Legs and stops share the position among
themselves: stops first, so that none is given up for a target that has none, and of them legs before others
and the oldest first. The legs of one entry share their part, because one ends the other. Limits of your own
share the position once more: they are another way out, as they were before. An order that was larger than
the position before is meant to turn it, and is left alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from topstepx.core.brackets import STOPS
from topstepx.wire.enums import OrderStatus, OrderType

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from topstepx.wire.models import OrderModel

_LIVE = frozenset({OrderStatus.OPEN, OrderStatus.PENDING})


def fitted(
    orders: Iterable[OrderModel], net: int, side: int, held: int
) -> tuple[tuple[OrderModel, int], ...]:
    """The orders that are too large for a position of `net`, each with what it may be; 0: it has to go.

    `side` is the position's direction before, 1 or -1, and `held` how large it was. `orders` are the
    working ones of the contract.
    """
    groups: dict[int, list[OrderModel]] = {}
    alone: dict[int, list[OrderModel]] = {}
    for order in sorted(orders, key=lambda one: (one.parent_order_id is None, one.id)):
        is_leg = order.parent_order_id is not None
        if order.side.sign != -side or order.status not in _LIVE or order.type is OrderType.MARKET:
            continue
        if not is_leg and left_of(order) > held:
            continue
        there = groups if is_leg or order.type in STOPS else alone
        there.setdefault(order.parent_order_id or order.id, []).append(order)
    room = max(0, net * side)
    return (*_shared(groups.values(), room), *_shared(alone.values(), room))


def _shared(groups: Collection[list[OrderModel]], room: int) -> Iterator[tuple[OrderModel, int]]:
    """Those that are larger than their part of the room: what their stops need, and then what they want."""
    parts = []
    for group in groups:
        stops = (left_of(order) for order in group if order.type in STOPS)
        parts.append(min(max(stops, default=0), room))
        room -= parts[-1]
    for group, part in zip(groups, parts, strict=True):
        more = min(max(map(left_of, group)) - part, room)
        room -= more
        yield from ((order, part + more) for order in group if left_of(order) > part + more)


def too_large(orders: Iterable[OrderModel], net: int) -> tuple[tuple[OrderModel, int], ...]:
    """Which of the exits of a position of `net` are larger than it, each with what would fit.

    Legs and stops share the position, because one move of the market can hit them all. A limit of its own
    is held against the position alone: several of them, at different prices, are a grid.
    """
    side, held = (1 if net > 0 else -1), abs(net)
    exits = [order for order in orders if order.side.sign == -side]
    shared = [order for order in exits if shares(order)]
    alone = [order for order in exits if not shares(order) and left_of(order) > held]
    most = max((left_of(order) for order in shared), default=0)
    return (*fitted(shared, net, side, most), *((order, held) for order in alone))


def fits(order: OrderModel, exits: Iterable[OrderModel], net: int) -> bool:
    """Whether an order that is no leg is no larger than what is left of the position beside its exits.

    Then it is taken for one of them; else it is meant to turn the position.
    """
    if order.side.sign * net >= 0 or order.status not in _LIVE or order.type is OrderType.MARKET:
        return False
    if not shares(order):
        return left_of(order) <= abs(net)
    return all(one.id != order.id for one, _ in too_large([*exits, order], net))


def shares(order: OrderModel) -> bool:
    """Whether it is a leg or a stop, which share the position; a limit of its own does not."""
    return order.parent_order_id is not None or order.type in STOPS


def left_of(order: OrderModel) -> int:
    """What of an order is not filled yet."""
    return order.size - order.fill_volume
