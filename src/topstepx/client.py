"""The composition root: builds every part, owns the tasks, and speaks no trading words itself."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Self

from topstepx.core.backoff import Backoff
from topstepx.core.breakers import Breakers
from topstepx.core.lanes import Lane
from topstepx.core.permits import UnknownPast, policies_of
from topstepx.core.retry import RetryBudget
from topstepx.desk.accounts import Account, Accounts
from topstepx.desk.authority import Authority
from topstepx.desk.bars import BarReader
from topstepx.desk.breakers import BreakerPanel
from topstepx.desk.callbacks import Callbacks
from topstepx.desk.contracts import Contract, Contracts
from topstepx.desk.desk import Desk
from topstepx.desk.flatten import FLATTEN_S
from topstepx.desk.health import Health, health_of
from topstepx.desk.intake import Intake
from topstepx.desk.leaving import Leaving
from topstepx.desk.linkage import Linkage
from topstepx.desk.market import MarketData
from topstepx.desk.market_watch import MarketWatch
from topstepx.desk.record import Record
from topstepx.desk.recovery import Ready, Recovery
from topstepx.desk.releasing import Releasing
from topstepx.desk.report import Report
from topstepx.desk.session import SessionReport
from topstepx.desk.starting import Starting
from topstepx.desk.state import State
from topstepx.desk.tasks import Tasks
from topstepx.desk.timekeeper import Timekeeper
from topstepx.desk.trades import Trades
from topstepx.desk.trading import Surroundings, Trading
from topstepx.errors import TopstepxError
from topstepx.events import ClientStopped, Event, Flattened, FlattenFailed
from topstepx.net.auth import TokenKeeper
from topstepx.net.gate import Gate
from topstepx.net.hub import HubLink, TokenPlace
from topstepx.net.hub_gate import GatedHubs
from topstepx.net.limiter import RateLimiter
from topstepx.net.rest import Rest
from topstepx.redaction import KNOWN
from topstepx.wire import models, routes
from topstepx.wire.hub_events import Logout

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from topstepx.core.link import Changed
    from topstepx.desk.accounts import AccountLike
    from topstepx.desk.event_stream import EventStream
    from topstepx.net.transport import HttpAnswer, Hub
    from topstepx.ports import Ports
    from topstepx.settings import Credentials, Settings
    from topstepx.wire.hub_models import Heard

_LOG = logging.getLogger("topstepx")


class Client:
    """`tsx`: an open connection to one gateway. Use it as ``async with topstepx.connect(...) as tsx``."""

    def __init__(self, settings: Settings, credentials: Credentials, ports: Ports) -> None:
        self.settings = settings
        clock = self._clock = ports.clock
        self._transports = (ports.rest, ports.hubs)
        self._record = Record(ports.journal, clock=clock)
        report = Report(self._record)
        self._tasks = Tasks(report.died)
        self._limiter = RateLimiter(
            clock,
            ports.jitter,
            policies=ports.policies
            or policies_of(settings.general_limit_per_60s, settings.bars_limit_per_30s),
            unknown_past=None if settings.environment.simulated else UnknownPast(),
            store=ports.budget,
            listener=report.budget,
        )
        self._callbacks = Callbacks(self._record)
        self.on = self._callbacks.on
        self._gate = Gate(
            self._limiter,
            Breakers(ports.jitter),
            clock,
            probe=self._ping,
            told=report.breaker,
        )
        self._open_wire(credentials, ports)
        self._open_reading(ports)
        self._open_trading(ports)
        self._settled = False
        self.left_open: tuple[str, ...] = ()
        """After the end: the intents of which it is not known what became of them."""
        self.left_behind: tuple[str, ...] = ()
        """After the end: positions and orders that are still there."""

    def _open_wire(self, credentials: Credentials, ports: Ports) -> None:
        """What talks to the gateway: the session, the calls and both hubs."""
        settings, clock = self.settings, ports.clock
        self._keeper = TokenKeeper(
            ports.rest,
            credentials,
            clock,
            jitter=ports.jitter,
            login_timeout_s=settings.timeouts.login_s,
            gate=self._gate,
            logins=ports.logins,
            shared=ports.shared,
            told=SessionReport(self._record).told,
            reread=ports.reread,
        )
        KNOWN.learn(credentials.api_key)
        self._keeper.listen(lambda token: KNOWN.learn(token.value))
        self._rest = Rest(ports.rest, self._keeper, clock, self._gate, RetryBudget(ports.jitter))
        self.breakers = BreakerPanel(self._gate)
        hubs = GatedHubs(ports.hubs, self._gate, clock)
        place = TokenPlace(settings.hub_token)

        def link(hub: Hub, told: Callable[[Changed], None], by: HubLink | None = None) -> HubLink:
            return HubLink(
                hub,
                hubs,
                self._keeper,
                clock,
                jitter=ports.jitter,
                place=place,
                rest_accepts=self._rest_accepts,
                sink=partial(self._take, hub),
                told=told,
                malformed=self._unreadable,
                open_timeout_s=settings.timeouts.hub_open_s,
                record_bytes_max=settings.message_bytes_max,
                recovers=hub == "user",
                reconnecting=ports.reconnecting,
                goes_after=by,
            )

        self._user_hub = link("user", self._user_link_told)
        self._market_hub = link("market", self._market_link_told, self._user_hub)

    def _open_reading(self, ports: Ports) -> None:
        """What asks and listens: accounts, contracts, market data, and the picture kept level."""
        settings, clock = self.settings, ports.clock
        self.accounts = Accounts(self._rest, self._record, settings)
        self.contracts = Contracts(self._rest, settings)
        bars = BarReader(self._rest, settings, self._limiter)
        self.market = MarketData(self._market_hub, bars, settings, now_ns=clock.monotonic_ns)
        self._market_watch = MarketWatch(
            self._market_hub, self.market, bars, self._record, spawn=self._tasks.spawn
        )
        self._recovery = Recovery(self._user_hub, self._rest, self._record, settings, self._limiter)
        self._intake = Intake(self._record, self.market)
        self._linkage = Linkage(
            self._record,
            self._recovery,
            self.market,
            self._intake,
            self._user_hub,
            read_accounts=self.accounts.read,
            spawn=self._tasks.spawn,
            backoff=Backoff(base_s=0.5, cap_s=8.0),
            jitter=ports.jitter,
        )
        self._timekeeper = Timekeeper(
            self._record,
            self._recovery,
            clock,
            slept=self._slept,
            blocked=self._linkage.stalled,
            look_again=(
                self._keeper.look_again,
                self._user_hub.look_again,
                self._market_hub.look_again,
            ),
            spawn=self._tasks.spawn,
            backoff=Backoff(base_s=0.5, cap_s=10.0),
            jitter=ports.jitter,
        )
        self.trades = Trades(self.accounts, self._rest, settings)
        self.state = State(self._record, self.accounts, kept_ns=self._linkage.kept_ns)

    def _slept(self, seconds: float) -> None:
        """The computer slept."""
        self._limiter.resumed()
        self._linkage.slept(seconds)

    def _open_trading(self, ports: Ports) -> None:
        """What changes something: orders, positions, the right to do so, and how to leave."""
        settings, clock = self.settings, ports.clock
        self._authority = Authority(self._record, settings, ports.leases, ports.kills)
        trading = Trading(
            Surroundings(
                record=self._record,
                rest=self._rest,
                clock=clock,
                settings=settings,
                accounts=self.accounts,
                contracts=self.contracts,
                recovery=self._recovery,
                tasks=self._tasks,
                send=self._tasks.send,
                chance=ports.chance,
                installation=ports.installation,
                last_look=self._authority.last_look,
                epoch=self._authority.epoch,
            )
        )
        self._trading = trading
        self.orders, self.positions = trading.orders, trading.positions
        self._recovery.starting = self._starting = Starting(
            self._record, self._authority, trading.resolver, settings, ports.installation
        )
        self._starting.carry_on = trading.carrying_on.carry_on
        self._leaving = Leaving(
            self._record, self.orders, self._recovery, settings, trading.flattener.flatten
        )

    # -- life

    async def __aenter__(self) -> Self:
        try:
            await self._starting.open()
        except BaseException:
            await self._last().aclose()
            raise
        await self._limiter.start()
        self._tasks.spawn(self._timekeeper.run(), "clock watch")
        self._tasks.spawn(self._authority.run(), "right to trade")
        self._tasks.spawn(self._keeper.run(), "token keeper")
        self._tasks.spawn(self._gate.run(), "breaker probes")
        self._tasks.spawn(self._user_hub.run(), "user hub")
        self._tasks.spawn(self._market_hub.run(), "market hub")
        self._tasks.spawn(self._market_watch.run(), "watch over the market streams")
        try:
            await self.accounts.all(only_active=False)
        except BaseException:
            await self._close("the login failed")
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        wait_s = 0.0  # a second Ctrl-C while tidying: out, now; the journal knows what is open
        try:
            if kind is not None:
                await self._leaving.tidy()
            wait_s = self.settings.timeouts.shutdown_s
        finally:
            await self._close(f"left by {kind.__name__}" if kind else "left the context", wait_s)

    async def _close(self, reason: str, wait_s: float = 0.0) -> None:
        """Let what is on its way arrive, then let go of everything, also when a part of that fails."""
        self.orders.is_closed = True
        async with self._last() as last:  # the last one named is let go of first
            last.push_async_callback(self._callbacks.close)
            last.push_async_callback(self._record.close)
            last.callback(self._stopped, reason)
            last.push_async_callback(self._tasks.stop)  # of those too that the last facts began
            last.callback(self._linkage.fills.close)
            last.callback(self._intake.close)
            last.push_async_callback(self._limiter.close)
            last.push_async_callback(self._tasks.stop)
            if self.settings.logout_on_exit:
                last.push_async_callback(self._keeper.logout)
            last.callback(self.market.close)
            await self._tasks.finish(self._tasks.sending, wait_s)
            self.left_open = await self._leaving.settle(wait_s)
            self._settled = True
            self.left_behind = self._leaving.left()
            for line in self.left_open:
                _LOG.error("it is not known what became of: %s", line)

    def _last(self) -> AsyncExitStack:
        """What the program must not keep, whatever happens."""
        last = AsyncExitStack()
        last.callback(self._authority.close)
        for transport in self._transports:
            last.push_async_callback(transport.close)
        return last

    def _stopped(self, why: str) -> None:
        clean = self._settled and not self.left_open
        self._record.commit(ClientStopped(at=self._record.stamp(), reason=why, clean=clean))

    async def logout(self) -> None:
        """End the session at the gateway and forget the token; nothing works afterwards."""
        await self._keeper.logout()

    async def resume(
        self, account: AccountLike | None = None, *, released_by: str = "code"
    ) -> None:
        """A person's release: of what is latched on an account, and of a contested or locked session.

        Look first at `state` and `health`; `released_by` is written into the record. After a refused
        login the key is read again and one more login tried. Raises `ModeRefused` while the kill switch
        stands, which only `topstepx kill --release` ends, or another process trades `account`.
        """
        account_ = await self.accounts.exact(account) if account is not None else None
        await self._keeper.resume()
        self._linkage.resume()
        self._market_hub.resume()
        await Releasing(self._record, self._authority, self._recovery).release(
            account_, released_by
        )

    # -- the trader's words

    def desk(self, account: Account, contract: Contract) -> Desk:
        """One account and one contract bound together: `desk.buy(...)`, `desk.close()`."""
        return Desk(account, contract, self.orders, self.positions, self.state)

    async def ready(self, account: AccountLike) -> Ready:
        """Subscribe to an account, read it whole and open it for orders; says what was found.

        Placing does this by itself at the first order of an account.
        """
        account_ = await self.accounts.exact(account)
        return await self._recovery.ready(account_)

    async def flatten(
        self, account: AccountLike, *, timeout_s: float = FLATTEN_S
    ) -> Flattened | FlattenFailed:
        """Take the whole account flat: cancel entries, close, cancel what remains, look twice.

        Works with an open breaker, a drained request budget and dead hubs, and needs no `ready`. Gives
        `Flattened`, or `FlattenFailed` with what may remain: then use the web platform. It is repeated
        until `timeout_s` has passed, and cancelling the call does not stop it.
        """
        account_ = await self.accounts.exact(account)
        self.orders.check_may_trade()
        return await self._trading.flattener.flatten(account_.id, timeout_s=timeout_s)

    def events(self, *kinds: type[Event]) -> EventStream:
        """Every fact from now on (or only facts of `kinds`), each once, in order."""
        return self._record.events(*kinds)

    def health(self) -> Health:
        """How everything is, now; ``health().ok`` is the green light."""
        return health_of(
            self._record.ledger,
            self._recovery.begun,
            session=self._keeper.machine.session,
            links={"user": self._user_hub.link, "market": self._market_hub.link},
            now_ns=self._clock.monotonic_ns(),
            breakers=self._gate.snapshot(),
            budgets=self._limiter.snapshot(),
            malformed=self._intake.malformed,
            now=self._clock.now(),
            notes=(
                *(*self._linkage.notes, *self._market_watch.problems, *self._record.lagging),
                *(*self._callbacks.problems, *self._trading.problems),
            ),
        )

    # -- wiring

    # The parts below are built after those that call them, so these look them up when called.

    def _take(self, hub: Hub, event: Heard) -> None:
        self._intake.take(event)
        if type(event) is Logout:
            self._keeper.evicted(hub)

    def _unreadable(self, where: str, reason: str) -> None:
        self._intake.unreadable(where, reason)

    def _user_link_told(self, change: Changed) -> None:
        self._linkage.user(change)

    def _market_link_told(self, change: Changed) -> None:
        self._linkage.market(change)

    async def _ping(self) -> HttpAnswer:
        return await self._rest.ping()

    async def _rest_accepts(self) -> bool:
        """Whether REST takes the token that a hub refused; a token renewed meanwhile proves nothing."""
        before = self._keeper.machine.token
        try:
            await self._rest.call(
                routes.ACCOUNT_SEARCH,
                models.AccountSearchRequest(only_active_accounts=True),
                lane=Lane.RECONCILE,
                timeout_s=self.settings.timeouts.read_s,
            )
        except TopstepxError:
            return False
        return before is self._keeper.machine.token
