"""The server's end in scripted dialogues, and both ends talking to each other."""

from __future__ import annotations

import json
import string
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from topstepx.core.signalr import (
    ClientConnection,
    Close,
    Completion,
    HandshakeAccepted,
    HandshakeAsked,
    Invocation,
    Ping,
    Poisoned,
    ServerConnection,
    StreamInvocation,
    encode_completion,
    encode_invocation,
)
from topstepx.errors import HandshakeRefused, RemoteProtocolError

HELLO = b'{"protocol":"json","version":1}\x1e'


def opened() -> ServerConnection:
    server = ServerConnection()
    assert server.receive(HELLO) == [HandshakeAsked(b"{}\x1e")]
    assert server.state == "open"
    return server


def test_a_client_subscribes_in_its_first_frame() -> None:
    server = ServerConnection()
    data = HELLO + b'{"type":6}\x1e{"arguments":[1],"target":"A","invocationId":"0","type":1}\x1e'
    assert server.receive(data) == [
        HandshakeAsked(b"{}\x1e"),
        Ping(),
        Invocation("A", (Raw(b"1"),), "0"),
    ]


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (
            b'{"version":0,"protocol":"json"}',
            "The server does not support version 0 of the 'json' protocol.",
        ),
        (
            b'{"protocol":"json","version":2}',
            "The server does not support version 2 of the 'json' protocol.",
        ),
        (
            b'{"protocol":"messagepack","version":1}',
            "The protocol 'messagepack' is not supported.",
        ),
        *(
            (request, "An unexpected error occurred during connection handshake.")
            for request in (
                b"",
                b"{}",
                b'{"type":6}',
                b"GET / HTTP/1.1",
                b'{"protocol":"json","version":"1"}',
                b'{"protocol":"json","version":' + b"9" * 5000 + b"}",
                b'{"protocol":"\xff","version":1}',
                b'{"x":' + b"[" * 10_000 + b"]" * 10_000 + b',"protocol":"json","version":1}',
            )
        ),
    ],
)
def test_a_bad_handshake_is_answered_and_ends_it(request_: bytes, error: str) -> None:
    server = ServerConnection()
    (asked,) = server.receive(request_ + b'\x1e{"type":6}\x1e')
    assert isinstance(asked, HandshakeAsked)
    assert asked.error == error
    assert server.state == "closed"
    assert server.receive(HELLO) == []
    client = ClientConnection()
    client.handshake_request()
    with pytest.raises(HandshakeRefused) as caught:
        client.receive(asked.answer)
    assert error in str(caught.value)


def test_what_a_client_may_send() -> None:
    server = opened()
    data = (
        b'{"type":3,"invocationId":"s1","error":"Client didn\'t provide a result."}\x1e'
        b'{"type":4,"invocationId":"5","target":"Candles","arguments":[]}\x1e'
        b'{"type":5,"invocationId":"5"}\x1e{"type":2}\x1e{"type":8}\x1e{"type":42}\x1e{oops}\x1e'
        b'{"type":7}\x1e{"type":6}\x1e'
    )
    assert server.receive(data) == [
        Completion("s1", error="Client didn't provide a result."),
        StreamInvocation("5", "Candles", ()),
        Poisoned("JSON is malformed: object keys must be strings (byte 1)", 6),
        Close(),
    ]
    assert server.state == "closed"
    counters = server.counters
    assert (counters.skipped, counters.unknown, counters.poisoned) == (3, 1, 1)
    assert (counters.records, counters.bytes) == (9, len(HELLO) + len(data))


def test_ending_a_connection() -> None:
    server = opened()
    assert server.close("Connection closed with an error.", allow_reconnect=True) == (
        b'{"type":7,"error":"Connection closed with an error.","allowReconnect":true}\x1e'
    )
    assert server.state == "closed"
    assert server.receive(b'{"type":6}\x1e') == []


def test_a_client_may_not_send_more_than_the_usual_limit() -> None:
    server = opened()
    with pytest.raises(RemoteProtocolError, match="32768 bytes"):
        server.receive(b" " * 32_769)
    assert server.state == "closed"


def test_one_event_for_many_clients_is_encoded_once() -> None:
    event = encode_invocation("GatewayTrade", ["CON.F.US.MES.U26", [{"price": Decimal("7730.50")}]])
    for _ in range(3):
        client = ClientConnection()
        client.handshake_request()
        assert client.receive(b"{}\x1e" + event) == [
            HandshakeAccepted(),
            Invocation("GatewayTrade", (Raw(b'"CON.F.US.MES.U26"'), Raw(b'[{"price":7730.50}]'))),
        ]


ARGUMENTS = st.lists(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**64 - 1)
        | st.text(max_size=8)
        | st.decimals(allow_nan=False, allow_infinity=False),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
        ),
        max_leaves=8,
    ),
    max_size=3,
)
TARGETS = st.text(string.ascii_letters, min_size=1, max_size=12)


def plain(value: Any) -> Any:  # noqa: ANN401  any JSON value
    """`value` as JSON brings it back: numbers as exact decimals."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    return value


def decoded(raw: Raw) -> Any:  # noqa: ANN401  any JSON value
    return json.loads(bytes(raw), parse_float=Decimal, parse_int=Decimal)


@given(st.lists(st.tuples(TARGETS, ARGUMENTS), max_size=4))
def test_both_ends_understand_each_other(calls: list[tuple[str, list[Any]]]) -> None:
    client, server = ClientConnection(), ServerConnection()
    (asked,) = server.receive(client.handshake_request())
    assert isinstance(asked, HandshakeAsked)
    assert client.receive(asked.answer) == [HandshakeAccepted()]
    for target, arguments in calls:
        invocation_id, call = client.invoke(target, arguments)
        (heard,) = server.receive(call)
        assert isinstance(heard, Invocation)
        assert (heard.target, heard.invocation_id) == (target, invocation_id)
        assert [decoded(raw) for raw in heard.arguments] == plain(arguments)
        echo = encode_invocation(target, heard.arguments)
        done = encode_completion(invocation_id, result=heard.arguments)
        event, completion = client.receive(echo + done)
        assert event == Invocation(target, heard.arguments)
        assert isinstance(completion, Completion)
        assert msgspec.json.decode(completion.result, type=list[Raw]) == list(heard.arguments)
    assert not client.pending
    assert server.receive(client.ping() + client.close()) == [Ping(), Close()]
