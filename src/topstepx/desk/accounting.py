"""Trades are held against fills: an order is settled when its trades account for all of it.

An order that is over and whose trades are missing is asked for during ten seconds, then it is flagged:
the anomaly is told, and nobody waits for it any longer.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from topstepx.clock import NANOSECONDS
from topstepx.core.lanes import Lane
from topstepx.core.ledger_orders import OrderChanged
from topstepx.core.ledger_trades import TradeChanged
from topstepx.errors import TopstepxError
from topstepx.events import OrderAnomaly, OrderObserved, TradeObserved, TradeVoided

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from topstepx.core.ledger import Change
    from topstepx.core.ledger_orders import OrderBelief
    from topstepx.desk.reading import Reader
    from topstepx.desk.record import Record
    from topstepx.events import Event

SETTLE_S = 10.0
LOOK_EVERY_S = 2.0
_FIRST_LOOK_S = 0.5
_EARLIER = timedelta(seconds=120)


class Accounting:
    """Watches every order that ends with a fill."""

    def __init__(
        self,
        record: Record,
        reader: Reader,
        *,
        spawn: Callable[[Coroutine[Any, Any, None], str], object],
    ) -> None:
        self._record = record
        self._reader = reader
        self._spawn = spawn
        self._until_ns: dict[int, int] = {}
        self._flagged: set[int] = set()
        self._is_looking = False
        record.listen(self._on_fact, OrderObserved, TradeObserved, TradeVoided)

    def is_settled(self, order_id: int) -> bool:
        """Whether the order is over and its trades account for its fills, or never will."""
        return order_id in self._flagged or self._record.ledger.is_complete(order_id)

    def _on_fact(self, _event: Event, changes: tuple[Change, ...]) -> None:
        for change in changes:
            if isinstance(change, OrderChanged):
                self._watch(change.after)
            elif isinstance(change, TradeChanged):
                if change.after.is_void:
                    self._flagged.discard(change.after.trade.order_id)
                belief = self._record.ledger.order(change.after.trade.order_id)
                if belief is not None:
                    self._watch(belief)

    def _watch(self, belief: OrderBelief) -> None:
        if not belief.is_terminal or self.is_settled(belief.id):
            self._until_ns.pop(belief.id, None)
            return
        ends_ns = self._record.now_ns() + round(SETTLE_S * NANOSECONDS)
        self._until_ns.setdefault(belief.id, ends_ns)
        if not self._is_looking:
            self._is_looking = True
            self._spawn(self._look(), "trades of finished orders")

    async def _look(self) -> None:
        """Read trades until nothing is waited for."""
        try:
            await asyncio.sleep(_FIRST_LOOK_S)  # usually the hub is about to tell
            while self._until_ns:
                await self._read()
                self._settle()
                if self._until_ns:
                    await asyncio.sleep(LOOK_EVERY_S)
        finally:
            self._is_looking = False

    async def _read(self) -> None:
        since: dict[int, Any] = {}
        for order_id in list(self._until_ns):
            belief = self._record.ledger.order(order_id)
            if belief is None:
                continue
            account_id, at = belief.order.account_id, belief.order.creation_timestamp
            since[account_id] = min(since.get(account_id, at), at)
        for account_id, at in since.items():
            with contextlib.suppress(TopstepxError):  # asked again until the time is up
                await self._reader.trades_since(account_id, at - _EARLIER, lane=Lane.RECONCILE)

    def _settle(self) -> None:
        now_ns = self._record.now_ns()
        for order_id, ends_ns in list(self._until_ns.items()):
            if self.is_settled(order_id):
                self._until_ns.pop(order_id, None)
            elif now_ns >= ends_ns:
                self._until_ns.pop(order_id, None)
                self._flag(order_id)

    def _flag(self, order_id: int) -> None:
        belief = self._record.ledger.order(order_id)
        if belief is None:
            return
        self._flagged.add(order_id)
        told = [
            one.trade.size for one in self._record.ledger.trades_of(order_id) if not one.is_void
        ]
        self._record.commit(
            OrderAnomaly(
                at=self._record.stamp(),
                account_id=belief.order.account_id,
                order_id=order_id,
                what="trades do not account for the fill",
                detail=f"{belief.filled} filled, trades for {sum(told)} seen after {SETTLE_S:.0f} s",
            )
        )
