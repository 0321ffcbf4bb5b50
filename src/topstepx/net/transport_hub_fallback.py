"""Hub sockets by aiohttp: the fallback behind the same port, where picows has no build.

Chosen by `Settings.hub_socket="aiohttp"`; costs about five times the CPU per message.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from topstepx.errors import NotSent, UpgradeRefused, sanitised
from topstepx.net.tls import certificate_refused, client_context
from topstepx.net.transport import CloseReason, check_request
from topstepx.net.transport_dial import (
    DEAD_LINK,
    Sockets,
    bound_silence,
    fault_of,
    hang_up,
    let_go,
)
from topstepx.net.tunnel import connect_headers, proxy_error
from topstepx.redaction import cap_network_loggers

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    import aiohttp
    from aiohttp.http_websocket import WSMessageNoDecodeText

    from topstepx.net.transport import Hub, HubListener, HubSocket
    from topstepx.settings import Proxy

CLOSE_GRACE_S = 2.0
"""How long the gateway may take to answer our CLOSE before the connection is cut."""
HEARTBEAT_S = 12.0
"""How long a socket may be silent before it is pinged; after half as long again it is given up."""
_OUTGOING_MAX = 256
_SWITCHING, _REDIRECTS = 101, range(300, 400)

_LOG = logging.getLogger("topstepx.hub")


class _Socket:
    """`HubSocket` over one aiohttp WebSocket: a task that reads and one that writes."""

    def __init__(
        self,
        socket: aiohttp.ClientWebSocketResponse[Literal[False]],
        listener: HubListener,
        name: str,
    ) -> None:
        self._socket = socket
        beneath = socket.get_extra_info("socket")
        self._beneath = [] if beneath is None else [beneath]
        for one in self._beneath:
            bound_silence(one)
        self._listener = listener
        self._reason: str | None = None
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue(_OUTGOING_MAX)
        self._writer = asyncio.create_task(self._write(), name=f"{name} hub socket writer")
        self._closer: asyncio.Task[None] | None = None
        self.reader = asyncio.create_task(self._read(), name=f"{name} hub socket")

    def send(self, payload: bytes) -> None:
        if self._reason is None and not self._socket.closed:
            try:
                self._outgoing.put_nowait(payload)
            except asyncio.QueueFull:
                self._end("the gateway takes nothing any more")
                hang_up(self._beneath)

    def close(self) -> None:
        self._end("closed by us")

    def _end(self, reason: str, code: int = 1000) -> None:
        """Begin to close, if that has not begun; nothing more is delivered."""
        if self._reason is None:
            self._reason = reason
            self._closer = asyncio.create_task(self._shut(code), name="hub socket closer")

    async def _shut(self, code: int) -> None:
        try:
            async with asyncio.timeout(CLOSE_GRACE_S):
                await self._socket.close(code=code)
        except TimeoutError:
            return  # aiohttp cuts the connection when its own closing is broken off

    async def _read(self) -> None:
        import aiohttp  # noqa: PLC0415  loaded with the first hub

        try:
            while not self._ending:
                message = await self._socket.receive()
                if message.type in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}:
                    self._deliver(message.data)
                elif not self._ending:
                    self._reason = self._why(message)
        except (aiohttp.ClientError, OSError):
            self._reason = self._reason or "the connection was lost"
        finally:
            await self._finish()

    @property
    def _ending(self) -> bool:
        return self._reason is not None

    def _why(self, message: WSMessageNoDecodeText) -> str:
        import aiohttp  # noqa: PLC0415  loaded with the first hub

        if message.type is aiohttp.WSMsgType.CLOSE:
            words = sanitised(message.extra, 80)
            said = f"closed by the gateway (code {message.data}{f': {words}' if words else ''})"
            return CloseReason(said, message.data or None)
        if isinstance(message.data, aiohttp.ServerTimeoutError):
            return DEAD_LINK
        if isinstance(message.data, aiohttp.WebSocketError):
            return f"closed by us (code {message.data.code}: {sanitised(str(message.data), 120)})"
        return "the connection was lost"

    def _deliver(self, payload: bytes) -> None:
        if self._ending:
            return
        try:
            self._listener.data(payload)
        # boundary: a listener that fails ends its socket, never the loop
        except Exception as error:  # noqa: BLE001  whatever a listener raises
            _LOG.exception("A hub listener failed; its socket is closed.")
            self._end(f"our listener failed ({type(error).__name__})", 1011)

    async def _finish(self) -> None:
        self._writer.cancel()
        closing = self._closer or asyncio.create_task(self._shut(1000), name="hub socket closer")
        try:
            await asyncio.wait({self._writer, closing})
            # aiohttp alone would wait for a peer that reads nothing.
            await let_go(self._beneath)
        finally:
            try:
                self._listener.closed(self._reason or "the connection was lost")
            # boundary: the socket is gone already; the loop must go on
            except Exception:  # noqa: BLE001  whatever a listener raises
                _LOG.exception("A hub listener failed when its socket was gone.")

    async def _write(self) -> None:
        import aiohttp  # noqa: PLC0415  loaded with the first hub

        while True:
            payload = await self._outgoing.get()
            try:
                await self._socket.send_frame(payload, aiohttp.WSMsgType.TEXT)
            except (aiohttp.ClientError, OSError):
                return  # the reader sees the same loss and tells it


async def _no_redirects(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """The `ws_connect` of aiohttp follows redirects and has no switch for it; this ends the first one."""
    response = await handler(request)
    if response.status in _REDIRECTS:
        response.close()
        raise UpgradeRefused(request.url.path.rpartition("/")[2], response.status)
    return response


class AiohttpHubTransport:
    """`HubTransport` over aiohttp's WebSocket client."""

    def __init__(
        self,
        hub_url: str,
        *,
        message_bytes_max: int = 16 * 1024 * 1024,
        tls: ssl.SSLContext | None = None,
        proxy: Proxy | None = None,
    ) -> None:
        self._hub_url = hub_url.rstrip("/").replace("ws", "http", 1)
        self._message_bytes_max = message_bytes_max
        self._tls = tls
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None
        self._sockets = Sockets()
        self._open: dict[asyncio.Task[None], _Socket] = {}
        self._closed = False

    def _opened_session(self) -> aiohttp.ClientSession:
        import aiohttp  # noqa: PLC0415  loaded with the first hub

        cap_network_loggers()
        tls = None
        if self._hub_url.startswith("https:"):
            tls = self._tls = self._tls or client_context()
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=tls if tls is not None else False,
                limit=0,
                force_close=True,
                socket_factory=self._sockets.make,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            middlewares=(_no_redirects,),
        )

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
        path = f"/hubs/{hub}"
        check_request(path, headers)
        if self._closed:
            msg = f"The {hub} hub was not opened: this client is closed."
            raise NotSent(msg, next_step="Open a new one.")
        if self._session is None:
            self._session = self._opened_session()
        socket = await self._connect(
            self._session, hub, headers=headers, query=query, timeout_s=timeout_s
        )
        if isinstance(socket, NotSent):
            raise socket
        opened = _Socket(socket, listener, hub)
        self._open[opened.reader] = opened
        opened.reader.add_done_callback(self._open.pop)
        return opened

    async def _connect(
        self,
        session: aiohttp.ClientSession,
        hub: Hub,
        *,
        headers: Mapping[str, str],
        query: Mapping[str, str],
        timeout_s: float,
    ) -> aiohttp.ClientWebSocketResponse[Literal[False]] | NotSent:
        import aiohttp  # noqa: PLC0415  loaded with the first hub

        try:
            async with asyncio.timeout(timeout_s):
                return await session.ws_connect(
                    f"{self._hub_url}/hubs/{hub}",
                    params=dict(query),
                    headers=dict(headers),
                    max_msg_size=self._message_bytes_max + 1,  # theirs is the first size refused
                    compress=0,
                    heartbeat=HEARTBEAT_S,
                    decode_text=False,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_GRACE_S),
                    proxy=None if self._proxy is None else self._proxy.url,
                    proxy_headers=None if self._proxy is None else connect_headers(self._proxy),
                )
        except UpgradeRefused as error:
            return error
        except aiohttp.WSServerHandshakeError as error:
            if error.status != _SWITCHING:
                return UpgradeRefused(hub, error.status)
            return NotSent(f"The {hub} hub did not answer as a WebSocket.")
        except TimeoutError:
            return NotSent(f"The {hub} hub did not open within {timeout_s:g} s.")
        except (aiohttp.ClientError, OSError) as error:
            where = f"The {hub} hub at {urlsplit(self._hub_url).hostname}"
            refused = certificate_refused(getattr(error, "certificate_error", None), where)
            what = f"{where} could not be reached ({type(error).__name__})."
            if isinstance(error, aiohttp.ClientHttpProxyError | aiohttp.ClientProxyConnectionError):
                refused = proxy_error(self._proxy, urlsplit(self._hub_url).hostname, error)
            return refused or NotSent(what, fault=fault_of(error))

    async def close(self) -> None:
        """Close every open socket and wait until the listeners have been told."""
        self._closed = True
        ending = dict(self._open)
        for opened in ending.values():
            opened.close()
        if ending:
            await asyncio.wait(ending)
        session, self._session = self._session, None
        if session is not None:
            await session.close()
            await self._sockets.let_go()
