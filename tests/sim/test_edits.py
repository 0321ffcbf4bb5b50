from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec
import pytest

from topstepx.errors import InvalidRequest
from topstepx.sim.edits import edited, parsed
from topstepx.sim.fault_kinds import Edit

if TYPE_CHECKING:
    from tests.support.sim_line import Json

ORDERS = {"orders": [{"id": 1, "customTag": "a"}, {"id": 2, "customTag": "b"}], "success": True}


def edit(
    path: str,
    op: Literal["drop", "null", "value", "raw"] = "drop",
    value: Json = None,
    content: Json = ORDERS,
) -> Json:
    return edited(content, Edit(path=path, op=op, value=value))


def test_drop_null_and_value_everywhere() -> None:
    assert edit("orders[*].customTag")["orders"] == [{"id": 1}, {"id": 2}]
    assert edit("orders[1].customTag", "null")["orders"][1] == {"id": 2, "customTag": None}
    assert edit("success", "value", 0)["success"] == 0
    assert edit("orders", "null")["orders"] is None
    assert edit("orders[0]")["orders"] == [{"id": 2, "customTag": "b"}]
    assert edit("orders[*]")["orders"] == []


def test_the_original_is_left_alone() -> None:
    edit("orders[*].customTag")
    assert ORDERS["orders"] == [{"id": 1, "customTag": "a"}, {"id": 2, "customTag": "b"}]


def test_members_may_be_added_and_missing_places_are_left_alone() -> None:
    assert edit("orders[0].voided", "value", True)["orders"][0]["voided"] is True
    assert edit("no.such.place") == ORDERS
    assert edit("orders[7].id", "null") == ORDERS
    assert edit("success.deeper", "null") == ORDERS


def test_raw_text_goes_out_as_it_is() -> None:
    spoilt = edit("orders[0].id", "raw", "1e400")
    assert b'"id":1e400' in msgspec.json.encode(spoilt)


def test_arguments_of_an_event() -> None:
    arguments = [{"action": 1, "data": {"status": 2}}]
    assert edit("[0].data.status", "value", 42, arguments)[0]["data"]["status"] == 42


@pytest.mark.parametrize(
    ("path", "steps"),
    [("a", ["a"]), ("a.b[0]", ["a", "b", 0]), ("[0].x[*].y", [0, "x", "*", "y"])],
)
def test_paths(path: str, steps: list[Any]) -> None:
    assert parsed(path) == steps


@pytest.mark.parametrize("path", ["", "a[", "a[x]", "a b", "a..b", "$.a"])
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(InvalidRequest, match="path="):
        parsed(path)
