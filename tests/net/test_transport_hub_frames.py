"""What one read brings is told at once, in order, and before whatever ends the socket.

The rest of it is tested in `test_transport_hub`, for both transports alike.
"""

from __future__ import annotations

import pytest

from tests.net.test_transport_hub import ending_of, opened
from tests.support import websocket as ws
from tests.support.running import run, until
from tests.support.scripted import Scripted, Wire
from topstepx.net.transport_hub import PicowsTransport
from topstepx.net.transport_hub_frames import TOGETHER_MAX

MESSAGES = [b"%d\x1e" % number for number in range(50)]
TOGETHER = b"".join(map(ws.frame, MESSAGES))


def told(*parts: bytes) -> list[bytes]:
    """What the listener was told, call by call."""
    size = len(b"".join(MESSAGES))

    def script(wire: Wire) -> None:
        ws.upgrade(wire)
        ws.read_frame(wire)
        for part in parts:
            wire.send(part)
        ws.serve_until_close(wire)

    async def main() -> list[bytes]:
        async with opened(PicowsTransport, server.hub_url) as hub:
            hub.socket.send(b"go")
            await until(lambda: len(hub.ear.whole) >= size and hub.ear.whole.endswith(MESSAGES[-1]))
            return hub.ear.heard

    with Scripted(script) as server:
        return run(main())


def test_what_came_together_is_told_together() -> None:
    assert told(TOGETHER) == [b"".join(MESSAGES)]


def test_much_that_came_together_is_told_in_pieces_in_order() -> None:
    many = [b"%d\x1e" % number for number in range(3 * TOGETHER_MAX)]
    heard = told(b"".join(map(ws.frame, many)) + TOGETHER)
    assert b"".join(heard) == b"".join(many + MESSAGES)
    assert max(piece.count(b"\x1e") for piece in heard) <= TOGETHER_MAX


@pytest.mark.parametrize("last", [ws.frame(b"", ws.PING), ws.frame(b"", ws.PONG), TOGETHER[:3]])
def test_nothing_is_held_back_for_what_is_no_message(last: bytes) -> None:
    # picows answers the ping by itself and says nothing: the last frame that is seen is not the last
    first = b"".join(MESSAGES)
    assert told(TOGETHER + last)[0] == first


def test_fragments_stand_between_the_messages_around_them() -> None:
    halves = ws.frame(b"in", fin=False) + ws.frame(b" two ", ws.CONTINUATION)
    heard = told(ws.frame(b"before ") + halves + ws.frame(b"after ") + TOGETHER)
    assert b"".join(heard) == b"before in two after " + b"".join(MESSAGES)


@pytest.mark.parametrize("end", [ws.close_frame(1001, "bye"), ws.frame(b"x", ws.CONTINUATION)])
def test_messages_before_the_end_are_told_before_it(end: bytes) -> None:
    _, heard, _ = ending_of(PicowsTransport, TOGETHER + end)
    assert b"".join(heard) == b"".join(MESSAGES)


def test_messages_before_a_frame_that_the_parser_refuses_are_told() -> None:
    refused = bytes((0x8B, 0))  # an opcode that nobody has
    _, heard, _ = ending_of(PicowsTransport, TOGETHER + refused)
    # picows reads one frame ahead: the very last message may go with the frame that it refuses
    assert b"".join(heard).startswith(b"".join(MESSAGES[:-1]))
