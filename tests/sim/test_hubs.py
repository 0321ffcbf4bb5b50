from __future__ import annotations

from decimal import Decimal

import pytest

from tests.support.sim_line import COMBINE, MES, MNQ, PRACTICE, Line, Listener
from topstepx.sim import fault_kinds as kinds
from topstepx.sim.faults import Fault
from topstepx.sim.gateway import Gateway
from topstepx.sim.switches import Switches

ORDER, TRADE = "GatewayUserOrder", "GatewayUserTrade"
POSITION, ACCOUNT = "GatewayUserPosition", "GatewayUserAccount"


def everything(line: Line, account_id: int = PRACTICE) -> Listener:
    listener = line.open("user")
    listener.invoke("SubscribeAccounts")
    for method in ("SubscribeOrders", "SubscribePositions", "SubscribeTrades"):
        listener.invoke(method, account_id)
    return listener


def filled(**faults: kinds.EventFault) -> Listener:
    """Somebody who listened while one market order filled."""
    line = Line().log_in()
    listener = everything(line)
    for what in faults.values():
        line.gateway.faults.add(Fault(where="hub/user", what=what, times=None))
    line.market_order()
    line.pass_time(1)
    return listener


def names(listener: Listener) -> list[str]:
    return [one["target"] for one in listener.listen() if one.get("type") == 1]


def test_a_fill_is_told_wrapped_with_nulls_left_out() -> None:
    listener = filled()
    heard = [one for one in listener.listen() if one["type"] == 1]
    assert {one["target"] for one in heard} == {ORDER, TRADE, POSITION, ACCOUNT}
    by_name = {one["target"]: one["arguments"] for one in heard}
    (order,) = by_name[ORDER]
    assert set(order) == {"action", "data"}
    assert order["data"]["status"] == 2
    assert "limitPrice" not in order["data"]
    assert order["data"]["id"] > 2**31
    (trade,) = by_name[TRADE]
    assert "profitAndLoss" not in trade["data"]
    assert isinstance(trade["data"]["fees"], Decimal)
    assert by_name[POSITION][0]["data"]["type"] == 1


def test_children_are_told_before_the_answer_to_place() -> None:
    line = Line().log_in()
    listener = everything(line)
    line.market_order(
        customTag="b",
        stopLossBracket={"ticks": -40, "type": 4},
        takeProfitBracket={"ticks": 80, "type": 1},
    )
    statuses = [arguments[0]["data"]["status"] for arguments in listener.events(ORDER)]
    assert statuses == [8, 6, 8]


def test_only_what_was_subscribed_is_told() -> None:
    line = Line().log_in()
    other = everything(line, COMBINE)
    trades = line.open("user")
    trades.invoke("SubscribeTrades", PRACTICE)
    line.market_order()
    line.pass_time(1)
    assert names(trades) == [TRADE]
    assert set(names(other)) == {ACCOUNT}  # accounts come without an argument: all of them
    trades.invoke("UnsubscribeTrades", PRACTICE)
    line.market_order(1)
    line.pass_time(1)
    assert names(trades) == []


def test_accounts_of_others_are_not_told() -> None:
    line = Line()
    line.gateway.users["trader01"].accounts = frozenset({COMBINE})
    listener = line.log_in().open("user")
    listener.invoke("SubscribeAccounts")
    line.gateway.users["trader01"].accounts = None
    line.market_order()
    line.gateway.users["trader01"].accounts = frozenset({COMBINE})
    line.pass_time(1)
    assert names(listener) == []


def test_flat_and_mixed_shapes() -> None:
    line = Line(Gateway.build(at=Line().now, switches=Switches(user_events="flat"))).log_in()
    listener = everything(line)
    line.market_order()
    line.pass_time(1)
    assert all("id" in arguments[0] for arguments in listener.events(ORDER))
    line.gateway.hubs.policy.user_events = "mixed"
    for side in (1, 0, 1, 0):
        line.market_order(side)
        line.pass_time(1)
    shapes = {
        (one["target"], "data" in one["arguments"][0])
        for one in listener.listen()
        if one["type"] == 1
    }
    assert (ORDER, True) in shapes
    assert (ORDER, False) not in shapes
    assert {(POSITION, False), (TRADE, False)} & shapes
    assert {(POSITION, True), (TRADE, True)} & shapes


def test_ids_as_text() -> None:
    line = Line(Gateway.build(at=Line().now, switches=Switches(order_ids_as_text=True))).log_in()
    listener = everything(line)
    line.market_order()
    line.pass_time(1)
    heard = [one for one in listener.listen() if one["type"] == 1]
    kinds_of_id = {(one["target"], type(one["arguments"][0]["data"]["id"])) for one in heard}
    assert kinds_of_id == {(ORDER, str), (TRADE, int), (POSITION, int), (ACCOUNT, int)}


@pytest.mark.parametrize(
    ("method", "event"),
    [
        ("SubscribeContractQuotes", "GatewayQuote"),
        ("SubscribeContractTrades", "GatewayTrade"),
        ("SubscribeContractMarketDepth", "GatewayDepth"),
    ],
)
def test_the_market_hub_tells_contract_and_payload(method: str, event: str) -> None:
    line = Line().log_in()
    market = line.open("market")
    market.invoke(method, MNQ)
    for _ in range(10):
        line.pass_time(1)
    heard = [one for one in market.heard + market.listen() if one.get("type") == 1]
    assert len(heard) > 10
    assert {one["target"] for one in heard} == {event}
    assert {one["arguments"][0] for one in heard} == {MNQ}
    payloads = [one["arguments"][1] for one in heard]
    if event == "GatewayQuote":
        assert {"bestBid", "bestAsk", "lastPrice", "volume"} <= set(payloads[0])
        assert any("lastPrice" not in one for one in payloads[1:])
    else:
        assert all(isinstance(one, list) for one in payloads)


def test_a_snapshot_on_subscribe_is_a_switch() -> None:
    switches = Switches(quote_on_subscribe=False, depth_on_subscribe=False)
    line = Line(Gateway.build(at=Line().now, switches=switches)).log_in()
    market = line.open("market")
    market.invoke("SubscribeContractQuotes", MNQ)
    market.invoke("SubscribeContractMarketDepth", MNQ)
    assert [one for one in market.heard if one.get("type") == 1] == []


def test_two_contracts_do_not_mix_and_unsubscribing_ends_it() -> None:
    line = Line().log_in()
    one, two = line.open("market"), line.open("market")
    one.invoke("SubscribeContractQuotes", MNQ)
    two.invoke("SubscribeContractQuotes", MES)
    line.pass_time(2)
    assert {arguments[0] for arguments in one.events("GatewayQuote")} == {MNQ}
    assert {arguments[0] for arguments in two.events("GatewayQuote")} == {MES}
    one.invoke("UnsubscribeContractQuotes", MNQ)
    line.pass_time(2)
    assert names(one) == []


def test_an_event_is_encoded_once_for_all() -> None:
    line = Line().log_in()
    sessions = [line.open("market") for _ in range(20)]
    for market in sessions:
        market.invoke("SubscribeContractTrades", MNQ)
    before = line.gateway.hubs.published
    line.pass_time(5)
    counts = {len(market.events("GatewayTrade")) for market in sessions}
    assert counts == {line.gateway.hubs.published - before}


def test_one_row_per_event_is_a_switch() -> None:
    line = Line().log_in()
    line.gateway.hubs.policy.market_lists = False
    market = line.open("market")
    market.invoke("SubscribeContractMarketDepth", MNQ)
    rows = [one["arguments"][1] for one in market.heard + market.listen() if one.get("type") == 1]
    assert len(rows) > 10
    assert all(isinstance(row, dict) for row in rows)


def test_dropped_doubled_and_replaced_events() -> None:
    assert ORDER not in names(filled(a=kinds.DropEvents(event=ORDER)))
    plain = names(filled()).count(TRADE)
    assert names(filled(a=kinds.DuplicateEvents(event=TRADE))).count(TRADE) == 2 * plain
    listener = filled(a=kinds.ReplaceEvents(text='{"type":1,"target":"Odd"}', event=TRADE))
    assert {"type": 1, "target": "Odd"} in listener.listen()


def test_events_about_one_account_only() -> None:
    assert TRADE in names(filled(a=kinds.DropEvents(about=str(COMBINE))))
    assert names(filled(a=kinds.DropEvents(about=str(PRACTICE)))) == []


def test_reordered_events_come_after_the_next() -> None:
    listener = filled(a=kinds.ReorderEvents(event=ORDER))
    heard = names(listener)
    assert heard[0] != ORDER
    assert ORDER in heard


def test_late_events() -> None:
    listener = filled(a=kinds.DelayEvents(seconds=5, event=TRADE))
    assert TRADE not in names(listener)
    listener.line.pass_time(5)
    assert names(listener) == [TRADE]


def test_edited_events() -> None:
    listener = filled(a=kinds.EditEvents(path="[0].data.status", op="value", value=42, event=ORDER))
    assert {arguments[0]["data"]["status"] for arguments in listener.events(ORDER)} == {42}


def test_a_closed_session_is_forgotten() -> None:
    line = Line().log_in()
    listener = everything(line)
    assert line.gateway.hubs._listeners
    listener.session.lost(line.now)
    assert line.gateway.hubs._listeners == {}
    assert line.gateway.sessions == []


def test_hub_calls_may_count_as_requests() -> None:
    line = Line(Gateway.build(at=Line().now, switches=Switches(hub_calls_limited=True))).log_in()
    listener = line.open("user")
    answers = [listener.invoke("SubscribeAccounts") for _ in range(210)]
    assert sum("error" in one for one in answers) == 11  # the login was the first of 200
