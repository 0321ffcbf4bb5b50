"""The quick way gives exactly what the general way gives, or leaves the record to it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support import golden
from topstepx.core.signalr import ClientConnection, Invocation, Poisoned
from topstepx.wire.hub_events import decode_event
from topstepx.wire.hub_models import MarketEvents
from topstepx.wire.leniency import Forgiven, PayloadMalformed
from topstepx.wire.market_records import read_market

if TYPE_CHECKING:
    from collections.abc import Sequence

CONTRACT = "CON.F.US.MNQ.U26"
STAMP = '"2026-08-19T20:51:31.4173693+00:00"'
TARGETS = ("GatewayQuote", "GatewayTrade", "GatewayDepth")
PLAIN = {
    "GatewayQuote": '{"symbol":"F.US.MNQ","bestBid":29500.25,"bestAsk":29500.5,"change":0,'
    f'"changePercent":0.04,"volume":7,"lastUpdated":{STAMP},"timestamp":{STAMP}}}',
    "GatewayTrade": f'[{{"symbolId":"F.US.MNQ","price":29500.25,"timestamp":{STAMP},"type":1,"volume":2}}]',
    "GatewayDepth": f'[{{"timestamp":{STAMP},"type":4,"price":29500.25,"volume":3,"currentVolume":3}}]',
}


def record(target: str, *arguments: str) -> bytes:
    return f'{{"type":1,"target":"{target}","arguments":[{",".join(arguments)}]}}'.encode()


def opened(*, quickly: bool) -> ClientConnection:
    connection = ClientConnection(quick=read_market if quickly else None)
    connection.handshake_request()
    connection.receive(b"{}\x1e")
    return connection


def said(stream: bytes, *, quickly: bool) -> list[object]:
    """What the records of a stream come to: events, what cannot be read, and everything else."""
    connection = opened(quickly=quickly)
    found: list[object] = []
    for message in connection.receive(stream):
        if isinstance(message, MarketEvents):
            found += [(event, None) for event in message.events]
        elif isinstance(message, Invocation):
            try:
                events = decode_event(message.target, message.arguments)
            except PayloadMalformed as error:
                found.append((error.where, error.reason))
            else:
                found += [(event, message.invocation_id) for event in events]
        else:
            found.append(message)
    counters = connection.counters
    return [*found, (counters.records, counters.poisoned, counters.unknown, counters.skipped)]


def same(stream: bytes) -> None:
    quick, general = said(stream, quickly=True), said(stream, quickly=False)
    assert quick == general
    assert repr(quick) == repr(general), "an exact decimal of another spelling is not the same"


@pytest.mark.parametrize("target", TARGETS)
def test_the_usual_shape_is_read_quickly(target: str) -> None:
    usual = record(target, f'"{CONTRACT}"', PLAIN[target])
    found, after = read_market([usual, usual, usual], 1)
    assert found is not None
    assert len(found.events) == 2
    assert after == 3
    assert tuple(found.events[:1]) == decode_event(target, opened_invocation(usual).arguments)
    same(b"\x1e".join([usual] * 3) + b"\x1e")


def opened_invocation(one: bytes) -> Invocation:
    (message,) = opened(quickly=False).receive(one + b"\x1e")
    assert isinstance(message, Invocation)
    return message


@pytest.mark.parametrize(
    "golden_case",
    [case for case in golden.cases("hub") if case[0] in TARGETS],
    ids=golden.name_of,
)
def test_every_golden_payload(golden_case: tuple[str, dict[str, Any]]) -> None:
    target, case = golden_case
    arguments = [golden.to_bytes(argument).decode() for argument in case["arguments"]]
    same(record(target, *arguments) + b"\x1e")


USUAL = record("GatewayDepth", f'"{CONTRACT}"', PLAIN["GatewayDepth"])
QUOTE = record("GatewayQuote", f'"{CONTRACT}"', PLAIN["GatewayQuote"])
ODD: dict[str, bytes] = {
    "somebody waits": USUAL[:-1] + b',"invocationId":"7"}',
    "nobody waits": USUAL[:-1] + b',"invocationId":null}',
    "another type follows": USUAL[:-1] + b',"type":6}',
    "the type in a string": USUAL.replace(b'"type":1,"target"', b'"type":"1","target"'),
    "another target follows": USUAL[:-1] + b',"target":"GatewayQuote"}',
    "other arguments follow": USUAL[:-1] + b',"arguments":[]}',
    "other arguments before": USUAL.replace(b'"target"', b'"arguments":[1],"target"'),
    "the target in other letters": USUAL.replace(b"GatewayDepth", b"gatewaydepth"),
    "the target escaped": USUAL.replace(b"GatewayDepth", b"Gateway\\u0044epth"),
    "quote named depth": USUAL.replace(b"GatewayDepth", b"GatewayDuote"),
    "spaces": USUAL.replace(b",", b" ,\n ").replace(b":", b": ", 1),
    "the contract escaped": USUAL.replace(b"CON.F", b"\\u0043ON.F"),
    "the contract not ASCII": USUAL.replace(b"CON.F", "CÖN.F".encode()),
    "not UTF-8 in what nobody reads": USUAL.replace(b'"volume"', b'"x":"\xff","volume"'),
    "a lone surrogate": USUAL.replace(b'"volume"', b'"x":"\\ud800","volume"'),
    "an escape that is none": USUAL.replace(b'"volume"', b'"x":"\\q","volume"'),
    "a number that is none": USUAL.replace(b'"volume"', b'"x":01,"volume"'),
    "a control character": USUAL.replace(b'"volume"', b'"x":"\n","volume"'),
    "unknown members": USUAL.replace(b'"volume"', b'"x":[{"y":[1,2]}],"volume"'),
    "a member twice": USUAL.replace(b'"volume":3', b'"volume":3,"volume":4'),
    "deep in what nobody reads": USUAL.replace(
        b'"volume"', b'"x":' + b"[" * 70 + b"]" * 70 + b',"volume"'
    ),
    "deep in braces": USUAL.replace(
        b'"volume"', b'"x":' + b'{"a":' * 70 + b"1" + b"}" * 70 + b',"volume"'
    ),
    "deep in the envelope": USUAL[:-1] + b',"x":' + b"[" * 70 + b"]" * 70 + b"}",
    "not UTF-8 in the envelope": USUAL[:-1] + b',"x":"\xff"}',
    "headers in the envelope": USUAL[:-1] + b',"headers":{}}',
    "just not too deep": USUAL.replace(b'"volume"', b'"x":' + b"[" * 60 + b"]" * 60 + b',"volume"'),
    "far too deep": USUAL.replace(b'"volume"', b'"x":' + b"[" * 9000 + b"]" * 9000 + b',"volume"'),
    "brackets in a string": USUAL.replace(b'"volume"', b'"x":"' + b"[{" * 70 + b'","volume"'),
    "no rows": record("GatewayDepth", f'"{CONTRACT}"', "[]"),
    "one bare row": record("GatewayDepth", f'"{CONTRACT}"', PLAIN["GatewayDepth"][1:-1]),
    "no contract": record("GatewayDepth", PLAIN["GatewayDepth"]),
    "an argument more": record("GatewayDepth", f'"{CONTRACT}"', PLAIN["GatewayDepth"], "1"),
    "the contract last": record("GatewayDepth", PLAIN["GatewayDepth"], f'"{CONTRACT}"'),
    "a listed quote": record("GatewayQuote", f'"{CONTRACT}"', f"[{PLAIN['GatewayQuote']}]"),
    "an empty quote": record("GatewayQuote", f'"{CONTRACT}"', "{}"),
    "a price in a string": USUAL.replace(b"29500.25", b'"29500.25"'),
    "not a number": USUAL.replace(b"29500.25", b'"NaN"'),
    "endless": USUAL.replace(b"29500.25", b'"Infinity"'),
    "huge": USUAL.replace(b"29500.25", b"1E+999999999"),
    "tiny": USUAL.replace(b"29500.25", b"1E-999999999"),
    "zero": USUAL.replace(b"29500.25", b"0"),
    "zero of an odd size": USUAL.replace(b"29500.25", b"0E+40"),
    "an exponent": USUAL.replace(b"29500.25", b"2.95E4"),
    "many digits": USUAL.replace(b"29500.25", b"1." + b"1" * 60),
    "a time without zone": USUAL.replace(b"+00:00", b""),
    "a time elsewhere": USUAL.replace(b"+00:00", b"+02:00"),
    "an unseen kind of row": USUAL.replace(b'"type":4', b'"type":99'),
    "a volume of more than 64 bits": USUAL.replace(b'"volume":3', b'"volume":9223372036854775808'),
    "a fraction of a volume": USUAL.replace(b'"volume":3', b'"volume":3.0'),
    "cut short": USUAL[:-1],
    "something behind": USUAL + b"}",
    "a quote of nulls": QUOTE.replace(b"29500.25", b"null").replace(b"0.04", b"null"),
    "a quote that is not a number": QUOTE.replace(b"29500.5", b'"NaN"'),
    "a change that is none": QUOTE.replace(b'"change":0', b'"change":"-Infinity"'),
    "per cent of many digits": QUOTE.replace(b"0.04", b"0.0" + b"4" * 60),
    "a high of many digits": QUOTE.replace(b'"volume"', b'"high":1' + b"0" * 35 + b',"volume"'),
    "many rows": record(
        "GatewayDepth", f'"{CONTRACT}"', f"[{','.join([PLAIN['GatewayDepth'][1:-1]] * 70)}]"
    ),
    "a ping": b'{"type":6}',
    "nothing": b"",
    "short": b'{"type":1,"target":"GatewayD',
    "a goodbye": b'{"type":7}',
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
def test_what_is_odd_comes_to_the_same_and_harms_no_neighbour(odd: bytes) -> None:
    same(b"\x1e".join([USUAL, odd, USUAL, QUOTE]) + b"\x1e")


def test_what_is_odd_is_really_odd() -> None:
    """Each of these says something else than the usual record, so that the comparison can fail."""
    assert all(odd not in {USUAL, QUOTE} for odd in ODD.values())
    poisoned = said(ODD["deep in what nobody reads"] + b"\x1e", quickly=True)
    assert isinstance(poisoned[0], Poisoned)


NUMBERS = st.sampled_from(
    ["1", "29500.25", "-0.5", "0", "null", '"1.5"', '"NaN"', "1e5", "1E-40", "9" * 45, "true", "[]"]
)
WHOLE = st.sampled_from(["1", "6", "0", "-3", "99", "null", '"7"', "1.0", "9223372036854775807"])
TIMES = st.sampled_from([STAMP, STAMP.replace("+00:00", "Z"), '"2026-08-19T20:51:31"', "null", "5"])
TEXTS = st.sampled_from([f'"{CONTRACT}"', '"\\u0043"', '"é"', "null", "7", '""'])
ANY = NUMBERS | WHOLE | TIMES | TEXTS | st.just('{"a":[{}]}')
MEMBERS = {
    **dict.fromkeys(
        ("price", "bestBid", "bestAsk", "lastPrice", "change", "changePercent"), NUMBERS
    ),
    **dict.fromkeys(("open", "high", "low"), NUMBERS),
    **dict.fromkeys(("volume", "currentVolume", "type"), WHOLE),
    **dict.fromkeys(("timestamp", "lastUpdated"), TIMES),
    **dict.fromkeys(("contractId", "symbolId", "symbol", "contract"), TEXTS),
    "unheard": ANY,
}


def objects(names: Sequence[str], usual: str) -> st.SearchStrategy[str]:
    """A usual object with members added, replaced, repeated or left out, in any order."""
    pairs = [f"{json.dumps(name)}:{json.dumps(value)}" for name, value in json.loads(usual).items()]
    extra = st.sampled_from(list(names)).flatmap(
        lambda name: MEMBERS[name].map(lambda value: f'"{name}":{value}')
    )
    kept = st.one_of(st.just(pairs), st.lists(st.sampled_from(pairs), max_size=6))
    return st.builds(
        lambda some, more: "{" + ",".join([*some, *more]) + "}",
        kept,
        st.lists(extra, max_size=2),
    )


QUOTES = objects([name for name in MEMBERS if name != "price"], PLAIN["GatewayQuote"])
ROWS = objects(list(MEMBERS), PLAIN["GatewayDepth"][1:-1])
PRINTS = objects(list(MEMBERS), PLAIN["GatewayTrade"][1:-1])
PAYLOADS = {
    "GatewayQuote": QUOTES,
    "GatewayDepth": st.lists(ROWS, max_size=3).map(lambda rows: f"[{','.join(rows)}]"),
    "GatewayTrade": st.lists(PRINTS, max_size=3).map(lambda rows: f"[{','.join(rows)}]"),
}
ARGUMENTS = st.sampled_from(TARGETS).flatmap(
    lambda target: st.tuples(
        st.just(target),
        st.one_of(
            st.tuples(st.just(f'"{CONTRACT}"'), PAYLOADS[target]),
            st.lists(TEXTS | PAYLOADS[target] | ANY, max_size=3).map(tuple),
        ),
    )
)
RECORDS = ARGUMENTS.map(lambda pair: record(pair[0], *pair[1]))
TORN = st.builds(
    lambda one, at, put: one[: at % (len(one) + 1)] + put + one[at % (len(one) + 1) :],
    RECORDS,
    st.integers(0, 10_000),
    st.sampled_from([b"", b" ", b"\\", b'"', b"[", b"}", b",", b"\xff", b"1", b"\x1e", b'"x":1,']),
)


@given(st.lists(RECORDS | TORN | st.just(USUAL), max_size=6))
@example([USUAL, b"", QUOTE])
def test_both_ways_agree_on_anything(records: list[bytes]) -> None:
    same(b"\x1e".join(records) + b"\x1e")


@given(st.lists(RECORDS, max_size=4), st.integers(1, 400))
def test_however_it_is_cut(records: list[bytes], size: int) -> None:
    stream = b"".join(one + b"\x1e" for one in records)
    quick, general = opened(quickly=True), opened(quickly=False)
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    found: list[object] = []
    for piece in pieces:
        for message in quick.receive(piece):
            found += message.events if isinstance(message, MarketEvents) else [message]
    for piece in pieces:
        for message in general.receive(piece):
            if not isinstance(message, Invocation):
                assert found.pop(0) == message
                continue
            if isinstance(found[0], Invocation):
                assert found.pop(0) == message
                continue
            forgiven = Forgiven()
            events = decode_event(message.target, message.arguments, forgiven)
            assert forgiven == Forgiven(), "what needs mending is left to the general way"
            assert [found.pop(0) for _ in events] == list(events)
    assert not found
    assert quick.counters == general.counters
