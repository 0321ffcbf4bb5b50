"""A shape may save work and never changes a result: what fits has nothing that the careful way would see."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from topstepx.wire import codec
from topstepx.wire.hub_events import decode_event
from topstepx.wire.leniency import (
    Forgiven,
    PayloadMalformed,
    mend,
    parse,
    plan_of,
    refuse_duplicates,
)
from topstepx.wire.models import OrdersAnswer, TradesAnswer
from topstepx.wire.shapes import LESSONS_MAX, Shape

ROW = (
    b'{"id":7,"accountId":5,"contractId":"CON.F.US.MNQ.Z26","symbolId":"F.US.MNQ",'
    b'"creationTimestamp":"2026-11-23T15:04:05.1234567+00:00","status":1,"type":1,"side":0,"size":2,'
    b'"limitPrice":21503.25,"stopPrice":null,"customTag":"a b","new":true}'
)
BODY = b'{"orders":[' + ROW + b"," + ROW + b'],"success":true,"errorCode":0,"errorMessage":null}'
PLAN = plan_of(OrdersAnswer)


def taught(*bodies: bytes) -> Shape:
    shape = Shape(PLAN)
    for body in bodies:
        shape.learn(body, parse(body))
    return shape


def test_what_is_written_alike_fits() -> None:
    shape = taught(BODY)
    assert shape.fits(BODY)
    assert shape.fits(BODY.replace(b"21503.25", b"-0.0000005").replace(b":7,", b":8,"))
    assert shape.fits(BODY.replace(ROW + b"," + ROW, b""))
    assert shape.fits(BODY.replace(b'"stopPrice":null,', b""))
    assert not Shape(PLAN).fits(BODY)


@pytest.mark.parametrize(
    ("sent", "instead"),
    [
        (b'"id":7', b'"id":"7"'),
        (b'"id":7', b'"id":7,"id":8'),
        (b'"status":1', b'"id":8,"status":1'),
        (b'"status":1', b'"\\u0069d":8,"status":1'),
        (b'"success":true', b'"orders":[],"success":true'),
        (b"21503.25", b'"21503.25"'),
        (b"21503.25", b'"NaN"'),
        (b"21503.25", b"2E999999999"),
        (b"21503.25", b"1" * 41),
        (b"21503.25", b"0." + b"1" * 41),
        (b"+00:00", b""),
        (b"+00:00", b"-05:00"),
        (b'"a b"', b'"a\\"id\\":8"'),
        (b'"new":true', b'"newer":true'),
        (b'"new":true', b'"new":{"id":1,"id":2}'),
        (b'"new":true', b'"new":[1]'),
        (b'"id":7', b'"id": 7'),
        (b'"a b"', b'"a' + "é".encode() + b'"'),
        (b'"errorMessage":null}', b'"errorMessage":null}{}'),
    ],
)
def test_what_is_written_otherwise_does_not(sent: bytes, instead: bytes) -> None:
    other = BODY.replace(sent, instead, 1)
    assert other != BODY
    assert not taught(BODY).fits(other)


VALUES = [
    "1", "-3", "null", "true", '"7"', '"x"', "1.5", "1e5", "-0.25", '"NaN"', "{}", "[]", '{"id":1}', "1.0",
    '"2026-11-23T15:04:05+00:00"', '"2026-11-23T15:04:05Z"', '"2026-11-23T15:04:05"',
    '"2026-11-23T15:04:05+01:00"', '"a\\"b"', "9" * 30, "0." + "3" * 30, "nan", "01", '[{"id":2}]',
]  # fmt: skip
MEMBERS = [
    "id",
    "accountId",
    "creationTimestamp",
    "limitPrice",
    "size",
    "customTag",
    "new",
    "action",
]


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Answers with orders of any shape, members twice and values of the wrong kind included."""

    def record() -> str:
        names = draw(st.lists(st.sampled_from(MEMBERS), max_size=6))
        comma = draw(st.sampled_from([",", ",", ",", ", ", ""]))
        members = (f'"{name}":{draw(st.sampled_from(VALUES))}' for name in names)
        return "{" + comma.join(members) + "}"

    rows = ",".join(record() for _ in range(draw(st.integers(0, 3))))
    tail = draw(st.sampled_from(['"success":true', '"orders":[]', '"orders":null,"x":1', ""]))
    return ('{"orders":[' + rows + "]" + ("," if tail else "") + tail + "}").encode()


@given(st.lists(bodies(), min_size=1, max_size=4), bodies())
def test_what_fits_has_nothing_to_mend(lessons: list[bytes], body: bytes) -> None:
    shape = Shape(PLAN)
    for lesson in lessons:
        try:
            plain = parse(lesson)
            changed, members = mend(plain, PLAN, Forgiven())
            refuse_duplicates(lesson, members)
        except PayloadMalformed:
            continue
        if not changed:
            shape.learn(lesson, plain)
    for each in (body, *lessons):
        if not shape.fits(each):
            continue
        try:
            plain = parse(each)
        except PayloadMalformed:
            with pytest.raises(PayloadMalformed):  # a comma too few: the typed decoder says so
                codec.strict_decoder(OrdersAnswer)(each)
            continue
        forgiven = Forgiven()
        changed, members = mend(plain, PLAN, forgiven)
        refuse_duplicates(each, members)
        assert not changed
        assert forgiven == Forgiven()


def test_members_that_come_and_go_are_learnt_in_their_places() -> None:
    rows = [b'{"id":1,"size":2}', b'{"id":1,"accountId":5,"size":2,"customTag":null}']
    first, second = (b'{"orders":[%b]}' % row for row in rows)
    shape = taught(first, second)
    assert shape.fits(first)
    assert shape.fits(second)
    assert shape.fits(b'{"orders":[%b,%b]}' % (rows[1], rows[0]))


def test_another_order_replaces_the_one_that_was_known() -> None:
    turned = b'{"success":true,"orders":[{"size":2,"id":1}]}'
    shape = taught(BODY, turned)
    assert shape.fits(turned)
    assert not shape.fits(BODY)


def test_it_stops_learning_and_goes_on_reading() -> None:
    shape = taught(*(b'{"orders":[],"new%d":1}' % each for each in range(LESSONS_MAX)))
    shape.learn(BODY, parse(BODY))
    assert not shape.fits(BODY)
    assert shape.fits(b'{"orders":[],"new1":1}')


def test_a_hostile_length_costs_one_reading() -> None:
    shape = taught(BODY)
    long = BODY.replace(b"a b", b"a" * 4_000_000) + b'"'
    began = time.process_time()
    assert not shape.fits(long)
    many = b'{"orders":[' + b",".join([ROW] * 10_000) + b"}"
    shape.fits(many)  # it does; that the bracket is missing the typed decoder will say
    assert time.process_time() - began < 2.0


def test_the_decoders_give_the_same_before_and_after_learning() -> None:
    trades = (
        b'{"trades":[{"id":1,"accountId":5,"contractId":"C","creationTimestamp":"2026-11-23T15:04:05Z",'
        b'"price":5.25,"fees":0.370,"side":1,"size":1,"orderId":9}],"success":true,"errorCode":0}'
    )
    first, second = (codec.decode(TradesAnswer, trades) for _ in range(2))
    assert first == second
    twice = trades.replace(b'"size":1', b'"size":1,"size":2')
    with pytest.raises(PayloadMalformed, match="twice"):
        codec.decode(TradesAnswer, twice)


def test_user_events_are_the_same_before_and_after_learning() -> None:
    event = b'{"action":1,"data":' + ROW + b"}"
    first, second = (decode_event("GatewayUserOrder", (Raw(event),)) for _ in range(2))
    assert first == second
    for action in (b'"x"', b"1.0", b"null", b"9" * 19):
        (odd,) = decode_event(
            "GatewayUserOrder", (Raw(event.replace(b":1,", b":" + action + b",", 1)),)
        )
        assert getattr(odd, "action", 0) is None
    listed = Raw(b'{"action":1,"data":[' + ROW + b"," + ROW + b"]}")
    assert len(decode_event("GatewayUserOrder", (listed,))) == 2
    with pytest.raises(PayloadMalformed, match="twice"):
        decode_event("GatewayUserOrder", (Raw(event.replace(b'"size":2', b'"size":2,"size":3')),))
