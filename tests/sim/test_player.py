from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.market import TUESDAY, bars_of_tape, euro, invented_bars, real
from topstepx.sim.calendar import AlwaysOpen
from topstepx.sim.market_events import (
    DepthEvent,
    MarketEvent,
    QuoteEvent,
    SessionEvent,
    TapeEvent,
)
from topstepx.sim.minutes import MINUTE_US, MinuteBar, to_minute, to_us
from topstepx.sim.player import Player
from topstepx.wire.enums import DomType, TradeLogType

START_US = to_us(TUESDAY)
SEEDS = st.integers(0, 2**32)


def player(bars: list[MinuteBar], seed: int = 1) -> Player:
    return Player(euro(), real(bars), AlwaysOpen(), seed, mean_size=1.8, rate=0.5)


def played(machine: Player, until_us: int) -> list[MarketEvent]:
    out: list[MarketEvent] = []
    while machine.next_us is not None and machine.next_us <= until_us:
        machine.step(out)
    return out


@settings(max_examples=40)
@given(seed=SEEDS)
def test_the_tape_makes_exactly_the_bars(seed: int) -> None:
    bars = invented_bars(Random(seed), 12)
    machine = player(bars, seed)
    machine.start(START_US - 5 * MINUTE_US)
    events = played(machine, (bars[-1].minute + 10) * MINUTE_US)
    assert bars_of_tape(euro(), events) == bars
    assert machine.next_us is None
    assert machine.state == "closed"


@settings(max_examples=40)
@given(seed=SEEDS)
def test_quotes_and_trades_stay_inside_the_running_bar(seed: int) -> None:
    bars = invented_bars(Random(seed), 12)
    ranges = {bar.minute: bar for bar in bars}
    listing, machine = euro(), player(bars, seed)
    machine.start(START_US - MINUTE_US)
    for event in played(machine, (bars[-1].minute + 1) * MINUTE_US):
        bar = ranges.get(to_us(event.at) // MINUTE_US)
        if isinstance(event, SessionEvent):
            assert (event.state == "open") == (bar is not None)
            continue
        assert bar is not None, "nothing but the session speaks in a minute without a bar"
        if isinstance(event, QuoteEvent):
            assert event.bid < event.ask
            low, high = listing.price(bar.low), listing.price(bar.high)
            assert low <= event.match_bid <= event.match_ask <= high
            if high > low:
                assert (event.match_bid, event.match_ask) == (event.bid, event.ask)
            else:
                assert low in {event.bid, event.ask}


@settings(max_examples=40)
@given(seed=SEEDS)
def test_a_trade_is_at_the_side_of_the_book_it_takes(seed: int) -> None:
    machine = player(invented_bars(Random(seed), 8), seed)
    machine.start(START_US)
    bid, ask = machine.top().bid, machine.top().ask
    for event in played(machine, START_US + 20 * MINUTE_US):
        if isinstance(event, QuoteEvent):
            bid, ask = event.bid, event.ask
        elif isinstance(event, TapeEvent):
            assert event.price == (ask if event.side is TradeLogType.BUY else bid)
            assert min(event.sizes) >= 1


def merged(quote: QuoteEvent, changes: dict[str, Decimal | int]) -> dict[str, Decimal | int]:
    return {**changes, **quote.changes}


@settings(max_examples=30)
@given(seed=SEEDS, wait_us=st.integers(0, 15 * MINUTE_US))
def test_deltas_on_a_snapshot_lead_to_the_next_snapshot(seed: int, wait_us: int) -> None:
    machine = player(invented_bars(Random(seed), 20), seed)
    machine.start(START_US + wait_us)
    quote = machine.top().changes
    levels: dict[tuple[bool, Decimal], int] = {}
    events = [machine.depth(), *played(machine, START_US + wait_us + 7 * MINUTE_US)]
    for event in events:
        if isinstance(event, QuoteEvent):
            assert event.changes
            assert event.symbol_name is None
            quote = merged(event, quote)
        elif isinstance(event, DepthEvent):
            for row in event.rows:
                key = (row.type in {DomType.BID, DomType.BEST_BID}, row.price)
                if row.type is DomType.RESET:
                    levels.clear()
                elif row.volume:
                    levels[key] = row.volume
                else:
                    del levels[key]
    assert quote == machine.top().changes
    book = machine.book()
    assert {price: size for (bid, price), size in levels.items() if bid} == dict(book.bids)
    assert {price: size for (bid, price), size in levels.items() if not bid} == dict(book.asks)
    assert book.bids[0][0] == machine.top().bid < machine.top().ask == book.asks[0][0]


@settings(max_examples=30)
@given(seed=SEEDS, early_us=st.integers(0, 30 * MINUTE_US), late_us=st.integers(0, 30 * MINUTE_US))
def test_it_does_not_matter_when_it_was_started(seed: int, early_us: int, late_us: int) -> None:
    early_us, late_us = sorted((early_us, late_us))
    bars = invented_bars(Random(seed), 20)
    first, second = player(bars, seed), player(bars, seed)
    first.start(START_US + early_us)
    played(first, START_US + late_us)
    second.start(START_US + late_us)
    assert first.next_us == second.next_us
    assert first.state == second.state
    assert first.book() == second.book()
    assert first.top()[2:] == second.top()[2:]
    assert played(first, START_US + late_us + 3 * MINUTE_US) == played(
        second, START_US + late_us + 3 * MINUTE_US
    )


def test_the_first_trade_of_a_trading_day_begins_its_figures_anew() -> None:
    # 17:00 in Chicago is 23:00 UTC in January.
    roll = to_minute(TUESDAY.replace(hour=23))
    bars = [
        MinuteBar(roll - 1, 100, 110, 90, 105, 50),
        MinuteBar(roll, 107, 108, 106, 107, 9),
    ]
    machine = player(bars)
    machine.start((roll - 1) * MINUTE_US)
    events = played(machine, (roll + 1) * MINUTE_US)
    index = next(
        place
        for place, event in enumerate(events)
        if isinstance(event, TapeEvent) and to_minute(event.at) == roll
    )
    first = next(event for event in events[index:] if isinstance(event, QuoteEvent))
    price = euro().price
    assert first.changes == {
        "lastPrice": price(107),
        "open": price(107),
        "high": price(107),
        "low": price(107),
        "change": price(2),
        "changePercent": Decimal("1.90"),
        "volume": first.changes["volume"],
    }
    assert machine.top().changes["volume"] == 9


def test_a_gap_falls_quiet_or_closes_and_opens_with_a_reset() -> None:
    start = to_minute(TUESDAY)
    bars = [
        MinuteBar(start, 100, 100, 100, 100, 5),
        MinuteBar(start + 3, 110, 110, 110, 110, 5),
        MinuteBar(start + 60, 90, 90, 90, 90, 5),
    ]
    machine = player(bars)
    machine.start(START_US)
    events = played(machine, START_US + 61 * MINUTE_US)
    told = [(to_minute(e.at) - start, e.state) for e in events if isinstance(e, SessionEvent)]
    assert told == [(1, "quiet"), (3, "open"), (4, "closed"), (60, "open"), (61, "closed")]
    resets = [
        to_minute(event.at) - start
        for event in events
        if isinstance(event, DepthEvent) and event.rows[0].type is DomType.RESET
    ]
    assert resets == [3, 60]


def test_before_the_first_bar_it_waits_at_its_open() -> None:
    machine = player([MinuteBar(to_minute(TUESDAY), 100, 104, 99, 101, 50)])
    machine.start(START_US - 3600 * 1_000_000)
    assert (machine.state, machine.next_us) == ("closed", START_US)
    assert machine.top().last == euro().price(100)
    assert played(machine, START_US)[0] == SessionEvent(euro().id, TUESDAY, "open")


def test_after_the_last_bar_it_stands_still() -> None:
    machine = player([MinuteBar(to_minute(TUESDAY), 100, 104, 99, 101, 50)])
    machine.start(to_us(TUESDAY + timedelta(days=9)))
    assert (machine.state, machine.next_us) == ("closed", None)
    assert machine.top().last == euro().price(101)
    machine.step([])
