"""Changing an order: cancel, modify and move, each believed only when the order itself says so."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from topstepx.core.brackets import for_want_of_a_stop, may_grow
from topstepx.core.growing import size_at_most
from topstepx.core.lanes import Lane
from topstepx.core.modifying import Reading, is_closer, is_tighter, misfit, operation, reading
from topstepx.core.outcome import Verdict
from topstepx.core.prices import PriceLike, on_grid, whole_contracts
from topstepx.desk.moves import Moves
from topstepx.desk.placed import sending_ended
from topstepx.desk.waiting import until
from topstepx.desk.write import Intent
from topstepx.errors import InvalidRequest, ModifyConflict, OrderUnresolved
from topstepx.net.rest import error_of
from topstepx.wire import models, routes
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
    from topstepx.wire.models import ModifyRequest, OrderModel

_END_STATE_S = 10.0
_GRACE_S = 5.0
"""How long a change may take to show."""

_SENDINGS_MAX = 2
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
        self._writer = writer
        self._resolver = resolver
        self._cancelling = cancelling
        self._settling = settling
        self._reader = reader
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
        newest = self._moves.overruled(order_id) if is_priced else nullcontext()
        async with newest, self._one_at_a_time(order_id):
            await self._modified(order, request)
        return order

    def _one_at_a_time(self, order_id: int) -> asyncio.Lock:
        return self._locks.setdefault(order_id, asyncio.Lock())

    def _check_growth(self, order: Order, request: models.ModifyRequest) -> None:
        """A larger size is an entry for what comes on top, and meets the same limits."""
        belief = order.belief
        if request.size is None or belief is None or request.size <= belief.order.size:
            return
        counted = size_at_most(self._record.ledger, belief)
        more = models.PlaceRequest(
            account_id=order.account_id,
            contract_id=order.contract_id,
            type=belief.order.type,
            side=belief.order.side,
            size=max(0, request.size - counted),
        )
        self._orders.check_growth(more, request.size, order.contract.name)

    async def _modified(self, order: Order, request: ModifyRequest) -> None:
        """Send the change, read back, and send it once more if it certainly did not happen."""
        for sending in range(1, _SENDINGS_MAX + 1):
            before = self._before(order, request)
            intent = self._intent(order, request, before)
            sent = await self._writer.write(
                intent, guard=partial(self._check_growth, order, request)
            )
            outcome = sent.outcome
            if outcome is not None and outcome.verdict is Verdict.ACCEPTED:
                seen = await self._read_back(order, before, request)
            else:
                error = error_of(routes.MODIFY, sent)
                if error.did_it_happen == "no":
                    await self._orders.refresh_quietly(order)
                    raise error
                seen = await self._read_back(order, before, request)
                if seen is not Reading.WANTED:
                    self._settling.give_up(intent.intent_id, f"the order reads {seen.value}")
                if seen is Reading.BEFORE and not _is_over(order):
                    if sending < _SENDINGS_MAX:
                        continue  # it reads as before after the grace: the same values may go again
                    raise error
            if seen is Reading.WANTED:
                return
            raise self._conflict(order, request)

    def _before(self, order: Order, request: ModifyRequest) -> OrderModel:
        belief = order.belief
        if belief is None or belief.is_terminal:
            raise InvalidRequest(
                "order", order.describe(), "is over or was never seen.", "Place a new one."
            )
        self._check_fits(belief, request)
        if request.size is not None and belief.filled:
            raise InvalidRequest(
                "size",
                request.size,
                f"{belief.filled} are filled already, and whether the gateway then means the whole or "
                "the rest is not known.",
                "Cancel the rest and place a new order.",
            )
        self._check_mode(belief.order, request)
        return belief.order

    def _check_mode(self, order: OrderModel, request: ModifyRequest) -> None:
        """Refuse by the mode; but what restricts for want of a stop lets one grow that works."""
        ledger, where = self._record.ledger, (order.account_id, order.contract_id)
        if for_want_of_a_stop(ledger, *where) and may_grow(ledger, order, request):
            return
        position = ledger.position(*where)
        wanted = operation(order, request, position.net if position is not None else None)
        ledger.modes.check(wanted, *where)

    def _check_fits(self, belief: OrderBelief, request: ModifyRequest) -> None:
        """Only what the order has can be changed, and a leg closes no more than its entry may fill."""
        field, kind = misfit(belief.order, request), belief.order.type.name
        if field is not None:
            raise InvalidRequest(
                field,
                str(getattr(request, field if field == "size" else f"{field}_price")),
                f"a {kind} order has no {field}.",
                "Change what it has, or cancel it and place another.",
            )
        parent_id = belief.order.parent_order_id
        parent = self._record.ledger.order(parent_id) if parent_id is not None else None
        if request.size is not None and parent is not None and request.size > parent.order.size:
            raise InvalidRequest(
                "size",
                request.size,
                f"is more than the entry's {parent.order.size}: the rest would open a position.",
                "Place an order of its own for that.",
            )

    def _intent(self, order: Order, request: ModifyRequest, before: OrderModel) -> Intent:
        return Intent(
            action="modify",
            intent_id=self._writer.name()[0],
            route=routes.MODIFY,
            request=request,
            account_id=order.account_id,
            lane=Lane.ORDER,
            send_within_s=self._settings.timeouts.order_deadline_s,
            timeout_s=self._settings.timeouts.place_s,
            contract_id=order.contract_id,
            order_id=request.order_id,
            recheck=partial(self._check_mode, before, request),
        )

    async def _read_back(self, order: Order, before: OrderModel, request: ModifyRequest) -> Reading:
        """How the order reads once it reads as wanted, is over, or the grace has passed."""

        def look() -> Reading | None:
            belief = order.belief
            if belief is None:
                return None
            seen = reading(before, request, belief.order)
            return seen if seen is Reading.WANTED or belief.is_terminal else None

        async def ask() -> None:
            await self._reader.order(order.account_id, request.order_id, lane=Lane.RESOLVE)

        await self._orders.refresh_quietly(order)
        seen = await until(self._record, look, timeout_s=_GRACE_S, ask=ask, every_s=1.0)
        belief = order.belief
        if seen is not None or belief is None:
            return seen or Reading.OTHER
        return reading(before, request, belief.order)

    def _conflict(self, order: Order, request: ModifyRequest) -> ModifyConflict:
        belief = order.belief
        is_over = belief is not None and belief.is_terminal
        status = belief.status.name if belief is not None else "unknown"
        asked = ", ".join(
            f"{name}={value}"
            for name in ("size", "limit_price", "stop_price")
            if (value := getattr(request, name)) is not None
        )
        why = f"it ended as {status} first" if is_over else "it reads differently"
        msg = f"The change of {order.describe()} to {asked} is not in force: {why}."
        return ModifyConflict(msg, order, next_step="Look at the order, then decide.")

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
            await self._modified(self._orders.handle(belief.order), request)

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
