"""Stops and targets that outlive their position: said, because a fill of one would open another.

The gateway does not take them off when the position is closed by a close (verified), nor when an order the
other way takes it down to nothing (assumed). `close` and `flatten` cancel what they leave behind; here it is
what ended otherwise. Nothing is cancelled by itself: a position that only seems to be gone would lose its
stop.

A stop or target need not be a leg: an order of ours against the position, no larger than it when it came,
is one too, such as a stop that was sent by hand or by the policy `place_stop`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from topstepx.core.lanes import Lane
from topstepx.core.ledger_orders import OrderChanged
from topstepx.core.ledger_positions import PositionChanged
from topstepx.core.netting import NetRange
from topstepx.core.ownership import intent_of
from topstepx.events import AlarmRaised, OrderObserved, PositionObserved, PositionsListed
from topstepx.wire.enums import Side

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from topstepx.core.ledger import Change
    from topstepx.core.ledger_orders import OrderBelief
    from topstepx.desk.reading import Reader
    from topstepx.desk.record import Record
    from topstepx.events import Event
    from topstepx.wire.models import OrderModel

GRACE_S = 10.0
_LOOKS = 6
_LOOK_EVERY_S = 5.0
_FLAT = NetRange(0, 0)
_Where = tuple[int, str]


class LeftLegs:
    """Listens for positions that end and legs that come, and looks a little later what still works there."""

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
        self._watching: set[_Where] = set()
        self._told: dict[int, _Where] = {}
        self._exits: set[int] = set()
        """Orders that are no legs and were there for a position."""
        record.listen(self._on_fact, PositionObserved, PositionsListed, OrderObserved)

    def _on_fact(self, _event: Event, changes: tuple[Change, ...]) -> None:
        for change in changes:
            if isinstance(change, PositionChanged) and change.after.net == 0:
                self.look(change.account_id, change.contract_id)
            elif isinstance(change, OrderChanged):
                self._on_order(change)

    def _on_order(self, change: OrderChanged) -> None:
        order, is_over = change.after.order, change.after.is_terminal
        if is_over:
            self._exits.discard(order.id)
        if order.parent_order_id is not None:
            if change.before is None:  # its position may have come and gone unheard
                self.look(order.account_id, order.contract_id)
        elif is_over and self._record.ledger.children(order.id):
            self.look(
                order.account_id, order.contract_id
            )  # its legs wake as large as what it filled
        elif change.before is None and not is_over:
            self.recall(change.after)

    def recall(self, belief: OrderBelief) -> None:
        """An order that works: if it is there for the position, it must not outlive it."""
        order = belief.order
        if order.parent_order_id is not None:
            self.look(order.account_id, order.contract_id)
            return
        net = self._record.ledger.netting.range(order.account_id, order.contract_id)
        if net is None or intent_of(self._record.ledger, order) is None:
            return
        against = net.high if order.side is Side.SELL else -net.low
        if belief.remaining <= against:
            self._exits.add(order.id)

    @property
    def problems(self) -> tuple[str, ...]:
        """What was told and still stands, in words."""
        found: dict[_Where, list[str]] = {}
        for order_id, where in self._told.items():
            belief = self._record.ledger.order(order_id)
            if belief is not None and not belief.is_terminal and self._is_flat(where):
                found.setdefault(where, []).append(str(order_id))
        return tuple(
            f"{contract_id}: nothing is held, and stops or targets still work ({', '.join(ids)})"
            for (_, contract_id), ids in found.items()
        )

    def look(self, account_id: int, contract_id: str) -> None:
        """Find out, in a while, whether legs work there without a position."""
        where = (account_id, contract_id)
        if where not in self._watching:
            self._watching.add(where)
            self._spawn(self._watch(where), f"legs left on {contract_id}")

    async def _watch(self, where: _Where) -> None:
        """Say it once two readings in a row show the legs and no position."""
        try:
            await asyncio.sleep(GRACE_S)
            before: set[int] = set()
            looks = 0
            while looks < _LOOKS:
                if self._is_held(where) or not self._left(where):
                    return
                if not await self._reader.is_read(where[0], lane=Lane.RESOLVE):
                    await asyncio.sleep(_LOOK_EVERY_S)
                    continue
                looks += 1
                left = self._left(where)
                if not self._is_flat(where):
                    before = set()
                elif left and {order.id for order in left} == before:
                    self._tell(where, left)
                    return
                else:
                    before = {order.id for order in left}
                await asyncio.sleep(_LOOK_EVERY_S)
        finally:
            self._watching.discard(where)

    def _left(self, where: _Where) -> list[OrderModel]:
        """Legs that work although their entry is over, other exits, and which of them were not told yet."""
        ledger, left = self._record.ledger, []
        for belief in ledger.working(*where):
            parent_id = belief.order.parent_order_id
            parent = None if parent_id is None else ledger.order(parent_id)
            is_exit = belief.id in self._exits or (parent is not None and parent.is_terminal)
            if is_exit and belief.id not in self._told:
                left.append(belief.order)
        return left

    def _is_held(self, where: _Where) -> bool:
        """Whether a position is there for sure; its end is heard of."""
        net = self._record.ledger.netting.range(*where)
        return net is not None and net.low * net.high > 0

    def _is_flat(self, where: _Where) -> bool:
        ledger = self._record.ledger
        if ledger.modes.is_being_closed(*where):
            return False
        return ledger.netting.range(*where) == _FLAT

    def _tell(self, where: _Where, left: list[OrderModel]) -> None:
        self._told |= dict.fromkeys((order.id for order in left), where)
        orders = ", ".join(f"{order.id} ({order.side.name} {order.size})" for order in left)
        detail = (
            f"{where[1]}: nothing is held, and stops or targets still work: {orders}. A fill would open a "
            "position; close() on the contract cancels them."
        )
        at = self._record.stamp()
        self._record.commit(
            AlarmRaised(at=at, name="legs_without_position", detail=detail, account_id=where[0])
        )
