from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topstepx.sim.bodies import SHAPES, BodyRefused, problem, read_body
from topstepx.wire.routes import ROUTES

if TYPE_CHECKING:
    from tests.support.sim_line import Json

PLACE = SHAPES["Order/place"]
GOOD: dict[str, Any] = {"accountId": 1, "contractId": "C", "type": 2, "side": 0, "size": 1}


def errors(body: bytes | dict[str, Any], route: str = "Order/place") -> dict[str, list[str]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(BodyRefused) as caught:
        read_body(SHAPES[route], data)
    return caught.value.errors


def test_every_route_with_a_body_has_its_members() -> None:
    with_body = {route.name for route in ROUTES if route.request.__struct_fields__}
    assert set(SHAPES) == with_body
    for route in ROUTES:
        if route.name in SHAPES:
            known = set(route.request.__struct_encode_fields__)
            assert {member.name for member in SHAPES[route.name].members} == known, route.name


def test_what_our_models_require_is_required() -> None:
    for route in ROUTES:
        if route.name not in SHAPES:
            continue
        optional = {
            field.encode_name
            for field in msgspec.structs.fields(route.request)
            if field.default is not msgspec.NODEFAULT
        }
        assert {one.name for one in SHAPES[route.name].members if not one.required} == optional


def test_a_good_body_any_case_unknown_members_ignored() -> None:
    body = b'{"ACCOUNTID":1,"contractid":"C","type":2,"side":0,"size":1,"linkedOrderId":5,"limitPrice":1.10}'
    read = read_body(PLACE, body)
    assert read["accountId"] == 1
    assert read["limitPrice"] == Decimal("1.10")
    assert str(read["limitPrice"]) == "1.10"
    assert read["customTag"] is None
    assert "linkedOrderId" not in read


def test_missing_members_are_all_named() -> None:
    found = errors({"accountId": 1, "side": 0})
    assert set(found) == {"$", "request"}
    assert found["request"] == ["The request field is required."]
    assert "PlaceOrderRequest' was missing required properties" in found["$"][0]
    assert found["$"][0].endswith("including the following: contractId, type, size")


def test_members_missing_inside() -> None:
    found = errors({**GOOD, "stopLossBracket": {"ticks": 1}})
    assert "PlaceOrderBracket" in found["$.stopLossBracket"][0]
    assert "filter" in errors({}, "Order/v2/query")["$"][0]
    assert "accountId" in errors({"filter": {}}, "Order/v2/query")["$.filter"][0]


@pytest.mark.parametrize(
    ("member", "value", "type_name"),
    [
        ("accountId", "1", "System.Int32"),
        ("accountId", 1.5, "System.Int32"),
        ("accountId", True, "System.Int32"),
        ("accountId", 1 << 31, "System.Int32"),
        ("size", None, "System.Int32"),
        ("contractId", 5, "System.String"),
        ("limitPrice", "1.5", "System.Decimal"),
        ("limitPrice", True, "System.Decimal"),
        ("customTag", 7, "System.String"),
        ("takeProfitBracket", 3, "PlaceOrderBracket"),
    ],
)
def test_wrong_types_name_path_and_type(member: str, value: Json, type_name: str) -> None:
    found = errors({**GOOD, member: value})
    assert set(found) == {f"$.{member}", "request"}
    text = found[f"$.{member}"][0]
    assert text.startswith("The JSON value could not be converted to ")
    assert type_name in text
    assert f"Path: $.{member} | LineNumber: 0 | BytePositionInLine: " in text


def test_a_null_text_is_a_field_that_is_required() -> None:
    assert errors({**GOOD, "contractId": None}) == {
        "ContractId": ["The ContractId field is required."]
    }


def test_empty_and_broken_bodies() -> None:
    assert errors(b"  ")[""] == ["A non-empty request body is required."]
    assert errors(b"hello")["$"][0].startswith("'h' is an invalid start of a value. Path: $")
    assert "open JSON object" in errors(b'{"accountId":1')["$"][0]
    assert "$" in errors(b"[1]")
    assert "$" in errors(b"\xff\xfe")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-05T12:00:00Z", datetime(2026, 1, 5, 12, tzinfo=UTC)),
        ("2026-01-05T12:00:00.1234567+01:00", datetime(2026, 1, 5, 11, 0, 0, 123456, UTC)),
        ("2026-01-05", datetime(2026, 1, 5, tzinfo=UTC)),
    ],
)
def test_times(text: str, moment: datetime) -> None:
    read = read_body(
        SHAPES["Order/search"], json.dumps({"accountId": 1, "startTimestamp": text}).encode()
    )
    assert read["startTimestamp"] == moment


@pytest.mark.parametrize("text", ["yesterday", "", "2026-13-01T00:00:00Z", 5])
def test_what_is_no_time(text: Json) -> None:
    assert "$.startTimestamp" in errors({"accountId": 1, "startTimestamp": text}, "Order/search")


def test_the_problem_is_shaped_as_observed() -> None:
    found = problem({"$": ["x"]}, "00-ab-cd-00")
    assert list(found) == ["type", "title", "status", "errors", "traceId"]
    assert found["title"] == "One or more validation errors occurred."
    assert found["status"] == 400


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        read_body(PLACE, body)
    except BodyRefused as refused:
        assert refused.errors  # noqa: PT017  both outcomes are fine


def test_deep_nesting_is_refused_not_fatal() -> None:
    assert errors(b"[" * 100_000)
