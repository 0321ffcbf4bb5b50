"""Envelopes in every order and shape, and the encoders."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations

import msgspec
import pytest
from msgspec import Raw

from topstepx.core.signalr.messages import (
    PING,
    Close,
    Completion,
    Invocation,
    Ping,
    StreamInvocation,
    decode,
    encode_close,
    encode_completion,
    encode_invocation,
    reason_of,
    unreadable,
)
from topstepx.errors import InvalidRequest

MEMBERS = [
    '"type":1',
    '"target":"GatewayQuote"',
    '"arguments":["CON.F.US.MNQ.U26",{"bestBid":29547.50}]',
    '"headers":{"type":"3","target":[]}',
]


@pytest.mark.parametrize("members", list(permutations(MEMBERS)))
def test_members_come_in_any_order_and_unknown_ones_are_ignored(members: tuple[str, ...]) -> None:
    message = decode(("{" + ",".join(members) + "}").encode())
    assert message == Invocation(
        "GatewayQuote", (Raw(b'"CON.F.US.MNQ.U26"'), Raw(b'{"bestBid":29547.50}'))
    )


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (
            b'{"type":1,"invocationId":"7","target":"T","arguments":[],"streamIds":["1"]}',
            Invocation("T", (), "7"),
        ),
        (b'{"type":1,"invocationId":null,"target":"T","arguments":[]}', Invocation("T", ())),
        (b'{"type":3,"invocationId":"7"}', Completion("7")),
        (b'{"type":3,"invocationId":"7","result":null}', Completion("7", Raw(b"null"))),
        (b'{"type":3,"invocationId":"7","result":[ 1]}', Completion("7", Raw(b"[ 1]"))),
        (b'{"type":3,"invocationId":"7","error":"no"}', Completion("7", error="no")),
        (
            b'{"type":4,"invocationId":"7","target":"T","arguments":[1]}',
            StreamInvocation("7", "T", (Raw(b"1"),)),
        ),
        (b' {"type":6}\n', Ping()),
        (b'{"type":7}', Close()),
        (b'{"type":7,"error":null,"allowReconnect":true}', Close(None, allow_reconnect=True)),
    ],
)
def test_each_type_is_read(record: bytes, message: object) -> None:
    assert decode(record) == message


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"null",
        b"6",
        b"[6]",
        b"{}",
        b'{"type":"6"}',
        b'{"type":6.5}',
        b'{"type":null}',
        b'{"type":1,"target":"T"}',
        b'{"type":1,"target":"T","arguments":null}',
        b'{"type":1,"target":"T","arguments":{}}',
        b'{"type":1,"target":null,"arguments":[]}',
        b'{"type":1,"target":"T","arguments":[NaN]}',
        b'{"type":1,"target":"T","arguments":[1,]}',
        b'{"type":1,"target":"T","arguments":["\\ud800"]}',
        b'{"type":1,"invocationId":7,"target":"T","arguments":[]}',
        b'{"type":3}',
        b'{"type":7,"allowReconnect":"yes"}',
        b'{"type":6} {"type":6}',
        b'{"type":' + b"9" * 5000,
    ],
)
def test_what_cannot_be_read_has_a_short_reason(record: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError) as caught:
        decode(record)
    reason = unreadable(record, caught.value)
    assert reason
    assert len(reason) <= 120


@pytest.mark.parametrize("number", ["0", "10", "99", "-1", "9" * 30])
def test_an_unknown_type_is_unknown_whatever_its_members_are(number: str) -> None:
    record = f'{{"target":5,"arguments":"x","type":{number}}}'.encode()
    with pytest.raises(msgspec.ValidationError) as caught:
        decode(record)
    assert unreadable(record, caught.value) is None


def test_reasons_carry_no_content() -> None:
    with pytest.raises(UnicodeDecodeError) as caught:
        b"secret\xff".decode()
    assert reason_of(caught.value) == "not UTF-8 at byte 6"
    assert "stack" in reason_of(RecursionError("maximum recursion depth exceeded"))


def test_an_invocation_as_the_gateway_writes_it() -> None:
    assert encode_invocation(
        "GatewayQuote", ["CON.F.US.MNQ.U26", {"bestBid": Decimal("29547.50"), "volume": 2**40}]
    ) == (
        b'{"type":1,"target":"GatewayQuote","arguments":'
        b'["CON.F.US.MNQ.U26",{"bestBid":29547.50,"volume":1099511627776}]}\x1e'
    )
    assert (
        encode_invocation("SubscribeOrders", [26282001], "1")
        == b'{"type":1,"invocationId":"1","target":"SubscribeOrders","arguments":[26282001]}\x1e'
    )
    assert encode_invocation("A", [Raw(b'{"p":1.10}')]) == (
        b'{"type":1,"target":"A","arguments":[{"p":1.10}]}\x1e'
    )


def test_a_separator_in_a_text_does_not_split_the_record() -> None:
    record = encode_invocation("A", ["x\x1ey"])
    assert record.count(b"\x1e") == 1
    message = decode(record[:-1])
    assert isinstance(message, Invocation)
    assert msgspec.json.decode(message.arguments[0]) == "x\x1ey"


def test_the_other_records() -> None:
    assert encode_completion("1") == b'{"type":3,"invocationId":"1","result":null}\x1e'
    assert encode_completion("1", result=[Decimal("0.10")]) == (
        b'{"type":3,"invocationId":"1","result":[0.10]}\x1e'
    )
    assert encode_completion("1", error="") == b'{"type":3,"invocationId":"1","error":""}\x1e'
    assert encode_close() == b'{"type":7}\x1e'
    assert encode_close("bye", allow_reconnect=True) == (
        b'{"type":7,"error":"bye","allowReconnect":true}\x1e'
    )
    assert PING == b'{"type":6}\x1e'


@pytest.mark.parametrize(
    "value",
    [Decimal("NaN"), Decimal("-Infinity"), object(), "\ud800", {(): 1}],
    ids=["NaN", "-Infinity", "object", "surrogate", "tuple key"],
)
def test_what_json_cannot_say_is_refused_here(value: object) -> None:
    with pytest.raises(InvalidRequest, match="arguments"):
        encode_invocation("A", [value])
    with pytest.raises(InvalidRequest, match="result"):
        encode_completion("1", result=value)


def test_texts_that_look_like_bad_numbers_are_fine() -> None:
    assert b'["NaN","Infinity"]' in encode_invocation("A", ["NaN", "Infinity"])
