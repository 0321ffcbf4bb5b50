"""Our client against a SignalR server that nobody here wrote: Microsoft's own, ASP.NET Core 3.1.2.

REST is the simulated gateway's; what its hubs say is said by the real server instead. Time is
compressed ten times, so that the server's three seconds of patience are the usual thirty to us.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.support.aspnet import AspNet, Relay, Said, absent, proxied
from tests.support.trading import PRACTICE, PRACTICE_ID
from topstepx.core.link import LinkState
from topstepx.core.signalr import ClientConnection, Completion, HandshakeAccepted, Invocation
from topstepx.core.terms import Market
from topstepx.events import HubReconnected, HubReconnecting, TradeObserved
from topstepx.net.transport_hub import PicowsTransport
from topstepx.net.transport_hub_fallback import AiohttpHubTransport
from topstepx.testing.eventually import eventually
from topstepx.testing.hurry import hurried
from topstepx.testing.proxy_faults import Slice, WireFault
from topstepx.testing.socket_pair import SocketPair
from topstepx.wire.enums import Side

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Any

    from topstepx.events import Event
    from topstepx.testing.proxy import FaultProxy

pytestmark = pytest.mark.skipif(absent() is not None, reason=absent() or "")
MNQ = "CON.F.US.MNQ.Z26"
USER: dict[str, tuple[Any, ...]] = {
    "SubscribeAccounts": (),
    "SubscribeOrders": (PRACTICE_ID,),
    "SubscribePositions": (PRACTICE_ID,),
    "SubscribeTrades": (PRACTICE_ID,),
}
MARKET: dict[str, tuple[Any, ...]] = {
    "SubscribeContractQuotes": (MNQ,),
    "SubscribeContractTrades": (MNQ,),
    "SubscribeContractMarketDepth": (MNQ,),
}


class World:
    def __init__(self, server: AspNet, wire: FaultProxy, pair: SocketPair) -> None:
        self.server, self.wire, self.pair, self.tsx = server, wire, pair, pair.tsx
        self.relay = Relay(pair, server)
        self.facts: list[Event] = []
        pair.tsx._record.listen(lambda event, _: self.facts.append(event))

    def count(self, kind: type[Event]) -> int:
        return sum(isinstance(fact, kind) for fact in self.facts)

    @property
    def tokens(self) -> int:
        """How many tokens the client has had."""
        token = self.tsx._keeper.machine.token
        assert token is not None
        return token.generation

    async def came_back(self, times: int) -> HubReconnecting:
        """Wait for this return of the user hub; the first attempt of its outage, as it was told."""
        await eventually(lambda: self.count(HubReconnected) == times, timeout_s=120)
        await self.until_live()
        told = [fact for fact in self.facts if isinstance(fact, HubReconnecting)]
        return [fact for fact in told if fact.attempt == 1][-1]

    async def until_live(self) -> None:
        health = self.tsx.health
        await eventually(lambda: health().user_hub is LinkState.LIVE, timeout_s=60)

    async def round_trip(self) -> None:
        """Buy and sell, each seen filled, each trade told once."""
        account = await self.tsx.accounts.one(PRACTICE)
        contract = await self.tsx.contracts.front("MNQ")
        before = self.count(TradeObserved)
        state = self.tsx.state  # a contract that is streamed and not heard takes no entries
        await eventually(lambda: not state.causes(account, contract), timeout_s=60)
        for side in (Side.BUY, Side.SELL):
            order = await self.tsx.orders.place(
                account, contract, side, 1, at=Market(), allow_duplicate=True
            )
            await order.filled(timeout=30)
        await eventually(lambda: self.count(TradeObserved) == before + 2, timeout_s=30)
        assert self.pair.truth.net_size(PRACTICE_ID, MNQ) == 0


@asynccontextmanager
async def world(
    hub_socket: str = "picows", *, keep_alive_s: float = 1.5, timeout_s: float = 3.0
) -> AsyncIterator[World]:
    async with (
        AspNet(keep_alive_s=keep_alive_s, timeout_s=timeout_s) as server,
        proxied(server) as wire,
        SocketPair(
            hub_url=wire.url.replace("http", "ws"), settings={"hub_socket": hub_socket}
        ) as pair,
    ):
        here = World(server, wire, pair)
        account = await pair.tsx.accounts.one(PRACTICE)
        await pair.tsx.ready(account)
        yield here


@pytest.mark.parametrize("hub_socket", ["picows", "aiohttp"])
def test_all_seven_events_pings_both_ways_and_a_reconnect(hub_socket: str) -> None:
    @hurried(speed=10)
    async def body() -> None:
        async with world(hub_socket) as here:
            here.relay.listen("user", USER)
            contract = await here.tsx.contracts.front("MNQ")
            market = here.tsx.market
            async with (
                market.quotes(contract) as quotes,
                market.trades(contract) as tape,
                market.depth(contract) as book,
            ):
                here.relay.listen("market", MARKET)
                await here.round_trip()
                for stream in (quotes, tape, book):
                    await asyncio.wait_for(anext(stream), 60)
                assert set(here.relay.told) == {
                    "GatewayUserAccount",
                    "GatewayUserOrder",
                    "GatewayUserPosition",
                    "GatewayUserTrade",
                    "GatewayQuote",
                    "GatewayTrade",
                    "GatewayDepth",
                }
                await asyncio.sleep(33)  # either end hangs up after thirty seconds without pings
                assert here.server.count("opened", "user") == 1
                assert here.server.count("opened", "market") == 1
                here.server.abort()
                await eventually(lambda: here.count(HubReconnecting) >= 2, timeout_s=30)
                await here.until_live()
                await eventually(lambda: here.server.count("opened", "market") == 2, timeout_s=60)
                assert here.server.count("subscribed", "GatewayUserTrade") == 2, "asked for again"
                await here.round_trip()
                assert {one["token"] for one in here.server.said if "token" in one} == {"header"}

    body()


def test_a_server_that_is_deployed_again_is_found_again() -> None:
    @hurried(speed=10)
    async def body() -> None:
        async with world() as here:
            here.relay.listen("user", USER)
            await here.server.restart()
            await eventually(lambda: here.count(HubReconnected), timeout_s=200)
            await here.until_live()
            await here.round_trip()
            assert here.server.count("opened", "user") == 2

    body()


@pytest.mark.parametrize("hub_socket", ["picows", "aiohttp"])
def test_a_close_that_asks_us_back_and_a_final_one(hub_socket: str) -> None:
    """Back within a second with the token we have; or the token first, and then on the slow lane."""

    @hurried(speed=10)
    async def body() -> None:
        async with world(hub_socket) as here:
            here.relay.listen("user", USER)
            await asyncio.sleep(31)  # a good connection: its failures are forgotten
            here.server.close(allow_reconnect=True, error="moving house")
            back = await here.came_back(1)
            assert (back.attempt, back.wait_s < 1) == (1, True)
            assert back.reason == "the hub closed: moving house"
            assert here.tokens == 1, "nothing is wrong with the token"
            await asyncio.sleep(31)
            here.server.close(allow_reconnect=False, error="signed out")
            await eventually(lambda: here.count(HubReconnecting) == 2, timeout_s=30)
            health = here.tsx.health()
            assert health.user_hub is LinkState.WAITING
            assert any("user hub is not connected" in line for line in health.lines)
            final = await here.came_back(2)
            assert final.reason == "the hub closed for good: signed out"
            assert 15 <= final.wait_s <= 30
            assert here.tokens == 2, "it may have been the token: it is renewed first"
            await here.round_trip()

    body()


def test_a_connection_that_fails_as_it_begins_is_tried_slowly() -> None:
    """The server's own final Close: its hub raised when we came in."""

    @hurried(speed=10)
    async def body() -> None:
        async with world() as here:
            here.relay.listen("user", USER)
            here.server.refuse(2)
            here.server.abort()
            await eventually(lambda: here.count(HubReconnecting) == 3, timeout_s=120)
            told = [fact for fact in here.facts if isinstance(fact, HubReconnecting)]
            assert [fact.attempt for fact in told] == [1, 2, 3]
            assert "for good: Connection closed with an error." in told[1].reason
            assert all(15 <= fact.wait_s <= 30 for fact in told[1:])
            await here.came_back(1)
            assert here.tokens == 2, "renewed once, not with each refusal"
            assert here.server.count("refused", "user") == 2
            await here.round_trip()

    body()


@pytest.mark.parametrize("made", [PicowsTransport, AiohttpHubTransport], ids=["picows", "aiohttp"])
def test_results_refusals_two_mebibytes_and_torn_packets(
    made: type[PicowsTransport | AiohttpHubTransport],
) -> None:
    class Ear:
        def __init__(self) -> None:
            self.link = ClientConnection()
            self.heard: list[Any] = []
            self.sizes: list[int] = []

        def data(self, payload: bytes) -> None:
            self.sizes.append(len(payload))
            self.heard += self.link.receive(payload)

        def closed(self, reason: str) -> None:
            self.heard.append(reason)

        def of(self, kind: type) -> list[Any]:
            return [one for one in self.heard if isinstance(one, kind)]

    async def main() -> None:
        async with AspNet() as server, proxied(server) as wire:
            transport, ear = made(wire.url.replace("http", "ws")), Ear()
            wire.add(WireFault(where="hub/user", what=Slice(3), direction="up"))
            socket = await transport.open(
                "user",
                headers={"Authorization": "Bearer x"},
                query={},
                listener=ear,
                timeout_s=5,
            )
            socket.send(ear.link.handshake_request())
            await eventually(lambda: ear.of(HandshakeAccepted), timeout_s=5)
            calls = [("SubscribeOrders", [7]), ("SubscribeOrders", [1]), ("Nothing", [])]
            for target, arguments in calls:
                socket.send(ear.link.invoke(target, arguments)[1])
            await eventually(lambda: len(ear.of(Completion)) == 3, timeout_s=5)
            errors = [one.error for one in ear.of(Completion)]
            assert errors[0] is None
            assert "Account 1 was not found." in errors[1]
            assert "Method does not exist." in errors[2]
            ear.sizes.clear()
            text = "0123456789abcdef" * 131_072
            raw = msgspec.Raw(json.dumps([{"data": {"accountId": 7, "text": text}}]).encode())
            server.say("user", Said(1, "GatewayUserOrder", raw))
            server.say("user", Said(1, "GatewayUserOrder", raw))
            await eventually(lambda: len(ear.of(Invocation)) == 2, timeout_s=20)
            assert sum(ear.sizes) > 2 * 2 * 1024 * 1024
            found = ear.of(Invocation)
            texts = [msgspec.json.decode(one.arguments[0])["data"]["text"] for one in found]
            assert texts == [text] * 2
            await transport.close()

    asyncio.run(main())
