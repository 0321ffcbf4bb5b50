"""Start is recovery: subscribe first, read everything second, merge, then trade.

The same path runs when an account is first used and after every life of the user hub. A read that fails
or comes back without its list is *unknown*, and the account stays in SYNCING until it succeeds.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from topstepx.core.lanes import Lane
from topstepx.core.link import Subscription
from topstepx.errors import AnswerUnusable, GatewayRefused, TopstepxError
from topstepx.events import (
    AlarmRaised,
    ListRead,
    ModeCauseAdded,
    ModeCauseCleared,
    OrderObserved,
    PositionsListed,
    trade_fact,
)
from topstepx.wire import models, routes
from topstepx.wire.enums import OrderSortBy, OrderStatus, OrderType, SortDirection
from topstepx.wire.models import AccountModel, OrderModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.core.ledger_orders import OrderBelief
    from topstepx.core.ledger_positions import PositionBelief
    from topstepx.desk.record import Record
    from topstepx.desk.starting import Starting
    from topstepx.events import Origin
    from topstepx.net.hub import HubLink
    from topstepx.net.rest import Rest
    from topstepx.settings import Settings

_PAGE_ROWS = 100
_PAGES_MAX = 200
_LIVE = (
    OrderStatus.OPEN,
    OrderStatus.PENDING,
    OrderStatus.PENDING_CANCELLATION,
    OrderStatus.SUSPENDED,
)
_STOPS = {OrderType.STOP, OrderType.TRAILING_STOP, OrderType.STOP_LIMIT}
_LOOK_BACK = timedelta(hours=26)
"""A whole trading day and a margin for clocks that disagree."""


@dataclass(frozen=True, slots=True)
class Ready:
    """What was found when an account became ready.

    `unresolved` intents may or may not exist at the gateway; `external` orders are live and not ours;
    `unprotected` positions have no working stop for their whole size; `adopted` orders were placed by
    an earlier run, `orphans` bear our name and the journal does not know them. `exit` says how it is
    known that the account can be left again (None: it is not).
    """

    account: AccountModel
    positions: tuple[PositionBelief, ...]
    working: tuple[OrderBelief, ...]
    unresolved: tuple[str, ...]
    external: tuple[OrderBelief, ...]
    unprotected: tuple[PositionBelief, ...]
    adopted: tuple[OrderBelief, ...] = ()
    orphans: tuple[OrderBelief, ...] = ()
    exit: str | None = None


class Recovery:
    """Brings the ledger level with the gateway, one account at a time."""

    def __init__(self, hub: HubLink, rest: Rest, record: Record, settings: Settings) -> None:
        self._hub = hub
        self._rest = rest
        self._record = record
        self._settings = settings
        self.starting: Starting | None = None
        self._ready: dict[int, AccountModel] = {}
        self._locks: dict[int, asyncio.Lock] = {}
        self._subscribed: set[Subscription] = set()

    # -- becoming ready

    async def ready(self, account: AccountModel) -> Ready:
        """Subscribe to the account, read it whole, and open it for trading; quick when done before."""
        newly_ours = self.starting is not None and await self.starting.take(account.id)
        if newly_ours or account.id not in self._ready:
            async with self._lock(account.id):
                if newly_ours or account.id not in self._ready:
                    await self._begin(account)
        return self.report(account)

    async def _begin(self, account: AccountModel) -> None:
        self._cause(account.id, "syncing", present=True)
        await self._subscribe(account.id)
        while True:
            life = self._hub.life
            await self.snapshot(account.id)
            if self._hub.life is None:  # the hub is away: its next life reads again
                self._cause(account.id, "hub_down", present=True)
            elif self._hub.life != life:
                continue  # what was read may be older than what the hub told last
            break
        self._ready[account.id] = account
        if self.starting is not None:
            await self.starting.adopt(account)
        self._cause(account.id, "syncing", present=False)

    def _lock(self, account_id: int) -> asyncio.Lock:
        return self._locks.setdefault(account_id, asyncio.Lock())

    async def _subscribe(self, account_id: int) -> None:
        wanted = (
            Subscription(routes.SUBSCRIBE_ACCOUNTS, None),
            Subscription(routes.SUBSCRIBE_ORDERS, account_id),
            Subscription(routes.SUBSCRIBE_POSITIONS, account_id),
            Subscription(routes.SUBSCRIBE_TRADES, account_id),
        )
        timeout_s = self._settings.timeouts.hub_open_s + self._settings.timeouts.hub_invoke_s

        async def subscribe(subscription: Subscription) -> None:
            await self._hub.subscribe(subscription, timeout_s=timeout_s)
            self._subscribed.add(subscription)

        try:
            async with asyncio.TaskGroup() as group:
                for subscription in wanted:
                    if subscription not in self._subscribed:
                        group.create_task(subscribe(subscription))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None

    def hub_lost(self) -> None:
        """The user hub is gone: what it would have told is missing from now on."""
        for account_id in self._ready:
            self._cause(account_id, "hub_down", present=True)

    async def hub_back(self, still_live: Callable[[], bool]) -> None:
        """The user hub lives again: look up what was missed, then open the accounts again.

        An account opens only if the hub is `still_live` then. Raises what the reads raise; the accounts
        then stay closed for entries.
        """
        failure: TopstepxError | None = None
        for account_id in list(self._ready):
            self._cause(account_id, "recovering", present=True)
            try:
                await self.snapshot(account_id, origin="reconciled")
            except TopstepxError as error:
                failure = error  # one account's trouble does not keep the others closed
                continue
            if not still_live():
                return  # it was lost again meanwhile; its next life comes here anew
            self._cause(account_id, "hub_down", present=False)
            self._cause(account_id, "recovering", present=False)
        if failure is not None:
            raise failure

    @property
    def accounts(self) -> tuple[int, ...]:
        """The accounts that are kept level."""
        return tuple(self._ready)

    @property
    def begun(self) -> tuple[int, ...]:
        """The accounts that somebody asked to make ready, whether or not it succeeded."""
        return tuple(self._locks)

    def _cause(self, account_id: int, reason: str, *, present: bool) -> None:
        kind = ModeCauseAdded if present else ModeCauseCleared
        self._record.commit(
            kind(at=self._record.stamp(), account_id=account_id, contract_id=None, reason=reason)
        )

    def report(self, account: AccountModel) -> Ready:
        """What is known of the account now."""
        ledger = self._record.ledger
        working = ledger.working(account.id)
        positions = ledger.positions(account.id)
        starting = self.starting
        orphans = starting.orphans(account.id) if starting is not None else ()
        return Ready(
            account=account,
            positions=positions,
            working=working,
            unresolved=tuple(
                intent.intent_id
                for intent in ledger.open_intents(account.id)
                if intent.recorded is not None and intent.recorded.action == "place"
            ),
            external=tuple(
                belief
                for belief in working
                if belief not in orphans and not self._is_ours(belief.order)
            ),
            unprotected=tuple(
                position for position in positions if not _is_protected(position, working)
            ),
            adopted=starting.adopted(account.id) if starting is not None else (),
            orphans=orphans,
            exit=starting.exit_of(account.id) if starting is not None else None,
        )

    def _is_ours(self, order: OrderModel) -> bool:
        tag = (order.custom_tag or "").removesuffix("-SL").removesuffix("-TP")
        return bool(tag) and self._record.ledger.intent_by_tag(order.account_id, tag) is not None

    # -- reading

    async def snapshot(self, account_id: int, *, origin: Origin = "live") -> None:
        """Read live orders, recent orders, trades and positions into the ledger.

        Trades and orders before positions: a position is then never older than what explains it.
        """
        live = await self.live_orders(account_id, origin=origin)
        await self._recent_orders(account_id, origin)
        await self.read_trades(account_id, origin=origin)
        await self.read_positions(account_id, origin=origin)
        await self._look_up_vanished(account_id, {order.id for order in live}, origin)

    async def live_orders(
        self, account_id: int, *, origin: Origin = "live"
    ) -> tuple[OrderModel, ...]:
        """Every live order, suspended legs too, by all pages of `Order/v2/query` (verified: 100 rows)."""
        at = self._record.stamp()
        rows: dict[int, OrderModel] = {}
        for page in range(_PAGES_MAX):
            answer = await self._rest.call(
                routes.ORDER_QUERY,
                models.OrderQueryRequest(
                    filter=models.OrderQueryFilter(account_id=account_id, statuses=_LIVE),
                    page_size=_PAGE_ROWS,
                    page_offset=page * _PAGE_ROWS,
                    sort_by=OrderSortBy.ID,
                    sort_direction=SortDirection.ASCENDING,
                    include_total_count=True,
                ),
                lane=Lane.RECONCILE,
                timeout_s=self._settings.timeouts.read_s,
            )
            if not isinstance(answer.orders, list):
                raise _without("Order/v2/query", "orders")
            rows.update({order.id: order for order in answer.orders})
            if len(answer.orders) < _PAGE_ROWS:
                break
        else:
            raise _without("Order/v2/query", f"an end after {_PAGES_MAX} pages")
        total = answer.total_count
        if isinstance(total, int) and total > len(rows):
            raise _without("Order/v2/query", f"{total - len(rows)} of its {total} orders")
        for order in rows.values():
            self._record.commit(OrderObserved(at=at, order=order, origin=origin))
        return tuple(rows.values())

    async def _recent_orders(self, account_id: int, origin: Origin) -> None:
        at = self._record.stamp()
        answer = await self._rest.call(
            routes.ORDER_SEARCH,
            models.OrderSearchRequest(account_id=account_id, start_timestamp=self._since()),
            lane=Lane.RECONCILE,
            timeout_s=self._settings.timeouts.read_s,
        )
        if not isinstance(answer.orders, list):
            raise _without("Order/search", "orders")
        for order in answer.orders:
            self._record.commit(OrderObserved(at=at, order=order, origin=origin))
        self._record.commit(ListRead(at=at, what="orders", account_id=account_id))

    async def read_trades(self, account_id: int, *, origin: Origin = "live") -> None:
        """Read the trades of the trading day into the ledger."""
        at = self._record.stamp()
        answer = await self._rest.call(
            routes.TRADE_SEARCH,
            models.TradeSearchRequest(account_id=account_id, start_timestamp=self._since()),
            lane=Lane.RECONCILE,
            timeout_s=self._settings.timeouts.read_s,
        )
        if not isinstance(answer.trades, list):
            raise _without("Trade/search", "trades")
        for trade in sorted(answer.trades, key=lambda one: (one.creation_timestamp, one.id)):
            self._record.commit(trade_fact(trade, at=at, origin=origin))
        self._record.commit(ListRead(at=at, what="trades", account_id=account_id))

    async def read_positions(
        self, account_id: int, *, origin: Origin = "live"
    ) -> tuple[models.PositionModel, ...]:
        """Read the open positions into the ledger; contracts that are not in the list are flat."""
        at = self._record.stamp()
        answer = await self._rest.call(
            routes.POSITION_SEARCH_OPEN,
            models.PositionSearchOpenRequest(account_id=account_id),
            lane=Lane.RECONCILE,
            timeout_s=self._settings.timeouts.read_s,
        )
        if not isinstance(answer.positions, list):
            raise _without("Position/searchOpen", "positions")
        rows = tuple(answer.positions)
        self._record.commit(
            PositionsListed(at=at, account_id=account_id, positions=rows, origin=origin)
        )
        return rows

    async def _look_up_vanished(self, account_id: int, live: set[int], origin: Origin) -> None:
        """Orders that we believe alive and the gateway did not list: ask for each by its id."""
        for belief in self._record.ledger.working(account_id):
            if belief.id in live:
                continue
            at = self._record.stamp()
            try:
                answer = await self._rest.call(
                    routes.ORDER_BY_ID,
                    models.OrderByIdRequest(account_id=account_id, order_id=belief.id),
                    lane=Lane.RECONCILE,
                    timeout_s=self._settings.timeouts.read_s,
                )
            except GatewayRefused as error:
                if error.code is None:
                    raise
                self._vanished(belief.order)
                continue
            if isinstance(answer.order, OrderModel):
                self._record.commit(OrderObserved(at=at, order=answer.order, origin=origin))

    def _vanished(self, order: OrderModel) -> None:
        """Believed alive, and the gateway knows no such order: it goes on counting in the limits."""
        self._record.commit(
            AlarmRaised(
                at=self._record.stamp(),
                name="order_vanished",
                account_id=order.account_id,
                detail=(
                    f"Order {order.id} on {order.contract_id} was working when it was last heard of, "
                    "and the gateway does not know it any more. Look at the web platform."
                ),
            )
        )

    def _since(self) -> datetime:
        return self._rest.server_now() - _LOOK_BACK


def _is_protected(position: PositionBelief, working: tuple[OrderBelief, ...]) -> bool:
    net = position.net or 0
    covered = sum(
        belief.remaining
        for belief in working
        if belief.order.contract_id == position.contract_id
        and belief.order.type in _STOPS
        and belief.order.side.sign * net < 0
    )
    return covered >= abs(net)


def _without(route: str, what: str) -> AnswerUnusable:
    msg = f"{route} answered without {what}."
    return AnswerUnusable(msg, route=route, status=200, did_it_happen="no")
