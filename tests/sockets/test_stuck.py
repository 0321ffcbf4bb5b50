"""Memory stays flat while somebody is stuck, on real sockets: readers that stop, and facts nobody takes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.trading import PRACTICE
from topstepx.core.link import LinkState
from topstepx.core.signalr import ClientConnection
from topstepx.core.terms import Limit
from topstepx.errors import StreamLagged
from topstepx.events import AlarmRaised
from topstepx.net.transport_dial import DEAD_LINK
from topstepx.net.transport_hub import PicowsTransport
from topstepx.testing.eventually import eventually
from topstepx.testing.proxy import FaultProxy
from topstepx.testing.proxy_faults import Stall, WireFault
from topstepx.testing.socket_pair import SocketPair
from topstepx.wire.enums import Side

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from topstepx.sim.gateway import Gateway

_MIB = 1024 * 1024


def resident() -> int:
    """Bytes of memory of this process; 0 where the system does not tell."""
    path = Path("/proc/self/statm")
    return int(path.read_text(encoding="ascii").split()[1]) * 4096 if path.is_file() else 0


class Flood:
    """Everything a busy market says, as fast as it is taken, and its user's events as well."""

    def __init__(self, gateway: Gateway, contract_id: str) -> None:
        self.gateway, self.contract_id, self.told = gateway, contract_id, 0

    def wave(self, rows: int) -> None:
        hubs, now = self.gateway.hubs, self.gateway.now
        stamp = "2026-11-23T15:00:00+00:00"
        for number in range(rows):
            price = 20_000 + number % 400
            quote = {"symbol": "F.US.MNQ", "lastPrice": price, "bestBid": price, "timestamp": stamp}
            trade = {"symbolId": "F.US.MNQ", "price": price, "timestamp": stamp, "volume": 1}
            depth = {"timestamp": stamp, "type": 4, "price": price, "volume": 1}
            hubs.tell_market("GatewayQuote", self.contract_id, quote, now)
            hubs.tell_market("GatewayTrade", self.contract_id, [trade | {"type": 0}], now)
            depth_row = [depth | {"currentVolume": 1}]
            hubs.tell_market("GatewayDepth", self.contract_id, depth_row, now)
            self.told += 3


class Deaf:
    """A hub client that subscribes, and then takes nothing from its socket any more."""

    def __init__(self, pair: SocketPair, wire: FaultProxy) -> None:
        self.pair, self.wire = pair, wire
        self.link = ClientConnection()
        self.heard: list[object] = []
        self.reasons: list[str] = []

    def data(self, payload: bytes) -> None:
        self.heard += self.link.receive(payload)

    def closed(self, reason: str) -> None:
        self.reasons.append(reason)

    async def listen(self, contract_id: str) -> PicowsTransport:
        transport = PicowsTransport(self.wire.url.replace("http", "ws"))
        token = await self.pair.tsx._keeper.token(
            deadline_ns=self.pair.clock.monotonic_ns() + 10**10
        )
        socket = await transport.open(
            "market",
            headers={"Authorization": f"Bearer {token.value.reveal()}"},
            query={},
            listener=self,
            timeout_s=10,
        )
        socket.send(self.link.handshake_request())
        await eventually(lambda: self.heard, timeout_s=10)
        for method in ("Quotes", "Trades", "MarketDepth"):
            socket.send(self.link.invoke(f"SubscribeContract{method}", [contract_id])[1])
        await eventually(lambda: not self.link.pending, timeout_s=10)
        self.wire.add(WireFault(where="hub/market", what=Stall(), direction="down"))

        def ping() -> None:
            """It looks alive, so only what waits for it can end it."""
            if not self.reasons:
                socket.send(self.link.ping())
                asyncio.get_running_loop().call_later(5, ping)

        ping()
        return transport


async def stuck(
    *, waves: int, rows: int, pause_s: float, queue_bytes_max: int, unread_max: int | None = None
) -> list[int]:
    """Resident memory after each wave while four readers and one socket never take anything."""
    async with SocketPair() as pair, FaultProxy(pair.sim.port) as wire:
        tsx = pair.tsx
        pair.gateway.hubs.policy.queue_bytes_max = queue_bytes_max
        account = await tsx.accounts.one(PRACTICE)
        contract = await tsx.contracts.front("MNQ")
        await tsx.ready(account)
        facts, alarms = tsx._record.events(limit=20), list[AlarmRaised]()
        tsx._record.listen(
            lambda event, _: alarms.append(event) if isinstance(event, AlarmRaised) else None
        )
        async with (
            tsx.market.quotes(contract) as quotes,
            tsx.market.trades(contract) as tape,
            tsx.market.depth(contract) as book,
        ):
            for stream in (quotes, tape, book):
                await anext(stream)
            if unread_max is not None:  # narrower, so that a short run fills it
                tape._room = book._room = unread_max
            deaf = Deaf(pair, wire)
            transport = await deaf.listen(contract.id)
            flood = Flood(pair.gateway, contract.id)
            bid = pair.gateway.feed.top(contract.id).bid
            assert bid is not None
            price = Limit(contract.floor(bid - 400))
            measured: list[int] = []
            for wave in range(waves):
                flood.wave(rows)
                if wave % max(1, waves // 20) == 0:
                    order = await tsx.orders.place(
                        account, contract, Side.BUY, 1, at=price, allow_duplicate=True
                    )
                    await order.cancel()
                    assert order.is_over, "the user's events come at once, whoever is stuck"
                measured.append(resident())
                await asyncio.sleep(pause_s)
            # A short flood overflows what may wait for it; in a long one its own unanswered ping is first.
            assert pair.gateway.hubs.overflows == 1 or DEAD_LINK in deaf.reasons
            assert tsx.health().user_hub is tsx.health().market_hub is LinkState.LIVE
            assert (await anext(quotes)).merged > rows, "quotes are conflated"
            for lagging in (tape, book, facts):  # loudly, with a count, and never one by one
                with pytest.raises(StreamLagged):
                    await asyncio.wait_for(_read_on(lagging), 10)
            assert any("fell 20 facts behind" in str(alarm) for alarm in alarms)
            await transport.close()
        tenths = [measured[at * len(measured) // 10] // _MIB for at in range(10)]
        print(f"{flood.told} market messages, MiB: {tenths} {measured[-1] // _MIB}")  # noqa: T201  to be quoted
        return measured


async def _read_on(stream: AsyncIterator[object]) -> None:
    async for _ in stream:
        pass


def grown(measured: list[int]) -> int:
    """How much larger the last tenth is than the tenth after the first half."""
    tenth = max(1, len(measured) // 10)
    early = sorted(measured[len(measured) // 2 :][:tenth])
    late = sorted(measured[-tenth:])
    return late[len(late) // 2] - early[len(early) // 2]


def test_memory_is_flat_with_stuck_readers_and_a_stuck_socket() -> None:
    """A minute of a thousand messages a second, as fast as they are taken."""
    measured = asyncio.run(
        stuck(waves=300, rows=67, pause_s=0.0, queue_bytes_max=2 * _MIB, unread_max=5000)
    )
    assert grown(measured) < 4 * _MIB


@pytest.mark.soak
def test_memory_is_flat_for_ten_minutes_with_stuck_readers_and_a_stuck_socket() -> None:
    measured = asyncio.run(stuck(waves=6000, rows=50, pause_s=0.1, queue_bytes_max=16 * _MIB))
    assert grown(measured) < 4 * _MIB
