"""The simulator against the vendor's schema: whatever the schema allows is answered as it says.

The schema is of March 2026 and documents status 200 only; its condensed copy is made, whole, by
`tests/support/condense_schema.py`. Where the simulator is different, `DIFFERENT`
says so and why; a difference that is not listed fails, and so does one that no longer shows.
"""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema_rs import Draft4Validator
from schemathesis import GenerationMode

from tests.support.sim_line import COMBINE, MNQ, PRACTICE, Line
from tests.support.vendor_schema import condensed, openapi

if TYPE_CHECKING:
    from schemathesis import Case

DIFFERENT = {
    "a null where the schema has a plain type": "live answers send null for what is not there",
    "members that the schema does not have": "added to the live schema by September 2026",
    "400 for a text that is no .NET value": "verified: problem details with the place of the slip",
    "a ping in plain text": "unknown; the switch ping_as_json answers it as the schema says",
    "no errorMessage in most refusals": "verified live; the member is null",
}
_DOCUMENT = openapi(condensed())
_SCHEMA = schemathesis.openapi.from_dict(copy.deepcopy(_DOCUMENT))
_ROUTES = sorted(condensed()["routes"])
_BODIES = [name for name in _ROUTES if condensed()["routes"][name]["request"]]
EXAMPLES = settings(
    max_examples=25,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def validator(name: str) -> Any:  # noqa: ANN401  the library's own type
    method = condensed()["routes"][name]["method"].lower()
    answer = _DOCUMENT["paths"][f"/api/{name}"][method]["responses"]["200"]
    schema = answer["content"]["application/json"]["schema"]
    return Draft4Validator(_nullable({**schema, "components": _DOCUMENT["components"]}))


def _nullable(schema: Any) -> Any:  # noqa: ANN401  any JSON
    """OpenAPI's `nullable` as plain JSON Schema."""
    if isinstance(schema, list):
        return [_nullable(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    rest = {name: _nullable(value) for name, value in schema.items() if name != "nullable"}
    return {"anyOf": [rest, {"type": "null"}]} if schema.get("nullable") is True else rest


def line() -> Line:
    """A user whose accounts hold something to answer with."""
    user = Line().log_in()
    user.gateway.limits.policy.kind = type(user.gateway.limits.policy.kind)("off")
    user.market_order(size=2, customTag="one", stopLossBracket={"ticks": -40, "type": 4})
    user.market_order(type=1, limitPrice=25000)
    user.pass_time(2)
    return user


def ours(body: Any) -> Any:  # noqa: ANN401  any JSON
    """Half of the drawn bodies meet an account and a contract that exist."""
    if isinstance(body, dict) and isinstance(body.get("accountId"), int):
        body["accountId"] = (PRACTICE, COMBINE, body["accountId"])[body["accountId"] % 3]
        if isinstance(body.get("contractId"), str) and len(body["contractId"]) % 2 == 0:
            body["contractId"] = MNQ
    return body


@pytest.mark.parametrize("name", _BODIES)
def test_what_the_schema_allows_is_answered_as_it_says(name: str) -> None:
    user, wanted = line(), validator(name)
    operation = _SCHEMA[f"/api/{name}"]["POST"]
    statuses: set[int] = set()

    @EXAMPLES
    @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
    def check(case: Case[Any]) -> None:
        answer = user.send(f"/api/{name}", json.dumps(ours(case.body)).encode())
        statuses.add(answer.status)
        if answer.status == 400:  # listed in DIFFERENT
            assert json.loads(answer.body)["errors"]
            return
        assert answer.status == 200, (answer.status, case.body)
        wanted.validate(json.loads(answer.body))

    check()
    assert 200 in statuses


@pytest.mark.parametrize("name", _BODIES)
def test_what_the_schema_forbids_is_refused_in_order(name: str) -> None:
    user = line()
    operation = _SCHEMA[f"/api/{name}"]["POST"]

    @EXAMPLES
    @given(case=operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def check(case: Case[Any]) -> None:
        body = case.body
        data = body if isinstance(body, bytes) else json.dumps(body, default=str).encode()
        answer = user.send(f"/api/{name}", data)
        # A value out of an enum is answered in the envelope, as the live gateway does.
        assert answer.status in {200, 400, 415}, (answer.status, body)

    check()


@pytest.mark.parametrize("name", sorted(set(_ROUTES) - set(_BODIES)))
def test_calls_without_a_body(name: str) -> None:
    user = line()
    method = condensed()["routes"][name]["method"]
    answer = user.send(f"/api/{name}", method=method)
    assert answer.status == 200
    if name == "Status/ping":
        assert answer.body == b"pong"
    else:
        validator(name).validate(json.loads(answer.body))


def test_the_judge_can_see() -> None:
    wanted = validator("Account/search")
    row = {"id": 1, "name": "a", "balance": 1.5, "canTrade": True, "isVisible": True}
    good = {
        "success": True,
        "errorCode": 0,
        "errorMessage": None,
        "accounts": [row | {"simulated": False}],
    }
    assert wanted.is_valid(good)
    for bad in ({"success": "yes"}, {"errorCode": 99}, {"accounts": [{"id": "1"}]}):
        assert not wanted.is_valid(good | bad)
    assert not wanted.is_valid({"success": True})


def test_each_listed_difference_still_shows() -> None:
    user = line()
    order = user.call(
        "Order/search", {"accountId": PRACTICE, "startTimestamp": "2026-01-01T00:00:00Z"}
    )
    first = order["orders"][0]
    known = condensed()["records"]["OrderModel"]
    shown = {
        "a null where the schema has a plain type": None in first.values(),
        "members that the schema does not have": bool(
            set(first) - {name.rstrip("*") for name in known}
        ),
        "400 for a text that is no .NET value": user.send(
            "/api/Order/search", {"accountId": PRACTICE, "startTimestamp": "soon"}
        ).status
        == 400,
        "a ping in plain text": user.send("/api/Status/ping", method="GET").body == b"pong",
        "no errorMessage in most refusals": user.call(
            "Order/cancel", {"accountId": 1, "orderId": 1}
        )["errorMessage"]
        is None,
    }
    assert shown == dict.fromkeys(DIFFERENT, True)
