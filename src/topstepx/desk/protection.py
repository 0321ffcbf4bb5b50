"""The protection watch: a position whose stop was ordered and is not there is never kept quiet.

An entry that asked for a stop and filled must have a stop that works, for as much as is still held. If
none is seen within the grace, the gateway is asked once more, sleeping orders included; if it shows none
either, the position is UNPROTECTED: alarm and cause stand until it is covered or gone, and the policy of
the settings is carried out.

A list may be older than the fill and say flat, so what guarded a position is kept when it is told flat: if
the same position is told again, it is guarded again.

`place_stop` sends a stop of our own. If the ordered one exists after all and is only invisible, there are
two, and one of them could open a position: that is why the default only raises the alarm.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from topstepx.core.asked import place_of
from topstepx.core.brackets import covered
from topstepx.core.lanes import Lane
from topstepx.core.ledger_orders import OrderChanged
from topstepx.core.ledger_positions import PositionChanged
from topstepx.core.ownership import intent_of
from topstepx.core.terms import Stop
from topstepx.desk.lives import average_price
from topstepx.errors import TopstepxError
from topstepx.events import (
    AlarmRaised,
    ModeCauseAdded,
    ModeCauseCleared,
    OrderObserved,
    PositionObserved,
    PositionsListed,
)
from topstepx.wire.enums import Side

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from datetime import datetime
    from decimal import Decimal

    from topstepx.core.ledger import Change
    from topstepx.core.ledger_orders import OrderBelief
    from topstepx.core.ledger_positions import PositionBelief
    from topstepx.desk.flatten import Flattener
    from topstepx.desk.orders import Orders
    from topstepx.desk.reading import Reader
    from topstepx.desk.record import Record
    from topstepx.events import Event
    from topstepx.settings import Settings

GRACE_S = 5.0
_LOOKS = 2
_LOOK_EVERY_S = 1.0
_CLOCK = timedelta(seconds=1)
"""How much earlier than its position an entry's fill may be stamped."""

_Where = tuple[int, str]


@dataclass(slots=True)
class _Guarded:
    """An entry that asked for a stop: how much of it filled, which way, when, and how far off its stop is."""

    order_id: int
    side: Side
    filled: int
    ticks: int
    filled_at: datetime | None


class Protection:
    """Listens for fills, stops and positions."""

    def __init__(
        self,
        record: Record,
        reader: Reader,
        orders: Orders,
        flattener: Flattener,
        settings: Settings,
        *,
        spawn: Callable[[Coroutine[Any, Any, None], str], object],
    ) -> None:
        self._record = record
        self._reader = reader
        self._orders = orders
        self._flattener = flattener
        self._settings = settings
        self._spawn = spawn
        self._guarded: dict[_Where, dict[int, _Guarded]] = {}
        self._left: dict[_Where, dict[int, _Guarded]] = {}
        """What guarded a position that was told flat, or that an earlier run held."""
        self._watching: set[_Where] = set()
        self._raised: set[_Where] = set()
        record.listen(self._on_fact, OrderObserved, PositionObserved, PositionsListed)

    def missing(self, account_id: int, contract_id: str) -> int:
        """How many contracts that should have a stop have none."""
        guarded = self._guarded.get((account_id, contract_id))
        if not guarded:
            return 0
        position = self._record.ledger.position(account_id, contract_id)
        if position is None or not position.net:
            return 0
        sign = 1 if position.net > 0 else -1
        wanted = sum(one.filled for one in guarded.values() if one.side.sign == sign)
        working = self._record.ledger.working(account_id, contract_id)
        return max(0, min(abs(position.net), wanted) - covered(position.net, contract_id, working))

    # -- listening

    def _on_fact(self, _event: Event, changes: tuple[Change, ...]) -> None:
        for change in changes:
            if isinstance(change, OrderChanged):
                self.look(change.after)
            elif isinstance(change, PositionChanged):
                where = (change.account_id, change.contract_id)
                if change.after.is_flat:
                    self._left[where] = self._guarded.pop(where, {})
                else:
                    self._again(where, change.after)
                self._check(where)

    def look(self, belief: OrderBelief) -> None:
        """Watch over what this order opened, or over what it protects."""
        where = (belief.order.account_id, belief.order.contract_id)
        entry = self._entry(belief)
        if entry is not None:
            self._guarded.setdefault(where, {})[belief.id] = entry
        self._check(where)

    def recall(self, belief: OrderBelief) -> None:
        """An order of an earlier run: what it opened is watched over if it stands, or once it is told."""
        where = (belief.order.account_id, belief.order.contract_id)
        entry = self._entry(belief)
        if entry is None:
            return
        self._left.setdefault(where, {})[belief.id] = entry
        position = self._record.ledger.position(*where)
        if position is not None and not position.is_flat:
            self._again(where, position)
            self._check(where)

    def _again(self, where: _Where, position: PositionBelief) -> None:
        """Guard a position by what filled while it stood; what filled before it was another's."""
        model = position.position
        if model is None:
            return
        since = model.creation_timestamp - _CLOCK
        for entry in self._left.pop(where, {}).values():
            if entry.filled_at is not None and entry.filled_at >= since:
                self._guarded.setdefault(where, {}).setdefault(entry.order_id, entry)

    def _entry(self, belief: OrderBelief) -> _Guarded | None:
        order = belief.order
        if not belief.filled or order.parent_order_id is not None:
            return None
        asked = place_of(intent_of(self._record.ledger, order))
        if asked is None or asked.stop_loss_bracket is None:
            return None
        ticks = abs(asked.stop_loss_bracket.ticks)
        return _Guarded(order.id, order.side, belief.filled, ticks, order.update_timestamp)

    def _check(self, where: _Where) -> None:
        if not self.missing(*where):
            if where in self._raised:
                self._raised.discard(where)
                self._cause(where, stands=False)
            return
        if where not in self._watching and where not in self._raised:
            self._watching.add(where)
            self._spawn(self._watch(where), f"protection of {where[1]}")

    async def _watch(self, where: _Where) -> None:
        """Give the stop its grace, then look for it, then say so."""
        try:
            await asyncio.sleep(GRACE_S)
            for _ in range(_LOOKS):
                if not self.missing(*where) or self._is_leaving(where):
                    return
                with contextlib.suppress(TopstepxError):
                    await self._reader.live_orders(where[0], lane=Lane.RESOLVE)
                    await self._reader.positions(where[0], lane=Lane.RESOLVE)
                if not self.missing(*where):
                    return
                await asyncio.sleep(_LOOK_EVERY_S)
            await self._unprotected(where)
        finally:
            self._watching.discard(where)

    def _is_leaving(self, where: _Where) -> bool:
        """Whether the position is being closed anyway."""
        causes = self._record.ledger.modes.causes(*where)
        return any(cause.reason == "flattening" for cause in causes)

    async def _unprotected(self, where: _Where) -> None:
        account_id, contract_id = where
        missing, policy = self.missing(*where), self._settings.unprotected
        name = self._orders.contract_name(contract_id)
        self._record.commit(
            AlarmRaised(
                at=self._record.stamp(),
                name="unprotected",
                detail=f"{missing} contracts of {name} have no working stop; policy: {policy}",
                account_id=account_id,
            )
        )
        try:
            if policy == "place_stop":
                await self._place_stop(where, missing)
            elif policy == "flatten":
                await self._flattener.flatten(account_id, contract_id)
        except TopstepxError as error:
            self._record.commit(
                AlarmRaised(
                    at=self._record.stamp(),
                    name="unprotected_policy_failed",
                    detail=f"{policy} on {name}: {error}",
                    account_id=account_id,
                )
            )
        if self.missing(*where):
            self._raised.add(where)
            self._cause(where, stands=True)

    async def _place_stop(self, where: _Where, missing: int) -> None:
        account_id, contract_id = where
        position = self._record.ledger.position(account_id, contract_id)
        if position is None or not position.net:
            return
        side = Side.SELL if position.net > 0 else Side.BUY
        contract = await self._orders.find_contract(contract_id)
        price = self._stop_price(where, position.net, contract.tick_size)
        if price is None:
            return
        level = contract.floor(price) if side is Side.SELL else contract.ceil(price)
        await self._orders.place(
            account_id, contract, side, missing, at=Stop(level), allow_duplicate=True
        )

    def _stop_price(self, where: _Where, net: int, tick_size: Decimal) -> Decimal | None:
        """Where the ordered stop should stand: its distance from the entry's average fill."""
        sign = 1 if net > 0 else -1
        for one in reversed(self._guarded.get(where, {}).values()):
            entry = average_price(self._record, one.order_id)
            if one.side.sign == sign and entry is not None:
                return entry - sign * one.ticks * tick_size
        return None

    def _cause(self, where: _Where, *, stands: bool) -> None:
        kind = ModeCauseAdded if stands else ModeCauseCleared
        self._record.commit(
            kind(
                at=self._record.stamp(),
                account_id=where[0],
                contract_id=where[1],
                reason="unprotected",
            )
        )
