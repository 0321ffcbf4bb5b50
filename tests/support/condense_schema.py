"""Makes `tests/wire/schema_2026_03.json` from the vendor's published schema (Swagger 2.0).

    python -m tests.support.condense_schema path/to/projectx-swagger.json

Whatever the schema says about routes, bodies, answers, records, enums and required members is in the
condensed copy. What is left out is named in `LEFT_OUT`; anything else that this program does not know is
an error, so that nothing is lost in silence.
"""

from __future__ import annotations

import hashlib
import json
import sys
from typing import Any

from tests.house.tree import ROOT

CONDENSED = ROOT / "tests/wire/schema_2026_03.json"
ABOUT = (
    "The published schema of 24 March 2026, condensed by tests/support/condense_schema.py: members with "
    "their kinds, a star where required, the envelope left out, the numbers of each enum and each "
    "endpoint's error codes."
)
LEFT_OUT = {
    "document": {
        "x-generator": "which program wrote it",
        "swagger": "the format's version, checked to be 2.0",
        "info": "title and version, checked by the digest",
        "host": "the live address, which a simulator does not have",
        "schemes": "the same",
        "produces": "text/plain for JSON: live answers are application/json",
    },
    "operation": {
        "tags": "for a page of documentation",
        "summary": "the same",
        "operationId": "a name for generated code",
        "consumes": "kinds of JSON; tests/sim/test_gateway.py has the rule that was observed",
    },
    "text": {"description": "for people", "x-enumNames": "kept as the names of the numbers"},
}
_PLAIN = {
    ("boolean", None): "bool",
    ("string", None): "text",
    ("string", "date-time"): "time",
    ("integer", "int32"): "int32",
    ("integer", "int64"): "int64",
    ("number", "decimal"): "decimal",
}
_ENVELOPE = ("success*", "errorCode*", "errorMessage")
_POINTER = "#/definitions/"


class Unknown(ValueError):
    """The schema says something that this program does not carry over."""


def condense(document: dict[str, Any], digest: str) -> dict[str, Any]:
    """The condensed copy of a whole document; `digest` is the SHA-256 of its file."""
    _only(document, {"paths", "definitions", *LEFT_OUT["document"]}, "the document")
    if document["swagger"] != "2.0":
        raise Unknown(f"swagger {document['swagger']}")
    names = document["definitions"]
    routes = {
        path.removeprefix("/api/"): _route(path, methods, names)
        for path, methods in sorted(document["paths"].items())
    }
    records = {
        name: _members(name, one)
        for name, one in sorted(names.items())
        if one["type"] == "object" and not name.endswith(("Request", "Response"))
    }
    enums = {
        name: _enum(name, one)
        for name, one in sorted(names.items())
        if "enum" in one and not name.endswith("ErrorCode")
    }
    used = _used(document["paths"]) | {one for body in names.values() for one in _used(body)}
    if unused := set(names) - used:
        raise Unknown(f"definitions that nothing uses: {sorted(unused)}")
    return {
        "about": ABOUT,
        "source_sha256": digest,
        "routes": routes,
        "records": records,
        "enums": enums,
    }


def _route(path: str, methods: dict[str, Any], names: dict[str, Any]) -> dict[str, Any]:
    ((method, operation),) = methods.items()
    _only(operation, {"parameters", "responses", *LEFT_OUT["operation"]}, path)
    if set(operation["responses"]) != {"200"}:
        raise Unknown(f"{path}: answers {sorted(operation['responses'])}")
    answer = operation["responses"]["200"]
    _only(answer, {"schema", "x-nullable", "description"}, f"{path} 200")
    told: dict[str, Any] = {"method": method.upper(), "request": None}
    if (parameters := operation.get("parameters")) is not None:
        (body,) = parameters
        _only(body, {"name", "in", "required", "schema", "x-nullable", "description"}, path)
        if (body["in"], body["required"], body["x-nullable"]) != ("body", True, False):
            raise Unknown(f"{path}: a body that may be missing")
        name = _name(body["schema"])
        told["request"] = _members(name, names[name])
    if "$ref" not in answer["schema"]:
        return {**told, "answer": answer["schema"]["type"], "codes": {}}
    name = _name(answer["schema"])
    members = _members(name, names[name])
    codes = members.get("errorCode*", "").removeprefix("enum ")
    for one in _ENVELOPE:
        if members.pop(one, None) is None:
            raise Unknown(f"{name}: no {one}")
    return {**told, "answer": members, "codes": _enum(codes, names[codes])}


def _members(name: str, record: dict[str, Any]) -> dict[str, str]:
    _only(record, {"type", "required", "properties"}, name)
    needed = set(record["required"])
    if not needed <= set(record["properties"]):
        raise Unknown(f"{name}: requires what it does not have")
    return {
        f"{member}{'*' if member in needed else ''}": _kind(one, f"{name}.{member}")
        for member, one in record["properties"].items()
    }


def _kind(one: dict[str, Any], where: str) -> str:
    if "$ref" in one:
        _only(one, {"$ref"}, where)
        name = _name(one)
        is_enum = name.endswith(("ErrorCode", "Type", "Status", "Side", "Unit"))
        return f"{'enum' if is_enum else 'record'} {name}"
    _only(one, {"type", "format", "items", "description"}, where)
    if one["type"] == "array":
        return f"list of {_kind(one['items'], where)}"
    try:
        return _PLAIN[one["type"], one.get("format")]
    except KeyError:
        raise Unknown(f"{where}: {one}") from None


def _enum(name: str, one: dict[str, Any]) -> dict[str, int]:
    _only(one, {"type", "enum", *LEFT_OUT["text"]}, name)
    if one["type"] != "integer":
        raise Unknown(f"{name}: an enum of {one['type']}")
    return dict(zip(one["x-enumNames"], one["enum"], strict=True))


def _name(one: dict[str, Any]) -> str:
    return str(one["$ref"]).removeprefix(_POINTER)


def _used(anything: Any) -> set[str]:  # noqa: ANN401  any JSON
    if isinstance(anything, list):
        return {name for one in anything for name in _used(one)}
    if not isinstance(anything, dict):
        return set()
    found = {name for one in anything.values() for name in _used(one)}
    return found | ({_name(anything)} if "$ref" in anything else set())


def _only(one: dict[str, Any], known: set[str], where: str) -> None:
    if strange := set(one) - known:
        raise Unknown(f"{where}: {sorted(strange)}")


def text_of(condensed: dict[str, Any]) -> str:
    """The file's content."""
    return json.dumps(condensed, indent=1) + "\n"


def main(path: str) -> None:
    """Write the file."""
    with open(path, "rb") as file:  # noqa: PTH123  a path from the command line
        data = file.read()
    condensed = condense(json.loads(data), hashlib.sha256(data).hexdigest())
    CONDENSED.write_text(text_of(condensed), encoding="utf-8")
    sys.stdout.write(f"{CONDENSED}: {hashlib.sha256(CONDENSED.read_bytes()).hexdigest()}\n")


if __name__ == "__main__":
    main(sys.argv[1])
