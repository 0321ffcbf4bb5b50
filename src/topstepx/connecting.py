"""`connect`: from an environment's name to an open client."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from topstepx.access import (
    find_credentials,
    given_credentials,
    login_log,
    profile_of,
    shared_budget,
    shared_session,
    shares_budget,
    wire_options,
)
from topstepx.client import Client
from topstepx.clock import SystemClock
from topstepx.errors import (
    ConfigurationError,
    CredentialsMissing,
    IntentsLeftOpen,
    RecordUnavailable,
)
from topstepx.keeping import JournalChoice, Kept, kept, kill_view
from topstepx.ports import Ports
from topstepx.redaction import KNOWN
from topstepx.settings import (
    Credentials,
    Environment,
    Limits,
    OnExit,
    Proxy,
    Secret,
    Settings,
    check_on_exit,
    simulator_environment,
)
from topstepx.termination import EXIT_CODE, Termination

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from topstepx.clock import Clock
    from topstepx.core.link_ends import Reconnecting
    from topstepx.core.sharing import SharedSession
    from topstepx.profiles import Profile
    from topstepx.store.rows import Journal

_LOG = logging.getLogger("topstepx.credentials")
_JOURNAL_LOG = logging.getLogger("topstepx.journal")
_ORDERS_LOG = logging.getLogger("topstepx.orders")


class Connection:
    """What `connect` gives: enter it to get the `Client`.

    Leaving it raises `IntentsLeftOpen` when it is not known what became of an order, so that the program
    does not end as if all were well. SIGTERM leaves it as an exception does, and then raises
    `SystemExit(143)`; see `connect`.
    """

    def __init__(
        self, opened: Callable[[AsyncExitStack], Awaitable[Client]], *, sigterm: bool = False
    ) -> None:
        self._opened = opened
        self._termination = Termination() if sigterm else None
        self._stack = AsyncExitStack()
        self._client: Client | None = None

    async def __aenter__(self) -> Client:
        async with AsyncExitStack() as stack:
            client = await self._opened(stack)
            await stack.enter_async_context(client)
            if self._termination is not None:
                self._termination.begin()
            self._stack, self._client = stack.pop_all(), client
            return client

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        asked = self._termination
        if asked is None:
            return await self._left(kind, error, traceback)
        asked.leave()
        try:
            if asked.was_asked:  # whatever became of the cancellation in the block, also nothing
                end = SystemExit(EXIT_CODE)
                await self._left(SystemExit, end, traceback)
                return None
            return await self._left(kind, error, traceback)
        finally:
            await asked.end()
            if asked.was_asked:
                raise SystemExit(EXIT_CODE) from None

    async def _left(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        try:
            handled = await self._stack.__aexit__(kind, error, traceback)
        except RecordUnavailable as failed:
            if error is None:
                raise
            _JOURNAL_LOG.error("%s", failed)  # the reason for leaving is worth more than this one
            return None
        if kind is None and self._client is not None and self._client.left_open:
            raise IntentsLeftOpen(self._client.left_open)
        return handled


def connect(
    environment_name: str,
    /,
    *,
    url: str | None = None,
    user_name: str | None = None,
    api_key: str | Secret | None = None,
    passphrase: Callable[[], str | Secret] | None = None,
    trade: bool = False,
    max_contracts: int | None = None,
    limits: Limits | None = None,
    live_data: bool | None = None,
    share_session: bool | None = None,
    share_budget: bool | None = None,
    logout_on_exit: bool | None = None,
    exits_only: bool = False,
    on_exit: OnExit = "cancel_entries",
    sigterm: bool = True,
    send_lost_again: bool = False,
    journal: JournalChoice | Journal = None,
    proxy: str | Secret | Proxy | None = None,
    reconnecting: Reconnecting | None = None,
) -> Connection:
    """A connection to a gateway: ``async with topstepx.connect("sim") as tsx``.

    The environment is always named: ``"sim"``, ``"topstepx"``, another firm, or one of your profiles.
    ``"sim"`` without a `url` starts a simulated gateway of its own inside this program; with a `url` it
    attaches to a running ``topstepx sim``. `max_contracts` bounds each position, working orders
    included. Nothing happens before the ``async with``.

    Outside the simulator nothing is placed, changed or closed without `trade=True`, nothing placed without
    `max_contracts` (`TradingDisabled`), and the journal is on the disk; with `exits_only` it cancels and
    closes, also beside a program that trades. The simulator needs neither and keeps its journal in memory
    unless `journal` is a path. Leaving by an exception, Ctrl-C or SIGTERM (with `sigterm`, and no handler of
    yours) does what `on_exit` says. `reconnecting` bounds the hubs' tries; `send_lost_again` may double.

    Without `api_key` the key is looked for: in the system's keychain, in an encrypted file (`passphrase`
    is called to open it), in the environment. `share_session` lets all programs of this user here use
    one session, `logout_on_exit` ends it, `share_budget` lets them keep the request limit together (by
    default not with a simulator). `proxy` is an HTTP proxy; those of the environment are ignored.

    Raises `ConfigurationError` here (`ProfileUnknown` for the name), and on entering
    `CredentialsMissing`, `LoginRefused`, `NotSent` or `DeadlinePassed`.
    """
    check_on_exit(on_exit)
    profile = profile_of(environment_name, url)
    _say_untried(profile.environment, opens=trade and not exits_only)
    options = _options(profile, live_data=live_data, logout_on_exit=logout_on_exit) | {
        **wire_options(profile, proxy),
        "trade": trade,
        "exits_only": exits_only,
        "on_exit": on_exit,
        "send_lost_again": send_lost_again,
        "limits": _limits(profile, max_contracts, limits),
    }
    given = given_credentials(user_name, api_key)
    _check_given(profile.environment, named=(user_name, given) != (None, None), proxied=bool(proxy))
    opening = _Opening(
        profile=profile,
        options=options,
        given=given,
        user_name=user_name,
        passphrase=passphrase,
        share_session=profile.get("share_session", share_session, default=False).value,
        share_budget=profile.get("share_budget", share_budget).value,
        journal=journal,
        reconnecting=reconnecting,
    )
    return Connection(opening.client, sigterm=sigterm)


def _limits(profile: Profile, max_contracts: int | None, limits: Limits | None) -> Limits:
    """The limits, said in one way or the other."""
    bound = profile.get("max_contracts", max_contracts).value
    if bound is not None and limits is not None:
        msg = "max_contracts and limits were both given."
        raise ConfigurationError(msg, next_step="Put contracts_max into limits.")
    return limits or Limits(contracts_max=bound)


def _check_given(reached: Environment | None, *, named: bool, proxied: bool) -> None:
    """Raise `ConfigurationError` for what a simulator has no use for."""
    if reached is None and named:
        msg = "user_name= or api_key= was given for the simulator inside this program, which has its own."
        raise ConfigurationError(
            msg, next_step="Leave them out, or give the url of `topstepx sim`."
        )
    if proxied and (reached is None or reached.simulated):
        msg = "proxy= was given for a simulator, which is on this machine."
        raise ConfigurationError(msg, next_step="Leave it out.")


def _say_untried(reached: Environment | None, *, opens: bool) -> None:
    """Tell whoever opens positions at a real gateway what this client was and was not proven against."""
    if not opens or reached is None or reached.simulated:
        return
    _ORDERS_LOG.warning(
        "trade=True at %s: the order path was proven against the simulated gateway and has met no real one. "
        "Begin on a practice account, with one micro contract, beside an open web platform.",
        reached.name,
    )


def _options(
    profile: Profile, *, live_data: bool | None, logout_on_exit: bool | None
) -> dict[str, Any]:
    """The settings that a profile may hold, with what was given in code on top."""
    return {
        "live_data": profile.get("live_data", live_data, default=False).value,
        "logout_on_exit": profile.get("logout_on_exit", logout_on_exit, default=False).value,
        "bars_limit_per_30s": profile.get("bars_limit_per_30s", default=50).value,
        "general_limit_per_60s": profile.get("general_limit_per_60s", default=200).value,
    }


@dataclass(frozen=True, slots=True)
class _Opening:
    """Everything that was asked of `connect`, until somebody enters."""

    profile: Profile
    options: dict[str, Any]
    given: Credentials | None
    user_name: str | None
    passphrase: Callable[[], str | Secret] | None
    share_session: bool
    share_budget: bool | None
    journal: JournalChoice | Journal
    reconnecting: Reconnecting | None = None

    async def client(self, stack: AsyncExitStack) -> Client:
        """The client, not yet entered; what must outlive it is on the stack."""
        if self.profile.environment is None:
            reached, credentials = await _start_simulator(stack)
        else:
            reached, credentials = self.profile.environment, self.given or await self._found()
        settings = Settings(environment=reached, **self.options)
        keeps = await asyncio.to_thread(kept, settings, credentials.user_name, self.journal)
        ports = _ports(settings, credentials, keeps, share=self.share_session)
        ports = replace(ports, reconnecting=self.reconnecting)
        if self.profile.environment is not None and self.given is None:
            ports = replace(ports, reread=partial(self._again, credentials, ports.clock))
        if shares_budget(reached, self.share_budget):
            budget = shared_budget(reached, credentials.user_name, ports.clock)
            ports = replace(ports, budget=budget)
        return Client(settings, credentials, ports)

    async def _again(
        self, before: Credentials, clock: Clock
    ) -> tuple[Credentials, SharedSession | None]:
        """The key as it is kept now; a variable that was taken out of the environment stays as it was."""
        try:
            now = await self._found()
        except CredentialsMissing:
            now = before
        if now.user_name.lower() != before.user_name.lower():
            msg = f"This client is {before.user_name!r}'s, and the key kept now is {now.user_name!r}'s."
            raise ConfigurationError(msg, next_step="Open a new client for another user.")
        KNOWN.learn(now.api_key)
        target = self.profile.environment
        if target is None or not self.share_session:
            return now, None
        return now, shared_session(target, now, clock)

    async def _found(self) -> Credentials:
        """The key from where it is kept."""
        found = await asyncio.to_thread(
            find_credentials, self.profile, user_name=self.user_name, passphrase=self.passphrase
        )
        for warning in found.warnings:
            _LOG.warning("%s", warning)
        return found.credentials


async def _start_simulator(stack: AsyncExitStack) -> tuple[Environment, Credentials]:
    from topstepx.sim.server import SimServer  # noqa: PLC0415  only who asks for a simulator pays for it

    server = await stack.enter_async_context(SimServer())
    credentials = Credentials(server.user_name, Secret(server.api_key), "the embedded simulator")
    return simulator_environment(server.url), credentials


def _ports(settings: Settings, credentials: Credentials, keeps: Kept, *, share: bool) -> Ports:
    """Real sockets."""
    from topstepx.wires import Wires  # noqa: PLC0415  opened only when connecting

    target, clock = settings.environment, SystemClock()
    wires = Wires.of(settings, clock)
    return Ports(
        wires.rest(),
        wires.hubs(),
        clock=clock,
        journal=keeps.journal,
        leases=keeps.leases,
        kills=kill_view(target),
        installation=keeps.installation,
        logins=login_log(target, credentials.user_name, clock),
        shared=shared_session(target, credentials, clock) if share else None,
    )
