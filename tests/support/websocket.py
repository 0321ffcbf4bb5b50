"""The server's end of a WebSocket, frame by frame, for `tests.support.scripted`."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tests.support.scripted import Request, Wire

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Frame(NamedTuple):
    """One frame as the client sent it, unmasked."""

    opcode: int
    payload: bytes


def upgrade(wire: Wire, *, then: bytes = b"") -> Request:
    """Answer the upgrade request with 101, and `then` in the same segment."""
    request = wire.request()
    wire.send(switching(request) + then)
    return request


def switching(request: Request) -> bytes:
    """The answer that opens the WebSocket."""
    key = request.headers["sec-websocket-key"].encode()
    accept = base64.b64encode(hashlib.sha1(key + _MAGIC, usedforsecurity=False).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


def frame(payload: bytes, opcode: int = TEXT, *, fin: bool = True, reserved: int = 0) -> bytes:
    """One frame from server to client."""
    first = (0x80 if fin else 0) | reserved << 4 | opcode
    size = len(payload)
    if size < 126:
        return bytes([first, size]) + payload
    if size < 1 << 16:
        return bytes([first, 126]) + size.to_bytes(2, "big") + payload
    return bytes([first, 127]) + size.to_bytes(8, "big") + payload


def close_frame(code: int, reason: str = "") -> bytes:
    return frame(code.to_bytes(2, "big") + reason.encode(), CLOSE)


def read_frame(wire: Wire) -> Frame:
    """The next frame of the client; it must be masked."""
    first, second = wire.receive(2)
    assert second & 0x80, "a client masks its frames"
    size = second & 0x7F
    if size == 126:
        size = int.from_bytes(wire.receive(2), "big")
    elif size == 127:
        size = int.from_bytes(wire.receive(8), "big")
    mask = wire.receive(4)
    payload = bytes(byte ^ mask[index % 4] for index, byte in enumerate(wire.receive(size)))
    return Frame(first & 0x0F, payload)


def close_code(one: Frame) -> int:
    assert one.opcode == CLOSE
    return int.from_bytes(one.payload[:2], "big")


def serve_until_close(wire: Wire) -> None:
    """Read what the client sends until its CLOSE, and answer that as a good server does."""
    while read_frame(wire).opcode != CLOSE:
        pass
    wire.send(close_frame(1000))
    wire.wait_for_end()
