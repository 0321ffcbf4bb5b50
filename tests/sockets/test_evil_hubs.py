"""Servers that mean harm, or are broken: the client stays up, bounded, and comes back when they go.

The wire to the user hub leads to such a server for a while and then to the simulator again.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import TYPE_CHECKING, Any, Literal

import pytest

from tests.support import websocket as ws
from tests.support.trading import PRACTICE, PRACTICE_ID
from topstepx.core.link import LinkState
from topstepx.core.mode import Mode
from topstepx.core.terms import Market
from topstepx.events import HubReconnected, HubReconnecting
from topstepx.testing.eventually import eventually
from topstepx.testing.hurry import hurried
from topstepx.testing.proxy import FaultProxy
from topstepx.testing.proxy_faults import Slice, WireFault
from topstepx.testing.socket_pair import SocketPair
from topstepx.wire.enums import Side

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from topstepx.events import Event

    Evil = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

SHAKEN = b"{}\x1e"
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


async def switching(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    key = head.lower().split(b"sec-websocket-key:")[1].split(b"\r\n")[0].strip()
    at = head.lower().find(key)
    key = head[at : at + len(key)]
    accept = base64.b64encode(hashlib.sha1(key + _MAGIC, usedforsecurity=False).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


def then(*parts: bytes) -> Evil:
    """Upgrade, answer the handshake, say this, and be silent."""

    async def evil(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await switching(reader) + ws.frame(SHAKEN))
        for part in parts:
            writer.write(part)
            await writer.drain()
        await reader.read()

    return evil


async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def upgrades_and_is_silent(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    writer.write(await switching(reader))
    await reader.read()


async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for byte in await switching(reader):
        writer.write(bytes([byte]))
        await asyncio.sleep(1)


async def a_portal(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    page = b"<html>Please log in to the hotel's network</html>"
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(page) + page)
    await writer.drain()


async def headers_without_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\n")
    for number in range(200_000):
        writer.write(b"X-%d: y\r\n" % number)
        if number % 1000 == 0:
            await writer.drain()


async def another_accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    answer = await switching(reader)
    writer.write(answer[:-8] + b"AAAA\r\n\r\n")
    await reader.read()


def masked(payload: bytes) -> bytes:
    mask = b"\x01\x02\x03\x04"
    hidden = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return bytes([0x81, 0x80 | len(payload)]) + mask + hidden


HUGE = b"\x81\x7f" + (1 << 62).to_bytes(8, "big")
NO_END = b"x" * (1024 * 1024)
EVIL: dict[str, Evil] = {
    "says nothing": says_nothing,
    "upgrades and is silent": upgrades_and_is_silent,
    "drips its answer": drips,
    "captive portal": a_portal,
    "headers without end": headers_without_end,
    "another accept key": another_accept,
    "masked frames": then(masked(b'{"type":6}\x1e')),
    "compressed frames": then(ws.frame(b"\xaa\x56\x2a", reserved=4)),
    "a frame of four exabytes": then(HUGE, b"x" * 65536),
    "a record without end": then(*[ws.frame(NO_END)] * 17),
    "fragments without end": then(
        ws.frame(NO_END, fin=False), *[ws.frame(NO_END, 0, fin=False)] * 17
    ),
    "ten thousand empty fragments": then(
        ws.frame(b"", fin=False), ws.frame(b"", 0, fin=False) * 10_000
    ),
    "no json, no utf-8": then(ws.frame(b"\xff\xfe\x00{]\x1e" * 50)),
    "nested to death": then(ws.frame(b"[" * 100_000 + b"\x1e")),
    "a flood of pings": then(ws.frame(b"", 0x9) * 20_000),
    "an unknown opcode": then(bytes([0x83, 0])),
    "a control frame in pieces": then(ws.frame(b"", 0x9, fin=False)),
    "a close frame of one byte": then(ws.frame(b"\x03", 0x8)),
}


GROUPS = {
    "before the upgrade": tuple(EVIL)[:6],
    "in a frame": tuple(EVIL)[6:12],
    "in a record": tuple(EVIL)[12:],
}


async def suffer(name: str) -> None:
    """One client meets one such server twice, and then the right one again."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await EVIL[name](reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.transport.abort()

    evil = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with (
        FaultProxy(0) as hubs,
        SocketPair(hub_url=hubs.url.replace("http", "ws")) as pair,
    ):
        hubs.target = pair.sim.port  # nothing is dialled before somebody asks for an account
        account = await pair.tsx.accounts.one(PRACTICE)
        contract = await pair.tsx.contracts.front("MNQ")
        await pair.tsx.ready(account)
        facts: list[Any] = []
        pair.tsx._record.listen(lambda event, _: facts.append(event))

        def count(kind: type[Event]) -> int:
            return sum(isinstance(one, kind) for one in facts)

        hubs.target = evil.sockets[0].getsockname()[1]
        before = hubs.accepted
        hubs.reset("hub/user")
        await eventually(lambda: count(HubReconnecting) >= 2, timeout_s=90)
        assert hubs.accepted - before <= 6, "no storm"
        assert not count(HubReconnected), "never trusted"
        assert pair.tsx.state.mode(PRACTICE_ID) is Mode.REDUCE_ONLY
        hubs.target = pair.sim.port
        hubs.reset()
        await eventually(lambda: pair.tsx.health().user_hub is LinkState.LIVE, timeout_s=120)
        mode = pair.tsx.state.mode
        await eventually(lambda: mode(PRACTICE_ID) is Mode.ACTIVE, timeout_s=60)
        order = await pair.tsx.orders.place(account, contract, Side.BUY, 1, at=Market())
        await order.filled(timeout=30)
    evil.close()


async def named(name: str) -> None:
    try:
        await suffer(name)
    except BaseException as error:
        error.add_note(f"with a server of the kind: {name}")
        raise


@pytest.mark.parametrize("group", GROUPS)
def test_the_client_survives_and_comes_back(group: str) -> None:
    @hurried(speed=30)
    async def body() -> None:
        async with asyncio.TaskGroup() as together:
            for name in GROUPS[group]:
                together.create_task(named(name))

    body()


@pytest.mark.parametrize("hub_socket", ["picows", "aiohttp"])
def test_a_wire_of_one_byte_packets_from_the_first_byte_on(
    hub_socket: Literal["picows", "aiohttp"],
) -> None:
    """Login, upgrade, handshake, subscriptions and events, each byte by itself."""

    @hurried(speed=4)
    async def body() -> None:
        plan = [WireFault(where="*", what=Slice(1))]
        async with SocketPair(plan=plan, hub_socket=hub_socket) as pair:
            account = await pair.tsx.accounts.one(PRACTICE)
            contract = await pair.tsx.contracts.front("MNQ")
            await pair.tsx.ready(account)
            order = await pair.tsx.orders.place(account, contract, Side.BUY, 1, at=Market())
            await order.filled(timeout=30)
            assert pair.proxy.seen.count("hub/user") == 1

    body()
