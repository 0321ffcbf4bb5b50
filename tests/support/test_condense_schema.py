"""The condensed copy of the vendor's schema is what its maker makes of the whole one, and only that."""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any

import pytest

from tests.house.tree import ROOT
from tests.support.condense_schema import CONDENSED, Unknown, condense, text_of

SOURCE_SHA256 = "f52a1db9a5ef5d909be4b0a641c2b3df5c8612819de1e50be90a71ef08e133f0"
CONDENSED_SHA256 = "e39220ea7b08c3f5e4cc7c77cebfcb78c32cea87c21ec78554f887d4f502d82c"
FULL = ROOT.parent / "shared/reference/projectx-swagger.json"


def test_nobody_has_touched_the_copy_and_it_says_what_it_was_made_of() -> None:
    data = CONDENSED.read_bytes()
    assert hashlib.sha256(data).hexdigest() == CONDENSED_SHA256
    assert json.loads(data)["source_sha256"] == SOURCE_SHA256


def test_the_whole_schema_makes_this_very_copy() -> None:
    if not FULL.is_file():
        pytest.skip(
            "the vendor's own file is not published with this project; its digest is pinned"
        )
    data = FULL.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    assert digest == SOURCE_SHA256
    assert text_of(condense(json.loads(data), digest)) == CONDENSED.read_text(encoding="utf-8")


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/definitions/{name}"}


WHOLE: dict[str, Any] = {
    "swagger": "2.0",
    "info": {},
    "paths": {
        "/api/Order/place": {
            "post": {
                "summary": "Places.",
                "parameters": [
                    {
                        "name": "request",
                        "in": "body",
                        "required": True,
                        "x-nullable": False,
                        "schema": ref("PlaceRequest"),
                    }
                ],
                "responses": {"200": {"schema": ref("PlaceResponse")}},
            }
        },
        "/api/Status/ping": {"get": {"responses": {"200": {"schema": {"type": "string"}}}}},
    },
    "definitions": {
        "PlaceRequest": {
            "type": "object",
            "required": ["accountId", "legs"],
            "properties": {
                "accountId": {"type": "integer", "format": "int32"},
                "at": {"type": "string", "format": "date-time"},
                "legs": {"type": "array", "items": ref("LegModel")},
            },
        },
        "PlaceResponse": {
            "type": "object",
            "required": ["success", "errorCode"],
            "properties": {
                "success": {"type": "boolean"},
                "errorCode": ref("PlaceErrorCode"),
                "errorMessage": {"type": "string"},
                "orderId": {"type": "integer", "format": "int64"},
            },
        },
        "PlaceErrorCode": {"type": "integer", "x-enumNames": ["Success", "No"], "enum": [0, 2]},
        "LegModel": {
            "type": "object",
            "required": ["side"],
            "properties": {
                "side": ref("OrderSide"),
                "price": {"type": "number", "format": "decimal"},
            },
        },
        "OrderSide": {"type": "integer", "x-enumNames": ["Bid", "Ask"], "enum": [0, 1]},
    },
}


def test_everything_that_is_enforced_is_carried_over() -> None:
    made = condense(WHOLE, "digest")
    del made["about"]
    assert made == {
        "source_sha256": "digest",
        "routes": {
            "Order/place": {
                "method": "POST",
                "request": {
                    "accountId*": "int32",
                    "at": "time",
                    "legs*": "list of record LegModel",
                },
                "answer": {"orderId": "int64"},
                "codes": {"Success": 0, "No": 2},
            },
            "Status/ping": {"method": "GET", "request": None, "answer": "string", "codes": {}},
        },
        "records": {"LegModel": {"side*": "enum OrderSide", "price": "decimal"}},
        "enums": {"OrderSide": {"Bid": 0, "Ask": 1}},
    }


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("swagger", "3.0"),
        ("security", []),
        ("definitions.LegModel.additionalProperties", False),
        ("definitions.LegModel.properties.price.minimum", 0),
        ("definitions.LegModel.properties.price.format", "double"),
        ("definitions.LegModel.required", ["side", "nobody"]),
        ("definitions.OrderSide.type", "string"),
        ("definitions.Forgotten", {"type": "object", "required": [], "properties": {}}),
        ("definitions.PlaceResponse.required", ["success"]),
        ("paths./api/Order/place.post.deprecated", True),
        ("paths./api/Order/place.post.responses.404", {}),
        ("paths./api/Order/place.post.parameters.0.required", False),
    ],
)
def test_what_it_does_not_know_is_an_error_and_not_left_out(place: str, value: Any) -> None:  # noqa: ANN401  any JSON
    whole = copy.deepcopy(WHOLE)
    *steps, last = place.split(".")
    inside: Any = whole
    for step in steps:
        inside = inside[int(step) if isinstance(inside, list) else step]
    inside[last] = value
    with pytest.raises((Unknown, ValueError)):
        condense(whole, "digest")
