"""What becomes of the rest of a partial fill: it stays, or it is cancelled after the seconds given at place.

The wish is written down with the intent, so a restart takes it up again; the seconds count from
the first fill, by the gateway's clock.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from topstepx.core.ledger_orders import OrderChanged
from topstepx.core.ownership import intent_of
from topstepx.errors import TopstepxError
from topstepx.events import OrderObserved

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from datetime import datetime

    from topstepx.core.ledger import Change
    from topstepx.core.ledger_orders import OrderBelief
    from topstepx.desk.orders import Orders
    from topstepx.desk.record import Record
    from topstepx.events import Event

_LOG = logging.getLogger("topstepx.orders")

_AGAIN_S = 30.0
"""How long after a refused cancel the next one is tried: what a gateway forbids now it may allow later."""


class Remainders:
    """Listens for first fills of orders whose rest is to be cancelled."""

    def __init__(
        self,
        record: Record,
        orders: Orders,
        *,
        server_now: Callable[[], datetime],
        spawn: Callable[[Coroutine[Any, Any, None], str], object],
    ) -> None:
        self._record = record
        self._orders = orders
        self._server_now = server_now
        self._spawn = spawn
        self._running: set[int] = set()
        record.listen(self._on_fact, OrderObserved)

    def _on_fact(self, _event: Event, changes: tuple[Change, ...]) -> None:
        for change in changes:
            if isinstance(change, OrderChanged):
                self.look(change.after)

    def recall(self, belief: OrderBelief) -> None:
        """An order of an earlier run: the seconds since its first fill have passed already."""
        trades = self._record.ledger.trades_of(belief.id)
        times = [one.trade.creation_timestamp for one in trades if not one.trade.voided]
        filled_at = min(times, default=belief.order.update_timestamp)
        passed = timedelta() if filled_at is None else self._server_now() - filled_at
        self.look(belief, passed_s=max(0.0, passed.total_seconds()))

    def look(self, belief: OrderBelief, *, passed_s: float = 0.0) -> None:
        """Cancel the rest of this order in time, if it is filled in part and that was wished."""
        order = belief.order
        if not belief.filled or belief.is_terminal or order.parent_order_id is not None:
            return
        intent = intent_of(self._record.ledger, order)
        if intent is None or intent.recorded is None or belief.id in self._running:
            return
        after_s = intent.recorded.cancel_rest_s
        if after_s is not None:
            self._running.add(belief.id)
            self._spawn(
                self._cancel_later(belief.id, max(0.0, after_s - passed_s)), f"rest of {belief.id}"
            )

    async def _cancel_later(self, order_id: int, after_s: float) -> None:
        """Cancel after the seconds, and while the gateway refuses again now and then: the wish stands."""
        pause_s = after_s
        while True:
            await asyncio.sleep(pause_s)
            belief = self._record.ledger.order(order_id)
            if belief is None or belief.is_terminal:
                return
            try:
                await self._orders.handle(belief.order).cancel()
            except TopstepxError as error:
                again = f"tried again every {_AGAIN_S:.0f} s"
                _LOG.warning(
                    "the rest of order %s is not cancelled, %s: %s", order_id, again, error
                )
            pause_s = _AGAIN_S
