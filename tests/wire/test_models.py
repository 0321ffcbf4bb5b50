"""The models beside the published schema of March 2026, condensed in `schema_2026_03.json`."""

from __future__ import annotations

import json
import types
from datetime import datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
import pytest

from topstepx.wire import enums
from topstepx.wire import models as m
from topstepx.wire.refusal_rows import ROWS
from topstepx.wire.routes import ROUTES, Route

SCHEMA: dict[str, Any] = json.loads(
    Path(__file__).with_name("schema_2026_03.json").read_text(encoding="utf-8")
)
BY_NAME: dict[str, Route[Any, Any]] = {route.name: route for route in ROUTES}
SCHEMA_ROUTES = sorted(set(SCHEMA["routes"]) - {"Status/ping"})

RECORDS: dict[str, type[msgspec.Struct]] = {
    "AggregateBarModel": m.BarModel,
    "ContractModel": m.ContractModel,
    "HalfTradeModel": m.TradeModel,
    "OrderModel": m.OrderModel,
    "PlaceOrderBracket": m.BracketModel,
    "PositionModel": m.PositionModel,
    "TradingAccountModel": m.AccountModel,
}
ENUMS: dict[str, type[enums.OpenIntEnum]] = {
    "AggregateBarUnit": enums.BarUnit,
    "OrderSide": enums.Side,
    "OrderStatus": enums.OrderStatus,
    "OrderType": enums.OrderType,
    "PositionType": enums.PositionType,
}
# What the documents of September 2026 added to the schema of March.
NEWER = {
    "AggregateBarModel": {"d", "k"},
    "OrderModel": {"trailDistance", "trailPrice", "parentOrderId", "linkedOrderId"},
    "HalfTradeModel": {"commissions"},
}
NEWER_ROUTES = {"Order/searchById", "Order/v2/query"}
NEWER_ENUM_MEMBERS = {"AggregateBarUnit": {"TICK": 7}}
# Required by the schema, and left out by the documents' samples or some payloads: read leniently.
LENIENT = {
    "ContractModel": {"symbolId"},
    "HalfTradeModel": {"voided"},
    "OrderModel": {"symbolId", "fillVolume"},
    "TradingAccountModel": {"simulated"},
}


def kind(hint: Any) -> str:  # noqa: ANN401  a type hint of any form
    """A type hint in the words of the condensed schema."""
    origin = get_origin(hint)
    if origin is Annotated:
        return kind(get_args(hint)[0])
    if origin in {types.UnionType, Union}:
        (inner,) = (part for part in get_args(hint) if part not in {type(None), msgspec.UnsetType})
        return kind(inner)
    if origin in {list, tuple}:
        return f"list of {kind(get_args(hint)[0])}"
    plain = {int: "integer", Decimal: "decimal", bool: "bool", str: "text", datetime: "time"}
    if hint in plain:
        return plain[hint]
    names: dict[type, str] = {ours: name for name, ours in RECORDS.items()}
    names |= {ours: name for name, ours in ENUMS.items()}
    return f"{'enum' if issubclass(hint, Enum) else 'record'} {names[hint]}"


def members(record: type[msgspec.Struct], *, envelope: bool = False) -> dict[str, str]:
    """Our record in the same form; a star where a member is required."""
    left_out = m.Envelope.__struct_fields__ if envelope else ()
    return {
        field.encode_name + ("*" if field.required else ""): kind(field.type)
        for field in msgspec.structs.fields(record)
        if field.name not in left_out and field.type is not Any
    }


def theirs(record: dict[str, str], lenient: set[str] | None = None) -> dict[str, str]:
    """The schema's record, with both integer widths as one and what we read leniently."""
    found = {}
    for name, value in record.items():
        star = "*" if name.endswith("*") and name[:-1] not in (lenient or ()) else ""
        found[name.removesuffix("*") + star] = value.replace("int32", "integer").replace(
            "int64", "integer"
        )
    return found


def test_the_same_endpoints() -> None:
    assert set(BY_NAME) - set(SCHEMA_ROUTES) == NEWER_ROUTES
    assert set(SCHEMA_ROUTES) <= set(BY_NAME)
    assert len(BY_NAME) + 1 == 21, "with the ping"
    assert SCHEMA["routes"]["Status/ping"]["method"] == "GET"


@pytest.mark.parametrize("name", SCHEMA_ROUTES)
def test_requests_and_answers_have_the_same_members(name: str) -> None:
    row, route = SCHEMA["routes"][name], BY_NAME[name]
    assert route.method == row["method"]
    assert members(route.request) == theirs(row["request"] or {})
    assert members(route.answer, envelope=True) == theirs(row["answer"])


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_records_have_the_same_members(name: str) -> None:
    ours = members(RECORDS[name])
    newer = NEWER.get(name, set())
    older = {member: value for member, value in ours.items() if member not in newer}
    assert older == theirs(SCHEMA["records"][name], LENIENT.get(name))
    present = {field.encode_name for field in msgspec.structs.fields(RECORDS[name])}
    assert newer <= present


def test_no_record_of_the_schema_is_missing() -> None:
    assert set(RECORDS) == set(SCHEMA["records"])
    assert set(ENUMS) == set(SCHEMA["enums"])


@pytest.mark.parametrize("name", sorted(ENUMS))
def test_enums_have_the_same_members(name: str) -> None:
    ours = {member.name.replace("_", ""): int(member) for member in ENUMS[name]}
    words = {"BID": "BUY", "ASK": "SELL"} if name == "OrderSide" else {}
    schema = {words.get(key.upper(), key.upper()): n for key, n in SCHEMA["enums"][name].items()}
    assert ours == schema | NEWER_ENUM_MEMBERS.get(name, {})


@pytest.mark.parametrize("name", SCHEMA_ROUTES)
def test_error_codes_are_the_same(name: str) -> None:
    ours = {row.name: code for code, row in ROWS[BY_NAME[name].errors].items()}
    assert ours | {"Success": 0} == SCHEMA["routes"][name]["codes"]


def test_no_secret_in_a_repr() -> None:
    for thing in (
        m.LoginKeyRequest(user_name="hush", api_key="hush"),
        m.LoginAppRequest(
            user_name="hush", password="hush", device_id="hush", app_id="hush", verify_key="hush"
        ),
        m.TokenAnswer(token="hush"),
        m.ValidateAnswer(new_token="hush"),
    ):
        assert "hush" not in repr(thing)
        assert "hush" not in str([thing])


def test_models_are_immutable() -> None:
    with pytest.raises(AttributeError):
        m.PlaceAnswer(order_id=1).order_id = 2  # type: ignore[misc]  # that is the point


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_every_route_can_be_decoded(route: Route[Any, Any]) -> None:
    msgspec.json.Decoder(route.answer)
    msgspec.json.Decoder(route.request)
