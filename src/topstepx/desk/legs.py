"""Legs that were given as prices: moved to them once they work.

The gateway counts a leg's distance from the fill, so a leg that was meant to stand at a price wakes as
far off as the entry's fill was. Here it is moved to where it was meant.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from topstepx.core.asked import modify_of
from topstepx.core.brackets import STOPS, leg_of
from topstepx.core.ledger_orders import OrderChanged
from topstepx.core.ownership import intent_of
from topstepx.errors import TopstepxError
from topstepx.events import AlarmRaised, OrderObserved
from topstepx.wire.enums import OrderStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from decimal import Decimal

    from topstepx.core.ledger import Change
    from topstepx.core.ledger_orders import OrderBelief
    from topstepx.desk.orders import Orders
    from topstepx.desk.record import Record
    from topstepx.events import Event

_WAKES_WITHIN: Final = timedelta(seconds=5)
"""How long after its entry's fill a leg may get its first price (observed: 18 ms)."""


class LegPrices:
    """Listens for legs that wake."""

    def __init__(
        self,
        record: Record,
        orders: Orders,
        *,
        spawn: Callable[[Coroutine[Any, Any, None], str], object],
    ) -> None:
        self._record = record
        self._orders = orders
        self._spawn = spawn
        self._done: set[int] = set()
        record.listen(self._on_fact, OrderObserved)

    def _on_fact(self, _event: Event, changes: tuple[Change, ...]) -> None:
        for change in changes:
            if isinstance(change, OrderChanged):
                self.look(change.after)

    def look(self, belief: OrderBelief) -> None:
        """Move this order to its price, if it is a leg that was given as one."""
        order = belief.order
        if belief.status is not OrderStatus.OPEN or belief.id in self._done:
            return
        intent = intent_of(self._record.ledger, order)
        recorded = intent.recorded if intent is not None else None
        if recorded is None or (recorded.stop_at is None and recorded.target_at is None):
            return
        entry = self._record.ledger.order_by_tag(order.account_id, recorded.tag or "")
        if entry is None or entry.id == belief.id:
            return
        name = "stop" if order.type in STOPS else "target"
        leg = leg_of(self._record.ledger, entry, name)
        wanted = recorded.stop_at if name == "stop" else recorded.target_at
        if leg is None or leg.id != belief.id or wanted is None:
            return
        if self._was_changed(belief, entry, wanted):
            return
        self._done.add(belief.id)
        now = order.stop_price if name == "stop" else order.limit_price
        if now != wanted:
            self._spawn(self._move(belief, wanted), f"leg {belief.id} to its price")

    def _was_changed(self, leg: OrderBelief, entry: OrderBelief, wanted: Decimal) -> bool:
        """Whether somebody gave it another price since it woke, maybe in an earlier run: that one stands."""
        for change in self._record.ledger.changes_of(leg.id):
            asked = modify_of(change)
            if asked is not None and {asked.stop_price, asked.limit_price} - {None, wanted}:
                return True
        woke, changed = entry.order.update_timestamp, leg.order.update_timestamp
        return woke is not None and changed is not None and changed - woke > _WAKES_WITHIN

    async def _move(self, belief: OrderBelief, wanted: Decimal) -> None:
        try:
            await self._orders.handle(belief.order).move(wanted)
        except TopstepxError as error:
            self._record.commit(
                AlarmRaised(
                    at=self._record.stamp(),
                    name="leg_not_corrected",
                    detail=f"leg {belief.id} should stand at {wanted} and does not: {error}",
                    account_id=belief.order.account_id,
                )
            )
