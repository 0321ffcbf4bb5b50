from __future__ import annotations

from tests.support.sim_line import MNQ, PRACTICE
from tests.support.sim_machine import Desk


def test_fill_by_hand_a_part_and_the_rest() -> None:
    desk = Desk()
    line = desk.line
    user = line.open("user")
    user.invoke("SubscribeOrders", PRACTICE)
    order = line.market_order(size=3, type=1, limitPrice=25000)["orderId"]
    user.listen()
    part = desk.do("orders/fill", order_id=order, size=2)["order"]
    assert (part["status"], part["fillVolume"], part["filledPrice"]) == (1, 2, 25000)
    assert user.events("GatewayUserOrder")[0][0]["data"]["fillVolume"] == 2
    assert desk.do("orders/fill", order_id=order)["order"]["status"] == 2
    assert desk.refused("orders/fill", order_id=order)[1]["path"] == "size"
    assert desk.refused("orders/fill", order_id=order, price="Infinity")[1]["path"] == "price"
    assert desk.refused("orders/fill", order_id=1)[1]["path"] == "order_id"
    assert desk.refused("orders/fill", order_id=order, price="25000.1")[1]["path"] == "price"


def test_reject_and_void() -> None:
    desk = Desk()
    line = desk.line
    desk.do("orders/reject", code=5, text="Not today.")
    refused = line.market_order()
    assert (refused["errorCode"], refused["errorMessage"]) == (5, "Not today.")
    line.market_order()
    desk.pass_time(1)
    (trade,) = desk.do("orders/list", account_id=PRACTICE)["trades"]
    assert desk.do("orders/void", trade_id=trade["id"])["trade"]["voided"] is True
    assert desk.do("orders/list")["positions"] == []
    assert desk.refused("orders/void", trade_id=1)[1]["path"] == "trade_id"
    assert desk.refused("orders/reject", count=0)[1]["path"] == "count"


def test_another_client_of_the_same_account() -> None:
    desk = Desk()
    mine = desk.line.market_order(type=1, limitPrice=25000)["orderId"]
    assert desk.do("orders/cancel", account_id=PRACTICE, order_id=mine)["success"]
    body = {"account_id": PRACTICE, "contract": "MNQ", "side": "sell", "size": 2}
    assert desk.do("orders/place", **body)["success"]
    desk.pass_time(1)
    truth = desk.machine.gateway.venue.truth
    assert truth.net_size(PRACTICE, MNQ) == -2
    assert desk.do("orders/close", account_id=PRACTICE, contract="MNQ", size=1)["success"]
    desk.pass_time(1)
    assert desk.do("orders/close", account_id=PRACTICE, contract="MNQ")["success"]
    desk.pass_time(1)
    assert truth.net_size(PRACTICE, MNQ) == 0
    assert {one.origin for one in truth.requests} == {"api", "other"}
    assert desk.refused("orders/place", **(body | {"side": "up"}))[1]["path"] == "side"
