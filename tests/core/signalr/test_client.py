"""The client's end in scripted dialogues: literal bytes in, literal bytes out."""

from __future__ import annotations

import pytest
from msgspec import Raw

from topstepx.core.signalr import (
    ClientConnection,
    Close,
    Completion,
    HandshakeAccepted,
    Invocation,
    Ping,
    Poisoned,
)
from topstepx.errors import HandshakeRefused, NotSent, RemoteProtocolError

HELLO = b'{"protocol":"json","version":1}\x1e'
BROKEN_SCRIPTS = {
    "not JSON": b"HTTP/1.1 200 OK\x1e",
    "empty": b"\x1e",
    "no object": b"[]\x1e",
    "not UTF-8": b'{"error":"\xff"}\x1e',
    "an error that is no text": b'{"error":5}\x1e',
    "a message": b'{"type":6}\x1e',
    "a Close": b'{"type":7,"error":"too many connections"}\x1e',
    "too deep": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}\x1e",
}


def opened() -> ClientConnection:
    client = ClientConnection()
    assert client.handshake_request() == HELLO
    assert client.receive(b"{}\x1e") == [HandshakeAccepted()]
    return client


def test_the_handshake_as_the_gateway_speaks_it() -> None:
    client = ClientConnection()
    states = [client.state]
    assert client.handshake_request() == HELLO
    states.append(client.state)
    assert client.receive(b"{") == []
    assert client.receive(b"}\x1e") == [HandshakeAccepted()]
    states.append(client.state)
    assert client.close() == b'{"type":7}\x1e'
    states.append(client.state)
    assert states == ["new", "shaking", "open", "closed"]


def test_records_behind_the_handshake_response_are_not_lost() -> None:
    client = ClientConnection()
    client.handshake_request()
    data = b'{"error":null,"minorVersion":0}\x1e{"type":6}\x1e{"type":1,"target":"A","argum'
    assert client.receive(data) == [HandshakeAccepted(), Ping()]
    assert client.receive(b'ents":[1]}\x1e') == [Invocation("A", (Raw(b"1"),))]
    assert client.counters.records == 3


def test_a_refused_handshake_carries_the_words_of_the_hub() -> None:
    client = ClientConnection()
    client.handshake_request()
    text = "The server does not support version 0 of the 'json' protocol."
    for _ in range(2):  # and it stays refused
        with pytest.raises(HandshakeRefused, match=r"does not support version 0") as caught:
            client.receive(b'{"error":"' + text.encode() + b'"}\x1e{"type":6}\x1e')
        assert caught.value.did_it_happen == "no"
    assert client.state == "closed"


@pytest.mark.parametrize("answer", BROKEN_SCRIPTS.values(), ids=BROKEN_SCRIPTS)
def test_anything_else_is_no_handshake(answer: bytes) -> None:
    client = ClientConnection()
    client.handshake_request()
    with pytest.raises(RemoteProtocolError) as caught:
        client.receive(answer)
    assert not isinstance(caught.value, HandshakeRefused)
    assert client.state == "closed"
    with pytest.raises(RemoteProtocolError):
        client.receive(b"{}\x1e")


def test_a_hub_that_speaks_first_breaks_the_protocol() -> None:
    with pytest.raises(RemoteProtocolError, match="before our handshake"):
        ClientConnection().receive(b"{}\x1e")


def test_nothing_but_the_handshake_goes_out_before_its_response() -> None:
    client = ClientConnection()
    asked = Invocation("A", (), "s1")
    for expected in ("not sent yet", "not answered"):
        for send in (
            lambda: client.invoke("SubscribeAccounts"),
            lambda: client.send("SubscribeAccounts"),
            lambda: client.refuse(asked),
            client.ping,
        ):
            with pytest.raises(NotSent, match=expected):
                send()
        if client.state == "new":
            client.handshake_request()
    with pytest.raises(NotSent, match="shakes hands once"):
        client.handshake_request()
    assert not client.pending


def test_subscribing_and_events() -> None:
    client = opened()
    assert client.invoke("SubscribeOrders", [26282001]) == (
        "1",
        b'{"type":1,"invocationId":"1","target":"SubscribeOrders","arguments":[26282001]}\x1e',
    )
    assert client.invoke("SubscribeAccounts") == (
        "2",
        b'{"type":1,"invocationId":"2","target":"SubscribeAccounts","arguments":[]}\x1e',
    )
    assert client.pending == {"1": "SubscribeOrders", "2": "SubscribeAccounts"}
    data = (
        b'{"type":1,"target":"GatewayUserOrder","arguments":[{"action":1,"data":{"id":3}}]}\x1e'
        b'{"type":3,"invocationId":"2","error":"Method does not exist."}\x1e'
        b'{"type":3,"invocationId":"1","result":null}\x1e'
    )
    assert client.receive(data) == [
        Invocation("GatewayUserOrder", (Raw(b'{"action":1,"data":{"id":3}}'),)),
        Completion("2", error="Method does not exist."),
        Completion("1", Raw(b"null")),
    ]
    assert not client.pending
    assert client.send("UnsubscribeAccounts") == (
        b'{"type":1,"target":"UnsubscribeAccounts","arguments":[]}\x1e'
    )


def test_a_completion_is_matched_once() -> None:
    client = opened()
    client.invoke("SubscribeAccounts")
    done = b'{"type":3,"invocationId":"1","result":null}\x1e'
    assert client.receive(done + done) == [Completion("1", Raw(b"null"))]
    assert client.receive(b'{"type":3,"invocationId":"99"}\x1e') == []
    assert client.counters.unmatched == 2


def test_result_and_error_together_fail_the_invocation_and_nothing_else() -> None:
    client = opened()
    client.invoke("SubscribeAccounts")
    client.invoke("SubscribeOrders", [1])
    both, after = client.receive(
        b'{"type":3,"invocationId":"1","result":{"ok":true},"error":"no"}\x1e{"type":6}\x1e'
    )
    assert isinstance(both, Completion)
    assert both.error == "protocol error: both a result and an error (no)"
    assert not bytes(both.result)
    assert after == Ping()
    # A null beside an error is how some servers write "no result".
    assert client.receive(b'{"type":3,"invocationId":"2","result":null,"error":"no"}\x1e') == [
        Completion("2", Raw(b"null"), "no")
    ]
    assert client.counters.poisoned == 1


def test_time_outs_and_disconnects_leave_nothing_pending() -> None:
    client = opened()
    for account in (1, 2, 3):
        client.invoke("SubscribeOrders", [account])
    assert client.abandon("2")
    assert not client.abandon("2")
    assert client.receive(b'{"type":3,"invocationId":"2","result":null}\x1e') == []
    assert client.counters.unmatched == 1
    assert client.fail_pending() == ("1", "3")
    assert client.fail_pending() == ()
    assert client.invoke("SubscribeAccounts")[0] == "4"  # never an id twice


def test_a_question_of_the_server_is_answered() -> None:
    client = opened()
    (asked,) = client.receive(b'{"type":1,"invocationId":"s1","target":"A","arguments":[]}\x1e')
    assert isinstance(asked, Invocation)
    assert client.refuse(asked) == (
        b'{"type":3,"invocationId":"s1","error":"Client didn\'t provide a result."}\x1e'
    )
    assert client.refuse(Invocation("A", ())) == b""


def test_types_that_mean_nothing_here_are_passed_over_and_counted() -> None:
    client = opened()
    data = (
        b'{"type":2,"invocationId":"1","item":{}}\x1e{"type":8,"sequenceId":"odd"}\x1e'
        b'{"type":9,"sequenceId":1}\x1e{"type":5,"invocationId":"1"}\x1e'
        b'{"type":4,"invocationId":"1","target":"A","arguments":[]}\x1e'
        b'{"type":10}\x1e{"type":99,"target":7}\x1e{"type":6}\x1e'
    )
    assert client.receive(data) == [Ping()]
    assert (client.counters.skipped, client.counters.unknown) == (5, 2)
    assert client.counters.poisoned == 0


def test_one_malformed_record_among_fifty() -> None:
    client = opened()
    records = [b'{"type":1,"target":"A","arguments":[%d]}' % n for n in range(50)]
    records[17] = b'{"type":1,"target":"A","arguments":[17'
    messages = client.receive(b"".join(record + b"\x1e" for record in records))
    assert len(messages) == 50
    spoiled = messages.pop(17)
    assert spoiled == Poisoned("Input data was truncated", len(records[17]))
    assert messages == [Invocation("A", (Raw(b"%d" % n),)) for n in range(50) if n != 17]


def test_pings_go_both_ways() -> None:
    client = opened()
    assert client.receive(b'{"type":6}\x1e') == [Ping()]
    assert client.ping() == b'{"type":6}\x1e'


@pytest.mark.parametrize(
    ("record", "close"),
    [
        (b'{"type":7}\x1e', Close()),
        (
            b'{"type":7,"error":"Connection closed with an error."}\x1e',
            Close("Connection closed with an error."),
        ),
        (b'{"type":7,"allowReconnect":true}\x1e', Close(allow_reconnect=True)),
    ],
)
def test_nothing_is_read_behind_a_close(record: bytes, close: Close) -> None:
    client = opened()
    assert client.receive(b'{"type":6}\x1e' + record + b'{"type":6}\x1e{"type":6}\x1e') == [
        Ping(),
        close,
    ]
    assert client.state == "closed"
    assert client.receive(b'{"type":6}\x1e') == []
    assert client.counters.records == 3
    with pytest.raises(NotSent, match="closed"):
        client.ping()


def test_saying_goodbye() -> None:
    client = opened()
    assert client.close() == b'{"type":7}\x1e'
    assert client.state == "closed"
    assert client.close() == b""
    assert client.receive(b'{"type":6}\x1e') == []
    early = ClientConnection()
    assert early.close("never mind") == b""
