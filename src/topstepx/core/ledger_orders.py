"""What we believe about orders.

An order is merged part by part from every report of it. Status: a terminal one is absorbing, and
among live ones the later update wins, then the rank. Filled volume only grows. Every other part goes
by the update time and, within it, by when we were told; a part that is known is never forgotten.
A status that this version does not know is kept as the number it is, and counts as live.

Two reports of one update that contradict each other (never seen) are decided by when we were told; only
in that case may a journal, which keeps no repetitions, be read back differently.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from topstepx.core.merge import (
    NOTHING,
    Aged,
    Freshness,
    Told,
    earliest,
    fresher,
    heard,
    later,
    moment,
    told,
)
from topstepx.wire.enums import OrderStatus
from topstepx.wire.models import OrderModel

if TYPE_CHECKING:
    from topstepx.events import OrderObserved

_LIVE_RANK = {
    OrderStatus.NONE: 0,
    OrderStatus.PENDING: 1,
    OrderStatus.SUSPENDED: 1,
    OrderStatus.OPEN: 2,
    OrderStatus.PENDING_CANCELLATION: 3,
}
_UNKNOWN_RANK = 2
# Two terminal statuses for one order contradict each other; the one with the most at stake is believed.
_TERMINAL_RANK = {
    OrderStatus.REJECTED: 0,
    OrderStatus.EXPIRED: 1,
    OrderStatus.CANCELLED: 2,
    OrderStatus.FILLED: 3,
}
_OWN_RULE = {
    "id",
    "status",
    "fill_volume",
    "update_timestamp",
    "filled_price",
    "creation_timestamp",
}
_BY_UPDATE = tuple(name for name in OrderModel.__struct_fields__ if name not in _OWN_RULE)


@dataclass(frozen=True, slots=True)
class OrderBelief(Aged):
    """One order, as the sum of everything seen of it. Equal beliefs may differ in age."""

    order: OrderModel
    anomalies: tuple[str, ...] = ()
    """What contradicts itself: "two endings", "overfilled", "identity changed"."""
    freshness: Freshness = field(compare=False, kw_only=True)

    @property
    def id(self) -> int:
        """The gateway's id."""
        return self.order.id

    @property
    def status(self) -> OrderStatus:
        """The status; ``UNSEEN_<n>`` for one that is not known."""
        return self.order.status

    @property
    def is_terminal(self) -> bool:
        """Whether nothing can happen to it any more."""
        return self.order.status.is_terminal

    @property
    def is_working(self) -> bool:
        """Whether it may still do something: everything that is not known to be over."""
        return not self.is_terminal

    @property
    def filled(self) -> int:
        """Contracts filled so far."""
        return self.order.fill_volume

    @property
    def remaining(self) -> int:
        """Contracts that may still fill; 0 once it is over."""
        return 0 if self.is_terminal else max(0, self.order.size - self.order.fill_volume)


@dataclass(frozen=True, slots=True)
class OrderChanged:
    """A change of the ledger: an order is new, or something about it is."""

    before: OrderBelief | None
    after: OrderBelief


class OrderEntry:
    """All that was told about one order."""

    def __init__(self) -> None:
        self._parts: dict[str, Told] = {}
        self._endings: set[OrderStatus] = set()
        self._identities: set[tuple[int, str, int]] = set()
        self._fill_volume = 0
        self.belief: OrderBelief | None = None

    def apply(self, event: OrderObserved, now_ns: int | None) -> OrderChanged | None:
        """Merge one report; None when it says nothing new."""
        order = event.order
        updated = order.update_timestamp or order.creation_timestamp
        when = moment(event)
        self._put("status", _status(order))
        self._put("update_timestamp", told(order.update_timestamp))
        self._put("filled_price", told(order.filled_price, order.fill_volume, updated, when))
        created = earliest(self._parts.get("creation_timestamp"), order.creation_timestamp)
        self._parts["creation_timestamp"] = created
        parts = self._parts
        for name in _BY_UPDATE:
            value = getattr(order, name)
            old = parts.get(name)
            if value is None:  # no news of it: `told` says the same, at more length
                parts[name] = old or NOTHING
            elif old is None or (1, updated, when, value) > old[0]:
                parts[name] = told(value, updated, when)
        self._fill_volume = max(self._fill_volume, order.fill_volume)
        self._identities.add((order.account_id, order.contract_id, int(order.side)))
        if order.status.is_terminal:
            self._endings.add(order.status)
        before = self.belief
        age = fresher(before.freshness if before else None, heard(event, now_ns))
        self.belief = self._merged(order.id, age)
        return None if before == self.belief else OrderChanged(before, self.belief)

    def _put(self, name: str, new: Told) -> None:
        self._parts[name] = later(self._parts.get(name, NOTHING), new)

    def _merged(self, order_id: int, age: Freshness) -> OrderBelief:
        parts: dict[str, Any] = {name: value for name, (_, value) in self._parts.items()}
        order = OrderModel(id=order_id, fill_volume=self._fill_volume, **parts)
        doubts = {
            "two endings": len(self._endings) > 1,
            "overfilled": order.fill_volume > order.size,
            "identity changed": len(self._identities) > 1,
        }
        anomalies = tuple(name for name, found in doubts.items() if found)
        return OrderBelief(order, anomalies, freshness=age)


def _status(order: OrderModel) -> Told:
    status = order.status
    if status.is_terminal:
        return (2, _TERMINAL_RANK[status]), status
    updated = order.update_timestamp or order.creation_timestamp
    return (1, updated, _LIVE_RANK.get(status, _UNKNOWN_RANK), int(status)), status
