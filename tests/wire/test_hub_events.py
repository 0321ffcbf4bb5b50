from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Raw

from tests.support import golden
from topstepx.wire.hub_encoding import encode_event
from topstepx.wire.hub_events import decode_event
from topstepx.wire.hub_models import (
    Depth,
    HubEvent,
    Logout,
    QuoteUpdate,
    TapeUpdate,
    UnknownEvent,
    UserAccount,
    UserOrder,
    UserPosition,
    UserTrade,
)
from topstepx.wire.leniency import Forgiven, PayloadMalformed
from topstepx.wire.routes import GATEWAY_LOGOUT, HUB_METHODS

if TYPE_CHECKING:
    from collections.abc import Callable

HUB = golden.cases("hub")
TARGETS = sorted({target for target, _ in HUB})
TYPES: dict[str, type[msgspec.Struct]] = {
    "GatewayUserAccount": UserAccount,
    "GatewayUserOrder": UserOrder,
    "GatewayUserPosition": UserPosition,
    "GatewayUserTrade": UserTrade,
    "GatewayQuote": QuoteUpdate,
    "GatewayTrade": TapeUpdate,
    "GatewayDepth": Depth,
    "GatewayLogout": Logout,
}
CONTRACT = "CON.F.US.MNQ.U26"


def raws(*arguments: object) -> tuple[Raw, ...]:
    return tuple(Raw(golden.to_bytes(argument)) for argument in arguments)


def the_event(target: str, *arguments: object) -> Any:  # noqa: ANN401  each test knows which
    (event,) = decode_event(target, raws(*arguments))
    return event


def test_every_event_has_golden_payloads() -> None:
    assert set(TARGETS) == {method.event for method in HUB_METHODS} | {GATEWAY_LOGOUT}
    for _, case in HUB:
        assert case["provenance"]["kind"] in {"live", "documented", "invented"}


@pytest.mark.parametrize("golden_case", HUB, ids=golden.name_of)
def test_every_shape_is_read(golden_case: tuple[str, dict[str, Any]]) -> None:
    target, case = golden_case
    forgiven = Forgiven()
    events = decode_event(target, raws(*case["arguments"]), forgiven)
    assert len(events) == case["events"]
    assert all(type(event) is TYPES[target] for event in events)
    counted = case.get("forgiven", {"string_ids": 0, "naive_times": 0})
    assert {"string_ids": forgiven.string_ids, "naive_times": forgiven.naive_times} == counted


@pytest.mark.parametrize(
    "golden_case", [case for case in HUB if "shape" in case[1]], ids=golden.name_of
)
def test_every_shape_survives_the_round_trip(golden_case: tuple[str, dict[str, Any]]) -> None:
    target, case = golden_case
    (event,) = decode_event(target, raws(*case["arguments"]))
    again_target, arguments = encode_event(event, **case["shape"])
    assert again_target == target
    plain = [golden.to_plain(argument) for argument in arguments]
    assert golden.values(plain, nulls=True) == golden.values(case["arguments"], nulls=True)


@pytest.mark.parametrize("target", TARGETS)
def test_all_shapes_of_an_event_say_the_same(target: str) -> None:
    """The wrapped, flat, listed and two-argument shapes of one user record are one event."""
    if not target.startswith("GatewayUser"):
        return
    first = next(case for name, case in HUB if name == target)
    wanted = golden.values(first["arguments"][0]["data"])
    for name, case in HUB:
        if name == target and case["name"] not in {
            "wrapped 2",
            "members and values never seen before",
        }:
            for event in decode_event(target, raws(*case["arguments"])):
                assert not isinstance(event, Logout | UnknownEvent)
                plain = golden.to_plain(golden.to_bytes(event.data))  # type: ignore[union-attr]  # user events only
                assert golden.values(plain) == wanted or case["name"] == "wrapped 2"


def test_the_action_is_kept_and_a_strange_one_dropped() -> None:
    data = golden.to_plain(
        b'{"id":1,"name":"A","balance":1.50,"canTrade":true,"isVisible":true,"simulated":true}'
    )
    assert the_event("GatewayUserAccount", {"action": 2, "data": data}).action == 2
    strange: object
    for strange in ("1", None, 1.5, True, {}, 2**70):
        event = the_event("GatewayUserAccount", {"action": strange, "data": data})
        assert event.action is None
        assert str(event.data.balance) == "1.50"
    assert the_event("GatewayUserAccount", data).action is None


def test_a_quote_tells_absent_from_null() -> None:
    quote = the_event(
        "GatewayQuote", CONTRACT, {"bestBid": None, "lastPrice": Decimal("1.50")}
    ).quote
    assert quote.best_bid is None
    assert quote.best_ask is UNSET
    assert str(quote.last_price) == "1.50"
    assert msgspec.json.decode(golden.to_bytes(quote)) == {"bestBid": None, "lastPrice": 1.5}


def test_the_first_argument_names_the_contract() -> None:
    assert the_event("GatewayQuote", "A", {"contract": "B"}).contract_id == "A"
    assert the_event("GatewayQuote", "A", [{"contract": "B"}]).contract_id == "A"
    assert the_event("GatewayQuote", {"contract": "B"}).contract_id == "B"
    assert the_event("GatewayTrade", "A", TRADE | {"contractId": "B"}).contract_id == "A"
    assert the_event("GatewayDepth", ROW | {"contractId": "B"}).contract_id == "B"
    for target in ("GatewayQuote", "GatewayTrade", "GatewayDepth"):
        with pytest.raises(PayloadMalformed):
            decode_event(target, raws({"bestBid": 1}))


def test_an_offset_and_nine_digits_on_the_fast_path() -> None:
    trade = {"price": 1, "type": 0, "volume": 1, "timestamp": "2026-08-19T20:51:30.052123456Z"}
    (found,) = the_event("GatewayTrade", CONTRACT, [trade]).trades
    assert found.timestamp == datetime(2026, 8, 19, 20, 51, 30, 52123, tzinfo=UTC)


def test_a_new_target_says_so() -> None:
    assert decode_event("GatewayMood", raws(1, {"x": 2})) == (UnknownEvent("GatewayMood", 2),)
    (event,) = decode_event("Gate\x1b[31m" + "x" * 500, ())
    assert isinstance(event, UnknownEvent)
    assert "\x1b" not in event.target
    assert len(event.target) <= 80


def test_targets_match_in_any_case() -> None:
    assert decode_event("gatewaylogout", ()) == (Logout(),)
    assert isinstance(the_event("gatewayquote", CONTRACT, {"bestBid": 1}), QuoteUpdate)


def test_the_words_of_a_logout_are_cleaned() -> None:
    assert the_event("GatewayLogout", "\x1b[2Jgo").reason == "[2Jgo"
    assert the_event("GatewayLogout", {"message": "maintenance"}).reason == "maintenance"
    assert decode_event("GatewayLogout", (Raw(b"\xff"), Raw(b'"second"'))) == (Logout("second"),)


ROW = {"timestamp": "2026-08-19T20:51:31Z", "type": 4, "price": 1, "volume": 2}
TRADE = {"timestamp": "2026-08-19T20:51:31Z", "type": 0, "price": 1, "volume": 2}


@pytest.mark.parametrize(
    "price",
    ["NaN", "sNaN", "-Infinity", "x", True, None, [], 10**40]
    + [Decimal(text) for text in ("1E+99999999", "1E-99999999", "0E-99999999", "-1E+31")],
)
def test_an_impossible_price_is_malformed_in_every_market_event(price: object) -> None:
    with pytest.raises(PayloadMalformed):
        decode_event("GatewayDepth", raws(CONTRACT, [ROW, ROW | {"price": price}]))
    with pytest.raises(PayloadMalformed):
        decode_event("GatewayTrade", raws(CONTRACT, [TRADE | {"price": price}]))
    if price is None:
        return  # a quote may say that there is no price
    for name in (
        *("lastPrice", "bestBid", "bestAsk", "change", "changePercent", "open", "high", "low"),
    ):
        with pytest.raises(PayloadMalformed):
            decode_event("GatewayQuote", raws(CONTRACT, {name: price}))


@pytest.mark.parametrize(
    ("target", "arguments"),
    [
        ("GatewayDepth", [CONTRACT, [ROW | {"volume": "2"}]]),
        ("GatewayDepth", [CONTRACT, [ROW | {"timestamp": "soon"}]]),
        ("GatewayDepth", [CONTRACT, [ROW, 5]]),
        ("GatewayDepth", [CONTRACT, 5]),
        ("GatewayDepth", [CONTRACT]),
        ("GatewayDepth", []),
        ("GatewayTrade", [CONTRACT, [TRADE | {"volume": 1.5}]]),
        ("GatewayTrade", [CONTRACT, None]),
        ("GatewayQuote", [CONTRACT, "quote"]),
        ("GatewayQuote", [5, {"bestBid": 1}]),
        ("GatewayQuote", []),
        ("GatewayUserOrder", []),
        ("GatewayUserOrder", [None]),
        ("GatewayUserOrder", [{"action": 1, "data": None}]),
        ("GatewayUserOrder", [{"action": 1}]),
        ("GatewayUserOrder", [[5]]),
    ],
)
def test_what_cannot_be_read_is_malformed(target: str, arguments: list[object]) -> None:
    with pytest.raises(PayloadMalformed) as caught:
        decode_event(target, raws(*arguments))
    assert caught.value.where.startswith(target)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (('"size":1', '"size":"1"'), "Expected `int`"),
        (('"size":1', '"size":1,"size":2'), "twice"),
        (('"action":1', '"action":1,"action":2'), "twice"),
        (('"averagePrice":29398.5', '"averagePrice":"29398.5"'), "Expected a number"),
        (('"averagePrice":29398.5', '"averagePrice":1E+500'), "no price"),
        (('"id":825245547', '"id":"x"'), "Expected `int`"),
    ],
)
def test_user_events_are_trade_data(change: tuple[str, str], reason: str) -> None:
    case = next(case for target, case in HUB if target == "GatewayUserPosition")
    body = golden.to_bytes(case["arguments"][0])
    bad = body.replace(change[0].encode(), change[1].encode())
    assert bad != body
    with pytest.raises(PayloadMalformed, match=reason):
        decode_event("GatewayUserPosition", (Raw(bad),))


@pytest.mark.parametrize("target", sorted(set(TARGETS) - {GATEWAY_LOGOUT}))
@pytest.mark.parametrize(
    "argument",
    [b'{"secret":"secret","id":"secret","price":"secret"}', b'["secret\xff"]', b'"secret'],
)
def test_the_payload_is_not_in_the_error(target: str, argument: bytes) -> None:
    with pytest.raises(PayloadMalformed) as caught:
        decode_event(target, (Raw(argument),))
    told = f"{caught.value!r}{caught.value.__context__!r}{caught.value.__cause__!r}"
    assert "secret" not in told


# ---- properties


def events_or_malformed(target: str, arguments: tuple[Raw, ...]) -> tuple[HubEvent, ...]:
    try:
        events = decode_event(target, arguments)
    except PayloadMalformed:
        return ()
    assert isinstance(events, tuple)
    for event in events:
        assert isinstance(event, HubEvent)
    return events


NAMES = ["action", "data", "id", "price", "timestamp", "contract", "bestBid", "volume", "type"]
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


@given(st.sampled_from(TARGETS), st.lists(st.binary(), max_size=3))
def test_any_bytes_give_events_or_malformed(target: str, arguments: list[bytes]) -> None:
    events_or_malformed(target, tuple(map(Raw, arguments)))


@given(st.sampled_from(TARGETS), st.lists(json_values, max_size=3))
def test_any_json_gives_events_or_malformed(target: str, arguments: list[object]) -> None:
    events_or_malformed(target, raws(*arguments))


@given(st.data())
def test_damaged_payloads_give_events_or_malformed(data: st.DataObject) -> None:
    target, case = data.draw(st.sampled_from([case for case in HUB if case[1]["arguments"]]))
    arguments = [golden.to_bytes(argument) for argument in case["arguments"]]
    body = bytearray(arguments[-1])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body)))
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    arguments[-1] = bytes(body)
    events_or_malformed(target, tuple(map(Raw, arguments)))


@given(st.data())
def test_any_value_of_any_member_gives_sound_events_or_malformed(data: st.DataObject) -> None:
    cases = [case for case in HUB if case[1].get("shape") and case[1]["arguments"]]
    target, case = data.draw(st.sampled_from(cases))
    plain = golden.to_plain(golden.to_bytes(case["arguments"][-1]))
    record = plain[0] if isinstance(plain, list) and plain else plain
    record = record["data"] if isinstance(record, dict) and "data" in record else record
    if not isinstance(record, dict) or not record:
        return
    record[data.draw(st.sampled_from(sorted(record)))] = data.draw(json_values)
    for event in events_or_malformed(target, raws(*case["arguments"][:-1], plain)):
        for number in decimals_of(event):
            assert number.is_finite()
            assert -30 <= number.adjusted() <= 30
        for moment in moments_of(event):
            assert moment.tzinfo is not None


def parts_of(event: object) -> list[object]:
    if isinstance(event, msgspec.Struct):
        return [part for value in msgspec.structs.astuple(event) for part in parts_of(value)]
    if isinstance(event, tuple):
        return [part for value in event for part in parts_of(value)]
    return [event]


def decimals_of(event: object) -> list[Decimal]:
    return [part for part in parts_of(event) if isinstance(part, Decimal)]


def moments_of(event: object) -> list[datetime]:
    return [part for part in parts_of(event) if isinstance(part, datetime)]


@given(st.integers(-(2**31), 2**31 - 1))
def test_an_enum_keeps_a_number_never_seen(number: int) -> None:
    (row,) = the_event("GatewayDepth", CONTRACT, [ROW | {"type": number}]).rows
    assert int(row.type) == number
    assert row.type.is_known == (0 <= number <= 11)


def test_deep_nesting_is_malformed_not_a_crash() -> None:
    deep = Raw(b"[" * 100_000 + b"]" * 100_000)
    for target in TARGETS:
        if target != GATEWAY_LOGOUT:
            with pytest.raises(PayloadMalformed):
                decode_event(target, (Raw(b'"C"'), deep))
    assert decode_event(GATEWAY_LOGOUT, (deep,)) == (Logout(),)


@pytest.mark.soak
@pytest.mark.parametrize(
    "law",
    [
        test_any_bytes_give_events_or_malformed,
        test_any_json_gives_events_or_malformed,
        test_damaged_payloads_give_events_or_malformed,
        test_any_value_of_any_member_gives_sound_events_or_malformed,
    ],
)
def test_the_same_laws_for_longer(law: Callable[[], None]) -> None:
    law()
