"""Halts, gaps and spreads, as an order and a subscriber meet them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.sim_line import MNQ, NOON, PRACTICE, Line, Listener
from topstepx.sim.gateway import Gateway
from topstepx.sim.market_hand import MarketHand

if TYPE_CHECKING:
    from decimal import Decimal

    from topstepx.sim.catalogue import Listing

BARS = {
    "contractId": MNQ,
    "live": False,
    "unit": 2,
    "unitNumber": 1,
    "limit": 20000,
    "includePartialBar": True,
    "startTime": "2026-01-05T14:50:00Z",
    "endTime": "2026-01-05T15:10:00Z",
}


def touch(line: Line) -> tuple[Decimal, Decimal]:
    book = line.gateway.venue.floor.books[MNQ]
    assert book.bid is not None
    assert book.ask is not None
    return book.bid, book.ask


def listing(line: Line) -> Listing:
    found = line.gateway.market.listing(MNQ, line.now)
    assert found is not None
    return found


@pytest.fixture
def line() -> Line:
    line = Line().log_in()
    line.gateway.market.start(MNQ, line.now)
    return line


@pytest.fixture
def market(line: Line) -> Listener:
    market = line.open("market")
    for target in (
        "SubscribeContractQuotes",
        "SubscribeContractTrades",
        "SubscribeContractMarketDepth",
    ):
        market.invoke(target, MNQ)
    market.listen()
    return market


def two_minutes(line: Line, market: Listener) -> None:
    for _ in range(6):
        line.pass_time(20)
        market.say(b'{"type":6}\x1e')  # or the hub would take us for dead


def refresh(line: Line) -> None:
    line.gateway.market.refresh(line.gateway.hubs, line.now)


def test_a_halt_is_silent_refuses_orders_and_ends(line: Line, market: Listener) -> None:
    hand = line.gateway.market.hand
    hand.halt(None)
    refresh(line)
    line.pass_time(5)
    assert not [one for one in market.listen() if one.get("target")]
    answer = line.market_order()
    assert (answer["success"], "not in an active trading status" in answer["errorMessage"]) == (
        False,
        True,
    )
    hand.resume(None)
    refresh(line)
    line.pass_time(1)
    assert market.events("GatewayQuote")
    assert line.market_order()["success"]


def test_a_halt_of_one_contract_survives_the_opening_of_its_session() -> None:
    hand = MarketHand()
    assert hand.idle
    hand.halt(MNQ)
    assert hand.is_halted(MNQ)
    assert not hand.is_halted("CON.F.US.MES.H26")
    hand.resume(MNQ)
    assert hand.idle


def test_a_gap_moves_quotes_tape_depth_fills_and_later_bars(line: Line, market: Listener) -> None:
    two_minutes(line, market)
    line.pass_time(10)
    before = touch(line)
    bars_before = line.call("History/retrieveBars", BARS)["bars"]
    market.listen()
    line.gateway.market.hand.gap(listing(line), 400, line.now)
    refresh(line)
    assert touch(line) == (before[0] + 100, before[1] + 100)
    told: list[Any] = market.listen()
    quote = next(one for one in told if one.get("target") == "GatewayQuote")["arguments"][1]
    assert quote["bestBid"] == before[0] + 100
    rows = next(one for one in told if one.get("target") == "GatewayDepth")["arguments"][1]
    assert rows[0]["price"] == 0
    assert max(row["price"] for row in rows if row["type"] in {2, 4}) == before[0] + 100
    two_minutes(line, market)
    assert all(
        abs(row["price"] - before[0] - 100) < 60
        for arguments in market.events("GatewayTrade")
        for row in arguments[1]
    )
    bars = line.call("History/retrieveBars", BARS)["bars"]
    old = {bar["t"]: bar for bar in bars_before[1:]}
    assert all(bar == old[bar["t"]] for bar in bars if bar["t"] in old)
    assert bars[0]["l"] > bars_before[-1]["h"] + 40
    crossing = next(bar for bar in bars if bar["h"] - bar["l"] >= 100)
    assert crossing["t"] == "2026-01-05T15:02:00+00:00"


def test_a_wide_spread_is_what_orders_pay(line: Line, market: Listener) -> None:
    line.gateway.market.hand.spread(listing(line), 40)
    refresh(line)
    bid, ask = touch(line)
    assert ask - bid >= 10
    market.listen()
    line.pass_time(10)
    for arguments in market.events("GatewayTrade"):
        assert {row["type"] for row in arguments[1]} <= {0, 1}
    line.market_order()
    line.pass_time(1)
    truth = line.gateway.venue.truth
    bought = truth.trades(PRACTICE)[-1].price
    line.market_order(side=1)
    line.pass_time(0.01)
    assert bought - truth.trades(PRACTICE)[-1].price >= 5
    line.gateway.market.hand.spread(listing(line), None)
    refresh(line)
    bid, ask = touch(line)
    assert ask - bid <= 1


def test_a_spread_of_all_meets_each_contract_when_it_starts() -> None:
    line = Line(Gateway.build(at=NOON)).log_in()
    line.gateway.market.hand.spread_of_all = 20
    line.gateway.market.start(MNQ, line.now)
    bid, ask = touch(line)
    assert ask - bid >= 5
