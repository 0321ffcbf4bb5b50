from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import UNSET

from tests.support import golden
from topstepx.errors import InvalidRequest
from topstepx.wire import models as m
from topstepx.wire.codec import (
    Forgiven,
    PayloadMalformed,
    decode,
    decode_request,
    decode_text,
    encode,
)
from topstepx.wire.enums import OrderStatus, OrderType, Side
from topstepx.wire.routes import PING_PATH, ROUTES, Route

if TYPE_CHECKING:
    from collections.abc import Callable

BY_NAME: dict[str, Route[Any, Any]] = {route.name: route for route in ROUTES}
REST = [case for case in golden.cases("rest") if case[0] in BY_NAME]

ORDER = {
    "id": 3408995737,
    "accountId": 1,
    "contractId": "C",
    "creationTimestamp": "2026-08-16T23:26:02Z",
    "status": 1,
    "type": 1,
    "side": 1,
    "size": 1,
    "limitPrice": Decimal("30203.50"),
    "fillVolume": 0,
}


def orders(**changes: object) -> bytes:
    return golden.to_bytes(
        {"orders": [ORDER | changes], "success": True, "errorCode": 0, "errorMessage": None}
    )


def the_order(body: bytes, forgiven: Forgiven | None = None) -> m.OrderModel:
    found = decode(m.OrdersAnswer, body, forgiven).orders
    assert found
    return found[0]


# ---- golden payloads


def test_every_endpoint_has_golden_payloads() -> None:
    named = {file["route"] for file in golden.files("rest")}
    assert named == set(BY_NAME) | {PING_PATH.removeprefix("/api/")}
    for _, case in golden.cases("rest"):
        assert case["provenance"]["kind"] in {"live", "documented", "invented"}
        assert case["provenance"]["note"]


@pytest.mark.parametrize("golden_case", REST, ids=golden.name_of)
def test_answers_survive_the_round_trip(golden_case: tuple[str, dict[str, Any]]) -> None:
    route, case = golden_case
    forgiven = Forgiven()
    answer = decode(BY_NAME[route].answer, golden.to_bytes(case["answer"]), forgiven)
    drop = tuple(case.get("unknown_members", ()))
    again = golden.to_plain(encode(answer))
    assert golden.values(again) == golden.values(case["answer"], drop=drop)
    counted = case.get("forgiven", {"string_ids": 0, "naive_times": 0})
    assert {"string_ids": forgiven.string_ids, "naive_times": forgiven.naive_times} == counted


@pytest.mark.parametrize("golden_case", REST, ids=golden.name_of)
def test_requests_survive_the_round_trip(golden_case: tuple[str, dict[str, Any]]) -> None:
    route, case = golden_case
    body = b"" if case["request"] is None else golden.to_bytes(case["request"])
    again = encode(decode_request(BY_NAME[route].request, body))
    if case["request"] is None:
        assert again == b""
    else:
        assert golden.values(golden.to_plain(again), nulls=True) == golden.values(case["request"])


def test_the_ping_is_a_string_either_way() -> None:
    for route, case in golden.cases("rest"):
        if route == "Status/ping":
            assert decode_text(case["body"].encode()) == case["text"]
    assert decode_text(b"\xff\x1b[31m") == "\N{REPLACEMENT CHARACTER}[31m"


# ---- what is forgiven, and what is not


def test_a_string_id_and_a_naive_time_are_mended_and_counted() -> None:
    forgiven = Forgiven()
    body = orders(
        id="3408995737", accountId="1", linkedOrderId="2", creationTimestamp="2026-08-16T23:26:02.5"
    )
    order = the_order(body, forgiven)
    assert (order.id, order.account_id, order.linked_order_id) == (3408995737, 1, 2)
    assert order.creation_timestamp == datetime(2026, 8, 16, 23, 26, 2, 500000, tzinfo=UTC)
    assert order.limit_price is not None
    assert str(order.limit_price) == "30203.50"
    assert forgiven == Forgiven(string_ids=3, naive_times=1)


def test_the_order_id_of_a_place_may_be_a_string() -> None:
    body = b'{"orderId":"3408995735","success":true,"errorCode":0,"errorMessage":null}'
    assert decode(m.PlaceAnswer, body).order_id == 3408995735


def test_a_contract_id_of_digits_stays_text() -> None:
    body = golden.to_bytes({"orders": [ORDER | {"contractId": "12"}], "success": True})
    assert the_order(body).contract_id == "12"


def test_another_offset_becomes_utc() -> None:
    order = the_order(orders(creationTimestamp="2026-08-16T18:26:02-05:00"))
    assert order.creation_timestamp == datetime(2026, 8, 16, 23, 26, 2, tzinfo=UTC)
    assert order.creation_timestamp.tzinfo is UTC


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"size": "1"}, "$.orders[0].size"),
        ({"fillVolume": "0"}, "$.orders[0].fillVolume"),
        ({"status": "1"}, "$.orders[0].status"),
        ({"id": "12a"}, "$.orders[0].id"),
        ({"id": ""}, "$.orders[0].id"),
        ({"id": "9" * 30}, "$.orders[0].id"),
        ({"id": 2**63}, "$.orders[0].id"),
        ({"id": 1.5}, "$.orders[0].id"),
        ({"id": True}, "$.orders[0].id"),
        ({"size": None}, "$.orders[0].size"),
        ({"limitPrice": "30203.5"}, "$.orders[0].limitPrice"),
        ({"limitPrice": "NaN"}, "$.orders[0].limitPrice"),
        ({"limitPrice": True}, "$.orders[0].limitPrice"),
        ({"limitPrice": 10**40}, "$.orders[0].limitPrice"),
        ({"limitPrice": Decimal("1E+999999999")}, "$.orders[0].limitPrice"),
        ({"limitPrice": Decimal("1E-999999999")}, "$.orders[0].limitPrice"),
        ({"limitPrice": Decimal("0E-999999999")}, "$.orders[0].limitPrice"),
        ({"limitPrice": Decimal("1." + "1" * 60)}, "$.orders[0].limitPrice"),
        ({"creationTimestamp": "yesterday"}, "$.orders[0].creationTimestamp"),
        ({"creationTimestamp": 1755386762}, "$.orders[0].creationTimestamp"),
        ({"creationTimestamp": "0001-01-01T00:00:00+05:00"}, None),
    ],
)
def test_nothing_else_is_forgiven(changes: dict[str, object], where: str | None) -> None:
    body = orders(**changes)
    if where is None:  # before the year 1 in UTC: kept with its own offset
        assert the_order(body).creation_timestamp.utcoffset() == timedelta(hours=5)
        return
    with pytest.raises(PayloadMalformed) as caught:
        decode(m.OrdersAnswer, body)
    assert caught.value.where == where
    assert caught.value.did_it_happen == "unknown"


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e", "+1", "01", ".5", "0x1"])
def test_numbers_that_json_does_not_have(literal: str) -> None:
    body = orders(limitPrice=7777).replace(b"7777", literal.encode())
    with pytest.raises(PayloadMalformed):
        decode(m.OrdersAnswer, body)


@pytest.mark.parametrize(
    "body",
    [
        orders().replace(b'"size":1', b'"size":1,"size":2'),
        orders().replace(b'"size":1', b'"size" : 1, "size":2'),
        orders().replace(b'"size":1', b'"size":1,"s\\u0069ze":2'),
        orders().replace(b'"size":1', b'"size":1,"x":{"a":1,"a":2}'),
        b'{"success":false,"success":true,"errorCode":0}',
        b'{"orders":[],"orders":null,"success":true,"errorCode":0}',
    ],
)
def test_a_member_that_is_there_twice_is_refused(body: bytes) -> None:
    with pytest.raises(PayloadMalformed, match="twice"):
        decode(m.OrdersAnswer, body)


@pytest.mark.parametrize(
    "body",
    [
        orders(customTag='quote " colon":'),
        orders(customTag=" starts with a space"),
        orders(mood={"a": 1, "b": {"a": 2}}, moods=[{"a": 1}, {"a": 1}]),
        msgspec.json.format(orders(), indent=2),
        orders().replace(b'"size":1', b'"size" :\t1'),
    ],
)
def test_unusual_spelling_is_not_a_duplicate(body: bytes) -> None:
    assert the_order(body).size == 1


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"5", b'"x"', b"{", b"<html>", b"\xff", b"\xef\xbb\xbf{}"]
)
@pytest.mark.parametrize("answer", [m.PlaceAnswer, m.OrdersAnswer, m.BarsAnswer, m.Envelope])
def test_what_is_no_answer_is_malformed(answer: type[m.Envelope], body: bytes) -> None:
    with pytest.raises(PayloadMalformed):
        decode(answer, body)


def test_deep_nesting_is_malformed_not_a_crash() -> None:
    deep = b'{"success":true,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    for answer in (m.PlaceAnswer, m.BarsAnswer):
        with pytest.raises(PayloadMalformed, match="deep"):
            decode(answer, deep)


def test_the_payload_is_not_in_the_error() -> None:
    body = b'{"token":"secret\xff","success":true,"errorCode":"seven"}'
    for text in (body, b'{"token":{"secret":1}}', b'{"token":"secret'):
        with pytest.raises(PayloadMalformed) as caught:
            decode(m.TokenAnswer, text)
        told = f"{caught.value!r}{caught.value.__context__!r}{vars(caught.value)}"
        assert "secret" not in told


def test_absent_null_and_empty_lists_are_three_things() -> None:
    assert decode(m.OrdersAnswer, b'{"success":true,"errorCode":0}').orders is UNSET
    assert decode(m.OrdersAnswer, b'{"success":true,"errorCode":0,"orders":null}').orders is None
    assert decode(m.OrdersAnswer, b'{"success":true,"errorCode":0,"orders":[]}').orders == []
    bare = decode(m.OrdersAnswer, b"{}")
    assert (bare.success, bare.error_code) == (UNSET, UNSET)


# ---- bars, which take the short way


BAR = b'{"t":"2026-08-19T20:50:00+00:00","o":1.0850,"h":1.25,"l":0.5,"c":1.10,"v":350}'


def bars(bar: bytes = BAR) -> bytes:
    return b'{"bars":[' + BAR + b"," + bar + b'],"success":true,"errorCode":0}'


def test_bars_keep_their_digits() -> None:
    found = decode(m.BarsAnswer, bars()).bars
    assert found
    assert [str(price) for price in (found[0].o, found[0].c)] == ["1.0850", "1.10"]


def test_a_bar_below_zero_is_fine() -> None:
    found = decode(m.BarsAnswer, bars(BAR.replace(b"0.5", b"-37.63"))).bars
    assert found
    assert found[1].l == Decimal("-37.63")


def test_a_naive_bar_is_utc() -> None:
    forgiven = Forgiven()
    found = decode(m.BarsAnswer, bars(BAR.replace(b"+00:00", b"")), forgiven).bars
    assert found
    assert found[1].t == datetime(2026, 8, 19, 20, 50, tzinfo=UTC)
    assert forgiven.naive_times == 1


@pytest.mark.parametrize(
    "price",
    [b'"NaN"', b'"-Infinity"', b"1E+99999999", b"0E-99999999", b"null", b"0." + b"1" * 2000],
)
def test_a_bar_with_an_impossible_price_is_malformed(price: bytes) -> None:
    with pytest.raises(PayloadMalformed):
        decode(m.BarsAnswer, bars(BAR.replace(b"1.0850", price)))


# ---- requests, as the simulated gateway reads them


def test_a_request_is_read_strictly_but_takes_naive_times() -> None:
    body = b'{"accountId":1,"startTimestamp":"2026-08-19T00:00:00"}'
    request = decode_request(m.OrderSearchRequest, body)
    assert request.start_timestamp == datetime(2026, 8, 19, tzinfo=UTC)
    for bad in (b'{"accountId":"1","startTimestamp":"2026-08-19T00:00:00"}', b"{}", b"", b"[1]"):
        with pytest.raises(PayloadMalformed):
            decode_request(m.OrderSearchRequest, bad)


def test_a_request_names_the_member_that_is_wrong() -> None:
    with pytest.raises(PayloadMalformed) as caught:
        decode_request(
            m.PlaceRequest, b'{"accountId":1,"contractId":"C","type":2,"side":0,"size":"1"}'
        )
    assert caught.value.where == "$.size"


# ---- writing


NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001  that is the mistake


def place(**changes: object) -> m.PlaceRequest:
    request = m.PlaceRequest(
        account_id=1, contract_id="C", type=OrderType.LIMIT, side=Side.BUY, size=1
    )
    made: m.PlaceRequest = msgspec.structs.replace(request, **changes)
    return made


@pytest.mark.parametrize(
    ("price", "digits"),
    [
        ("0.0000005", b"0.0000005"),
        ("5E-7", b"0.0000005"),
        ("1E+3", b"1000"),
        ("6065.250000000", b"6065.250000000"),
        ("-37.63", b"-37.63"),
        ("123456789012345678901234567890", b"123456789012345678901234567890"),
    ],
)
def test_prices_leave_as_plain_digits(price: str, digits: bytes) -> None:
    body = encode(place(limit_price=Decimal(price), custom_tag="E-mini 1E-7 NaN"))
    assert b'"limitPrice":' + digits + b"," in body


def test_nothing_that_is_none_is_sent() -> None:
    assert encode(place()) == b'{"accountId":1,"contractId":"C","type":1,"side":0,"size":1}'


def test_answers_send_their_nulls() -> None:
    body = encode(m.PlaceAnswer(success=False, error_code=8))
    assert body == b'{"success":false,"errorCode":8,"errorMessage":null,"orderId":null}'


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1E+99"])
def test_answers_with_impossible_numbers_are_refused(number: str) -> None:
    bar = m.BarModel(
        t=datetime(2026, 1, 1, tzinfo=UTC),
        o=Decimal(number),
        h=Decimal(1),
        l=Decimal(1),
        c=Decimal(1),
        v=1,
    )
    with pytest.raises(InvalidRequest):
        encode(m.BarsAnswer(bars=[bar]))


def test_times_leave_in_utc() -> None:
    chicago = timezone(timedelta(hours=-6))
    start = datetime(2026, 1, 1, 17, 30, tzinfo=chicago)
    body = encode(m.OrderQueryRequest(filter=m.OrderQueryFilter(account_id=1, created_after=start)))
    assert body == b'{"filter":{"accountId":1,"createdAfter":"2026-01-01T23:30:00Z"}}'


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (m.TradeSearchRequest(account_id=1, start_timestamp=NAIVE), "start_timestamp"),
        (place(limit_price=Decimal("NaN")), "limit_price"),
        (place(limit_price=Decimal("Infinity")), "limit_price"),
        (place(limit_price=Decimal("1E+400")), "limit_price"),
        (place(account_id=2**63), "account_id"),
        (place(custom_tag="\ud800"), "PlaceRequest"),
        (
            m.TradeSearchRequest(
                account_id=1,
                start_timestamp=datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5))),
            ),
            "start_timestamp",
        ),
    ],
)
def test_what_the_wire_cannot_say_is_refused_before_it_leaves(
    request_: m.Request, field: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        encode(request_)
    assert caught.value.field == field


# ---- properties


NAMES = ["orders", "id", "size", "creationTimestamp", "limitPrice", "bars", "t", "o", "d"]
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
    ),
    max_leaves=10,
)
answers = st.sampled_from(
    sorted({route.answer for route in ROUTES}, key=lambda kind: kind.__name__)
)


def value_or_malformed(answer: type[m.Envelope], body: bytes) -> None:
    try:
        found = decode(answer, body)
    except PayloadMalformed:
        return
    assert isinstance(found, answer)


@given(answers, st.binary())
def test_any_bytes_give_a_value_or_malformed(answer: type[m.Envelope], body: bytes) -> None:
    value_or_malformed(answer, body)


@given(answers, json_values)
def test_any_json_gives_a_value_or_malformed(answer: type[m.Envelope], plain: object) -> None:
    value_or_malformed(answer, golden.to_bytes(plain))


@given(st.sampled_from(list(ORDER)), json_values)
def test_any_value_of_any_member_gives_a_value_or_malformed(name: str, value: object) -> None:
    value_or_malformed(m.OrdersAnswer, orders(**{name: value}))


@given(st.data())
def test_damaged_payloads_give_a_value_or_malformed(data: st.DataObject) -> None:
    route, case = data.draw(st.sampled_from(REST))
    body = bytearray(golden.to_bytes(case["answer"]))
    for _ in range(data.draw(st.integers(1, 4))):
        place_ = data.draw(st.integers(0, len(body) - 1))
        body[place_ : place_ + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        if not body:
            break
    value_or_malformed(BY_NAME[route].answer, bytes(body))


@given(st.integers(-(2**31), 2**31 - 1))
def test_an_enum_keeps_a_number_never_seen(number: int) -> None:
    order = the_order(orders(status=number, type=number, side=number))
    assert (int(order.status), int(order.type), int(order.side)) == (number, number, number)
    assert order.status.is_known == (0 <= number <= 8)
    if not order.status.is_known:
        assert order.status not in set(OrderStatus)
        assert not order.status.is_terminal


@given(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),  # noqa: DTZ001  the offset is drawn apart
    st.integers(0, 9),
    st.sampled_from(["", "Z", "+00:00", "-05:00", "+05:30"]),
)
@example(datetime(2026, 7, 31, 2, 23, 34, 999999), 9, "")  # noqa: DTZ001  as above
def test_moments_of_any_precision_and_offset(moment: datetime, digits: int, offset: str) -> None:
    fraction = f"{moment.microsecond:06}999"[:digits]
    text = moment.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
    text += (f".{fraction}" if digits else "") + offset
    order = the_order(orders(creationTimestamp=text))
    hours = {"-05:00": timedelta(hours=-5), "+05:30": timedelta(hours=5, minutes=30)}
    sent = moment.replace(microsecond=0, tzinfo=UTC) - hours.get(offset, timedelta())
    sent += timedelta(microseconds=float(f"0.{fraction or 0}") * 1e6)
    assert order.creation_timestamp.utcoffset() == timedelta()
    assert abs(order.creation_timestamp - sent) <= timedelta(microseconds=1)


@given(st.integers(-(2**63), 2**63 - 1))
def test_ids_keep_all_their_bits(number: int) -> None:
    order = the_order(orders(id=number, parentOrderId=number, fillVolume=number))
    assert (order.id, order.parent_order_id, order.fill_volume) == (number, number, number)
    if number >= 0:
        assert the_order(orders(id=str(number))).id == number


@given(st.integers(-(10**30) + 1, 10**30 - 1), st.integers(0, 28), st.sampled_from(["plain", "E"]))
@example(6065250000000, 9, "plain")
@example(1, 7, "E")
@example(123456789012345678901234567890, 28, "plain")
def test_decimals_are_exact(digits: int, scale: int, spelling: str) -> None:
    exact = Decimal(f"{digits}E-{scale}")
    literal = f"{digits}E-{scale}" if spelling == "E" else format(exact, "f")
    found = the_order(orders(limitPrice=7777).replace(b"7777", literal.encode())).limit_price
    assert found is not None
    assert found == exact
    assert found.as_tuple() == exact.as_tuple()
    sent = encode(place(limit_price=found))
    assert re.search(rb'"limitPrice":-?[0-9]+(\.[0-9]+)?}', sent)
    assert golden.to_plain(sent)["limitPrice"] == exact


@pytest.mark.soak
@pytest.mark.parametrize(
    "law",
    [
        test_any_bytes_give_a_value_or_malformed,
        test_any_json_gives_a_value_or_malformed,
        test_any_value_of_any_member_gives_a_value_or_malformed,
        test_damaged_payloads_give_a_value_or_malformed,
        test_moments_of_any_precision_and_offset,
        test_decimals_are_exact,
    ],
)
def test_the_same_laws_for_longer(law: Callable[[], None]) -> None:
    law()
