from __future__ import annotations

from datetime import UTC, datetime

from tests.support.sim_line import MES, MNQ, Line
from topstepx.sim.gateway import Gateway


def test_markets_run_while_somebody_listens() -> None:
    line = Line().log_in()
    feed = line.gateway.feed
    market = line.open("market")
    assert not feed.started(MNQ)
    market.invoke("SubscribeContractQuotes", MNQ)
    assert feed.started(MNQ)
    market.invoke("UnsubscribeContractQuotes", MNQ)
    line.pass_time(61)
    line.pass_time(61)
    assert not feed.started(MNQ)


def test_markets_run_while_there_is_a_position_or_an_order() -> None:
    line = Line().log_in()
    line.market_order()
    for _ in range(3):
        line.pass_time(61)
    assert line.gateway.feed.started(MNQ)
    line.market_order(1)
    for _ in range(3):
        line.pass_time(61)
    assert not line.gateway.feed.started(MNQ)


def test_a_contract_that_is_not_there_is_not_started() -> None:
    line = Line()
    assert line.gateway.market.start("CON.F.US.XYZ.H26", line.now) is False
    assert line.gateway.market.listing("CON.F.US.XYZ.H26", line.now) is None


def test_what_the_hub_quotes_is_what_the_venue_fills_at() -> None:
    line = Line().log_in()
    market = line.open("market")
    market.invoke("SubscribeContractQuotes", MES)
    line.pass_time(3)
    top = line.gateway.feed.top(MES)
    line.market_order(contractId=MES)
    line.pass_time(0.009)
    (trade,) = line.gateway.venue.truth.trades(26282001)
    assert abs(trade.price - top.ask) <= 2


def test_a_closed_market_refuses_and_opens_again() -> None:
    friday = datetime(2026, 1, 9, 21, 59, tzinfo=UTC)
    line = Line(Gateway.build(at=friday, hours="true")).log_in()
    assert line.market_order()["success"] is True
    line.pass_time(120)
    refused = line.market_order()
    assert (refused["success"], refused["errorCode"]) == (False, 2)
    assert "not in an active trading status" in refused["errorMessage"]
    sunday = datetime(2026, 1, 11, 23, 1, tzinfo=UTC)
    line.now = sunday
    line.gateway.advance(sunday)
    line.token = ""
    line.log_in()
    assert line.market_order()["success"] is True
