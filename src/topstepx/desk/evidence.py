"""Looking for an order whose answer was lost: one complete look at everything that could show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from topstepx.core.lanes import Lane
from topstepx.core.resolve import Round
from topstepx.errors import AnswerUnusable, GatewayRefused, TopstepxError
from topstepx.events import OrderObserved, PositionsListed, trade_fact
from topstepx.wire import models, routes
from topstepx.wire.enums import OrderSortBy, SortDirection

if TYPE_CHECKING:
    from datetime import datetime

    from topstepx.desk.record import Record
    from topstepx.net.rest import Rest
    from topstepx.settings import Settings
    from topstepx.wire.models import OrderModel

_PAGE_ROWS = 100
_PAGES_MAX = 200


class Evidence:
    """Reads orders, trades and positions since a moment, into the ledger and into a `Round`."""

    def __init__(self, rest: Rest, record: Record, settings: Settings) -> None:
        self._rest = rest
        self._record = record
        self._settings = settings

    async def look(
        self,
        account_id: int,
        contract_id: str,
        since: datetime,
        *,
        claimed: frozenset[int],
        siblings: int,
    ) -> Round:
        """One round. What cannot be read makes it incomplete; it never makes it empty."""
        complete = True
        orders: tuple[OrderModel, ...] = ()
        try:
            orders = await self._orders_since(account_id, since)
        except TopstepxError:
            complete = False
        unexplained = False
        try:
            known = {order.id for order in orders}
            unexplained = await self._unexplained(account_id, contract_id, since, known)
        except TopstepxError:
            complete = False
        return Round(complete, orders, claimed, siblings, unexplained)

    async def _orders_since(self, account_id: int, since: datetime) -> tuple[OrderModel, ...]:
        at = self._record.stamp()
        try:
            orders = await self._queried(account_id, since)
        except (GatewayRefused, AnswerUnusable):
            orders = await self._searched(account_id, since)
        for order in orders:
            self._record.commit(OrderObserved(at=at, order=order, origin="reconciled"))
        return orders

    async def _queried(self, account_id: int, since: datetime) -> tuple[OrderModel, ...]:
        """By `Order/v2/query`, all statuses, all pages, until the count agrees."""
        rows: dict[int, OrderModel] = {}
        for page in range(_PAGES_MAX):
            answer = await self._rest.call(
                routes.ORDER_QUERY,
                models.OrderQueryRequest(
                    filter=models.OrderQueryFilter(account_id=account_id, created_after=since),
                    page_size=_PAGE_ROWS,
                    page_offset=page * _PAGE_ROWS,
                    sort_by=OrderSortBy.ID,
                    sort_direction=SortDirection.ASCENDING,
                    include_total_count=True,
                ),
                lane=Lane.RESOLVE,
                timeout_s=self._settings.timeouts.read_s,
            )
            if not isinstance(answer.orders, list):
                raise _without("Order/v2/query", "orders")
            rows.update({order.id: order for order in answer.orders})
            if len(answer.orders) < _PAGE_ROWS:
                if answer.total_count is not None and len(rows) < answer.total_count:
                    raise _without("Order/v2/query", "as many rows as it counts")
                return tuple(rows.values())
        raise _without("Order/v2/query", f"an end after {_PAGES_MAX} pages")

    async def _searched(self, account_id: int, since: datetime) -> tuple[OrderModel, ...]:
        """By the two older lists together, where the query is missing: suspended legs stay unseen."""
        found = await self._rest.call(
            routes.ORDER_SEARCH,
            models.OrderSearchRequest(account_id=account_id, start_timestamp=since),
            lane=Lane.RESOLVE,
            timeout_s=self._settings.timeouts.read_s,
        )
        live = await self._rest.call(
            routes.ORDER_SEARCH_OPEN,
            models.OrderSearchOpenRequest(account_id=account_id),
            lane=Lane.RESOLVE,
            timeout_s=self._settings.timeouts.read_s,
        )
        if not isinstance(found.orders, list) or not isinstance(live.orders, list):
            raise _without("Order/search", "orders")
        return tuple({order.id: order for order in [*found.orders, *live.orders]}.values())

    async def _unexplained(
        self, account_id: int, contract_id: str, since: datetime, known: set[int]
    ) -> bool:
        """Whether a trade on the contract belongs to an order that no list shows."""
        at = self._record.stamp()
        trades = await self._rest.call(
            routes.TRADE_SEARCH,
            models.TradeSearchRequest(account_id=account_id, start_timestamp=since),
            lane=Lane.RESOLVE,
            timeout_s=self._settings.timeouts.read_s,
        )
        positions = await self._rest.call(
            routes.POSITION_SEARCH_OPEN,
            models.PositionSearchOpenRequest(account_id=account_id),
            lane=Lane.RESOLVE,
            timeout_s=self._settings.timeouts.read_s,
        )
        if not isinstance(trades.trades, list) or not isinstance(positions.positions, list):
            raise _without("Trade/search", "trades, or Position/searchOpen without positions")
        for trade in trades.trades:
            self._record.commit(trade_fact(trade, at=at, origin="reconciled"))
        self._record.commit(
            PositionsListed(
                at=at,
                account_id=account_id,
                positions=tuple(positions.positions),
                origin="reconciled",
            )
        )
        ledger = self._record.ledger
        return any(
            trade.contract_id == contract_id
            and trade.order_id not in known
            and ledger.order(trade.order_id) is None
            for trade in trades.trades
        )


def _without(route: str, what: str) -> AnswerUnusable:
    msg = f"{route} answered without {what}."
    return AnswerUnusable(msg, route=route, status=200, did_it_happen="no")
