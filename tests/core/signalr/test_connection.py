"""What holds for both ends: any bytes, any chopping, bounds, and poison that stays where it is."""

from __future__ import annotations

import contextlib
import itertools
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from topstepx.core.signalr import (
    ClientConnection,
    Invocation,
    Ping,
    Poisoned,
    ServerConnection,
)
from topstepx.errors import RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.core.signalr.connection import Connection

HELLO = b'{"protocol":"json","version":1}\x1e'
PING = b'{"type":6}\x1e'
ROLES = ("client", "server")
# What a hostile or broken peer puts into records, mixed with what a good one does.
PIECES = st.sampled_from(
    [
        b"\x1e",
        b"{}\x1e",
        HELLO,
        b'{"error":"no"}\x1e',
        PING,
        b'{"type":1,"target":"A","arguments":[1,"\xc3\xa9",{"b":[]}]}\x1e',
        b'{"type":1,"invocationId":"1","target":"A","arguments":["\xff"]}\x1e',
        b'{"type":3,"invocationId":"1","result":1}\x1e',
        b'{"type":3,"invocationId":"2","result":1,"error":"x"}\x1e',
        b'{"type":4,"invocationId":"1","target":"A","arguments":[]}\x1e',
        b'{"type":7,"error":"bye"}\x1e',
        b'{"type":8,"sequenceId":1}\x1e',
        b'{"type":99}\x1e',
        b'{"type":1',
        b'"target":"\\ud800"',
        b"[" * 70,
        b"]" * 70,
        b'{"a":',
        b"1e999999999",
        b"9" * 400,
        b"\xed\xa0\x80",
        b"\x00",
    ]
)
STREAMS = st.lists(PIECES | st.binary(max_size=8), max_size=12).map(b"".join)


def made(role: str, record_bytes_max: int = 600) -> Connection[Any]:
    if role == "server":
        return ServerConnection(record_bytes_max=record_bytes_max)
    client = ClientConnection(record_bytes_max=record_bytes_max)
    client.handshake_request()
    return client


def opened(role: str, record_bytes_max: int = 600) -> Connection[Any]:
    connection = made(role, record_bytes_max)
    connection.receive(HELLO if role == "server" else b"{}\x1e")
    if isinstance(connection, ClientConnection):
        for _ in range(3):
            connection.invoke("A")
    return connection


def heard(connection: Connection[Any], chunks: list[bytes]) -> tuple[list[Any], str | None]:
    """All messages of a stream and the error that ended it, if one did."""
    messages: list[Any] = []
    try:
        for chunk in [*chunks, b""]:  # an error may wait for the next call
            messages += connection.receive(chunk)
    except RemoteProtocolError as error:
        return messages, str(error)
    return messages, None


def chopped(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@pytest.mark.parametrize("role", ROLES)
@given(data=st.binary(max_size=200))
def test_arbitrary_bytes_are_taken_or_raise_one_error(role: str, data: bytes) -> None:
    heard(made(role), [data])
    heard(opened(role), [data])


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("start", [made, opened], ids=["from the handshake", "open"])
@given(data=STREAMS, cuts=st.lists(st.integers(0, 10_000), max_size=20))
@example(data=PING * 3 + b"x" * 700 + b"\x1e" + PING, cuts=[])
@example(data=b'{"type":7}\x1e' + b"x" * 700, cuts=[11])
def test_any_chopping_of_a_stream_says_the_same(
    role: str, start: Callable[[str], Connection[Any]], data: bytes, cuts: list[int]
) -> None:
    whole, pieces = start(role), start(role)
    messages, error = heard(whole, [data])
    assert heard(pieces, chopped(data, cuts)) == (messages, error)
    if error is not None:
        pieces.counters.bytes = whole.counters.bytes  # chunks after an error were not fed
    assert whole.counters == pieces.counters
    assert whole.state == pieces.state


@pytest.mark.parametrize("role", ROLES)
@given(data=STREAMS)
def test_arguments_that_came_out_can_be_decoded_safely(role: str, data: bytes) -> None:
    for message in heard(opened(role), [data])[0]:
        if isinstance(message, Invocation):
            for raw in message.arguments:
                # Such as a number that no float holds; nothing else may come.
                with contextlib.suppress(msgspec.MsgspecError):
                    msgspec.json.decode(raw)


POISON = {
    "not JSON": b"{oops",
    "empty": b"",
    "not UTF-8": b'{"type":1,"target":"A","arguments":["\xff"]}',
    "not UTF-8 where nobody looks": b'{"type":6,"x":"\xc3"}',
    "a surrogate in UTF-8": b'{"type":1,"target":"A","arguments":["\xed\xa0\x80"]}',
    "half a surrogate pair": b'{"type":1,"target":"A","arguments":["\\ud800"]}',
    "a target that is no text": b'{"type":1,"target":5,"arguments":[]}',
    "arguments that are no list": b'{"type":1,"target":"A","arguments":"x"}',
    "no object": b"[1]",
    "two values": b"{} {}",
    "cut off": b'{"type":1,"target":"A","arg',
    "too deep": b'{"type":1,"target":"A","arguments":' + b"[" * 64 + b"]" * 64 + b"}",
    "far too deep": b'{"type":1,"target":"A","arguments":' + b'{"a":' * 99_999,
    "too deep where nobody looks": b'{"type":6,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a huge type": b'{"type":' + b"9" * 100_000 + b"}",
    "a byte order mark": b'\xef\xbb\xbf{"type":6}',
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_a_poisoned_record_loses_only_itself(role: str, poison: bytes) -> None:
    connection = opened(role, 1_000_000)
    before, spoiled, after = connection.receive(PING + poison + b"\x1e" + PING)
    assert before == after == Ping()
    assert isinstance(spoiled, Poisoned)
    assert spoiled.size == len(poison)
    assert spoiled.reason
    assert connection.counters.poisoned == 1
    assert connection.state == "open"


@pytest.mark.parametrize("role", ROLES)
def test_the_depth_bound_is_exact(role: str) -> None:
    def nested(levels: int) -> bytes:
        inner = b"[" * (levels - 1) + b"]" * (levels - 1)
        return b'{"type":1,"target":"A]]}","arguments":' + inner + b"}\x1e"

    fits, too_much = opened(role).receive(nested(64) + nested(65))
    assert isinstance(fits, Invocation)
    assert too_much == Poisoned("nested deeper than 64 levels", len(nested(65)) - 1)


@pytest.mark.parametrize("role", ROLES)
def test_many_shallow_brackets_are_not_deep(role: str) -> None:
    rows = b",".join([b'{"price":[{"text":"[[{{\\"[["}]}'] * 5000)
    data = b'{"type":1,"target":"GatewayDepth","arguments":["C",[' + rows + b"]]}\x1e"
    (message,) = opened(role, 1_000_000).receive(data)
    assert isinstance(message, Invocation)
    assert len(msgspec.json.decode(message.arguments[1])) == 5000


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("number", [b"9" * 5000, b"1e400", b"-1E-999999999", b"0." + b"1" * 5000])
def test_huge_numbers_pass_undecoded(role: str, number: bytes) -> None:
    data = b'{"type":1,"target":"A","arguments":[' + number + b"]}\x1e"
    (message,) = opened(role, 10_000).receive(data)
    assert isinstance(message, Invocation)
    assert bytes(message.arguments[0]) == number


@pytest.mark.parametrize("role", ROLES)
def test_a_nearly_used_up_stack_poisons_a_record_and_raises_nothing(role: str) -> None:
    connection = opened(role)
    record = b'{"type":1,"target":"A","arguments":' + b"[" * 60 + b"]" * 60 + b"}\x1e"

    def deeper(levels: int) -> list[Any]:
        return deeper(levels - 1) if levels else connection.receive(record)

    frame: Any = sys._getframe()
    used = 0
    while frame is not None:
        used, frame = used + 1, frame.f_back
    (message,) = deeper(sys.getrecursionlimit() - used - 30)
    assert isinstance(message, Poisoned | Invocation)  # newer Pythons count C frames apart
    assert connection.receive(PING) == [Ping()]


@pytest.mark.parametrize("role", ROLES)
def test_messages_before_an_overlong_record_are_handed_out_first(role: str) -> None:
    connection = opened(role)
    assert connection.receive(PING + PING + b"x" * 601) == [Ping(), Ping()]
    assert connection.state == "closed"
    for _ in range(2):
        with pytest.raises(RemoteProtocolError, match="more than 600 bytes"):
            connection.receive(PING)


@pytest.mark.parametrize("role", ROLES)
def test_a_record_of_exactly_the_bound_is_read(role: str) -> None:
    record = b'{"type":6}'.ljust(600)
    assert opened(role).receive(record + b"\x1e") == [Ping()]
    with pytest.raises(RemoteProtocolError):
        opened(role).receive(record + b" \x1e")


def test_a_client_takes_records_of_many_megabytes() -> None:
    client = ClientConnection()
    client.handshake_request()
    client.receive(b"{}\x1e")
    record = b'{"type":1,"target":"A","arguments":["' + b"x" * 15_000_000 + b'"]}\x1e'
    chunks = [record[start : start + 65_536] for start in range(0, len(record), 65_536)]
    (message,) = [message for chunk in chunks for message in client.receive(chunk)]
    assert isinstance(message, Invocation)
    assert client.receive(b"x" * 16_777_216) == []
    with pytest.raises(RemoteProtocolError, match="16777216 bytes"):
        client.receive(b"x")


def test_counters_tell_what_came() -> None:
    client = opened("client")
    data = PING + b"{oops}\x1e" + b'{"type":77}\x1e' + b'{"type":8}\x1e' + PING[:5]
    client.receive(data)
    counters = client.counters
    assert counters.bytes == len(b"{}\x1e") + len(data)
    assert (counters.records, counters.poisoned) == (5, 1)
    assert (counters.unknown, counters.skipped, counters.unmatched) == (1, 1, 0)
