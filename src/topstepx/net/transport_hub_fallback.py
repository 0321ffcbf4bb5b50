"""Hub sockets by aiohttp: the fallback behind the same port, where picows has no build.

Chosen by `Settings.hub_socket="aiohttp"`; costs about five times the CPU per message.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from topstepx.errors import NotSent, UpgradeRefused
from topstepx.net.tls import client_context
from topstepx.net.transport_http import quieten_network_loggers

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    import aiohttp

    from topstepx.net.transport import Hub, HubListener, HubSocket

_OUTGOING_MAX = 256


class _Socket:
    """`HubSocket` over one aiohttp WebSocket: a reader task and a writer task."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, listener: HubListener) -> None:
        self._socket = socket
        self._listener = listener
        self._outgoing: asyncio.Queue[bytes | None] = asyncio.Queue(_OUTGOING_MAX)
        self._tasks = [
            asyncio.create_task(self._read(), name="hub socket reader"),
            asyncio.create_task(self._write(), name="hub socket writer"),
        ]

    def send(self, payload: bytes) -> None:
        if not self._socket.closed:
            try:
                self._outgoing.put_nowait(payload)
            except asyncio.QueueFull:
                self.close()  # a gateway that takes nothing for 256 messages is gone

    def close(self) -> None:
        self._tasks.append(asyncio.create_task(self._finish(), name="hub socket closer"))

    async def _finish(self) -> None:
        await self._socket.close()
        self._tasks[1].cancel()

    async def _read(self) -> None:
        import aiohttp  # noqa: PLC0415  loaded with the first hub

        reason = "the connection was lost"
        try:
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._listener.data(message.data.encode())
                elif message.type is aiohttp.WSMsgType.BINARY:
                    self._listener.data(message.data)
            code = self._socket.close_code
            reason = f"closed by the gateway (code {code if code is not None else 'none'})"
        finally:
            self._tasks[1].cancel()
            self._listener.closed(reason)

    async def _write(self) -> None:
        while (payload := await self._outgoing.get()) is not None:
            try:
                await self._socket.send_str(payload.decode())
            except (ConnectionError, RuntimeError):
                return  # the reader sees the same loss and tells it


def _no_redirects() -> aiohttp.TraceConfig:
    """The ws_connect of aiohttp follows redirects and has no switch for it; this ends the first one."""
    import aiohttp  # noqa: PLC0415  loaded with the first hub

    async def refuse(
        _session: aiohttp.ClientSession, _context: object, seen: aiohttp.TraceRequestRedirectParams
    ) -> None:
        raise UpgradeRefused(seen.url.path.rpartition("/")[2], seen.response.status)

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(refuse)
    return trace


class AiohttpHubTransport:
    """`HubTransport` over aiohttp's WebSocket client."""

    def __init__(
        self,
        hub_url: str,
        *,
        message_bytes_max: int = 16 * 1024 * 1024,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._hub_url = hub_url.rstrip("/").replace("ws", "http", 1)
        self._message_bytes_max = message_bytes_max
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def open(
        self,
        hub: Hub,
        *,
        headers: Mapping[str, str],
        query: Mapping[str, str],
        listener: HubListener,
        timeout_s: float,
    ) -> HubSocket:
        """An open socket; see `HubTransport.open`."""
        import aiohttp  # noqa: PLC0415  loaded with the first hub

        quieten_network_loggers()
        secure = self._hub_url.startswith("https:")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    ssl=(self._tls or client_context()) if secure else False, limit=0
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                trace_configs=[_no_redirects()],
            )
        try:
            async with asyncio.timeout(timeout_s):
                socket = await self._session.ws_connect(
                    f"{self._hub_url}/hubs/{hub}",
                    params=dict(query),
                    headers=dict(headers),
                    max_msg_size=self._message_bytes_max,
                    compress=0,
                )
        except aiohttp.WSServerHandshakeError as error:
            raise UpgradeRefused(hub, error.status) from None
        except TimeoutError:
            msg = f"The {hub} hub did not open within {timeout_s:g} s."
            raise NotSent(msg) from None
        except (aiohttp.ClientError, OSError) as error:
            msg = f"The {hub} hub could not be reached ({type(error).__name__})."
            raise NotSent(msg) from None
        return _Socket(socket, listener)

    async def close(self) -> None:
        """Close every open socket."""
        if self._session is not None:
            await self._session.close()
