"""One client's sockets: the same certificates and the same proxy for REST and for both hubs."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import threading
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import pytest

from tests.support.certificates import authority
from tests.support.commands import running_sim
from tests.support.connect_proxy import connect_proxy
from tests.support.scripted import PATIENCE_S, Scripted, Wire, good_tls
from topstepx.client import Client
from topstepx.clock import NANOSECONDS, SystemClock
from topstepx.errors import ConfigurationError, NotSent
from topstepx.net.auth import TokenKeeper
from topstepx.ports import Ports
from topstepx.settings import (
    Credentials,
    Environment,
    Proxy,
    Secret,
    Settings,
    simulator_environment,
)
from topstepx.wires import Wires

if TYPE_CHECKING:
    from collections.abc import Iterator

    from topstepx.sim.server import SimServer


def pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while part := source.recv(65536):
            sink.sendall(part)
    for one in (source, sink):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def behind_tls(sim: SimServer) -> Iterator[str]:
    """The simulator behind TLS; the address of its front."""
    port = urlsplit(sim.url).port or 0

    def forward(wire: Wire) -> None:
        wire.socket.settimeout(None)
        with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as there:
            there.settimeout(None)
            back = threading.Thread(target=pump, args=(there, wire.socket))
            back.start()
            pump(wire.socket, there)
            back.join(PATIENCE_S)

    with Scripted(forward, good_tls()) as front:
        yield front.http_url


def settings(url: str, proxy: Proxy, hub_socket: Literal["picows", "aiohttp"]) -> Settings:
    return Settings(
        environment=Environment("private", url, url.replace("http", "ws", 1)),
        ca_file=str(authority().ca_file),
        proxy=proxy,
        hub_socket=hub_socket,
    )


@pytest.mark.parametrize("hub_socket", ["picows", pytest.param("aiohttp", marks=pytest.mark.soak)])
def test_a_whole_client_lives_behind_a_proxy(hub_socket: Literal["picows", "aiohttp"]) -> None:
    async def lives(sim: SimServer, url: str, proxy: Proxy) -> None:
        chosen, clock = settings(url, proxy, hub_socket), SystemClock()
        wires = Wires.of(chosen, clock)
        credentials = Credentials(sim.user_name, Secret(sim.api_key))
        ports = Ports(wires.rest(), wires.hubs(), clock=clock)
        async with Client(chosen, credentials, ports) as tsx:
            account = await tsx.accounts.one("PRAC")
            await tsx.ready(account)
            contract = await tsx.contracts.front("MNQ")
            async with asyncio.timeout(20):
                async for quote in tsx.market.quotes(contract):
                    assert quote.bid is not None or quote.last is not None
                    break

    with (
        running_sim(limited=False) as sim,
        behind_tls(sim) as url,
        connect_proxy(user="me", password="pass word") as proxy,
    ):
        given = Proxy("127.0.0.1", proxy.port, "me", Secret("pass word"))
        asyncio.run(lives(sim, url, given))
        target = f"CONNECT {urlsplit(url).netloc}"
        assert set(proxy.asked) == {target}
        assert len(proxy.asked) >= 3
        assert sim.api_key.encode() not in proxy.carried


def test_a_session_whose_proxy_is_dead_says_so_at_once() -> None:
    async def fails() -> None:
        clock = SystemClock()
        wires = Wires.of(settings("https://127.0.0.1:9", Proxy("127.0.0.1", 9), "picows"), clock)
        rest = wires.rest()
        keeper = TokenKeeper(rest, Credentials("me", Secret("a key")), clock, jitter=random.random)
        running = asyncio.create_task(keeper.run())
        try:
            async with asyncio.timeout(3):
                await keeper.token(deadline_ns=clock.monotonic_ns() + 60 * NANOSECONDS)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await rest.close()

    with pytest.raises(NotSent, match=r"The proxy http://127\.0\.0\.1:9 could not be used"):
        asyncio.run(fails())


def test_no_proxy_before_the_simulator() -> None:
    with pytest.raises(ConfigurationError, match="a simulator is on this machine"):
        Settings(environment=simulator_environment("http://127.0.0.1:1"), proxy=Proxy("p", 1))


def test_certificates_that_cannot_be_read() -> None:
    chosen = Settings(
        environment=Environment("private", "https://gateway.test", "wss://gateway.test"),
        ca_file="/nowhere.pem",
    )
    with pytest.raises(ConfigurationError, match="nowhere"):
        Wires.of(chosen, SystemClock())
