"""`connect`: from an environment's name to an open client."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from topstepx.client import Client, Ports
from topstepx.clock import SystemClock
from topstepx.errors import ConfigurationError
from topstepx.settings import (
    Credentials,
    Environment,
    Limits,
    Secret,
    Settings,
    environment,
    simulator_environment,
)
from topstepx.store.journal_memory import MemoryJournal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from topstepx.net.transport import HubTransport
    from topstepx.store.rows import Journal


class Connection:
    """What `connect` gives: enter it to get the `Client`."""

    def __init__(self, opened: Callable[[AsyncExitStack], Awaitable[Client]]) -> None:
        self._opened = opened
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Client:
        async with AsyncExitStack() as stack:
            client = await self._opened(stack)
            await stack.enter_async_context(client)
            self._stack = stack.pop_all()
            return client

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return await self._stack.__aexit__(kind, error, traceback)


def connect(
    environment_name: str,
    /,
    *,
    url: str | None = None,
    user_name: str | None = None,
    api_key: str | Secret | None = None,
    trade: bool = False,
    max_contracts: int | None = None,
    limits: Limits | None = None,
    live_data: bool = False,
    journal: Journal | None = None,
) -> Connection:
    """A connection to a gateway: ``async with topstepx.connect("sim") as tsx``.

    The environment is always named: ``"sim"``, ``"topstepx"`` or another firm. ``"sim"`` without a `url`
    starts a simulated gateway of its own inside this program; with a `url` it attaches to a running
    ``topstepx sim``. `max_contracts` bounds each position, working orders included. Nothing happens
    before the ``async with``.

    Raises `ConfigurationError` here, and on entering `LoginRefused`, `NotSent` or `DeadlinePassed`.
    """
    if max_contracts is not None and limits is not None:
        msg = "max_contracts and limits were both given."
        raise ConfigurationError(msg, next_step="Put contracts_max into limits.")
    limits = limits or Limits(contracts_max=max_contracts)
    embedded = environment_name == "sim" and url is None
    if environment_name != "sim" and url is not None:
        msg = f"url={url!r}: only the simulator has an address of your choosing."
        raise ConfigurationError(msg, next_step=f'Leave it out, or connect("sim", url={url!r}).')
    target = None if embedded else _environment(environment_name, url)
    given = None if embedded else _credentials(user_name, api_key)

    async def opened(stack: AsyncExitStack) -> Client:
        credentials, reached = given, target
        if reached is None or credentials is None:
            reached, credentials = await _start_simulator(stack)
        settings = Settings(environment=reached, trade=trade, limits=limits, live_data=live_data)
        return Client(settings, credentials, _ports(settings, journal))

    return Connection(opened)


def _environment(name: str, url: str | None) -> Environment:
    return simulator_environment(url) if url is not None else environment(name)


def _credentials(user_name: str | None, api_key: str | Secret | None) -> Credentials:
    """The pair given, or the environment's."""
    source = "given in code"
    if user_name is None or api_key is None:
        user_name = user_name or os.environ.get("TOPSTEPX_USERNAME")
        api_key = api_key or os.environ.get("TOPSTEPX_API_KEY")
        source = "TOPSTEPX_USERNAME and TOPSTEPX_API_KEY"
    if user_name is None or api_key is None:
        msg = "No user name and API key were given."
        raise ConfigurationError(
            msg,
            next_step="Pass user_name= and api_key=, or set TOPSTEPX_USERNAME and TOPSTEPX_API_KEY.",
        )
    key = api_key if isinstance(api_key, Secret) else Secret(api_key)
    return Credentials(user_name, key, source)


async def _start_simulator(stack: AsyncExitStack) -> tuple[Environment, Credentials]:
    from topstepx.sim.server import SimServer  # noqa: PLC0415  only who asks for a simulator pays for it

    server = await stack.enter_async_context(SimServer())
    credentials = Credentials(server.user_name, Secret(server.api_key), "the embedded simulator")
    return simulator_environment(server.url), credentials


def _ports(settings: Settings, journal: Journal | None) -> Ports:
    """Real sockets."""
    from topstepx.net.tls import client_context  # noqa: PLC0415  opened only when connecting
    from topstepx.net.transport_http import HttpTransport  # noqa: PLC0415  as above

    target, clock = settings.environment, SystemClock()
    tls = None
    if not target.simulated:
        tls = client_context(settings.ca_file, pins=settings.pins, clock=clock)
    rest = HttpTransport(
        target.rest_url, connect_timeout_s=settings.timeouts.connect_s, tls=tls, clock=clock
    )
    hubs: HubTransport
    if settings.hub_socket == "picows":
        from topstepx.net.transport_hub import PicowsTransport  # noqa: PLC0415  one of two

        hubs = PicowsTransport(
            target.hub_url, message_bytes_max=settings.message_bytes_max, tls=tls
        )
    else:
        from topstepx.net.transport_hub_fallback import AiohttpHubTransport  # noqa: PLC0415  one of two

        hubs = AiohttpHubTransport(
            target.hub_url, message_bytes_max=settings.message_bytes_max, tls=tls
        )
    return Ports(rest, hubs, clock=clock, journal=journal or MemoryJournal())
