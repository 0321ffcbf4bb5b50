from __future__ import annotations

import pytest

from tests.support.sim_line import COMBINE, MNQ, PRACTICE, Json, Line
from topstepx.sim.rest_trading import TRADING_ROUTES

START = "2026-01-05T00:00:00Z"
LIMIT = {"accountId": PRACTICE, "contractId": MNQ, "type": 1, "side": 0, "size": 1}


def resting(line: Line, **more: Json) -> int:
    line.gateway.market.start(MNQ, line.now)
    price = line.gateway.feed.top(MNQ).bid - 50
    answer = line.call("Order/place", LIMIT | {"limitPrice": float(price)} | more)
    assert answer["success"] is True, answer
    order_id: int = answer["orderId"]
    return order_id


def test_the_way_of_an_order_through_every_endpoint() -> None:
    line = Line().log_in()
    order_id = resting(line, customTag="mine")
    account = {"accountId": PRACTICE}
    named = {**account, "orderId": order_id}
    (open_order,) = line.call("Order/searchOpen", account)["orders"]
    assert (open_order["id"], open_order["customTag"], open_order["filledPrice"]) == (
        order_id,
        "mine",
        None,
    )
    assert line.call("Order/modify", {**named, "size": 3})["success"] is True
    assert line.call("Order/searchById", named)["order"]["size"] == 3
    page = line.call("Order/v2/query", {"filter": account, "includeTotalCount": True})
    assert page["totalCount"] == 1
    assert line.call("Order/cancel", named)["success"] is True
    (cancelled,) = line.call("Order/search", {**account, "startTimestamp": START})["orders"]
    assert cancelled["status"] == 3


def test_a_position_is_opened_reduced_and_closed() -> None:
    line = Line().log_in()
    line.market_order(size=3)
    line.pass_time(1)
    account = {"accountId": PRACTICE}
    (position,) = line.call("Position/searchOpen", account)["positions"]
    assert (position["size"], position["type"]) == (3, 1)
    part = {**account, "contractId": MNQ, "size": 1}
    assert line.call("Position/partialCloseContract", part)["success"] is True
    line.pass_time(1)
    assert line.call("Position/searchOpen", account)["positions"][0]["size"] == 2
    whole = {**account, "contractId": MNQ}
    assert line.call("Position/closeContract", whole)["success"] is True
    line.pass_time(1)
    assert line.call("Position/searchOpen", account)["positions"] == []
    trades = line.call("Trade/search", {**account, "startTimestamp": START})["trades"]
    assert len(trades) == 3
    assert trades[-1]["profitAndLoss"] is None
    assert trades[0]["profitAndLoss"] is not None


@pytest.mark.parametrize("route", [one.name for one in TRADING_ROUTES])
def test_a_foreign_account_does_not_exist(route: str) -> None:
    line = Line()
    line.gateway.users["trader01"].accounts = frozenset({COMBINE})
    line.log_in()
    body = {
        **LIMIT,
        "limitPrice": 1,
        "orderId": 1,
        "startTimestamp": START,
        "filter": {"accountId": PRACTICE},
    }
    answer = line.call(route, body)
    assert (answer["success"], answer["errorCode"]) == (False, 1)


def test_business_refusals_are_200_with_a_code() -> None:
    line = Line().log_in()
    refused = line.market_order(size=0)
    assert (refused["success"], refused["errorCode"]) == (False, 2)
    assert refused["errorMessage"] == "Invalid order size specified"
    refused = line.market_order(contractId="CON.F.US.XYZ.H26")
    assert refused == {
        "orderId": None,
        "success": False,
        "errorCode": 8,
        "errorMessage": None,
    }
    assert line.market_order(type=999)["errorMessage"] == "Invalid order type specified"
