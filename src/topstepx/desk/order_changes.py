"""Changing an order: cancel and modify, each followed by a look at what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from topstepx.core.lanes import Lane
from topstepx.core.mode import Operation
from topstepx.core.outcome import Verdict
from topstepx.core.prices import PriceLike, on_grid, whole_contracts
from topstepx.desk.write import Intent
from topstepx.errors import InvalidRequest, NotFilled, OrderUnresolved
from topstepx.net.rest import error_of
from topstepx.wire import models, routes

if TYPE_CHECKING:
    from decimal import Decimal

    from topstepx.desk.order import Order
    from topstepx.desk.orders import Orders
    from topstepx.desk.resolver import Resolver
    from topstepx.desk.write import Writer
    from topstepx.settings import Settings

_END_STATE_S = 10.0


class OrderChanges:
    """Cancels and modifies orders; what `Order.cancel` and `Order.modify` do."""

    def __init__(
        self, orders: Orders, writer: Writer, resolver: Resolver, settings: Settings
    ) -> None:
        self._orders = orders
        self._writer = writer
        self._resolver = resolver
        self._settings = settings

    async def cancel(self, order: Order) -> Order:
        """See `Order.cancel`."""
        self._orders.check_may_trade()
        await self._cancel_on_sight(order)
        order_id = await self._id_of(order)
        if _is_over(order):
            return order
        sent = await self._writer.write(
            Intent(
                action="cancel",
                route=routes.CANCEL,
                request=models.CancelRequest(account_id=order.account_id, order_id=order_id),
                account_id=order.account_id,
                lane=Lane.EXIT,
                send_within_s=self._settings.timeouts.exit_s,
                timeout_s=self._settings.timeouts.exit_s,
                contract_id=order.contract_id,
                order_id=order_id,
            )
        )
        accepted = sent.outcome is not None and sent.outcome.verdict is Verdict.ACCEPTED
        if not accepted:
            await self._orders.refresh(order)  # it may be over: the answer alone does not say
            if not _is_over(order):
                raise error_of(routes.CANCEL, sent)
            return order
        await self._orders.wait(order, lambda: _is_over(order), _END_STATE_S)
        if not _is_over(order):
            msg = (
                f"The gateway took the cancel, but {order.describe()} is still {order.status.name}."
            )
            raise NotFilled(msg, order)
        return order

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
            return (
                None if price is None else on_grid(field, price, contract.tick_size, contract.name)
            )

        request = models.ModifyRequest(
            account_id=order.account_id,
            order_id=order_id,
            size=None if size is None else whole_contracts("size", size),
            limit_price=grid("limit", limit),
            stop_price=grid("stop", stop),
            trail_price=grid("trail", trail),
        )
        self._orders.ledger.modes.check(Operation.MODIFY_RAISING, order.account_id, contract.id)
        sent = await self._writer.write(
            Intent(
                action="modify",
                route=routes.MODIFY,
                request=request,
                account_id=order.account_id,
                lane=Lane.ORDER,
                send_within_s=self._settings.timeouts.order_deadline_s,
                timeout_s=self._settings.timeouts.place_s,
                contract_id=contract.id,
                order_id=order_id,
            )
        )
        outcome = sent.outcome
        if outcome is None or outcome.verdict is not Verdict.ACCEPTED:
            raise error_of(routes.MODIFY, sent)
        await self._orders.refresh(order)
        return order

    async def _cancel_on_sight(self, order: Order) -> None:
        """An order that may not exist cannot be cancelled yet, but it can be on the day it is seen."""
        intent = order.intent
        if order.id is not None or intent is None or not intent.is_open:
            return
        self._resolver.want_cancelled(intent.intent_id)
        await self._resolver.wait(intent.intent_id, self._settings.timeouts.resolve_s)
        if order.id is None:
            msg = "The cancel waits for an order that is not found yet; it is not cancelled."
            raise OrderUnresolved(
                msg, order, next_step="It will be cancelled on sight. Watch the order."
            )

    async def _id_of(self, order: Order) -> int:
        if order.id is None:
            await self._orders.wait(order, lambda: order.id is not None, _END_STATE_S)
        if order.id is None:
            raise InvalidRequest(
                "order",
                order.describe(),
                "the gateway has not shown it yet, so it cannot be changed.",
                "Wait for order.working() or look at the account.",
            )
        return order.id


def _is_over(order: Order) -> bool:
    """`Order.is_done`, looked at anew each time."""
    return order.is_done
