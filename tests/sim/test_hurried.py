"""Long jumps: the prints are the tape's own, and whatever waits at the venue meets them."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.sim_line import MNQ, NOON, PRACTICE, Line
from topstepx.sim.catalogue import Catalogue
from topstepx.sim.feed import Feed
from topstepx.sim.gateway import Gateway
from topstepx.sim.hurried import corners, hurried
from topstepx.sim.market_events import QuoteEvent, TapeEvent
from topstepx.sim.minutes import MinuteBar, to_us
from topstepx.sim.scenarios import SCENARIOS

if TYPE_CHECKING:
    from decimal import Decimal

MINUTE = timedelta(minutes=1)
MES = Catalogue().front("MES", now=NOON)


def feed(catch_up: timedelta | None) -> Feed:
    made = Feed(3, catch_up=catch_up)
    made.start(MES, NOON)
    return made


def test_every_print_of_the_tape_is_there_once_and_in_order() -> None:
    until = NOON + 3 * MINUTE
    seen = [one for one in feed(None).advance(until) if isinstance(one, TapeEvent)]
    wanted = [
        (price, sum(one.volume for one in run))
        for price, run in groupby(seen, key=lambda one: one.price)
    ]
    told = list(feed(MINUTE).hurried(MES.id, until))
    prints = [one for one in told if isinstance(one, TapeEvent)]
    # A run of one price that goes over the minute's end is two runs.
    merged = [
        (price, sum(one.volume for one in run))
        for price, run in groupby(prints, key=lambda one: one.price)
    ]
    assert merged == wanted
    assert [one.at for one in told] == sorted(one.at for one in told)


def test_the_quotes_stand_around_each_print_and_match_inside_the_bar() -> None:
    other = feed(None)
    low = high = None
    for quote, one in zip(
        *[iter(feed(MINUTE).hurried(MES.id, NOON + 2 * MINUTE))] * 2, strict=True
    ):
        assert isinstance(quote, QuoteEvent)
        assert isinstance(one, TapeEvent)
        assert one.price in {quote.bid, quote.ask}
        assert quote.bid < quote.ask
        bar = other.source(MES).at(int(one.at.timestamp()) // 60)
        assert bar is not None
        low, high = MES.price(bar.low), MES.price(bar.high)
        assert low <= quote.match_bid <= high
        assert low <= quote.match_ask <= high
    assert low is not None


def test_beyond_hours_a_minute_is_its_corners_and_beyond_a_month_nothing_is_told() -> None:
    player = Feed(3)._make(MES)
    player.start(to_us(NOON))
    until_us = to_us(NOON + 20 * MINUTE)
    told = hurried(player, to_us(NOON), until_us, prints_minutes=2, corners_minutes=5)
    prints = [one for one in told if isinstance(one, TapeEvent)]
    minutes = Counter((one.at - NOON) // MINUTE for one in prints)
    assert sorted(minutes) == [0, 1, 2, 3, 4]
    assert minutes[0] + minutes[1] > 100  # runs of one price, over two minutes
    assert max(minutes[2], minutes[3], minutes[4]) <= 4


@pytest.mark.parametrize(
    ("bar", "prices"),
    [
        (MinuteBar(0, 10, 14, 8, 12, 100), [10, 8, 14, 12]),
        (MinuteBar(0, 12, 14, 8, 10, 100), [12, 14, 8, 10]),
        (MinuteBar(0, 10, 14, 10, 14, 2), [10, 14]),
        (MinuteBar(0, 10, 10, 10, 10, 1), [10, 10]),
    ],
)
def test_corners_make_the_bar(bar: MinuteBar, prices: list[int]) -> None:
    made = corners(bar)
    assert [one.price for one in made] == prices
    assert all(bar.minute * 60_000_000 <= one.at_us < 60_000_000 for one in made)


# ---------------------------------------------------------------- at the venue


def jumped(minutes: float, **order: Any) -> Line:  # noqa: ANN401  members of a place
    """A line after an order and a jump over so many minutes."""
    line = Line(Gateway.build(at=NOON, seed=3, catch_up=MINUTE)).log_in()
    line.gateway.market.start(MNQ, line.now)
    assert line.market_order(contractId=MNQ, **order)["success"]
    line.gateway.jump(NOON + minutes * MINUTE)
    line.now = line.gateway.now
    return line


def extremes(minutes: int) -> tuple[Decimal, Decimal]:
    """The lowest and highest price of MNQ in the minutes from noon on."""
    listing = Catalogue().front("MNQ", now=NOON)
    first = int(NOON.timestamp()) // 60
    bars = Feed(3).source(listing).between(first, first + minutes)
    return listing.price(min(one.low for one in bars)), listing.price(max(one.high for one in bars))


def test_a_stop_triggers_in_between_at_its_price() -> None:
    low, _ = extremes(15)
    stop = low + 2
    line = jumped(15, type=4, side=1, stopPrice=float(stop))
    (trade,) = line.gateway.venue.truth.trades(PRACTICE)
    assert NOON < trade.creation_timestamp < NOON + 15 * MINUTE
    assert stop - 2 <= trade.price <= stop


def test_a_limit_fills_in_between_and_one_that_was_not_reached_rests() -> None:
    low, _ = extremes(15)
    line = jumped(15, type=1, limitPrice=float(low + 1))
    (trade,) = line.gateway.venue.truth.trades(PRACTICE)
    assert trade.price == low + 1
    resting = jumped(15, type=1, limitPrice=float(low - 1))
    assert resting.gateway.venue.truth.trades(PRACTICE) == []


def test_brackets_wake_and_one_leg_ends_the_other_inside_one_jump() -> None:
    line = jumped(
        15,
        stopLossBracket={"ticks": -40, "type": 4},
        takeProfitBracket={"ticks": 40, "type": 1},
    )
    truth = line.gateway.venue.truth
    entry, leg = truth.trades(PRACTICE)
    assert abs(leg.price - entry.price) >= 10
    assert truth.net_size(PRACTICE, MNQ) == 0
    assert truth.working(PRACTICE) == []


def test_the_hub_hears_the_fill_with_its_own_time_and_then_where_the_market_is() -> None:
    line = Line(Gateway.build(at=NOON, seed=3, catch_up=MINUTE)).log_in()
    user, market = line.open("user"), line.open("market")
    user.invoke("SubscribeTrades", PRACTICE)
    market.invoke("SubscribeContractTrades", MNQ)
    market.invoke("SubscribeContractQuotes", MNQ)
    line.market_order(type=4, side=1, stopPrice=float(extremes(15)[0] + 2))
    market.listen()
    line.gateway.jump(NOON + 15 * MINUTE)
    ((trade,),) = user.events("GatewayUserTrade")
    assert trade["data"]["creationTimestamp"] < (NOON + 15 * MINUTE).isoformat()
    told = [one["target"] for one in market.listen() if "target" in one]
    assert told == ["GatewayQuote"]


def test_a_maximum_loss_strikes_when_it_is_reached_and_not_at_the_end() -> None:
    scenario = SCENARIOS["combine-50k"]
    at = NOON.replace(day=6)
    line = Line(Gateway.build(at=at, seed=3, catch_up=MINUTE, scenario=scenario)).log_in()
    account = scenario.accounts[0].id
    body = {"accountId": account, "contractId": MNQ, "type": 2, "side": 0, "size": 40}
    assert line.call("Order/place", body)["success"]
    line.pass_time(1)
    assert line.gateway.house.floor_of(account) is not None
    line.gateway.jump(line.now.replace(hour=20))
    truth = line.gateway.venue.truth
    assert truth.net_size(account, MNQ) == 0
    assert truth.trades(account)[-1].creation_timestamp < line.now.replace(hour=20)
    assert 48_900 < truth.balance(account) < 49_020  # the day's loss limit is 1,000


def test_a_quiet_minute_of_real_bars_fills_nothing_and_the_next_one_does() -> None:
    line = Line(Gateway.build(at=NOON, seed=3, catch_up=MINUTE)).log_in()
    line.gateway.market.start(MNQ, line.now)
    market = line.gateway.market
    market._set_state(MNQ, "quiet", line.now)
    assert MNQ in line.gateway.venue.faults.frozen_contracts
    line.market_order()
    line.gateway.jump(NOON + 3 * MINUTE)
    assert len(line.gateway.venue.truth.trades(PRACTICE)) == 1
    assert MNQ not in line.gateway.venue.faults.frozen_contracts
