from __future__ import annotations

import asyncio

import aiohttp
import pytest

from tests.support.sim_line import HANDSHAKE, MNQ, NOON
from topstepx.sim.server import SimServer


async def token(sim: SimServer, session: aiohttp.ClientSession) -> str:
    body = {"userName": sim.user_name, "apiKey": sim.api_key}
    async with session.post(f"{sim.url}/api/Auth/loginKey", json=body) as answer:
        text: str = (await answer.json())["token"]
        return text


def test_a_client_that_stops_reading_is_cut_and_the_others_go_on() -> None:
    async def main() -> None:
        async with SimServer(at=NOON, rate=50, speed=10) as sim, aiohttp.ClientSession() as session:
            sim.gateway.hubs.policy.queue_bytes_max = 200_000
            bearer = {"Authorization": f"Bearer {await token(sim, session)}"}
            # A raw socket that upgrades, subscribes, and never reads again.
            reader, writer = await asyncio.open_connection("127.0.0.1", sim.port, limit=1024)
            request = (
                "GET /hubs/market HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                f"Authorization: {bearer['Authorization']}\r\n\r\n"
            )
            writer.write(request.encode())
            assert b"101" in await reader.readline()
            for method in ("Quotes", "MarketDepth", "Trades"):
                call = (
                    f'{{"type":1,"target":"SubscribeContract{method}","arguments":["{MNQ}"]}}\x1e'
                )
                writer.write(
                    masked(call.encode() if method != "Quotes" else HANDSHAKE + call.encode())
                )
            writer.transport.pause_reading()  # type: ignore[attr-defined]  # a read transport
            for _ in range(400):
                await asyncio.sleep(0.02)
                if sim.gateway.hubs.overflows:
                    break
            assert sim.gateway.hubs.overflows == 1
            async with session.get(f"{sim.url}/api/Status/ping") as answer:
                assert answer.status == 200
            writer.transport.abort()

    asyncio.run(main())


def masked(payload: bytes) -> bytes:
    """A client's text frame; the mask of zeros leaves the payload as it is."""
    assert len(payload) < 65536
    return b"\x81\xfe" + len(payload).to_bytes(2, "big") + bytes(4) + payload


@pytest.mark.parametrize("size", [10, 300_000])
def test_what_a_client_says_is_bounded(size: int) -> None:
    async def main() -> None:
        async with SimServer(at=NOON) as sim, aiohttp.ClientSession() as session:
            bearer = {"Authorization": f"Bearer {await token(sim, session)}"}
            websocket = await session.ws_connect(f"{sim.url}/hubs/user", headers=bearer)
            await websocket.send_bytes(HANDSHAKE)
            assert (await websocket.receive(5)).data == "{}\x1e"
            await websocket.send_str("x" * size)
            await websocket.send_str('{"type":6}\x1e')
            message = await websocket.receive(5)
            assert message.type is not aiohttp.WSMsgType.BINARY
            await websocket.close()
            assert await done(sim)

    asyncio.run(main())


async def done(sim: SimServer) -> bool:
    """Whether every session ends soon."""
    for _ in range(100):
        if not sim.gateway.sessions:
            return True
        await asyncio.sleep(0.02)
    return False
