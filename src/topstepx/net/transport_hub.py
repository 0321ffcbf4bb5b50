"""Hub sockets by picows, the cheapest WebSocket reader there is for Python.

picows hands over frames in a callback; joining fragments, bounding a message and answering CLOSE are
ours. It would follow redirects with our Authorization header and refuses frames over 10 MB by default,
and takes its own TLS context: all three are set here and proven by tests.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import picows

from topstepx.errors import NotSent, UpgradeRefused
from topstepx.net.tls import client_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from topstepx.net.transport import Hub, HubListener, HubSocket

_CLOSE_GRACE_S = 2.0
_LOGGER = logging.getLogger("topstepx.net.picows")
_LOGGER.setLevel(logging.WARNING)  # below it picows prints the upgrade request, token and all

_TEXT, _BINARY = picows.WSMsgType.TEXT, picows.WSMsgType.BINARY
_CONTINUATION, _CLOSE = picows.WSMsgType.CONTINUATION, picows.WSMsgType.CLOSE
_DATA = (_TEXT, _BINARY, _CONTINUATION)


class _Frames(picows.WSListener):
    """Turns picows' frames into whole messages for one `HubListener`."""

    def __init__(self, listener: HubListener, message_bytes_max: int) -> None:
        self._listener = listener
        self._message_bytes_max = message_bytes_max
        self._fragments: list[bytes] = []
        self._fragment_bytes = 0
        self._reason = "the connection was lost"
        self._told = False

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        kind = frame.msg_type
        if kind in _DATA:
            if frame.fin and not self._fragments and kind != _CONTINUATION:
                self._listener.data(frame.get_payload_as_bytes())
            else:
                self._join(transport, frame)
        elif kind == _CLOSE:
            self._reason = f"closed by the gateway (code {frame.get_close_code()})"
            transport.send_close(picows.WSCloseCode.OK)
            transport.disconnect()

    def _join(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if (frame.msg_type == _CONTINUATION) != bool(self._fragments):
            self._fail(transport, "a WebSocket fragment out of order")
            return
        part = frame.get_payload_as_bytes()
        self._fragments.append(part)
        self._fragment_bytes += len(part)
        if self._fragment_bytes > self._message_bytes_max:
            self._fail(transport, f"a message of more than {self._message_bytes_max} bytes")
        elif frame.fin:
            whole = b"".join(self._fragments)
            self._fragments.clear()
            self._fragment_bytes = 0
            self._listener.data(whole)

    def _fail(self, transport: picows.WSTransport, reason: str) -> None:
        self._reason = reason
        self._fragments.clear()
        transport.send_close(picows.WSCloseCode.PROTOCOL_ERROR)
        transport.disconnect()

    def on_ws_disconnected(self, _transport: picows.WSTransport) -> None:
        if not self._told:
            self._told = True
            self._listener.closed(self._reason)


class _Socket:
    """`HubSocket` over one picows transport."""

    def __init__(self, transport: picows.WSTransport) -> None:
        self._transport = transport

    def send(self, payload: bytes) -> None:
        if not self._transport.is_disconnected:
            self._transport.send(_TEXT, payload)

    def close(self) -> None:
        if self._transport.is_disconnected:
            return
        self._transport.send_close(picows.WSCloseCode.OK)
        asyncio.get_running_loop().call_later(_CLOSE_GRACE_S, self._transport.disconnect, False)  # noqa: FBT003  graceful=False, positional in picows

    @property
    def is_open(self) -> bool:
        return not self._transport.is_disconnected


class PicowsTransport:
    """`HubTransport` over picows."""

    def __init__(
        self,
        hub_url: str,
        *,
        message_bytes_max: int = 16 * 1024 * 1024,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._hub_url = hub_url.rstrip("/")
        self._message_bytes_max = message_bytes_max
        self._tls = tls
        self._sockets: list[_Socket] = []

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
        url = f"{self._hub_url}/hubs/{hub}" + (f"?{urlencode(query)}" if query else "")
        secure = url.startswith("wss:")
        if secure and self._tls is None:
            self._tls = client_context()
        frames = _Frames(listener, self._message_bytes_max)
        try:
            async with asyncio.timeout(timeout_s):
                transport, _ = await picows.ws_connect(
                    lambda: frames,
                    url,
                    ssl_context=self._tls if secure else None,
                    websocket_handshake_timeout=timeout_s,
                    logger_name=_LOGGER,
                    enable_auto_pong=True,
                    max_frame_size=self._message_bytes_max,
                    extra_headers=dict(headers),
                    max_redirects=0,
                    disconnect_on_exception=True,
                )
        except picows.WSInvalidStatusError as error:
            status = error.response.status if error.response is not None else 0
            raise UpgradeRefused(hub, int(status)) from None
        except TimeoutError:
            msg = f"The {hub} hub did not open within {timeout_s:g} s."
            raise NotSent(msg) from None
        except (picows.WSError, OSError) as error:
            msg = f"The {hub} hub could not be reached ({type(error).__name__})."
            raise NotSent(msg) from None
        socket = _Socket(transport)
        self._sockets = [one for one in self._sockets if one.is_open]
        self._sockets.append(socket)
        return socket

    async def close(self) -> None:
        """Close every open socket."""
        for socket in self._sockets:
            socket.close()
        self._sockets.clear()
