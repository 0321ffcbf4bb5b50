"""Start is recovery: subscribe first, read everything second, merge, then trade.

The same path runs when an account is first used and after every life of the user hub. A read that fails
or comes back without its list is *unknown*, and the account stays in SYNCING until it succeeds.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from topstepx.core.gap import same_moments
from topstepx.core.lanes import Lane
from topstepx.core.link import Subscription
from topstepx.core.moot import settled_by
from topstepx.desk.look_budget import LookBudget
from topstepx.desk.lookout import RECENT, WHOLE_DAY, Lookout, Seen, without
from topstepx.events import (
    ListRead,
    ModeCauseAdded,
    ModeCauseCleared,
    OrderObserved,
    PositionsListed,
    trade_fact,
)
from topstepx.wire import models, routes
from topstepx.wire.enums import OrderType

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from topstepx.core.ledger_orders import OrderBelief
    from topstepx.core.ledger_positions import PositionBelief
    from topstepx.desk.record import Record
    from topstepx.desk.starting import Starting
    from topstepx.events import Origin, Source
    from topstepx.net.hub import HubLink
    from topstepx.net.limiter import RateLimiter
    from topstepx.net.rest import Rest
    from topstepx.settings import Settings
    from topstepx.wire.models import AccountModel, OrderModel

_STOPS = {OrderType.STOP, OrderType.TRAILING_STOP, OrderType.STOP_LIMIT}


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

    def __init__(
        self, hub: HubLink, rest: Rest, record: Record, settings: Settings, limiter: RateLimiter
    ) -> None:
        self._budget = LookBudget(limiter)
        self._hub = hub
        self._rest = rest
        self._record = record
        self._settings = settings
        self.starting: Starting | None = None
        self.missing: Callable[[], None] = lambda: None
        """An account became ready while the user hub is away: something must stand in for it."""
        self._ready: dict[int, AccountModel] = {}
        self._unread: set[int] = set()
        """Accounts that became ours to trade and were not read whole since."""
        self._locks: dict[int, asyncio.Lock] = {}
        self._looks: dict[int, asyncio.Lock] = {}
        self._lookout = Lookout(rest, record, settings)
        self._seen_at: dict[int, datetime] = {}
        """When the last look at an account that succeeded began, by the gateway's clock."""
        self._subscribed: set[Subscription] = set()

    # -- becoming ready

    async def ready(self, account: AccountModel) -> Ready:
        """Subscribe to the account, read it whole, and open it for trading; what was found."""
        await self.ensure(account)
        return self.report(account)

    async def ensure(self, account: AccountModel) -> None:
        """The same without a report: nothing to wait for when it was done before."""
        if self.starting is not None and await self.starting.take(account.id):
            self._unread.add(account.id)  # until it is read whole: whoever waits for that may leave
        if self._is_unread(account.id):
            async with self._lock(account.id):
                if self._is_unread(account.id):
                    await self._begin(account)
                    self._unread.discard(account.id)

    def _is_unread(self, account_id: int) -> bool:
        return account_id in self._unread or account_id not in self._ready

    async def _begin(self, account: AccountModel) -> None:
        self._cause(account.id, "syncing", present=True)
        self._budget.keep(len({*self._ready, account.id}))
        await self._subscribe(account.id)
        while True:
            life = self._hub.life
            await self.snapshot(account.id)
            if self._hub.life is None:  # the hub is away: its next life reads again
                self._cause(account.id, "hub_down", present=True)
                self.missing()
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

    def hub_lost(self, *, given_up: bool = False) -> None:
        """The user hub is gone: what it would have told is missing from now on."""
        for account_id in self._ready:
            self._cause(account_id, "hub_closed" if given_up else "hub_down", present=True)
            self._cause(account_id, "hub_deaf", present=False)  # nobody is connected and silent

    def recovering(self, account_id: int) -> None:
        """What the account missed is being looked up."""
        self._cause(account_id, "recovering", present=True)

    def level(self, account_id: int) -> None:
        """The account is level with a hub that hears: open it again."""
        for reason in ("hub_down", "hub_closed", "hub_deaf", "recovering"):
            self._cause(account_id, reason, present=False)

    def deaf(self, *, present: bool, detail: str = "") -> None:
        """The user hub is connected and does not tell what happens."""
        for account_id in self._ready:
            self._cause(account_id, "hub_deaf", present=present, detail=detail)

    @property
    def accounts(self) -> tuple[int, ...]:
        """The accounts that are kept level."""
        return tuple(self._ready)

    @property
    def readied(self) -> tuple[AccountModel, ...]:
        """The same, as they were when they became ready."""
        return tuple(self._ready.values())

    def pause_s(self, calls: int, least_s: float) -> float:
        """Seconds from one look at all of them to the next; see `desk.look_budget`."""
        return self._budget.pause_s(calls, least_s)

    def server_told(self) -> datetime | None:
        """The gateway's clock; None while no answer told it."""
        return self._rest.server_told()

    @property
    def begun(self) -> tuple[int, ...]:
        """The accounts that somebody asked to make ready, whether or not it succeeded."""
        return tuple(self._locks)

    def _cause(self, account_id: int, reason: str, *, present: bool, detail: str = "") -> None:
        at = self._record.stamp()
        if present:
            self._record.commit(
                ModeCauseAdded(at=at, account_id=account_id, reason=reason, detail=detail)
            )
        else:
            self._record.commit(ModeCauseCleared(at=at, account_id=account_id, reason=reason))

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
                if settled_by(ledger, intent) is None
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

    async def snapshot(
        self,
        account_id: int,
        *,
        origin: Origin = "live",
        source: Source | None = None,
        back: timedelta = WHOLE_DAY,
    ) -> Seen:
        """One look at the account, into the ledger; see `desk.lookout`. One at a time per account.

        It reaches at least as far `back` as the last look that succeeded: while the reads failed the hub
        may have kept things to itself.
        """
        async with self._looks.setdefault(account_id, asyncio.Lock()):
            source = source or ("reconciled" if origin == "reconciled" else "rest")
            now = self._rest.server_now()
            seen_at = self._seen_at.get(account_id)
            reach = WHOLE_DAY if seen_at is None else now - seen_at + RECENT
            seen = await self._lookout.look(
                account_id, origin=origin, source=source, back=max(back, reach)
            )
            self._seen_at[account_id] = now
            return seen

    async def live_orders(
        self, account_id: int, *, origin: Origin = "live"
    ) -> tuple[OrderModel, ...]:
        """Every live order, suspended legs too, into the ledger: a read that a user asked for."""
        at = self._record.stamp()
        rows = await self._lookout.live_orders(account_id, lane=Lane.READ)
        for order in rows:
            told = same_moments(self._record.ledger, order)
            self._record.commit(OrderObserved(at=at, order=told, origin=origin))
        return rows

    async def read_trades(self, account_id: int, *, origin: Origin = "live") -> None:
        """Read the trades of the trading day into the ledger."""
        at = self._record.stamp()
        answer = await self._rest.call(
            routes.TRADE_SEARCH,
            models.TradeSearchRequest(
                account_id=account_id, start_timestamp=self._rest.server_now() - WHOLE_DAY
            ),
            lane=Lane.RECONCILE,
            timeout_s=self._settings.timeouts.read_s,
        )
        if not isinstance(answer.trades, list):
            raise without("Trade/search", "trades")
        for trade in sorted(answer.trades, key=lambda one: (one.creation_timestamp, one.id)):
            told = same_moments(self._record.ledger, trade)
            self._record.commit(trade_fact(told, at=at, origin=origin))
        self._record.commit(ListRead(at=at, what="trades", account_id=account_id))

    async def read_positions(
        self, account_id: int, *, origin: Origin = "live"
    ) -> tuple[models.PositionModel, ...]:
        """Read the open positions into the ledger; contracts that are not in the list are flat."""
        at, server_at = self._record.stamp(), self._rest.server_told()
        rows = await self._lookout.positions(account_id)
        self._record.commit(
            PositionsListed(
                at=at, account_id=account_id, positions=rows, origin=origin, server_at=server_at
            )
        )
        return rows


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
