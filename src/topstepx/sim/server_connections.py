"""The simulator's HTTP answers and hub sockets, carried out as the gateway says: late, cut or never."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web

from topstepx.sim.answers import RUN_HEADER

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from topstepx.sim.answers import GatewayAnswer
    from topstepx.sim.gateway import Gateway
    from topstepx.sim.hub_session import HubSession

_LOOK_S = 0.2
_CLOSE_S = 1.0
_MESSAGE_BYTES_MAX = 256 * 1024


def wants_websocket(request: web.BaseRequest) -> bool:
    """Whether this is a WebSocket upgrade."""
    return request.method == "GET" and request.headers.get("upgrade", "").lower() == "websocket"


class Door:
    """Answers HTTP requests."""

    def __init__(
        self,
        gateway: Gateway,
        now: Callable[[], datetime],
        speed: float,
        stopping: asyncio.Event,
    ) -> None:
        self._gateway, self._now, self._speed, self._stopping = gateway, now, speed, stopping

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request, one answer, delivered as told."""
        body = await request.read()
        answer = self._gateway.request(
            request.method, request.path_qs, dict(request.headers), body, self._now()
        )
        if not answer.ready:
            await self._held(answer)
        if answer.hold_s:
            await self._unless_stopping(answer.hold_s / self._speed)
        if not answer.deliver:
            if answer.hang:
                await self._silence(request)
            _abort(request)
            return web.Response(status=answer.status)
        if answer.cut_after_bytes is not None:
            return await _cut(request, answer)
        headers = {**answer.headers, RUN_HEADER: self._gateway.run}
        return web.Response(status=answer.status, headers=headers, body=answer.body or None)

    async def _held(self, answer: GatewayAnswer) -> None:
        done = asyncio.Event()
        answer.on_ready = done.set
        stopping = asyncio.create_task(self._stopping.wait())
        ready = asyncio.create_task(done.wait())
        await asyncio.wait({stopping, ready}, return_when=asyncio.FIRST_COMPLETED)
        for task in (stopping, ready):
            task.cancel()
        if not answer.ready:
            answer.deliver = False

    async def _unless_stopping(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _silence(self, request: web.BaseRequest) -> None:
        """Until the client gives up."""
        while not (self._stopping.is_set() or request.transport is None):
            if request.transport.is_closing():
                return
            await self._unless_stopping(_LOOK_S)


class Socket:
    """Carries one hub session over one WebSocket."""

    def __init__(self, session: HubSession, now: Callable[[], datetime]) -> None:
        self._session, self._now = session, now
        self._news = asyncio.Event()
        self._websocket = web.WebSocketResponse(
            compress=False, max_msg_size=_MESSAGE_BYTES_MAX, timeout=_CLOSE_S
        )
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a socket is served by a task")
        self.task: asyncio.Task[object] = task

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Both directions, until either side ends it."""
        session = self._session
        session.wake = self._news.set
        sender: asyncio.Task[None] | None = None
        try:
            await self._websocket.prepare(request)
            sender = asyncio.create_task(self._send(request))
            async for message in self._websocket:
                if message.type is WSMsgType.TEXT:
                    session.receive(message.data.encode(), self._now())
                elif message.type is WSMsgType.BINARY:
                    session.receive(message.data, self._now())
        finally:
            session.lost(self._now())
            if sender is not None:
                await asyncio.wait({sender}, timeout=_CLOSE_S)
                sender.cancel()
        return self._websocket

    async def _send(self, request: web.BaseRequest) -> None:
        session = self._session
        while True:
            # What waits here is bounded by the session, which cuts off a client that does not read.
            for frame in session.take():
                try:
                    await self._websocket.send_frame(frame, WSMsgType.TEXT)
                except ConnectionError:
                    session.lost(self._now())
                    return
            if session.closed:
                break
            await self._news.wait()
            self._news.clear()
        if session.abrupt:
            _abort(request)
        elif not self._websocket.closed:
            await self._websocket.close()


async def _cut(request: web.BaseRequest, answer: GatewayAnswer) -> web.StreamResponse:
    """Headers that promise the whole body, some of it, and then nothing more."""
    headers = {**answer.headers, "content-length": str(len(answer.body))}
    response = web.StreamResponse(status=answer.status, headers=headers)
    await response.prepare(request)
    await response.write(answer.body[: answer.cut_after_bytes])
    if request.transport is not None:
        request.transport.close()
    return response


def _abort(request: web.BaseRequest) -> None:
    """Break the connection, as a reset does."""
    transport = request.transport
    if isinstance(transport, asyncio.Transport):
        transport.abort()
