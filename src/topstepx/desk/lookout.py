"""One look at an account: what the gateway lists, told as what happened since the last.

Orders and trades first, positions last: a position is then never older than what explains it. A list
that is missing, or shorter than its own count, is unknown and raises; an order that we believe alive and
no list shows is asked for by its id; a list of positions that lacks one we believe held is read again,
and believed when two in a row agree.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from topstepx.core.gap import Found, story
from topstepx.core.lanes import Lane
from topstepx.core.ledger_orders import OrderChanged
from topstepx.core.ledger_positions import PositionChanged
from topstepx.core.ledger_trades import TradeChanged
from topstepx.core.position_past import nets_passed
from topstepx.errors import AnswerUnusable, GatewayRefused, TopstepxError
from topstepx.events import (
    AlarmRaised,
    ListRead,
    Observation,
    OrderObserved,
    PositionAnomaly,
    PositionsListed,
)
from topstepx.wire import models, routes
from topstepx.wire.enums import OrderSortBy, OrderStatus, SortDirection
from topstepx.wire.models import OrderModel, PositionModel, TradeModel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from topstepx.core.ledger import Change
    from topstepx.desk.record import Record
    from topstepx.events import Origin, Source
    from topstepx.net.rest import Rest
    from topstepx.settings import Settings

WHOLE_DAY: Final = timedelta(hours=26)
"""A whole trading day and a margin for clocks that disagree."""
RECENT: Final = timedelta(minutes=10)
_HUB_HAD_TIME: Final = timedelta(seconds=4)
"""What is older and the hub has not told, it did not tell: three seconds, and one of the clock's."""

_PAGE_ROWS, _PAGES_MAX = 100, 200
_AGREE_TRIES, _AGREE_PAUSE_S = 4, 0.5
_LOOK_UPS_MAX = 20
_TRADES_SHOW_S: Final = 0.3
LIVE_STATUSES: Final = (
    OrderStatus.OPEN,
    OrderStatus.PENDING,
    OrderStatus.PENDING_CANCELLATION,
    OrderStatus.SUSPENDED,
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look brought.

    `news` counts steps, trades and positions that were not known; `untold` names the steps and trades
    among them that a hub that hears everything would have told by then, `unexplained` the positions
    that moved although no step and no trade was news.
    """

    news: int
    untold: tuple[str, ...]
    unexplained: tuple[str, ...] = ()
    young: tuple[int, ...] = ()
    """Orders of which this look told a step so new that the hub may still tell it."""

    @property
    def agrees(self) -> bool:
        """Whether it showed nothing but what was known, or is too new to have been told."""
        return not self.untold and not self.unexplained


@dataclass(frozen=True, slots=True)
class _How:
    """What is written on the facts of a look."""

    origin: Origin
    source: Source


class Lookout:
    """Looks."""

    def __init__(self, rest: Rest, record: Record, settings: Settings) -> None:
        self._rest = rest
        self._record = record
        self._settings = settings
        self._missed: set[int] = set()

    async def look(
        self,
        account_id: int,
        *,
        origin: Origin = "live",
        source: Source = "rest",
        back: timedelta = WHOLE_DAY,
    ) -> Seen:
        """Read the account into the ledger; raises what the reads raise, with all that came kept."""
        how = _How(origin, source)
        at, server_at = self._record.stamp(), self._rest.server_now()
        live = await self.live_orders(account_id)
        recent = await self._recent_orders(account_id, server_at - back)
        failure: TopstepxError | None = None
        try:
            trades = await self._trades(account_id, server_at - back)
        except TopstepxError as error:  # orders must not wait for an endpoint that is ill
            failure, trades = error, ()
        orders = {order.id: order for order in live}
        for order in recent:
            orders[order.id] = _later(orders.get(order.id), order)
        found = Found(tuple(orders.values()), trades)
        late = await self._look_up(account_id, self._doubtful(account_id, found, live))
        for order in late:
            orders[order.id] = _later(orders.get(order.id), order)
        found = Found(tuple(orders.values()), trades)
        if failure is None and found.lacks_trades(self._record.ledger):
            await asyncio.sleep(
                _TRADES_SHOW_S
            )  # they show up a moment after the fill (observed live)
            found = Found(found.orders, await self._trades(account_id, server_at - back))
        news, untold, young = self._tell(found, at, how, server_at - _HUB_HAD_TIME)
        self._record.commit(ListRead(at=at, what="orders", account_id=account_id, source=source))
        if failure is not None:
            raise failure
        self._record.commit(ListRead(at=at, what="trades", account_id=account_id, source=source))
        moved = await self._positions(account_id, how)
        return Seen(news + len(moved), untold, () if news else moved, young)

    def _tell(
        self, found: Found, at: datetime, how: _How, told_by: datetime
    ) -> tuple[int, tuple[str, ...], tuple[int, ...]]:
        news, untold, young = 0, [], []
        for fact in story(self._record.ledger, found, at=at, origin=how.origin, source=how.source):
            if any(_is_step(change) for change in self._record.commit(fact)):
                news += 1
                if _happened_at(fact) < told_by:
                    untold.append(_name(fact))
                elif isinstance(fact, OrderObserved):
                    young.append(fact.order.id)
        return news, tuple(untold), tuple(dict.fromkeys(young))

    # -- orders

    async def live_orders(
        self, account_id: int, *, lane: Lane = Lane.RECONCILE
    ) -> tuple[OrderModel, ...]:
        """Every live order, suspended legs too, by all pages of `Order/v2/query` (verified: 100 rows)."""
        rows: dict[int, OrderModel] = {}
        for page in range(_PAGES_MAX):
            answer = await self._rest.call(
                routes.ORDER_QUERY,
                models.OrderQueryRequest(
                    filter=models.OrderQueryFilter(account_id=account_id, statuses=LIVE_STATUSES),
                    page_size=_PAGE_ROWS,
                    page_offset=page * _PAGE_ROWS,
                    sort_by=OrderSortBy.ID,
                    sort_direction=SortDirection.ASCENDING,
                    include_total_count=True,
                ),
                lane=lane,
                timeout_s=self._settings.timeouts.read_s,
            )
            if not isinstance(answer.orders, list):
                raise without("Order/v2/query", "orders")
            rows.update({order.id: order for order in answer.orders})
            if len(answer.orders) < _PAGE_ROWS:
                break
        else:
            raise without("Order/v2/query", f"an end after {_PAGES_MAX} pages")
        total = answer.total_count
        if isinstance(total, int) and total > len(rows):
            raise without("Order/v2/query", f"{total - len(rows)} of its {total} orders")
        return tuple(rows.values())

    async def _recent_orders(self, account_id: int, since: datetime) -> tuple[OrderModel, ...]:
        answer = await self._rest.call(
            routes.ORDER_SEARCH,
            models.OrderSearchRequest(account_id=account_id, start_timestamp=since),
            lane=Lane.RECONCILE,
            timeout_s=self._settings.timeouts.read_s,
        )
        if not isinstance(answer.orders, list):
            raise without("Order/search", "orders")
        return tuple(answer.orders)

    def _doubtful(
        self, account_id: int, found: Found, live: Iterable[OrderModel]
    ) -> tuple[int, ...]:
        """Orders that we believe alive and no list shows, and those whose trades are ahead of them."""
        shown = {order.id for order in live}
        ended = {order.id for order in found.orders if order.status.is_terminal}
        vanished = [
            belief.id
            for belief in self._record.ledger.working(account_id)
            if belief.id not in shown | ended
        ]
        return tuple(dict.fromkeys([*vanished, *found.ahead(self._record.ledger)]))

    async def _look_up(self, account_id: int, order_ids: tuple[int, ...]) -> list[OrderModel]:
        rows = []
        for order_id in order_ids[:_LOOK_UPS_MAX]:
            try:
                answer = await self._rest.call(
                    routes.ORDER_BY_ID,
                    models.OrderByIdRequest(account_id=account_id, order_id=order_id),
                    lane=Lane.RECONCILE,
                    timeout_s=self._settings.timeouts.read_s,
                )
            except GatewayRefused as error:
                if error.code is None:
                    raise
                self._vanished(order_id)
                continue
            if isinstance(answer.order, OrderModel):
                rows.append(answer.order)
        return rows

    def _vanished(self, order_id: int) -> None:
        """Believed alive, and the gateway knows no such order: it goes on counting in the limits."""
        belief = self._record.ledger.order(order_id)
        if belief is None or order_id in self._missed:
            return
        self._missed.add(order_id)
        self._record.commit(
            AlarmRaised(
                at=self._record.stamp(),
                name="order_vanished",
                account_id=belief.order.account_id,
                detail=(
                    f"Order {order_id} on {belief.order.contract_id} was working when it was last heard "
                    "of, and the gateway does not know it any more. Look at the web platform."
                ),
            )
        )

    # -- trades and positions

    async def _trades(self, account_id: int, since: datetime) -> tuple[TradeModel, ...]:
        answer = await self._rest.call(
            routes.TRADE_SEARCH,
            models.TradeSearchRequest(account_id=account_id, start_timestamp=since),
            lane=Lane.RECONCILE,
            timeout_s=self._settings.timeouts.read_s,
        )
        if not isinstance(answer.trades, list):
            raise without("Trade/search", "trades")
        return tuple(answer.trades)

    async def _positions(self, account_id: int, how: _How) -> tuple[str, ...]:
        """Read them until they are believable; the contracts whose position was another one."""
        before: frozenset[tuple[str, int, int]] | None = None
        for _ in range(_AGREE_TRIES):
            at, server_at = self._record.stamp(), self._rest.server_told()
            rows = await self.positions(account_id)
            now = frozenset((row.contract_id, int(row.type), row.size) for row in rows)
            if now == before or not self._lacks(account_id, rows):
                changes = self._record.commit(
                    PositionsListed(
                        at=at,
                        account_id=account_id,
                        positions=rows,
                        origin=how.origin,
                        source=how.source,
                        server_at=server_at,
                    )
                )
                moved = [
                    change
                    for change in changes
                    if isinstance(change, PositionChanged) and _net(change) != change.after.net
                ]
                for change in moved:
                    self._contradicted(change)
                return tuple(f"position {change.contract_id}" for change in moved)
            before = now
            await asyncio.sleep(_AGREE_PAUSE_S)
        raise without("Position/searchOpen", f"two agreeing lists in {_AGREE_TRIES}")

    def _contradicted(self, change: PositionChanged) -> None:
        """Tell where the hub's word about a position was not late but wrong."""
        before, listed = change.before, change.after.net
        if before is None or before.source != "hub" or before.net is None or listed is None:
            return
        trades = self._record.ledger.trades(change.account_id)
        own = (one.trade for one in trades if one.trade.contract_id == change.contract_id)
        if before.net not in nets_passed(listed, own):
            self._record.commit(
                PositionAnomaly(
                    at=self._record.stamp(),
                    account_id=change.account_id,
                    contract_id=change.contract_id,
                    told=before.net,
                    listed=listed,
                )
            )

    async def positions(self, account_id: int) -> tuple[PositionModel, ...]:
        """The list as the gateway gives it now; nothing is written down."""
        answer = await self._rest.call(
            routes.POSITION_SEARCH_OPEN,
            models.PositionSearchOpenRequest(account_id=account_id),
            lane=Lane.RECONCILE,
            timeout_s=self._settings.timeouts.read_s,
        )
        if not isinstance(answer.positions, list):
            raise without("Position/searchOpen", "positions")
        return tuple(answer.positions)

    def _lacks(self, account_id: int, rows: tuple[PositionModel, ...]) -> bool:
        """Whether a position that we believe held is missing: one short list is not believed."""
        listed = {row.contract_id for row in rows if row.size}
        held = self._record.ledger.positions(account_id)
        return any(belief.contract_id not in listed for belief in held)


def _later(one: OrderModel | None, other: OrderModel) -> OrderModel:
    """The report that knows more."""
    return other if one is None or _progress(other) >= _progress(one) else one


def _progress(order: OrderModel) -> tuple[bool, int, datetime]:
    updated = order.update_timestamp or order.creation_timestamp
    return order.status.is_terminal, order.fill_volume, updated


def _is_step(change: Change) -> bool:
    """Whether something happened; that a price is now known to more digits did not."""
    if isinstance(change, OrderChanged):
        was, now = change.before, change.after
        return was is None or (was.status, was.filled) != (now.status, now.filled)
    if isinstance(change, TradeChanged):
        return change.before is None or change.before.is_void != change.after.is_void
    return False


def _net(change: PositionChanged) -> int | None:
    return 0 if change.before is None else change.before.net


def _happened_at(fact: Observation) -> datetime:
    order: OrderModel | None = getattr(fact, "order", None)
    if order is not None:
        return order.update_timestamp or order.creation_timestamp
    trade: TradeModel | None = getattr(fact, "trade", None)
    return trade.creation_timestamp if trade is not None else fact.at


def _name(fact: Observation) -> str:
    order: OrderModel | None = getattr(fact, "order", None)
    if order is not None:
        return f"order {order.id} {order.status.name}"
    trade: TradeModel | None = getattr(fact, "trade", None)
    return f"trade {trade.id}" if trade is not None else fact.kind


def without(route: str, what: str) -> AnswerUnusable:
    """The error of an answer that came without something."""
    msg = f"{route} answered without {what}."
    return AnswerUnusable(msg, route=route, status=200, did_it_happen="no")
