"""The searches: what the gateway shows, which is not all there is.

Order/search and searchOpen never show sleeping legs (verified); only v2/query does. A visibility
delay (a fault, and for trades also a switch) shows the world as it was so long ago.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from topstepx.sim.venue.orders import FINAL
from topstepx.wire.enums import OrderSortBy, OrderStatus, SortDirection
from topstepx.wire.models import (
    AccountsAnswer,
    OrderAnswer,
    OrderPageAnswer,
    OrdersAnswer,
    PositionsAnswer,
    TradesAnswer,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from topstepx.sim.venue.floor import Floor
    from topstepx.sim.venue.orders import Order
    from topstepx.wire.models import (
        AccountSearchRequest,
        OrderByIdRequest,
        OrderModel,
        OrderQueryRequest,
        OrderSearchOpenRequest,
        OrderSearchRequest,
        PositionSearchOpenRequest,
        TradeSearchRequest,
    )

NOT_FOUND = 1
PAGE_CAP = 100
_NO_DELAY = timedelta(0)
# Status 6 was only ever seen on the stream, 8 only in v2/query.
_NEVER_IN_SEARCH = frozenset({OrderStatus.PENDING, OrderStatus.SUSPENDED})


def accounts(floor: Floor, request: AccountSearchRequest) -> AccountsAnswer:
    """`Account/search`."""
    rows = [
        account.model()
        for account in floor.accounts.values()
        if account.id not in floor.faults.hidden_accounts
        and (account.active or not request.only_active_accounts)
    ]
    return AccountsAnswer(accounts=rows, success=True, error_code=0)


def orders(floor: Floor, request: OrderSearchRequest, now: datetime) -> OrdersAnswer:
    """`Order/search`: oldest first, both ends of the window included (assumed)."""
    if request.account_id not in floor.accounts:
        return OrdersAnswer(orders=None, success=False, error_code=NOT_FOUND)
    start, end = _aware(request.start_timestamp), _aware(request.end_timestamp)
    by_update = floor.switches.window_by == "update"
    kept = floor.orders_of[request.account_id]
    if start is not None and not by_update:
        kept = kept[bisect_left(kept, start, key=lambda order: order.created) :]
    rows = []
    for model in _models(floor, kept, floor.faults.visibility_orders, now):
        when = (model.update_timestamp or now) if by_update else model.creation_timestamp
        if _inside(when, start, end) and model.status not in _NEVER_IN_SEARCH:
            rows.append(model)
    rows.sort(key=lambda model: model.id)
    return OrdersAnswer(orders=rows, success=True, error_code=0)


def open_orders(floor: Floor, request: OrderSearchOpenRequest, now: datetime) -> OrdersAnswer:
    """`Order/searchOpen`: status 1 and nothing else (verified)."""
    if request.account_id not in floor.accounts:
        return OrdersAnswer(orders=None, success=False, error_code=NOT_FOUND)
    delay = floor.faults.visibility_open_orders
    kept: Iterable[Order]
    if delay:
        kept = floor.orders_of[request.account_id]
    else:
        kept = floor.live_of[request.account_id].values()
    rows = [m for m in _models(floor, kept, delay, now) if m.status is OrderStatus.OPEN]
    rows.sort(key=lambda model: model.id)
    return OrdersAnswer(orders=rows, success=True, error_code=0)


def query(floor: Floor, request: OrderQueryRequest, now: datetime) -> OrderPageAnswer:
    """`Order/v2/query`: `page_offset` counts rows, at most 100 come back (verified)."""
    wanted = request.filter
    if wanted.account_id not in floor.accounts:
        return OrderPageAnswer(orders=None, success=False, error_code=NOT_FOUND)
    rows = []
    after, before = _aware(wanted.created_after), _aware(wanted.created_before)
    delay = floor.faults.visibility_query
    kept: Iterable[Order] = floor.orders_of[wanted.account_id]
    if not delay and wanted.statuses is not None and not FINAL.intersection(wanted.statuses):
        kept = floor.live_of[wanted.account_id].values()  # much shorter after a long day
    for model in _models(floor, kept, delay, now):
        if wanted.statuses is not None and model.status not in wanted.statuses:
            continue
        if not _inside(model.creation_timestamp, after, before):
            continue
        other = wanted.contract_id is not None and model.contract_id != wanted.contract_id
        if other and floor.switches.query_contract_filters:
            continue
        rows.append(model)
    if request.sort_by is OrderSortBy.ID:
        rows.sort(key=lambda model: model.id)
    else:
        rows.sort(key=lambda model: (model.creation_timestamp, model.id))
    direction = request.sort_direction
    if direction is None and floor.switches.query_default_direction == "descending":
        direction = SortDirection.DESCENDING
    if direction is SortDirection.DESCENDING:
        rows.reverse()
    size = request.page_size
    size = floor.switches.query_default_page_size if size is None else size
    offset = max(0, request.page_offset or 0)
    return OrderPageAnswer(
        orders=rows[offset : offset + min(max(0, size), PAGE_CAP)],
        total_count=len(rows) if request.include_total_count else None,
        success=True,
        error_code=0,
    )


def order_by_id(floor: Floor, request: OrderByIdRequest, now: datetime) -> OrderAnswer:
    """`Order/searchById`; code 1 for an unknown order and for an unknown account."""
    order = floor.orders.get(request.order_id)
    if order is not None and order.account_id == request.account_id:
        for model in _models(floor, [order], floor.faults.visibility_by_id, now):
            return OrderAnswer(order=model, success=True, error_code=0)
    return OrderAnswer(order=None, success=False, error_code=NOT_FOUND)


def positions(floor: Floor, request: PositionSearchOpenRequest, now: datetime) -> PositionsAnswer:
    """`Position/searchOpen`: one netted row per contract."""
    if request.account_id not in floor.accounts:
        return PositionsAnswer(positions=None, success=False, error_code=NOT_FOUND)
    delay = floor.faults.visibility_positions
    if delay:
        rows = floor.truth.positions_at(request.account_id, now - delay)
    else:
        rows = floor.truth.positions(request.account_id)
    return PositionsAnswer(positions=rows, success=True, error_code=0)


def trades(floor: Floor, request: TradeSearchRequest, now: datetime) -> TradesAnswer:
    """`Trade/search`: newest first (observed); fills show after a short delay."""
    if request.account_id not in floor.accounts:
        return TradesAnswer(trades=None, success=False, error_code=NOT_FOUND)
    usual = timedelta(milliseconds=floor.switches.trade_visible_ms)
    seen_until = now - max(usual, floor.faults.visibility_trades)
    start, end = _aware(request.start_timestamp), _aware(request.end_timestamp)
    rows = [
        trade
        for trade in floor.truth.trades(request.account_id)
        if trade.creation_timestamp <= seen_until and _inside(trade.creation_timestamp, start, end)
    ]
    rows.reverse()
    return TradesAnswer(trades=rows, success=True, error_code=0)


def _aware(moment: datetime | None) -> datetime | None:
    """A time without an offset is UTC (assumed)."""
    naive = moment is not None and moment.tzinfo is None
    return moment.replace(tzinfo=UTC) if moment is not None and naive else moment


def _inside(moment: datetime, start: datetime | None, end: datetime | None) -> bool:
    """Whether a window holds it, both ends included (assumed); None is no end."""
    return (start is None or start <= moment) and (end is None or moment <= end)


def _models(
    floor: Floor, kept: Iterable[Order], delay: timedelta, now: datetime
) -> Iterable[OrderModel]:
    """The orders as one may see them now."""
    for order in kept:
        if floor.faults.hide_legs and order.parent_order_id is not None:
            continue
        if delay == _NO_DELAY:
            yield order.model()
        elif (model := floor.truth.order_at(order.id, now - delay)) is not None:
            yield model
