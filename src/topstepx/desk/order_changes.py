"""Changing an order: cancel, modify and move, each believed only when the order itself says so."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import msgspec

from topstepx.core.modifying import is_closer, is_tighter
from topstepx.core.prices import PriceLike, on_grid, whole_contracts
from topstepx.desk.modifying import Modifying
from topstepx.desk.moves import Moves
from topstepx.desk.placed import sending_ended
from topstepx.errors import InvalidRequest, NotSent, OrderUnresolved
from topstepx.wire import models
from topstepx.wire.enums import OrderType

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from decimal import Decimal

    from topstepx.core.ledger_orders import OrderBelief
    from topstepx.desk.cancelling import Cancelling
    from topstepx.desk.order import Order
    from topstepx.desk.orders import Orders
    from topstepx.desk.reading import Reader
    from topstepx.desk.record import Record
    from topstepx.desk.resolver import Resolver
    from topstepx.desk.settling import Settling
    from topstepx.desk.write import Writer
    from topstepx.settings import Settings
    from topstepx.wire.models import ModifyRequest

_END_STATE_S = 10.0
CANCEL_WAIT_S = 30.0
_STOPS = {OrderType.STOP, OrderType.TRAILING_STOP, OrderType.STOP_LIMIT}


class OrderChanges:
    """What `Order.cancel`, `Order.modify` and `Order.move` do."""

    def __init__(  # noqa: PLR0917  the parts that a change passes through
        self,
        orders: Orders,
        record: Record,
        writer: Writer,
        resolver: Resolver,
        cancelling: Cancelling,
        settling: Settling,
        reader: Reader,
        settings: Settings,
        *,
        spawn: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]],
    ) -> None:
        self._orders = orders
        self._record = record
        self._resolver = resolver
        self._cancelling = cancelling
        self._modifying = Modifying(orders, record, writer, settling, reader, settings)
        self._spawn = spawn
        self._settings = settings
        self._locks: dict[int, asyncio.Lock] = {}
        self._moves = Moves(self._move_now, spawn=spawn)

    # -- cancel

    async def cancel(self, order: Order, timeout_s: float = CANCEL_WAIT_S) -> Order:
        """See `Order.cancel`."""
        self._orders.check_may_trade()
        if _is_over(order):
            return order  # there is nothing to cancel, also if it never was at the gateway
        await self._cancel_on_sight(order)
        order_id = await self._id_of(order)
        if _is_over(order):
            return order
        effort = self._cancelling.insist(order.account_id, order_id, order.contract_id)
        await asyncio.wait({effort}, timeout=timeout_s)
        if effort.done():
            effort.result()
            return order
        belief = order.belief
        status = belief.status.name if belief is not None else "unknown"
        msg = f"The cancel of {order.describe()} goes on; the order is still {status}."
        raise OrderUnresolved(
            msg, order, next_step="It is repeated until the order has ended. Watch the order."
        )

    async def _cancel_on_sight(self, order: Order) -> None:
        """An order that may not exist cannot be cancelled yet, but it can be on the day it is seen."""
        intent = order.intent
        if intent is None or not (intent.is_open or intent.state == "presumed_absent"):
            return
        if order.belief is not None:
            return  # it was seen, only the answer is missing
        await self._resolver.want_cancelled(intent.intent_id, intent.account_id)
        await sending_ended(order, self._record, self._settings)
        await self._resolver.wait(intent.intent_id, self._settings.timeouts.resolve_s)
        if not _is_found(order):
            looking = self._resolver.looking(intent.intent_id)
            raise OrderUnresolved(
                "The cancel waits for an order that is not found yet; it is not cancelled.",
                order,
                next_step="It will be cancelled on sight. Watch the order.",
                evidence=looking.evidence if looking is not None else (),
            )

    # -- modify

    async def modify(
        self,
        order: Order,
        *,
        size: int | None,
        limit: PriceLike | None,
        stop: PriceLike | None,
        trail: PriceLike | None,
    ) -> Order:
        """See `Order.modify`."""
        self._orders.check_may_trade()
        if size is None and limit is None and stop is None and trail is None:
            raise InvalidRequest(
                "modify", None, "nothing is to be changed.", "Give size, limit or stop."
            )
        order_id = await self._id_of(order)
        contract = order.contract

        def grid(field: str, price: PriceLike | None) -> Decimal | None:
            if price is None:
                return None
            return on_grid(field, price, contract.tick_size, contract.name)

        request = models.ModifyRequest(
            account_id=order.account_id,
            order_id=order_id,
            size=None if size is None else whole_contracts("size", size),
            limit_price=grid("limit", limit),
            stop_price=grid("stop", stop),
            trail_price=grid("trail", trail),
        )
        is_priced = limit is not None or stop is not None or trail is not None
        has_left = asyncio.Event()
        work = self._in_turn(order, request, has_left, is_priced=is_priced)
        try:
            # What has left is read back to the end, or nobody would know what became of it.
            await asyncio.shield(self._spawn(work, f"modify {order_id}"))
        except asyncio.CancelledError:
            has_left.set()
            raise
        return order

    async def _in_turn(
        self, order: Order, request: ModifyRequest, has_left: asyncio.Event, *, is_priced: bool
    ) -> None:
        """Change it when its turn comes, unless who asked has left by then."""
        order_id = request.order_id
        newest = self._moves.overruled(order_id) if is_priced else nullcontext()
        async with newest, self._one_at_a_time(order_id):
            if has_left.is_set():
                msg = (
                    f"Nobody waits any more for the change of {order.describe()}; it was not sent."
                )
                raise NotSent(msg)
            await self._modifying.modify(order, request, has_left)

    def _one_at_a_time(self, order_id: int) -> asyncio.Lock:
        return self._locks.setdefault(order_id, asyncio.Lock())

    # -- move

    async def move(self, order: Order, price: PriceLike, *, tighten_only: bool) -> Order:
        """See `Order.move`."""
        self._orders.check_may_trade()
        await order.working()
        order_id = await self._id_of(order)
        contract = order.contract
        level = on_grid("price", price, contract.tick_size, contract.name)
        belief = order.belief
        if belief is None or belief.order.type not in {*_STOPS, OrderType.LIMIT}:
            kind = belief.order.type.name if belief is not None else "UNKNOWN"
            raise InvalidRequest("order", kind, "has no price to move.", "Cancel it instead.")
        # What is on its way is waited for: only then is it known what there is to move from.
        under_way = self._moves.is_under_way(order_id) or self._one_at_a_time(order_id).locked()
        if not under_way and not self._would_move(belief, level, tighten_only=tighten_only):
            return order
        tightens = belief.order.side if tighten_only else None
        await self._moves.move(order_id, level, tightens=tightens)
        return order

    async def _move_now(self, order_id: int, price: Decimal, tighten_only: bool) -> None:  # noqa: FBT001  as `Moves` calls it
        async with self._one_at_a_time(order_id):
            belief = self._record.ledger.order(order_id)
            if belief is None or not self._would_move(belief, price, tighten_only=tighten_only):
                return
            trails = belief.order.type is OrderType.TRAILING_STOP
            stops = belief.order.type in _STOPS and not trails
            request = models.ModifyRequest(
                account_id=belief.order.account_id,
                order_id=order_id,
                limit_price=None if stops or trails else price,
                stop_price=price if stops else None,
                trail_price=price if trails else None,
            )
            self._orders.check_may_trade()
            await self._modifying.modify(self._orders.handle(belief.order), request)

    def _would_move(self, belief: OrderBelief, price: Decimal, *, tighten_only: bool) -> bool:
        """Whether a move to `price` changes anything, and may; it counts what may yet turn out to have left."""
        account_id = belief.order.account_id
        bodies = (
            one.recorded.body
            for one in self._record.ledger.open_intents(account_id)
            if one.recorded is not None
            and (one.recorded.action, one.recorded.order_id) == ("modify", belief.id)
        )
        asked = [msgspec.json.decode(body, type=models.ModifyRequest) for body in bodies]
        levels = [one.stop_price or one.trail_price or one.limit_price for one in asked]
        wanted = [level for level in levels if level is not None]
        if tighten_only:
            side = belief.order.side
            closer = all(is_closer(side, price, level) for level in wanted)
            if not closer or not is_tighter(belief.order, price):
                return False
        return _price_of(belief) != price or any(level != price for level in wanted)

    async def _id_of(self, order: Order) -> int:
        if order.id is None and not _is_over(order):
            await self._orders.wait(
                order, lambda: order.id is not None or _is_over(order), _END_STATE_S
            )
        if order.id is None and _is_over(order):
            raise InvalidRequest(
                "order", order.describe(), f"is {order.stage.value}.", "Place a new one."
            )
        if order.id is None:
            raise InvalidRequest(
                "order",
                order.describe(),
                "the gateway has not shown it yet, so it cannot be changed.",
                "Wait for order.working() or look at the account.",
            )
        return order.id


def _price_of(belief: OrderBelief) -> Decimal | None:
    order = belief.order
    if order.type is OrderType.TRAILING_STOP:
        return None
    return order.stop_price if order.type in _STOPS else order.limit_price


def _is_found(order: Order) -> bool:
    return order.id is not None or _is_over(order)


def _is_over(order: Order) -> bool:
    """`Order.is_done`, looked at anew each time."""
    return order.is_done
