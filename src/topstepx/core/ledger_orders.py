"""What we believe about orders.

An order is merged part by part from every report of it. Status: a terminal one is absorbing, and
among live ones the later update wins, then the rank. Filled volume only grows. Every other part goes
by the update time and, within it, by when we were told; a part that is known is never forgotten.
A status that this version does not know is kept as the number it is, and counts as live.

Two reports of one update that contradict each other (never seen) are decided by when we were told; only
in that case may a journal, which keeps no repetitions, be read back differently.

Nearly every report is the first of its order, or newer than all before in every part. Then the report
is the belief, and nothing is merged until a report comes of which that cannot be said.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

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
    from datetime import datetime

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
_MAY_LACK = tuple(
    name
    for name, default in zip(
        OrderModel.__struct_fields__[-len(OrderModel.__struct_defaults__) :],
        OrderModel.__struct_defaults__,
        strict=True,
    )
    if default is None
)
_may_lack = attrgetter(*_MAY_LACK)


class OrderBelief(Aged, msgspec.Struct, frozen=True, gc=False, eq=False):
    """One order, as the sum of everything seen of it. Equal beliefs may differ in age."""

    order: OrderModel
    anomalies: tuple[str, ...]
    """What contradicts itself: "two endings", "overfilled", "identity changed"."""
    freshness: Freshness

    def _said(self) -> tuple[OrderModel, tuple[str, ...]]:
        return self.order, self.anomalies

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


class OrderChanged(msgspec.Struct, frozen=True, gc=False):
    """A change of the ledger: an order is new, or something about it is."""

    before: OrderBelief | None
    after: OrderBelief


class OrderEntry:
    """All that was told about one order."""

    def __init__(self) -> None:
        self._sole: OrderObserved | None = None
        """The report that is all there is to believe; None: `_parts` says what won."""
        self._newest: tuple[datetime, tuple[bool, datetime]] | None = None
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
        before = self.belief
        age = fresher(before.freshness if before else None, heard(event, now_ns))
        newest = self._newest
        self._newest = (updated, when) if newest is None else max(newest, (updated, when))
        if before is None:
            says_all = 0 <= order.fill_volume <= order.size
        else:
            says_all = newest is not None and updated > newest[0] and _outdates(order, before)
        if says_all:
            self._sole = event
            self.belief = OrderBelief(order, (), age)
            return OrderChanged(before, self.belief)
        sole, self._sole = self._sole, None
        if sole is not None:
            if sole.order == order:
                self._sole = event if when > moment(sole) else sole
                self.belief = OrderBelief(sole.order, (), age)
                return None
            self._merge(sole)
        self._merge(event)
        self.belief = self._merged(order.id, age)
        return None if before == self.belief else OrderChanged(before, self.belief)

    def _merge(self, event: OrderObserved) -> None:
        """Let each part of a report win that has the greater key."""
        order, when = event.order, moment(event)
        updated = order.update_timestamp or order.creation_timestamp
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
        return OrderBelief(order, anomalies, age)


def _outdates(order: OrderModel, before: OrderBelief) -> bool:
    """Whether a report of a later update leaves nothing standing of what was believed before."""
    was = before.order
    return (
        not was.status.is_terminal
        and not before.anomalies
        and order.update_timestamp is not None
        and was.fill_volume <= order.fill_volume <= order.size
        and order.creation_timestamp == was.creation_timestamp
        and order.account_id == was.account_id
        and order.contract_id == was.contract_id
        and order.side == was.side
        and (
            (now := _may_lack(order)) == (then := _may_lack(was))
            or not any(new is None and old is not None for new, old in zip(now, then, strict=True))
        )
    )


def _status(order: OrderModel) -> Told:
    status = order.status
    if status.is_terminal:
        return (2, _TERMINAL_RANK[status]), status
    updated = order.update_timestamp or order.creation_timestamp
    return (1, updated, _LIVE_RANK.get(status, _UNKNOWN_RANK), int(status)), status
