"""What picows hands over, frame by frame, as whole messages for one `HubListener`.

What one read of the socket brought is handed on together: SignalR cuts its records by itself, and
whatever follows then has its costs once for all of them. Nothing is held back for what may come later.
Much is handed on in pieces all the same, because what is copied, cut and decoded then stays in the
processor's cache: a read of 4 MB in one piece took a fifth more time.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import picows

from topstepx.errors import sanitised
from topstepx.net.transport import CloseReason
from topstepx.net.transport_dial import DEAD_LINK

if TYPE_CHECKING:
    from picows.picows import WSCloseInfo

    from topstepx.net.transport import HubListener

CLOSE_GRACE_S = 2.0
"""How long the gateway may take to answer our CLOSE before the connection is cut."""
PULSE_S = 2.5
"""How often a socket is looked at; at every fourth look it is pinged."""
TOGETHER_MAX = 256
"""Frames that are handed on in one piece at most."""
_PING_EVERY, _DEAD_AFTER = 4, 7

_LOG = logging.getLogger("topstepx.hub")

_TEXT, _BINARY = picows.WSMsgType.TEXT, picows.WSMsgType.BINARY
_CONTINUATION, _CLOSE = picows.WSMsgType.CONTINUATION, picows.WSMsgType.CLOSE
_PONG = picows.WSMsgType.PONG
_DATA = (_TEXT, _BINARY, _CONTINUATION)


class Frames(picows.WSListener):
    """Turns picows' frames into whole messages for one `HubListener`."""

    def __init__(self, listener: HubListener, message_bytes_max: int) -> None:
        self._listener = listener
        self._message_bytes_max = message_bytes_max
        self._joined: bytearray | None = None
        self._early: list[bytes] | None = []
        self._unread: list[bytes] = []
        self._reason: str | None = None
        self._loop = asyncio.get_running_loop()
        self._abort: asyncio.TimerHandle | None = None
        self._pulse: asyncio.TimerHandle | None = None
        self._heard = False
        self._silent = 0
        self._looks = 0
        self._unanswered: bool | None = None
        self.transport: picows.WSTransport | None = None

    # -- from picows

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        """The upgrade is done."""
        self.transport = transport
        self._pulse = self._loop.call_later(PULSE_S, self._feel_pulse)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        """One frame; it is only valid now."""
        # Each look at a frame costs: nearly every one is a whole message, and settled here.
        kind = frame.msg_type
        plain = not (frame.rsv1 or frame.rsv2 or frame.rsv3)
        if kind is _TEXT and plain and frame.fin and self._joined is None and self._reason is None:
            unread = self._unread
            unread.append(frame.get_payload_as_bytes())
            if frame.last_in_buffer or len(unread) >= TOGETHER_MAX:
                self._deliver_unread()
            elif len(unread) == 1:  # what comes last may be a ping, which picows keeps
                self._loop.call_soon(self._deliver_unread)
            return
        self._deliver_unread()
        self._heard = True
        self._settle(transport, frame, kind)

    def _settle(
        self, transport: picows.WSTransport, frame: picows.WSFrame, kind: picows.WSMsgType
    ) -> None:
        """A frame that is not a whole text message, or comes after the end."""
        if self._reason is not None:
            if kind == _CLOSE:
                transport.disconnect()
            return
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
        """The socket is gone."""
        self._deliver_unread()
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
        self._pulse = self._loop.call_later(PULSE_S, self._feel_pulse)

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

    def _deliver_unread(self) -> None:
        """What one read brought, in one piece: what follows has its costs once for all of it."""
        unread = self._unread
        if not unread:
            return
        self._heard = True
        payload = unread[0] if len(unread) == 1 else b"".join(unread)
        unread.clear()
        if self._reason is None:
            self._deliver(payload)

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
        self._abort = self._loop.call_later(CLOSE_GRACE_S, self.cut)

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
