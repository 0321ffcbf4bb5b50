"""The vendor's published schema as an OpenAPI document, made from its condensed copy in tests/wire."""

from __future__ import annotations

import json
from typing import Any

from tests.house.tree import ROOT

_PLAIN: dict[str, dict[str, Any]] = {
    "int32": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    "int64": {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
    "decimal": {"type": "number"},
    "bool": {"type": "boolean"},
    "text": {"type": "string"},
    "time": {"type": "string", "format": "date-time"},
    "string": {"type": "string"},
}


def condensed() -> dict[str, Any]:
    """The copy as it stands in the file."""
    path = ROOT / "tests/wire/schema_2026_03.json"
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def openapi(source: dict[str, Any]) -> dict[str, Any]:
    """The whole document."""
    schemas = {
        **{name: _enum(rows) for name, rows in source["enums"].items()},
        **{name: _record(rows) for name, rows in source["records"].items()},
    }
    return {
        "openapi": "3.0.3",
        "info": {"title": "ProjectX Gateway API", "version": "1.0.0"},
        "paths": {
            f"/api/{name}": {route["method"].lower(): _operation(route)}
            for name, route in source["routes"].items()
        },
        "components": {"schemas": schemas},
    }


def answer_of(route: dict[str, Any]) -> dict[str, Any]:
    """What a 200 holds: the envelope and the route's own members."""
    if route["answer"] == "string":
        return {"type": "string"}
    members = {"success*": "bool", "errorMessage": "text", **(route["answer"] or {})}
    record = _record(members)
    record["properties"]["errorCode"] = {"type": "integer", "enum": list(route["codes"].values())}
    record["required"].append("errorCode")
    return record


def _operation(route: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "responses": {
            "200": {
                "description": "",
                "content": {"application/json": {"schema": answer_of(route)}},
            }
        }
    }
    if route["request"]:
        content = {"application/json": {"schema": _record(route["request"], nullable=False)}}
        told["requestBody"] = {"required": True, "content": content}
    return told


def _record(rows: dict[str, str], *, nullable: bool = True) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for name, kind in rows.items():
        member = _kind(kind)
        if nullable and not name.endswith("*"):
            member = {"nullable": True, **(member if "$ref" not in member else {"allOf": [member]})}
        properties[name.rstrip("*")] = member
    required = [name.rstrip("*") for name in rows if name.endswith("*")]
    return {"type": "object", "required": required, "properties": properties}


def _kind(kind: str) -> dict[str, Any]:
    if kind.startswith("list of "):
        return {"type": "array", "items": _kind(kind.removeprefix("list of "))}
    head, _, name = kind.partition(" ")
    if head in {"record", "enum"}:
        return {"$ref": f"#/components/schemas/{name}"}
    return _PLAIN[kind]


def _enum(rows: dict[str, int]) -> dict[str, Any]:
    return {"type": "integer", "enum": list(rows.values())}
