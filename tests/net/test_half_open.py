"""A link that dies without a word is found by a ping of the WebSocket, and a quiet one is left alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

import pytest
from aiohttp import web

from topstepx.net.transport_dial import DEAD_LINK
from topstepx.net.transport_hub import PicowsTransport
from topstepx.net.transport_hub_fallback import AiohttpHubTransport
from topstepx.testing.eventually import eventually
from topstepx.testing.hurry import hurried
from topstepx.testing.proxy import FaultProxy
from topstepx.testing.proxy_faults import HalfOpen, WireFault

if TYPE_CHECKING:
    from topstepx.testing.proxy_faults import Direction

Made = type[PicowsTransport | AiohttpHubTransport]


@pytest.fixture(params=[PicowsTransport, AiohttpHubTransport], ids=["picows", "aiohttp"])
def made(request: pytest.FixtureRequest) -> Made:
    kind: Made = request.param
    return kind


class Ear:
    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.reasons: list[str] = []

    def data(self, payload: bytes) -> None:
        self.heard.append(payload)

    def closed(self, reason: str) -> None:
        self.reasons.append(reason)


class Server:
    """A WebSocket server of aiohttp's; it answers pings or not, and speaks every so often or not."""

    def __init__(self, *, answers_pings: bool, speaks_every_s: float | None) -> None:
        self.answers_pings, self.speaks_every_s = answers_pings, speaks_every_s
        self.port = 0

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(web.Server(self._serve), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoping=self.answers_pings, timeout=0.1)
        await socket.prepare(request)

        async def speak() -> None:
            while self.speaks_every_s is not None:
                await asyncio.sleep(self.speaks_every_s)
                await socket.send_str("{}\x1e")

        speaking = asyncio.create_task(speak())
        try:
            async for _ in socket:
                pass
        finally:
            speaking.cancel()
        return socket


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_half_open_link_is_found_within_twenty_seconds(made: Made, direction: Direction) -> None:
    @hurried(speed=50)
    async def body() -> None:
        async with (
            Server(answers_pings=True, speaks_every_s=None) as server,
            FaultProxy(server.port) as wire,
        ):
            transport, ear = made(wire.url.replace("http", "ws")), Ear()
            await transport.open("user", headers={}, query={}, listener=ear, timeout_s=20)
            await asyncio.sleep(24)
            assert ear.reasons == [], "a quiet link that answers pings is alive"
            wire.add(WireFault(where="hub/user", what=HalfOpen(), direction=direction))
            began = asyncio.get_running_loop().time()
            await eventually(lambda: ear.reasons, timeout_s=40)
            # Twenty by the rule.
            assert asyncio.get_running_loop().time() - began < 28
            assert ear.reasons == [DEAD_LINK]
            await transport.close()

    body()


def test_who_never_answers_pings_but_speaks_is_alive(made: Made) -> None:
    @hurried(speed=50)
    async def body() -> None:
        async with Server(answers_pings=False, speaks_every_s=15.0) as server:
            transport, ear = made(f"ws://127.0.0.1:{server.port}"), Ear()
            await transport.open("user", headers={}, query={}, listener=ear, timeout_s=20)
            await asyncio.sleep(34)
            assert ear.reasons == []
            assert len(ear.heard) >= 2
            await transport.close()

    body()
