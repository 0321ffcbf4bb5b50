"""Cancelling until it is over: repeated on the exit lane, and only the order's own end counts.

That the gateway took a cancel proves nothing: a fill may still win. A cancel that finds no order, or one
whose answer is lost, says nothing either. So the order is read after every try, and the try repeated,
until the order has ended in some way, or the gateway refuses for good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from topstepx.core.lanes import Lane
from topstepx.desk.exits import Came, Exits, pause_s
from topstepx.desk.waiting import until
from topstepx.errors import TopstepxError
from topstepx.wire.enums import OrderStatus

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine

    from topstepx.core.ledger_orders import OrderBelief
    from topstepx.desk.reading import Reader
    from topstepx.desk.record import Record

SETTLE_S = 5.0
"""How long an accepted cancel may take to show before it is sent again."""

_NOT_THERE_MAX = 3


class Cancelling:
    """Cancels orders by id; one effort per order, however many ask for it."""

    def __init__(
        self,
        exits: Exits,
        reader: Reader,
        record: Record,
        *,
        spawn: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]],
        refused: Callable[[int, str], None],
    ) -> None:
        self._refused = refused
        self._exits = exits
        self._reader = reader
        self._record = record
        self._spawn = spawn
        self._efforts: dict[int, asyncio.Task[None]] = {}

    def insist(self, account_id: int, order_id: int, contract_id: str) -> asyncio.Task[None]:
        """The effort to cancel an order: done when the order is over.

        It ends with the `GatewayRefused` that makes it pointless; being cancelled is for whoever waits:
        shield it.
        """
        effort = self._efforts.get(order_id)
        if effort is None or effort.done():
            work = self._until_over(account_id, order_id, contract_id)
            effort = self._spawn(work, f"cancel {order_id}")
            self._efforts[order_id] = effort
            effort.add_done_callback(lambda done: self._ended(order_id, done))
        return effort

    def _ended(self, order_id: int, effort: asyncio.Task[None]) -> None:
        if self._efforts.get(order_id) is effort:
            del self._efforts[order_id]

    async def _until_over(self, account_id: int, order_id: int, contract_id: str) -> None:
        attempt = not_there = 0
        while not self._is_over(order_id):
            tried = await self._exits.cancel(account_id, order_id, contract_id)
            if tried.came is Came.ACCEPTED:
                await self._settled(account_id, order_id)
                continue
            if tried.waits_by_itself:
                continue  # a read now would only take the turn of the next try
            found = await self._read(account_id, order_id)
            if self._is_over(order_id):
                return
            if tried.came in {Came.FORBIDDEN, Came.REFUSED} and tried.error is not None:
                if found:
                    self._refused(order_id, f"order {order_id} works, and: {tried.error}")
                raise tried.error
            if tried.came is Came.GONE and found is False:
                not_there += 1
                if not_there >= _NOT_THERE_MAX and tried.error is not None:
                    raise tried.error
            await self._pause(order_id, pause_s(attempt))
            attempt += 1

    async def _settled(self, account_id: int, order_id: int) -> None:
        """Until the order is over, or it still works long after the cancel was taken."""
        while True:
            await self._pause(order_id, SETTLE_S, account_id)
            belief = self._belief(order_id)
            if belief is None or belief.status is not OrderStatus.PENDING_CANCELLATION:
                return

    async def _pause(self, order_id: int, timeout_s: float, account_id: int | None = None) -> None:
        """Wait, but no longer than until the order is over."""

        async def ask() -> None:
            if account_id is not None:
                await self._reader.order(account_id, order_id, lane=Lane.EXIT)

        await until(
            self._record,
            lambda: True if self._is_over(order_id) else None,
            timeout_s=timeout_s,
            ask=ask,
            every_s=1.0,
        )

    async def _read(self, account_id: int, order_id: int) -> bool | None:
        """Whether the gateway showed the order; None: it could not be asked."""
        try:
            return await self._reader.order(account_id, order_id, lane=Lane.EXIT) is not None
        except TopstepxError:
            return None

    def _belief(self, order_id: int) -> OrderBelief | None:
        return self._record.ledger.order(order_id)

    def _is_over(self, order_id: int) -> bool:
        belief = self._belief(order_id)
        return belief is not None and belief.is_terminal
