"""Legs that were given as prices: moved to them once they work.

The gateway counts a leg's distance from the fill, so a leg that was meant to stand at a price wakes as
far off as the entry's fill was. Here it is moved to where it was meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
                self._look(change.after)

    def _look(self, belief: OrderBelief) -> None:
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
        self._done.add(belief.id)
        now = order.stop_price if name == "stop" else order.limit_price
        if now != wanted:
            self._spawn(self._move(belief, wanted), f"leg {belief.id} to its price")

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
