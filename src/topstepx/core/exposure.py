"""How large a position could become if everything that may fill did fill.

Working orders count in full on their side, unresolved intents too: what is not known to be dead may
fill. The two legs of one bracket cancel each other, so of siblings only the larger counts; and legs that
sleep until their entry fills can take back no more than what it has filled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from topstepx.wire.enums import OrderStatus, Side

if TYPE_CHECKING:
    from collections.abc import Iterable

    from topstepx.wire.models import OrderModel, PlaceRequest


@dataclass(frozen=True, slots=True)
class Exposure:
    """The furthest the position could go each way, in contracts; `short` is zero or negative by sign."""

    long: int
    short: int

    @property
    def worst(self) -> int:
        """The larger of the two, without sign."""
        return max(abs(self.long), abs(self.short))

    def reach(self, side: Side) -> int:
        """How far an order on this side can take the position, in contracts on that side."""
        return max(0, self.long if side is Side.BUY else -self.short)


def exposure(
    net: int, working: Iterable[OrderModel], unresolved: Iterable[PlaceRequest]
) -> Exposure:
    """The exposure of one contract from the net position and everything that may still fill."""
    orders = {order.id: order for order in working}
    adds = {Side.BUY: 0, Side.SELL: 0}
    siblings: dict[tuple[int, Side], int] = {}
    for order in orders.values():
        left = max(0, order.size - order.fill_volume)
        parent_id = order.parent_order_id
        if parent_id is None:
            adds[order.side] = adds.get(order.side, 0) + left
            continue
        parent = orders.get(parent_id)
        if order.status is OrderStatus.SUSPENDED and parent is not None:
            left = min(left, parent.fill_volume)
        key = (parent_id, order.side)
        siblings[key] = max(siblings.get(key, 0), left)
    for (_parent, side), left in siblings.items():
        adds[side] = adds.get(side, 0) + left
    for request in unresolved:
        adds[request.side] = adds.get(request.side, 0) + request.size
    return Exposure(net + adds[Side.BUY], net - adds[Side.SELL])
