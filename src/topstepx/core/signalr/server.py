"""The server's end: answers the handshake and takes what a client sends.

Events for many clients are encoded once with `encode_invocation()` and the same bytes go to each;
answers are made with `encode_completion()`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from topstepx.core.signalr.connection import DEPTH_MAX, Connection
from topstepx.core.signalr.messages import (
    UNREADABLE,
    Close,
    Completion,
    Invocation,
    Ping,
    Poisoned,
    StreamInvocation,
    encode_close,
    encode_record,
)
from topstepx.core.signalr.records import too_deep
from topstepx.errors import sanitised

if TYPE_CHECKING:
    from topstepx.core.signalr.messages import WireMessage

# What an ASP.NET Core server takes from a client unless told otherwise (assumed for the gateway).
RECORD_BYTES_MAX: Final = 32 * 1024

VERSION: Final = 1


class HandshakeAsked(Struct, frozen=True):
    """A client asked to shake hands: send `answer`, and close the socket if `error` is set."""

    answer: bytes
    error: str | None = None


ServerMessage = (
    HandshakeAsked | Invocation | StreamInvocation | Completion | Ping | Close | Poisoned
)
"""What a server's `receive()` hands out."""


class _HandshakeRequest(Struct):
    protocol: str
    version: int


class _HandshakeAnswer(Struct, omit_defaults=True):
    error: str | None = None


_decode_request = msgspec.json.Decoder(_HandshakeRequest).decode


class ServerConnection(Connection[ServerMessage]):
    """The server's end of one connection.

    `record_bytes_max` bounds one record, `depth_max` its nesting. `state` goes from "new" to "open"
    with a good handshake, and to "closed" after a bad one, after the client's Close or ours.
    """

    __slots__ = ()

    def __init__(
        self, *, record_bytes_max: int = RECORD_BYTES_MAX, depth_max: int = DEPTH_MAX
    ) -> None:
        super().__init__(record_bytes_max, depth_max)

    def close(self, error: str | None = None, *, allow_reconnect: bool = False) -> bytes:
        """The message that ends the connection; what arrives after it is not read."""
        self.state = "closed"
        return encode_close(error, allow_reconnect=allow_reconnect)

    def _shake(self, record: bytes, out: list[Any]) -> None:
        error = self._objection(record)
        self.state = "open" if error is None else "closed"
        out.append(HandshakeAsked(encode_record(_HandshakeAnswer(error)), error))

    def _objection(self, record: bytes) -> str | None:
        """What the real server says to this handshake request; None when it is a good one."""
        try:
            request = None if too_deep(record, self._depth_max) else _decode_request(record)
        except UNREADABLE:
            request = None
        if request is None:
            return "An unexpected error occurred during connection handshake."  # assumed wording
        if request.protocol != "json":  # assumed wording
            return f"The protocol '{sanitised(request.protocol, 40)}' is not supported."
        if request.version != VERSION:  # observed wording up to the number
            return f"The server does not support version {request.version} of the 'json' protocol."
        return None

    def _take(self, message: WireMessage, out: list[Any]) -> None:
        if isinstance(message, Ping | Completion | StreamInvocation):
            out.append(message)
        else:
            self.counters.skipped += 1
