"""Sending one change of one order, and reading it back until it is known what became of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from topstepx.core.brackets import for_want_of_a_stop, may_grow
from topstepx.core.growing import size_at_most
from topstepx.core.lanes import Lane
from topstepx.core.modifying import Reading, can_be_read, misfit, operation, reading
from topstepx.core.outcome import Verdict
from topstepx.desk.waiting import until
from topstepx.desk.write import Intent
from topstepx.errors import InvalidRequest, ModifyConflict
from topstepx.net.rest import error_of
from topstepx.wire import models, routes

if TYPE_CHECKING:
    import asyncio

    from topstepx.core.ledger_orders import OrderBelief
    from topstepx.desk.order import Order
    from topstepx.desk.orders import Orders
    from topstepx.desk.reading import Reader
    from topstepx.desk.record import Record
    from topstepx.desk.settling import Settling
    from topstepx.desk.write import Writer
    from topstepx.settings import Settings
    from topstepx.wire.models import ModifyRequest, OrderModel

_GRACE_S = 5.0
"""How long a change may take to show."""

_SENDINGS_MAX = 2


class Modifying:
    """Sends changes; whoever asks takes care that an order has one at a time."""

    def __init__(  # noqa: PLR0917  the parts that a change passes through
        self,
        orders: Orders,
        record: Record,
        writer: Writer,
        settling: Settling,
        reader: Reader,
        settings: Settings,
    ) -> None:
        self._orders = orders
        self._record = record
        self._writer = writer
        self._settling = settling
        self._reader = reader
        self._settings = settings

    async def modify(
        self, order: Order, request: ModifyRequest, has_left: asyncio.Event | None = None
    ) -> None:
        """Send the change, read back, and send it once more if it certainly did not happen.

        Not if who asked `has_left` by then.
        """
        for sending in range(1, _SENDINGS_MAX + 1):
            before = self._before(order, request)
            intent = self._intent(order, request, before)
            sent = await self._writer.write(
                intent, guard=partial(self._check_growth, order, request)
            )
            outcome = sent.outcome
            if outcome is not None and outcome.verdict is Verdict.ACCEPTED:
                if not can_be_read(request):  # the distance of a trail may be what it was
                    await self._orders.refresh_quietly(order)
                    return
                seen = await self._read_back(order, before, request)
            else:
                error = error_of(routes.MODIFY, sent)
                if error.did_it_happen == "no":
                    await self._orders.refresh_quietly(order)
                    raise error
                seen = await self._read_back(order, before, request)
                self._settling.read(intent.intent_id, seen)
                if seen is Reading.BEFORE and not _is_over(order):
                    if sending < _SENDINGS_MAX and not (has_left and has_left.is_set()):
                        continue  # it reads as before after the grace: the same values may go again
                    raise error
            if seen is Reading.WANTED:
                return
            raise self._conflict(order, request)

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


def _is_over(order: Order) -> bool:
    """`Order.is_done`, looked at anew each time."""
    return order.is_done
