"""Complete reads for finding out and for getting out: into the record, on the lane of whoever asks.

A list is given only when it was read to its end. What fails, lacks its list or does not add up raises:
absence is not emptiness.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from topstepx.core.gap import same_moments
from topstepx.core.lanes import Lane
from topstepx.errors import AnswerUnusable, GatewayRefused, TopstepxError
from topstepx.events import OrderObserved, PositionsListed, trade_fact
from topstepx.wire import models, routes
from topstepx.wire.enums import OrderSortBy, OrderStatus, SortDirection
from topstepx.wire.models import OrderModel

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from topstepx.desk.record import Record
    from topstepx.events import Origin
    from topstepx.net.rest import Rest
    from topstepx.settings import Settings
    from topstepx.wire.models import PositionModel, TradeModel
    from topstepx.wire.routes import Route

RequestT = TypeVar("RequestT", bound=models.Request)
AnswerT = TypeVar("AnswerT", bound=models.Envelope)

PAGE_ROWS = 100
PAGES_MAX = 200
PASSES_MAX = 3
LIVE = (
    OrderStatus.OPEN,
    OrderStatus.PENDING,
    OrderStatus.PENDING_CANCELLATION,
    OrderStatus.SUSPENDED,
)
_MISSING_ENDPOINT = frozenset({404, 405, 501})


class Reader:
    """Reads orders, trades and positions, each whole or not at all."""

    def __init__(self, rest: Rest, record: Record, settings: Settings) -> None:
        self._rest = rest
        self._record = record
        self._timeout_s = settings.timeouts.read_s
        self._exit_s = settings.timeouts.exit_s

    async def orders_since(
        self, account_id: int, since: datetime, *, lane: Lane = Lane.RESOLVE
    ) -> tuple[OrderModel, ...]:
        """Every order created since, of any status, suspended legs included where the gateway can."""
        at = self._record.stamp()
        wanted = models.OrderQueryFilter(account_id=account_id, created_after=since)
        try:
            orders = await self._queried(wanted, lane)
        except (GatewayRefused, AnswerUnusable) as error:
            if not _endpoint_is_missing(error):
                raise
            orders = await self._searched(account_id, since, lane)
        self._observed(orders, at, "reconciled")
        return orders

    async def live_orders(
        self, account_id: int, *, lane: Lane = Lane.EXIT, origin: Origin = "live"
    ) -> tuple[OrderModel, ...]:
        """Every order that lives now, suspended legs included where the gateway can."""
        at = self._record.stamp()
        wanted = models.OrderQueryFilter(account_id=account_id, statuses=LIVE)
        try:
            orders = await self._queried(wanted, lane)
        except (GatewayRefused, AnswerUnusable) as error:
            if not _endpoint_is_missing(error):
                raise
            return await self.open_orders(account_id, lane=lane, origin=origin)
        self._observed(orders, at, origin)
        return orders

    async def is_read(self, account_id: int, *, lane: Lane) -> bool:
        """Read what works and what is held; whether both came: a reading that failed shows nothing."""
        try:
            await self.live_orders(account_id, lane=lane)
            await self.positions(account_id, lane=lane)
        except TopstepxError:
            return False
        return True

    async def open_orders(
        self, account_id: int, *, lane: Lane = Lane.EXIT, origin: Origin = "live"
    ) -> tuple[OrderModel, ...]:
        """What the older list shows as open, which has no suspended legs: a second witness."""
        at = self._record.stamp()
        answer = await self._call(
            routes.ORDER_SEARCH_OPEN, models.OrderSearchOpenRequest(account_id=account_id), lane
        )
        orders = tuple(_rows(answer.orders, "Order/searchOpen", "orders"))
        self._observed(orders, at, origin)
        return orders

    async def order(
        self, account_id: int, order_id: int, *, lane: Lane = Lane.EXIT
    ) -> OrderModel | None:
        """One order as it is now; None when the gateway says that there is none."""
        at = self._record.stamp()
        try:
            answer = await self._call(
                routes.ORDER_BY_ID,
                models.OrderByIdRequest(account_id=account_id, order_id=order_id),
                lane,
            )
        except GatewayRefused as error:
            if error.name == "OrderNotFound":
                return None
            raise
        if not isinstance(answer.order, OrderModel):
            raise _without("Order/searchById", "an order")
        self._observed((answer.order,), at, "live")
        return answer.order

    async def late_trades(
        self, account_id: int, back: timedelta, *, lane: Lane
    ) -> tuple[TradeModel, ...]:
        """Every trade of the last while by the gateway's clock, whatever ours says."""
        return await self.trades_since(account_id, self._rest.server_now() - back, lane=lane)

    async def trades_since(
        self, account_id: int, since: datetime, *, lane: Lane = Lane.RESOLVE
    ) -> tuple[TradeModel, ...]:
        """Every trade since, oldest first."""
        at = self._record.stamp()
        answer = await self._call(
            routes.TRADE_SEARCH,
            models.TradeSearchRequest(account_id=account_id, start_timestamp=since),
            lane,
        )
        rows = _rows(answer.trades, "Trade/search", "trades")
        trades = tuple(sorted(rows, key=lambda one: (one.creation_timestamp, one.id)))
        for trade in trades:
            told = same_moments(self._record.ledger, trade)
            self._record.commit(trade_fact(told, at=at, origin="reconciled"))
        return trades

    async def positions(
        self, account_id: int, *, lane: Lane = Lane.EXIT, origin: Origin = "live"
    ) -> tuple[PositionModel, ...]:
        """The open positions; contracts that are not among them are flat."""
        at, server_at = self._record.stamp(), self._rest.server_told()
        answer = await self._call(
            routes.POSITION_SEARCH_OPEN,
            models.PositionSearchOpenRequest(account_id=account_id),
            lane,
        )
        rows = tuple(_rows(answer.positions, "Position/searchOpen", "positions"))
        self._record.commit(
            PositionsListed(
                at=at, account_id=account_id, positions=rows, origin=origin, server_at=server_at
            )
        )
        return rows

    # -- pages

    async def _queried(self, wanted: models.OrderQueryFilter, lane: Lane) -> tuple[OrderModel, ...]:
        """By `Order/v2/query`, all pages, until the count of the last page is that of the rows."""
        for _ in range(PASSES_MAX):
            rows, counted = await self._one_pass(wanted, lane)
            if counted == len(rows):
                return tuple(rows.values())
        raise _without("Order/v2/query", "as many rows as it counts")

    async def _one_pass(
        self, wanted: models.OrderQueryFilter, lane: Lane
    ) -> tuple[dict[int, OrderModel], int | None]:
        rows: dict[int, OrderModel] = {}
        for page in range(PAGES_MAX):
            answer = await self._call(
                routes.ORDER_QUERY,
                models.OrderQueryRequest(
                    filter=wanted,
                    page_size=PAGE_ROWS,
                    page_offset=page * PAGE_ROWS,
                    sort_by=OrderSortBy.ID,
                    sort_direction=SortDirection.ASCENDING,
                    include_total_count=True,
                ),
                lane,
            )
            found = _rows(answer.orders, "Order/v2/query", "orders")
            rows.update({order.id: order for order in found})
            if len(found) < PAGE_ROWS:
                return rows, answer.total_count
        raise _without("Order/v2/query", f"an end after {PAGES_MAX} pages")

    async def _searched(
        self, account_id: int, since: datetime, lane: Lane
    ) -> tuple[OrderModel, ...]:
        """By the two older lists together, where the query is missing: suspended legs stay unseen."""
        found = await self._call(
            routes.ORDER_SEARCH,
            models.OrderSearchRequest(account_id=account_id, start_timestamp=since),
            lane,
        )
        live = await self._call(
            routes.ORDER_SEARCH_OPEN, models.OrderSearchOpenRequest(account_id=account_id), lane
        )
        rows = [
            *_rows(found.orders, "Order/search", "orders"),
            *_rows(live.orders, "Order/searchOpen", "orders"),
        ]
        return tuple({order.id: order for order in rows}.values())

    async def _call(
        self, route: Route[RequestT, AnswerT], request: RequestT, lane: Lane
    ) -> AnswerT:
        timeout_s = self._exit_s if lane is Lane.EXIT else self._timeout_s
        return await self._rest.call(route, request, lane=lane, timeout_s=timeout_s)

    def _observed(self, orders: tuple[OrderModel, ...], at: datetime, origin: Origin) -> None:
        for order in orders:
            told = same_moments(self._record.ledger, order)
            self._record.commit(OrderObserved(at=at, order=told, origin=origin))


def _rows(rows: Any, route: str, what: str) -> list[Any]:  # noqa: ANN401  a list of any record, None or UNSET
    if not isinstance(rows, list):
        raise _without(route, what)
    return rows


def _endpoint_is_missing(error: GatewayRefused | AnswerUnusable) -> bool:
    return error.status in _MISSING_ENDPOINT


def _without(route: str, what: str) -> AnswerUnusable:
    msg = f"{route} answered without {what}."
    return AnswerUnusable(msg, route=route, status=200, did_it_happen="no")
