"""How large a position could become if everything that may fill did fill.

Working orders count in full on their side, unresolved intents too: what is not known to be dead may
fill. The two legs of one bracket cancel each other, so of siblings only the larger counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from topstepx.wire.enums import Side

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


def exposure(
    net: int, working: Iterable[OrderModel], unresolved: Iterable[PlaceRequest]
) -> Exposure:
    """The exposure of one contract from the net position and everything that may still fill."""
    adds = {Side.BUY: 0, Side.SELL: 0}
    siblings: dict[tuple[int, Side], int] = {}
    for order in working:
        left = max(0, order.size - order.fill_volume)
        if order.parent_order_id is None:
            adds[order.side] = adds.get(order.side, 0) + left
        else:
            key = (order.parent_order_id, order.side)
            siblings[key] = max(siblings.get(key, 0), left)
    for (_parent, side), left in siblings.items():
        adds[side] = adds.get(side, 0) + left
    for request in unresolved:
        adds[request.side] = adds.get(request.side, 0) + request.size
    return Exposure(net + adds[Side.BUY], net - adds[Side.SELL])
