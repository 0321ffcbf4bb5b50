"""Hub sockets by picows, the cheapest WebSocket reader there is for Python.

picows hands over frames in a callback; joining fragments, bounding a message and answering CLOSE are
ours. Left to itself it would follow redirects with our Authorization header, refuse frames over 10 MB,
print the upgrade request below DEBUG, leave a socket behind when an attempt is broken off, and call an
answer that never came an open socket: each is dealt with here and proven by a test.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import picows

from topstepx.errors import NotSent, UpgradeRefused, sanitised
from topstepx.net.pins import is_pinned
from topstepx.net.screened import Screened
from topstepx.net.tls import certificate_refused, client_context
from topstepx.net.transport import CloseReason, check_request
from topstepx.net.transport_dial import DEAD_LINK, bound_silence, dial, fault_of, hang_up
from topstepx.net.tunnel import tunnel
from topstepx.redaction import cap_network_loggers

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Awaitable, Callable, Mapping

    from picows.picows import WSCloseInfo
    from picows.url import WSParsedURL

    from topstepx.net.transport import Hub, HubListener, HubSocket
    from topstepx.settings import Proxy

CLOSE_GRACE_S = 2.0
"""How long the gateway may take to answer our CLOSE before the connection is cut."""
OUTGOING_BYTES_MAX = 1024 * 1024
"""A gateway that leaves this much unread is gone; we send little more than pings."""
PULSE_S = 2.5
"""How often a socket is looked at; at every fourth look it is pinged."""
_PING_EVERY, _DEAD_AFTER = 4, 7

_LOG = logging.getLogger("topstepx.hub")
# Not in the registry, so that no logging set-up can turn it on: it prints the request, token and all.
_MUTE = logging.Logger("topstepx.net.picows", logging.CRITICAL + 1)  # noqa: LOG001  see above

_TEXT, _BINARY = picows.WSMsgType.TEXT, picows.WSMsgType.BINARY
_CONTINUATION, _CLOSE = picows.WSMsgType.CONTINUATION, picows.WSMsgType.CLOSE
_PONG = picows.WSMsgType.PONG
_DATA = (_TEXT, _BINARY, _CONTINUATION)


class _Frames(picows.WSListener):
    """Turns picows' frames into whole messages for one `HubListener`."""

    def __init__(self, listener: HubListener, message_bytes_max: int) -> None:
        self._listener = listener
        self._message_bytes_max = message_bytes_max
        self._joined: bytearray | None = None
        self._early: list[bytes] | None = []
        self._reason: str | None = None
        self._abort: asyncio.TimerHandle | None = None
        self._pulse: asyncio.TimerHandle | None = None
        self._heard = False
        self._silent = 0
        self._looks = 0
        self._unanswered: bool | None = None
        self.transport: picows.WSTransport | None = None

    # -- from picows

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.transport = transport
        self._pulse = asyncio.get_running_loop().call_later(PULSE_S, self._feel_pulse)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        self._heard = True
        if self._reason is not None:
            if frame.msg_type == _CLOSE:
                transport.disconnect()
            return
        kind = frame.msg_type
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            self.end("a WebSocket frame with reserved bits", picows.WSCloseCode.PROTOCOL_ERROR)
        elif kind in _DATA:
            if frame.fin and self._joined is None and kind != _CONTINUATION:
                self._deliver(frame.get_payload_as_bytes())
            else:
                self._join(frame)
        elif kind == _CLOSE:
            words = sanitised(frame.get_close_reason(), 80)
            said = f": {words}" if words else ""
            code = _number(frame.get_close_code())
            self.end(CloseReason(f"closed by the gateway (code {code}{said})", code or None))
            transport.disconnect()
        elif kind == _PONG:
            self._unanswered = False

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        for timer in (self._abort, self._pulse):
            if timer is not None:
                timer.cancel()
        if self._reason is None:
            self._reason = _parser_reason(transport) or "the connection was lost"
        if self._early is None:
            self._tell_closed()

    def pause_writing(self) -> None:
        """Nothing: `send` has its own bound (without this method picows logs a warning)."""

    def resume_writing(self) -> None:
        """Nothing; see `pause_writing`."""

    # -- the link itself

    def _feel_pulse(self) -> None:
        """Ping every 10 s, and cut a link that is half-open.

        That is one on which nothing at all came for 20 s, or whose gateway used to answer pings and did
        not answer the last one. Who never answers, but speaks every fifteen seconds, is alive.
        """
        transport = self.transport
        if transport is None or transport.is_disconnected or self._reason is not None:
            return
        self._silent = 0 if self._heard else self._silent + 1
        self._heard = False
        pings = self._looks % _PING_EVERY == 0
        if self._silent == _DEAD_AFTER or (pings and self._unanswered):
            self._reason = DEAD_LINK
            self.cut()
            return
        if pings:
            self._unanswered = None if self._unanswered is None else True
            transport.send_ping()
        self._looks += 1
        self._pulse = asyncio.get_running_loop().call_later(PULSE_S, self._feel_pulse)

    # -- messages

    def _join(self, frame: picows.WSFrame) -> None:
        if (frame.msg_type == _CONTINUATION) != (self._joined is not None):
            self.end("a WebSocket fragment out of order", picows.WSCloseCode.PROTOCOL_ERROR)
            return
        joined = self._joined = bytearray() if self._joined is None else self._joined
        if len(joined) + frame.payload_size > self._message_bytes_max:
            self._joined = None
            self.end(
                f"a message of more than {self._message_bytes_max} bytes",
                picows.WSCloseCode.MESSAGE_TOO_BIG,
            )
            return
        joined += frame.get_payload_as_memoryview()
        if frame.fin:
            self._joined = None
            self._deliver(bytes(joined))

    def _deliver(self, payload: bytes) -> None:
        if self._early is not None:
            self._early.append(payload)
            return
        try:
            self._listener.data(payload)
        # boundary: a listener that fails ends its socket, never the loop
        except Exception as error:  # noqa: BLE001  whatever a listener raises
            _LOG.exception("A hub listener failed; its socket is closed.")
            self.end(
                f"our listener failed ({type(error).__name__})", picows.WSCloseCode.INTERNAL_ERROR
            )

    def release(self) -> None:
        """From now on the listener hears everything; until now its owner did not know the socket."""
        early, self._early = self._early, None
        for payload in early or ():
            if self._reason is None:
                self._deliver(payload)
        if self.transport is not None and self.transport.is_disconnected:
            self._tell_closed()

    # -- the end

    def end(self, reason: str, code: picows.WSCloseCode = picows.WSCloseCode.OK) -> None:
        """Begin to close, if that has not begun; nothing more is delivered. Cut after the grace."""
        transport = self.transport
        if transport is None or transport.is_disconnected or self._reason is not None:
            return
        self._reason = reason
        transport.send_close(code)
        self._abort = asyncio.get_running_loop().call_later(CLOSE_GRACE_S, self.cut)

    def cut(self) -> None:
        """Drop the connection now, without asking."""
        if self.transport is not None:
            self.transport.disconnect(graceful=False)

    def _tell_closed(self) -> None:
        listener, self._listener = self._listener, _NOBODY
        try:
            listener.closed(self._reason or "the connection was lost")
        # boundary: the socket is gone already; the loop must go on
        except Exception:  # noqa: BLE001  whatever a listener raises
            _LOG.exception("A hub listener failed when its socket was gone.")


class _Nobody:
    """Stands in for the listener once it has been told that its socket is closed."""

    def data(self, payload: bytes) -> None:
        """Nothing."""

    def closed(self, reason: str) -> None:
        """Nothing."""


_NOBODY = _Nobody()


def _number(code: picows.WSCloseCode) -> int:
    """The close code as a number: picows gives members for the codes it knows, numbers otherwise."""
    return int(getattr(code, "value", 0))


def _parser_reason(transport: picows.WSTransport) -> str | None:
    """Why picows itself closed: its parser said so in the CLOSE that it sent."""
    sent: WSCloseInfo | None = getattr(transport.close_handshake, "sent", None)
    if sent is None:
        return None
    words = sanitised(sent.reason, 120)
    return f"closed by us (code {_number(sent.code)}{f': {words}' if words else ''})"


class _Socket:
    """`HubSocket` over one picows transport."""

    def __init__(self, frames: _Frames, transport: picows.WSTransport) -> None:
        self._frames = frames
        self._transport = transport

    def send(self, payload: bytes) -> None:
        if self._transport.is_disconnected or self._transport.is_close_frame_sent:
            return
        self._transport.send(_TEXT, payload)
        if self._transport.underlying_transport.get_write_buffer_size() > OUTGOING_BYTES_MAX:
            self._frames.end("the gateway takes nothing any more")
            self._frames.cut()

    def close(self) -> None:
        self._frames.end("closed by us")


class PicowsTransport:
    """`HubTransport` over picows."""

    def __init__(
        self,
        hub_url: str,
        *,
        message_bytes_max: int = 16 * 1024 * 1024,
        tls: ssl.SSLContext | None = None,
        proxy: Proxy | None = None,
    ) -> None:
        self._hub_url = hub_url.rstrip("/")
        parts = urlsplit(hub_url)
        self._secure = parts.scheme == "wss"
        self._host, self._port = parts.hostname, parts.port or (443 if self._secure else 80)
        self._message_bytes_max = message_bytes_max
        self._tls = tls
        self._proxy = proxy
        self._open: dict[asyncio.Task[None], _Socket] = {}
        self._closed = False

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
        cap_network_loggers()
        if self._secure and self._tls is None:
            self._tls = client_context()
        frames = _Frames(listener, self._message_bytes_max)
        url = self._hub_url + path + (f"?{urlencode(query)}" if query else "")
        failure = await self._connect(hub, url, headers, frames, timeout_s)
        if failure is not None:
            raise failure
        transport = frames.transport
        if transport is None or transport.is_disconnected or self._closed:
            frames.cut()
            msg = f"The {hub} hub closed the connection without opening."
            raise NotSent(msg)
        opened = _Socket(frames, transport)
        ending = asyncio.create_task(_watch(transport), name=f"{hub} hub socket")
        self._open[ending] = opened
        ending.add_done_callback(self._open.pop)
        asyncio.get_running_loop().call_soon(frames.release)
        return opened

    async def _connect(
        self, hub: Hub, url: str, headers: Mapping[str, str], frames: _Frames, timeout_s: float
    ) -> NotSent | None:
        dialled: list[socket.socket] = []
        try:
            async with asyncio.timeout(timeout_s):
                await Screened(
                    picows.ws_connect(
                        lambda: frames,
                        url,
                        ssl_context=self._tls if self._secure else None,
                        websocket_handshake_timeout=None,
                        logger_name=_MUTE,
                        enable_auto_pong=True,
                        max_frame_size=self._message_bytes_max,
                        extra_headers=dict(headers),
                        max_redirects=0,
                        disconnect_on_exception=True,
                        socket_factory=self._dialler(dialled, timeout_s),
                        # Its faster TLS does not go through the object that checks pins.
                        use_aiofastnet=False if is_pinned(self._tls) else None,
                        ssl_shutdown_timeout=CLOSE_GRACE_S if self._secure else None,
                    )
                )
        except picows.WSHandshakeError as error:
            status = _status(error)
            if status is not None:
                return UpgradeRefused(hub, status)
            return NotSent(f"The {hub} hub did not answer as a WebSocket ({type(error).__name__}).")
        except NotSent as error:
            return error
        except TimeoutError:
            hang_up(dialled)
            return NotSent(f"The {hub} hub did not open within {timeout_s:g} s.")
        except (picows.WSError, OSError) as error:
            refused = certificate_refused(error, f"The {hub} hub at {self._host}")
            what = f"The {hub} hub at {self._host} could not be reached ({type(error).__name__})."
            return refused or NotSent(what, fault=fault_of(error))
        except BaseException:
            hang_up(dialled)
            raise
        return None

    def _dialler(
        self, dialled: list[socket.socket], timeout_s: float
    ) -> Callable[[WSParsedURL], Awaitable[socket.socket]]:
        async def dial_only_ours(url: WSParsedURL) -> socket.socket:
            if (url.host, url.port) != (self._host, self._port):
                msg = "another host than the one this transport was built for"
                raise OSError(msg)
            if self._proxy is None:
                connected = await dial(url.host, url.port, timeout_s=timeout_s)
            else:
                connected = await tunnel(self._proxy, url.host, url.port, timeout_s=timeout_s)
            bound_silence(connected)
            dialled.append(connected)
            return connected

        return dial_only_ours

    async def close(self) -> None:
        """Close every open socket and wait until the listeners have been told."""
        self._closed = True
        ending = dict(self._open)
        for opened in ending.values():
            opened.close()
        if ending:
            await asyncio.wait(ending)


async def _watch(transport: picows.WSTransport) -> None:
    """Until the socket is gone. The reason is the listener's; here it is only taken off the future."""
    try:
        await transport.wait_disconnected()
    # boundary: picows stores here why it closed, and asyncio would log it
    except Exception as error:  # noqa: BLE001  whatever it stored
        _LOG.debug("A hub socket ended with %s.", type(error).__name__)


def _status(error: picows.WSHandshakeError) -> int | None:
    """The HTTP status of a refused upgrade, also one that Python has no name for; None for nonsense."""
    words = (error.raw_header or b"").split(b" ", 2)
    digits = words[1][:3] if len(words) > 1 and words[0].upper().startswith(b"HTTP/1.") else b""
    status = int(digits) if len(digits) == len("200") and digits.isdigit() else 0
    return status if status not in {0, 101} else None
