"""Legs that show themselves only after their position was closed: cancelled on sight.

The gateway makes the legs of an entry as orders of its own. While no event and no list shows one, nobody
knows its id, so `close` and `flatten` cannot cancel it and say flat for what they saw. Left alone it would
open a position. So it is said that legs are missing, and what shows itself later is cancelled.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from topstepx.core.ledger_orders import OrderChanged
from topstepx.core.ownership import intent_of
from topstepx.desk.resolver import WATCH_S
from topstepx.events import AlarmRaised, Flattened, OrderObserved

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.core.ledger import Change
    from topstepx.core.ledger_orders import OrderBelief
    from topstepx.desk.record import Record
    from topstepx.events import Event

_WATCHED = timedelta(seconds=WATCH_S)


class LateLegs:
    """Listens for what is flat, and for orders; `cancel` is told account, order and contract."""

    def __init__(self, record: Record, cancel: Callable[[int, int, str], object]) -> None:
        self._record = record
        self._cancel = cancel
        self._closed: set[str] = set()
        """Entries whose position is gone and whose legs were not all seen."""
        record.listen(self._on_fact, Flattened, OrderObserved)

    def _on_fact(self, event: Event, changes: tuple[Change, ...]) -> None:
        if isinstance(event, Flattened):
            self._flat(event)
        elif self._closed:
            for change in changes:
                if isinstance(change, OrderChanged):
                    self._look(change.after)

    def _flat(self, event: Flattened) -> None:
        ledger = self._record.ledger
        entries = [
            entry
            for entry in ledger.expected_legs.missing(
                ledger, event.account_id, event.contract_id, watched=_WATCHED, now=event.at
            )
            if entry.recorded.intent_id not in self._closed
        ]
        if not entries:
            return
        self._closed |= {entry.recorded.intent_id for entry in entries}
        ids = ", ".join(str(entry.order_id) for entry in entries)
        self._alarm(
            event.account_id,
            f"the gateway has not shown every stop and target of order {ids}, whose position is closed. "
            "One that shows itself is cancelled; look at the platform.",
        )

    def _look(self, belief: OrderBelief) -> None:
        """Cancel it if it is a leg of such an entry."""
        order = belief.order
        intent = None if belief.is_terminal else intent_of(self._record.ledger, order)
        if intent is None or intent.intent_id not in self._closed or intent.recorded is None:
            return
        if order.id == intent.order_id or order.custom_tag == intent.recorded.tag:
            return
        self._cancel(order.account_id, order.id, order.contract_id)

    def _alarm(self, account_id: int, detail: str) -> None:
        at = self._record.stamp()
        self._record.commit(
            AlarmRaised(at=at, name="legs_unseen", detail=detail, account_id=account_id)
        )
