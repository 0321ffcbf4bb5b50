"""After a position was made smaller: no stop and no target of ours stays larger than what is left of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from topstepx.core.fitting import fitted, shares
from topstepx.core.mode import Mode, Operation
from topstepx.core.ownership import is_external
from topstepx.core.reach import at_worst
from topstepx.desk.waiting import until
from topstepx.errors import BreakerOpen, ModeRefused, RateLimited, TopstepxError
from topstepx.wire.enums import OrderStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from topstepx.desk.cancelling import Cancelling
    from topstepx.desk.large_exits import LargeExits
    from topstepx.desk.orders import Orders
    from topstepx.desk.record import Record
    from topstepx.wire.models import OrderModel

_LOOK_S = 0.5
"""How long the changes are waited for until the position is looked at again."""

_PUT_OFF_S = 2.0
"""How long a change that may not leave yet is waited with until the position is looked at again."""

_TRIM_S = 2.0
"""How long a reduction waits for legs that are larger than the position already."""

_WAKES_S = 2.0
"""How long a leg may sleep on after its entry filled (seen: 20 ms)."""

GIVE_UP_S = 20.0
"""After how long a change that did not come through is told and no longer waited for: two sendings, and
the reading back of both."""


@dataclass(frozen=True, slots=True)
class Held:
    """What was held before it was reduced."""

    account_id: int
    contract_id: str
    net: int

    @property
    def sign(self) -> int:
        """1 for long, -1 for short, 0 for nothing."""
        return (self.net > 0) - (self.net < 0)


@dataclass(slots=True)
class Fitted:
    """What became of the orders against a position, by id."""

    resized: set[int] = field(default_factory=set)
    cancelled: set[int] = field(default_factory=set)
    too_large: dict[int, str] = field(default_factory=dict)
    """Those that could not be made smaller, with why."""
    under_way: dict[int, tuple[asyncio.Task[None], float]] = field(default_factory=dict)
    """Changes that are not done yet, and since when."""
    put_off: dict[int, float] = field(default_factory=dict)
    """Those whose change may not leave for the moment, and since when: missed events are looked up, say."""
    asleep: dict[int, float] = field(default_factory=dict)
    """Legs that are about to wake, and since when that is known; asleep they cannot be changed."""


class Fitting:
    """Makes orders against a position fit it."""

    def __init__(
        self,
        record: Record,
        orders: Orders,
        cancelling: Cancelling,
        large: LargeExits,
        *,
        spawn: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]],
    ) -> None:
        self._record = record
        self._orders = orders
        self._cancelling = cancelling
        self._large = large
        self._spawn = spawn

    async def fit(self, before: Held, net: int, done: Fitted) -> bool:
        """Make them no larger than `net`, noting in `done` which; False when nothing is left to do.

        It waits only a moment: look at the position and come again. What failed is not tried again.
        """
        now_s = asyncio.get_running_loop().time()
        wanted = self._wanted(before, net, done)
        for order, size in wanted:
            effort = self._spawn(self._one(order, size, done), f"fit order {order.id}")
            done.under_way[order.id] = effort, now_s
        waiting = {effort for effort, _ in done.under_way.values() if not effort.done()}
        wakes = self._wakes(before, done, now_s)
        if waiting:
            await asyncio.wait(waiting, timeout=_LOOK_S)
        elif wakes:
            await self._until_awake(before, done, now_s)
        if done.put_off.keys() & {order.id for order, _ in wanted}:
            await self._until_allowed(before)
        for order_id, (effort, since_s) in list(done.under_way.items()):
            if effort.done():
                del done.under_way[order_id]
            elif now_s - since_s > GIVE_UP_S:
                del done.under_way[order_id]
                done.too_large[order_id] = "it is being changed, without an answer so far"
        return bool(wanted or waiting or wakes)

    async def trim(self, held: Held, done: Fitted) -> bool:
        """Before a reduction: make legs and stops no larger than what is held; whether any were.

        The oldest stops keep covering all of it, so nothing is less protected, whatever comes of the rest. It
        waits a moment for answers and for no longer: what failed is tried again once the position is smaller.
        """
        early = Fitted()
        wanted = [
            (order, size) for order, size in self._wanted(held, held.net, early) if shares(order)
        ]
        efforts = [
            self._spawn(self._one(order, size, early), f"trim order {order.id}")
            for order, size in wanted
        ]
        if efforts:
            await asyncio.wait(efforts, timeout=_TRIM_S)
        done.resized |= early.resized
        done.cancelled |= early.cancelled
        return bool(wanted)

    async def _until_awake(self, before: Held, done: Fitted, now_s: float) -> None:
        """A moment, or less if they wake: each return is followed by a look, which costs requests."""
        await until(
            self._record,
            lambda: None if self._wakes(before, done, now_s) else True,
            timeout_s=_LOOK_S,
        )

    async def _until_allowed(self, before: Held) -> None:
        where, modes = (before.account_id, before.contract_id), self._record.ledger.modes

        def look() -> bool | None:
            return modes.allows(Operation.MODIFY_LOWERING, *where) or None

        if look():  # the mode is not what forbade it
            await asyncio.sleep(_PUT_OFF_S)
        else:
            await until(self._record, look, timeout_s=_PUT_OFF_S)

    def _wakes(self, before: Held, done: Fitted, now_s: float) -> bool:
        """Whether a leg sleeps that is about to wake, because its entry filled."""
        ledger, wakes = self._record.ledger, False
        for belief in ledger.working(before.account_id, before.contract_id):
            parent_id = belief.order.parent_order_id
            parent = None if parent_id is None else ledger.order(parent_id)
            if belief.status is not OrderStatus.SUSPENDED or parent is None:
                continue
            if parent.is_terminal and parent.filled:
                since_s = done.asleep.setdefault(belief.id, now_s)
                wakes = wakes or now_s - since_s < _WAKES_S
        return wakes

    def _wanted(
        self, before: Held, net: int, done: Fitted, *, external: bool = False
    ) -> tuple[tuple[OrderModel, int], ...]:
        """What is too large, of ours or of other software."""
        ledger = self._record.ledger
        passed_over = done.too_large.keys() | done.under_way.keys()
        orders = [
            at_worst(ledger, belief)
            for belief in ledger.working(before.account_id, before.contract_id)
            if is_external(ledger, belief.order) is external
        ]
        wanted = fitted(orders, net, before.sign, abs(before.net))
        return tuple((order, size) for order, size in wanted if order.id not in passed_over)

    async def _one(self, order: OrderModel, size: int, done: Fitted) -> None:
        handle = self._orders.handle(order)
        try:
            if size:
                await self._orders.changes.modify(
                    handle, size=size, limit=None, stop=None, trail=None
                )
                done.resized.add(order.id)
            else:
                effort = self._cancelling.insist(order.account_id, order.id, order.contract_id)
                await asyncio.shield(effort)
                done.cancelled.add(order.id)
        except (ModeRefused, RateLimited, BreakerOpen) as error:
            now_s = asyncio.get_running_loop().time()
            halted = self._record.ledger.modes.mode(order.account_id) is Mode.HALTED
            if halted or now_s - done.put_off.setdefault(order.id, now_s) > GIVE_UP_S:
                done.too_large[order.id] = str(error)
        except TopstepxError as error:
            if not handle.is_done:  # one that filled or ended meanwhile is seen at the next look
                done.too_large[order.id] = str(error)

    def tell(self, before: Held, net: int, done: Fitted) -> None:
        """Raise the alarm for what stays larger than the position, of other software too."""
        for order, _ in self._wanted(before, net, done, external=True):
            done.too_large[order.id] = "other software sent it"
        where = before.account_id, before.contract_id
        alive = {belief.id for belief in self._record.ledger.working(*where)}
        left = {one: why for one, why in done.too_large.items() if one in alive}
        if left:
            self._large.tell(where, net, left)
