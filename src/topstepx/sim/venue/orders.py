"""One order, and the table of what may become of it.

An order is born Suspended (a bracket leg), Pending (a market order on its way), Open (everything
else) or Rejected. It ends in Filled, Cancelled, Expired or Rejected and never leaves those: nothing
below lists a way out of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from topstepx.wire.enums import OrderStatus, OrderType, Side
from topstepx.wire.models import OrderModel

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

_S = OrderStatus
NEXT: dict[OrderStatus, frozenset[OrderStatus]] = {
    _S.NONE: frozenset({_S.SUSPENDED, _S.PENDING, _S.OPEN, _S.REJECTED}),
    _S.SUSPENDED: frozenset({_S.OPEN, _S.CANCELLED, _S.EXPIRED}),
    _S.PENDING: frozenset({_S.OPEN, _S.FILLED, _S.PENDING_CANCELLATION, _S.CANCELLED, _S.EXPIRED}),
    _S.OPEN: frozenset({_S.FILLED, _S.PENDING_CANCELLATION, _S.CANCELLED, _S.EXPIRED}),
    _S.PENDING_CANCELLATION: frozenset({_S.FILLED, _S.CANCELLED, _S.EXPIRED}),
    _S.FILLED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.REJECTED: frozenset(),
}
"""The whole law. A partial fill is no transition: it leaves the status as it is (assumed)."""

FINAL = frozenset(status for status, following in NEXT.items() if not following)


class Order:
    """One order as the venue keeps it.

    `stop_price` of a trailing stop is its present level. `trail_ticks` is the distance as read back:
    positive for a trailing stop; signed, as requested, for a sleeping leg (observed). `cost` is the sum
    of price times size over all fills, in points, so that the average is exact.
    """

    __slots__ = (
        "account_id",
        "at_market",
        "bracket_ticks",
        "contract_id",
        "cost",
        "covered",
        "created",
        "custom_tag",
        "fill_volume",
        "filled_price",
        "id",
        "leg_ids",
        "limit_price",
        "linked_order_id",
        "origin",
        "parent_order_id",
        "piece_due",
        "queue_ahead",
        "sequence",
        "sibling_id",
        "side",
        "size",
        "status",
        "stop_price",
        "symbol_id",
        "tick_size",
        "trail_ticks",
        "triggered",
        "type",
        "updated",
    )

    def __init__(
        self,
        *,
        id: int,  # noqa: A002  the gateway's own name
        account_id: int,
        contract_id: str,
        symbol_id: str,
        tick_size: Decimal,
        type: OrderType,  # noqa: A002  the gateway's own name
        side: Side,
        size: int,
        created: datetime,
        custom_tag: str | None = None,
        limit_price: Decimal | None = None,
        stop_price: Decimal | None = None,
        origin: str = "api",
    ) -> None:
        self.id, self.account_id, self.contract_id = id, account_id, contract_id
        self.symbol_id, self.tick_size = symbol_id, tick_size
        self.type, self.side, self.size = type, side, size
        self.created = self.updated = created
        self.custom_tag, self.origin = custom_tag, origin
        self.limit_price, self.stop_price = limit_price, stop_price
        self.status = OrderStatus.NONE
        self.fill_volume = 0
        self.cost: Decimal | None = None
        self.filled_price: Decimal | None = None
        self.trail_ticks: int | None = None
        self.parent_order_id: int | None = None
        self.linked_order_id: int | None = None
        self.sibling_id: int | None = None
        self.leg_ids: tuple[int, ...] = ()
        self.bracket_ticks = 0
        self.covered = 0
        # Matching's own notes: a stop that has woken, an order that takes any price, the size that
        # stood at the price before us, and who came first.
        self.triggered = False
        self.at_market = type is OrderType.MARKET
        self.piece_due = False
        self.queue_ahead = 0
        self.sequence = 0

    @property
    def left(self) -> int:
        """What is still unfilled."""
        return self.size - self.fill_volume

    @property
    def is_final(self) -> bool:
        """Whether nothing can happen to it any more."""
        return self.status in FINAL

    @property
    def is_matchable(self) -> bool:
        """Whether the market can fill it: open, pending, or not yet cancelled."""
        return self.status in _MATCHABLE

    def may_become(self, status: OrderStatus) -> bool:
        """Whether the table allows it."""
        return status in NEXT[self.status]

    def model(self) -> OrderModel:
        """The order as the gateway shows it now."""
        ticks = self.trail_ticks
        return OrderModel(
            id=self.id,
            account_id=self.account_id,
            contract_id=self.contract_id,
            symbol_id=self.symbol_id,
            creation_timestamp=self.created,
            update_timestamp=self.updated,
            status=self.status,
            type=self.type,
            side=self.side,
            size=self.size,
            limit_price=self.limit_price,
            stop_price=self.stop_price,
            fill_volume=self.fill_volume,
            filled_price=self.filled_price,
            custom_tag=self.custom_tag,
            trail_distance=ticks,
            trail_price=None if ticks is None else ticks * self.tick_size,
            parent_order_id=self.parent_order_id,
            linked_order_id=self.linked_order_id,
        )


_MATCHABLE = frozenset({_S.OPEN, _S.PENDING, _S.PENDING_CANCELLATION})
