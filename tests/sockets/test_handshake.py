"""O07: the TLS handshake of the connection that an order wants fails: not sent, and said so."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from tests.sockets.test_once import low_price
from tests.support.certificates import authority
from tests.support.scripted import good_tls
from tests.support.trading import PRACTICE, PRACTICE_ID
from topstepx.client import Client
from topstepx.core.terms import Limit
from topstepx.errors import NotSent
from topstepx.net.tls import client_context
from topstepx.net.transport_http import HttpTransport
from topstepx.net.transport_hub import PicowsTransport
from topstepx.ports import Ports
from topstepx.settings import Credentials, Environment, Secret, Settings, Timeouts
from topstepx.sim.server import SimServer
from topstepx.testing.proxy import FaultProxy
from topstepx.testing.proxy_faults import Truncate, WireFault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Literal


@asynccontextmanager
async def terminator(target: int) -> AsyncIterator[int]:
    """TLS in front of a plain server; its port."""

    async def passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(passed(reader, inner[1]), passed(inner[0], writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=good_tls())
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def _run(how: Literal["fin", "reset"]) -> None:
    async with (
        SimServer() as sim,
        terminator(sim.port) as port,
        FaultProxy(port) as proxy,
    ):
        url = proxy.url.replace("http:", "https:")
        hubs = sim.url.replace("http", "ws", 1)
        settings = Settings(
            Environment("sim", url, hubs, simulated=True), timeouts=Timeouts(shutdown_s=0.3)
        )
        rest = HttpTransport(url, tls=client_context(str(authority().ca_file)))
        credentials = Credentials(sim.user_name, Secret(sim.api_key))
        async with Client(settings, credentials, Ports(rest, PicowsTransport(hubs))) as tsx:
            account = await tsx.accounts.one(PRACTICE)
            await tsx.ready(account)
            contract = await tsx.contracts.front("MNQ")
            desk, at = tsx.desk(account, contract), Limit(await low_price(tsx, contract))
            proxy.add(WireFault(where="tls", what=Truncate(20, how), direction="down", times=None))
            proxy.reset("tls")  # the connections that were kept
            await asyncio.sleep(0.1)
            with pytest.raises(NotSent) as caught:
                await desk.buy(1, at=at, key="first")
            assert caught.value.did_it_happen == "no"
            assert not [one for one in tsx.state.causes(account) if "unresolved" in str(one)]
            assert not [one for one in sim.gateway.venue.truth.requests if one.verb == "place"]
            proxy.clear()
            order = await desk.buy(1, at=at, key="second")
            assert [one.id for one in sim.gateway.venue.truth.working(PRACTICE_ID)] == [order.id]


@pytest.mark.parametrize("how", ["fin", "reset"])
def test_o07_a_handshake_that_fails_is_an_order_not_sent(how: Literal["fin", "reset"]) -> None:
    asyncio.run(_run(how))
