"""Stops and targets that are larger than their position: said, because a fill of one would turn it.

The gateway makes none of them smaller when the position is (verified for its own closes, assumed for an
order the other way). `close(size)` and `reduce_to` make them fit; here is what became smaller otherwise.
Nothing is changed by itself.

What counts is what works against the position: legs and stops, whoever sent them, and limits of ours. An
order that is no leg counts once there was room for it in the position; until then it is meant to turn it.
What rests for other software is not ours to judge, but its stops and legs turn our position like ours.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from topstepx.clock import NANOSECONDS
from topstepx.core.brackets import STOPS
from topstepx.core.fitting import fits, left_of, too_large
from topstepx.core.lanes import Lane
from topstepx.core.ledger_orders import OrderChanged
from topstepx.core.ledger_positions import PositionChanged
from topstepx.core.netting import NetRange
from topstepx.core.ownership import is_external
from topstepx.events import AlarmRaised, OrderObserved, PositionObserved, PositionsListed

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping

    from topstepx.core.ledger import Change
    from topstepx.core.ledger_orders import OrderBelief
    from topstepx.desk.reading import Reader
    from topstepx.desk.record import Record
    from topstepx.events import Event
    from topstepx.wire.models import OrderModel

GRACE_S = 10.0
_PAUSES_S = (5.0, 5.0, 10.0, 20.0, 60.0)
"""Between two looks, as long as it is not known; the last one goes on."""

_EVERY_NS = NANOSECONDS
"""Between two comparisons of one contract's orders: each costs as many steps as the square of their number."""

_HAIR_S = 0.001
"""By how much a timer may come too early."""

_Where = tuple[int, str]


class LargeExits:
    """Listens for positions and orders, and looks a little later whether the ones still fit the other."""

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
        self._since_s: dict[_Where, float] = {}
        """When something began to be too large, by the loop's time."""
        self._compared_ns: dict[_Where, int] = {}
        self._owed: set[_Where] = set()
        """Where something happened since, and it is compared again when its second is over."""
        self._told: dict[_Where, set[int]] = {}
        self._exits: set[int] = set()
        """Orders that are no legs and for which there was room in a position."""
        record.listen(self._on_fact, OrderObserved, PositionObserved, PositionsListed)

    def _on_fact(self, _event: Event, changes: tuple[Change, ...]) -> None:
        for change in changes:
            if isinstance(change, PositionChanged):
                self.look(change.account_id, change.contract_id)
            elif isinstance(change, OrderChanged) and _matters(change):
                if change.after.is_terminal:
                    self._exits.discard(change.after.id)
                self.look(change.after.order.account_id, change.after.order.contract_id)

    def look(self, account_id: int, contract_id: str) -> None:
        """If something may be too large there, find out in a while."""
        where = (account_id, contract_id)
        if where in self._owed:
            return
        left_ns = self._compared_ns.get(where, -_EVERY_NS) + _EVERY_NS - self._record.now_ns()
        if left_ns <= 0:
            self._compare(where)
        else:
            self._owed.add(where)
            self._spawn(self._compare_later(where, left_ns), f"exits on {contract_id}")

    async def _compare_later(self, where: _Where, left_ns: int) -> None:
        await asyncio.sleep(left_ns / NANOSECONDS)
        self._owed.discard(where)
        self._compare(where)

    def _compare(self, where: _Where) -> None:
        self._compared_ns[where] = self._record.now_ns()
        net = self._net(where)
        exits = self._learn(where, net) if net is not None else []
        found = {order.id for order, _ in self._may_be_large(net, exits)}
        if not found:
            self._told.pop(where, None)
            self._since_s.pop(where, None)
            return
        self._since_s.setdefault(where, asyncio.get_running_loop().time())
        if where not in self._watching and found - self._told.get(where, set()):
            self._watching.add(where)
            self._spawn(self._watch(where), f"exits larger than {where[1]}")

    def _net(self, where: _Where) -> NetRange | None:
        """Where the position can be; None: nowhere, or it is not known."""
        net = self._record.ledger.netting.range(*where)
        return None if net is None or net == NetRange(0, 0) else net

    def _learn(self, where: _Where, net: NetRange) -> list[OrderModel]:
        """The exits that work there. An order for which there is room now is one from now on."""
        ledger = self._record.ledger
        working = [_known(self._record, one) for one in ledger.working(*where)]
        exits = [one for one in working if one.parent_order_id is not None or one.id in self._exits]
        known = {one.id for one in exits}
        for order in working:
            if order.id in known or not any(fits(order, exits, end) for end in (net.low, net.high)):
                continue
            if order.type in STOPS or not is_external(ledger, order):
                self._exits.add(order.id)
                exits.append(order)
        return exits

    def _may_be_large(
        self, net: NetRange | None, exits: list[OrderModel]
    ) -> Iterator[tuple[OrderModel, int]]:
        """What is too large for the smallest position that it can be, in either direction."""
        if net is None or not exits:
            return
        for least in {
            max(net.low, 1) if net.high > 0 else 0,
            min(net.high, -1) if net.low < 0 else 0,
        }:
            if least:
                yield from too_large(exits, least)

    async def _watch(self, where: _Where) -> None:
        """Say it once two readings in a row show it."""
        try:
            before: set[int] = set()
            looks = 0
            while self._is_in_question(where):
                if await self._is_waited_for(where):
                    before = set()
                    continue
                is_read = await self._reader.is_read(where[0], lane=Lane.RESOLVE)
                large = self._large(where) if is_read else {}
                if large and large.keys() == before:
                    self._tell(where, large)
                    return
                before = set(large)
                await asyncio.sleep(_PAUSES_S[min(looks, len(_PAUSES_S) - 1)])
                looks += 1
            self._since_s.pop(where, None)
        finally:
            self._watching.discard(where)

    async def _is_waited_for(self, where: _Where) -> bool:
        """Wait until its grace is over, if it is not; whether there was anything to wait for."""
        now_s = asyncio.get_running_loop().time()
        left_s = self._since_s.setdefault(where, now_s) + GRACE_S - now_s
        if left_s <= _HAIR_S:
            return False
        await asyncio.sleep(left_s)
        return True

    def _is_in_question(self, where: _Where) -> bool:
        net = self._net(where)
        exits = self._learn(where, net) if net is not None else []
        told = self._told.get(where, set())
        return any(order.id not in told for order, _ in self._may_be_large(net, exits))

    def _large(self, where: _Where) -> dict[int, OrderModel]:
        """What is too large beyond doubt, and was not made so by an exit that is under way."""
        ledger, net = self._record.ledger, self._net(where)
        if net is None or not net.is_certain:
            return {}
        if ledger.modes.is_being_closed(*where):
            return {}
        return {order.id: order for order, _ in too_large(self._learn(where, net), net.low)}

    # -- telling

    @property
    def problems(self) -> tuple[str, ...]:
        """What was told and still stands, in words."""
        found = []
        for where, told in self._told.items():
            ids = ", ".join(str(one) for one in self._large(where) if one in told)
            if ids:
                net = self._record.ledger.netting.range(*where)
                held = "it" if net is None else f"{net.low:+d}"
                found.append(f"{where[1]}: {held} is held, and stops or targets are larger ({ids})")
        return tuple(found)

    def _tell(self, where: _Where, large: Mapping[int, OrderModel]) -> None:
        net = self._record.ledger.netting.range(*where)
        if net is None:
            return
        self.tell(where, net.low, {one.id: self._words(one) for one in large.values()})

    def _words(self, order: OrderModel) -> str:
        words = f"{order.side.name} {left_of(order)}"
        if is_external(self._record.ledger, order):
            words += ", other software sent it"
        return words

    def _is_leg_of_ours(self, order_id: int) -> bool:
        belief = self._record.ledger.order(order_id)
        if belief is None or belief.order.parent_order_id is None:
            return False
        return not is_external(self._record.ledger, belief.order)

    def tell(self, where: _Where, net: int, large: Mapping[int, str]) -> None:
        """Raise the alarm for these orders, each with what is to say of it."""
        self._told.setdefault(where, set()).update(large)
        left = "; ".join(f"order {one} ({why})" for one, why in sorted(large.items()))
        detail = (
            f"{where[1]}: {net:+d} is held, and larger than that, so that a fill would turn it: {left}. "
            "Cancel it or make it smaller"
        )
        mine = f"; reduce_to({abs(net)}) makes your legs fit."
        detail += mine if any(self._is_leg_of_ours(one) for one in large) else "."
        at = self._record.stamp()
        self._record.commit(
            AlarmRaised(at=at, name="exit_too_large", detail=detail, account_id=where[0])
        )


def _matters(change: OrderChanged) -> bool:
    """Whether it is more than another price."""
    if change.before is None:
        return True
    was, now = change.before.order, change.after.order
    return (was.status, was.size, was.fill_volume) != (now.status, now.size, now.fill_volume)


def _known(record: Record, belief: OrderBelief) -> OrderModel:
    """The order with all that is known to have filled: its trades may be ahead of its own report."""
    filled = record.ledger.netting.filled(belief.id)
    if filled <= belief.filled:
        return belief.order
    return msgspec.structs.replace(belief.order, fill_volume=filled)
