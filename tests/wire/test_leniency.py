from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topstepx.wire import models as m
from topstepx.wire.leniency import (
    Forgiven,
    Kind,
    PayloadMalformed,
    dump,
    mend,
    parse,
    plan_of,
    refuse_duplicates,
)


def test_the_plan_follows_the_types() -> None:
    plan = dict(plan_of(m.OrderModel))
    assert plan["id"] is plan["linkedOrderId"] is plan["accountId"] is Kind.ID
    assert plan["updateTimestamp"] is Kind.TIME
    assert plan["limitPrice"] is plan["trailPrice"] is Kind.DECIMAL
    assert not {"size", "contractId", "status", "customTag", "trailDistance"} & set(plan)
    assert dict(plan_of(m.ContractModel)).keys() == {"tickSize", "tickValue"}
    assert plan_of(m.OrdersAnswer) == (("orders", plan_of(m.OrderModel)),)
    assert plan_of(m.PlaceAnswer) == (("orderId", Kind.ID),)


def test_nested_records_are_mended_and_counted() -> None:
    plain: dict[str, Any] = {
        "orders": [{"id": "7", "creationTimestamp": "2026-01-01T00:00:00"}, {"id": 8}, None, 5],
        "x": {"id": "9"},
    }
    forgiven = Forgiven()
    changed, members = mend(plain, plan_of(m.OrdersAnswer), forgiven)
    assert changed
    assert members == 2 + 2 + 1
    assert plain["orders"][0] == {"id": 7, "creationTimestamp": "2026-01-01T00:00:00Z"}
    assert plain["x"] == {"id": "9"}
    assert forgiven == Forgiven(string_ids=1, naive_times=1)
    assert mend(plain, plan_of(m.OrdersAnswer), forgiven) == (False, 5)


@pytest.mark.parametrize(
    "text",
    ["", " 7", "-7", "7.0", "\N{ARABIC-INDIC DIGIT SEVEN}", "\N{SUPERSCRIPT TWO}", "1_0", "9" * 20],
)
def test_what_is_no_plain_number_stays_a_string(text: str) -> None:
    plain = {"orderId": text}
    assert mend(plain, plan_of(m.PlaceAnswer), Forgiven()) == (False, 1)
    assert plain == {"orderId": text}


def test_parsing_keeps_every_digit_and_dumping_too() -> None:
    body = b'{"a":6065.250000000,"b":123456789012345678901234567890,"c":[1E-7,{"d":null}]}'
    plain = parse(body)
    assert plain["a"].as_tuple() == Decimal("6065.250000000").as_tuple()
    assert dump(plain) == body


def has_twin(text: str) -> bool:
    twins = []

    def look(pairs: list[tuple[str, object]]) -> object:
        twins.append(len({name for name, _ in pairs}) != len(pairs))
        return dict(pairs)

    json.loads(text, object_pairs_hook=look)
    return any(twins)


names = st.sampled_from(['"a"', '"b"', '"\\u0061"', '"a:"', '" a"', '"orders"'])
scalars = st.sampled_from(["1", '"x"', '"\\":"', '" "', "null", '"2026-01-01T00:00:00"'])
spaces = st.sampled_from(["", "", "", " ", "\n"])


@st.composite
def objects(draw: st.DrawFn, depth: int = 2) -> str:
    members = []
    for _ in range(draw(st.integers(0, 3))):
        value = draw(scalars if depth == 0 else st.one_of(scalars, objects(depth=depth - 1)))
        if draw(st.booleans()):
            value = f"[{value}]"
        parts = [draw(names), draw(spaces), ":", draw(spaces), value]
        members.append("".join(parts))
    return "{" + ",".join(members) + "}"


@given(objects())
def test_duplicates_are_found_in_any_spelling(text: str) -> None:
    body = text.encode()
    plain = parse(body)
    _, members = mend(plain, plan_of(m.OrdersAnswer), Forgiven())
    if has_twin(text):
        with pytest.raises(PayloadMalformed, match="twice"):
            refuse_duplicates(body, members)
    else:
        refuse_duplicates(body, members)


def test_the_message_says_where_and_why_and_nothing_more() -> None:
    with pytest.raises(PayloadMalformed) as caught:
        mend({"orders": [{}, {"limitPrice": "secret"}]}, plan_of(m.OrdersAnswer), Forgiven())
    assert caught.value.where == "$.orders[1].limitPrice"
    assert "secret" not in str(caught.value)


def test_every_answer_and_request_has_a_plan() -> None:
    for thing in vars(m).values():
        if isinstance(thing, type) and issubclass(thing, msgspec.Struct):
            plan_of(thing)
            msgspec.json.Decoder(thing)
