"""The SignalR JSON hub protocol, both ends of it, without a socket.

One `ClientConnection` or `ServerConnection` stands for one WebSocket connection and is thrown away
with it. Bytes that arrived go into `receive()`, messages come out; every other method returns the
bytes to send. Nothing here waits, reads a clock or opens anything.

What arrives is split at the record separator (byte 0x1E, never inside JSON) and each record is
decoded on its own, so one record may be spread over many WebSocket messages and one message may
hold many records. A record that cannot be read comes out as `Poisoned`, in its place, and costs
nothing but itself. Whatever bytes arrive, `receive()` returns messages or raises
`topstepx.errors.RemoteProtocolError`, never anything else; after that error the connection is
over.

Facts about the wire: protocol `json` version 1, records end with 0x1E, a void completion carries
`"result":null` (documented). The size of the largest record that the gateway sends is not known
(assumed: below 16 MiB).
"""

from __future__ import annotations

from topstepx.core.signalr.client import ClientConnection, ClientMessage, HandshakeAccepted
from topstepx.core.signalr.connection import State
from topstepx.core.signalr.messages import (
    PING,
    Close,
    Completion,
    Invocation,
    Ping,
    Poisoned,
    StreamInvocation,
    encode_close,
    encode_completion,
    encode_invocation,
)
from topstepx.core.signalr.records import Counters
from topstepx.core.signalr.server import HandshakeAsked, ServerConnection, ServerMessage

__all__ = [
    "PING",
    "ClientConnection",
    "ClientMessage",
    "Close",
    "Completion",
    "Counters",
    "HandshakeAccepted",
    "HandshakeAsked",
    "Invocation",
    "Ping",
    "Poisoned",
    "ServerConnection",
    "ServerMessage",
    "State",
    "StreamInvocation",
    "encode_close",
    "encode_completion",
    "encode_invocation",
]
