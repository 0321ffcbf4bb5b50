from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal

from tests.support.sim_line import MES, MNQ, PRACTICE, Line, Listener
from topstepx.sim.bar_file import read_bars_csv
from topstepx.sim.catalogue import Catalogue
from topstepx.sim.gateway import Gateway

ROWS = {
    "2024-01-02 15:00": ("1.0950", "1.0955", "1.0945", "1.0951", 500),
    "2024-01-02 15:01": ("1.0951", "1.0960", "1.0950", "1.0959", 400),
    "2024-01-02 15:02": ("1.0959", "1.0959", "1.0959", "1.0959", 7),
    "2024-01-02 15:04": ("1.0953", "1.0954", "1.0950", "1.0951", 200),
    "2024-01-02 15:05": ("1.0951", "1.0952", "1.0940", "1.0940", 900),
}


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


def on_bars() -> Line:
    text = "timestamp_utc,open,high,low,close,volume\n" + "".join(
        f"{minute}:00,{','.join(map(str, row))}\n" for minute, row in ROWS.items()
    )
    start = datetime(2024, 1, 2, 15, 0, tzinfo=UTC)
    listing = Catalogue().front("6E", now=start)
    real = read_bars_csv(io.StringIO(text), listing)
    return Line(Gateway.build(at=start, real=real, limited=False)).log_in()


def test_on_real_bars_every_fill_is_inside_its_bar() -> None:
    line = on_bars()
    contract = "CON.F.US.EU6.H24"
    for step in range(100):
        line.market_order(step % 2, contractId=contract)
        line.pass_time(3.3)
    trades = line.gateway.venue.truth.trades(PRACTICE)
    assert len(trades) > 50
    for trade in trades:
        minute = f"{trade.creation_timestamp:%Y-%m-%d %H:%M}"
        assert minute in ROWS, "a fill in a minute in which nobody traded"
        _, high, low, _, _ = ROWS[minute]
        assert Decimal(low) <= trade.price <= Decimal(high), minute


def test_on_real_bars_the_tape_adds_up_to_the_bar() -> None:
    line = on_bars()
    market: Listener = line.open("market")
    market.invoke("SubscribeContractTrades", "CON.F.US.EU6.H24")
    for _ in range(8):
        line.pass_time(14.9)
        market.say(b'{"type":6}\x1e')
    line.pass_time(1)
    prints = [
        row
        for arguments in market.events("GatewayTrade")
        for row in arguments[1]
        if row["timestamp"].startswith("2024-01-02T15:01")
    ]
    opened, high, low, closed, volume = ROWS["2024-01-02 15:01"]
    prices = [row["price"] for row in prints]
    assert (prices[0], max(prices), min(prices), prices[-1]) == tuple(
        map(Decimal, (opened, high, low, closed))
    )
    assert sum(row["volume"] for row in prints) == volume
