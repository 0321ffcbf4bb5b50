from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.market import TUESDAY, bars_of_tape, euro, invented_bars, real
from topstepx.errors import InvalidRequest
from topstepx.sim.calendar import GlobexHours
from topstepx.sim.catalogue import Catalogue, Listing
from topstepx.sim.feed import Feed
from topstepx.sim.market_events import DepthEvent, MarketEvent, QuoteEvent, SessionEvent, TapeEvent
from topstepx.sim.minutes import to_minute
from topstepx.wire.enums import DomType

NOW = datetime(2026, 11, 23, 15, 0, 20, tzinfo=UTC)


def front(name: str) -> Listing:
    return Catalogue().front(name, now=NOW)


def stepped(feed: Feed, start: datetime, end: datetime, step: timedelta) -> list[MarketEvent]:
    events: list[MarketEvent] = []
    while start < end:
        start = min(start + step, end)
        events += feed.advance(start)
    return events


@settings(max_examples=10)
@given(
    seed=st.integers(0, 2**63),
    step_ms=st.sampled_from([10, 33, 250, 1000, 7000]),
    start_s=st.integers(0, 70),
)
def test_steps_of_any_length_give_the_same_events(seed: int, step_ms: int, start_s: int) -> None:
    start = NOW + timedelta(seconds=start_s)
    end = start + timedelta(seconds=25)
    results = []
    for step in (timedelta(milliseconds=step_ms), timedelta(seconds=25)):
        feed = Feed(seed)
        for name in ("MNQ", "6E", "NQ") if step_ms % 2 else ("NQ", "6E", "MNQ"):
            feed.start(front(name), start)
        results.append(stepped(feed, start, end, step))
    assert results[0] == results[1]
    assert len(results[0]) > 100
    assert all(start < event.at <= end for event in results[0])
    assert all(one.at <= other.at for one, other in pairwise(results[0]))


def test_following_next_event_at_misses_nothing() -> None:
    end = NOW + timedelta(seconds=50)
    one, other = Feed(3), Feed(3)
    for feed in (one, other):
        assert feed.next_event_at() is None
        feed.start(front("MNQ"), NOW)
        feed.start(front("ES"), NOW)
    events: list[MarketEvent] = []
    while (at := one.next_event_at()) is not None and at <= end:
        step = one.advance(at)
        assert {event.at for event in step} <= {at}
        events += step
    assert events == other.advance(end)


def test_a_contract_started_later_or_again_is_the_same_market() -> None:
    feeds = [Feed(5), Feed(5)]
    mnq, euro_fx = front("MNQ"), front("6E")
    feeds[0].start(mnq, NOW)
    feeds[0].advance(NOW + timedelta(seconds=100))
    feeds[1].start(euro_fx, NOW)
    feeds[1].advance(NOW + timedelta(seconds=100))
    feeds[1].stop(euro_fx.id)
    feeds[1].start(mnq, NOW + timedelta(seconds=100))
    assert feeds[0].snapshot(mnq.id)[0].changes == feeds[1].snapshot(mnq.id)[0].changes
    assert feeds[0].book(mnq.id) == feeds[1].book(mnq.id)
    later = NOW + timedelta(seconds=160)
    assert feeds[0].advance(later) == feeds[1].advance(later)
    assert not feeds[1].started(euro_fx.id)
    assert feeds[1].started(mnq.id)


def test_rates_are_near_those_seen_live() -> None:
    feed = Feed(1)
    feed.start(front("MNQ"), NOW)
    events = feed.advance(NOW + timedelta(minutes=10))
    per_second = {kind: count / 600 for kind, count in Counter(map(type, events)).items()}
    assert 16 < per_second[TapeEvent] < 24
    assert 36 < per_second[QuoteEvent] < 48
    assert 54 < per_second[DepthEvent] < 70


def test_rate_scales_the_market() -> None:
    counts = []
    for rate in (0.1, 1.0, 8.0):
        feed = Feed(1, rate=rate)
        feed.start(front("MNQ"), NOW)
        counts.append(len(feed.advance(NOW + timedelta(minutes=1))))
    assert counts[0] * 5 < counts[1] < counts[0] * 20
    assert counts[1] * 5 < counts[2] < counts[1] * 12
    with pytest.raises(InvalidRequest, match="rate=0"):
        Feed(1, rate=0)


@settings(max_examples=10)
@given(seed=st.integers(0, 2**63), name=st.sampled_from(["MNQ", "ZT", "6J", "CL", "E7"]))
def test_the_generated_market_is_sane(seed: int, name: str) -> None:
    listing, feed = front(name), Feed(seed)
    feed.start(listing, NOW)
    first, _ = feed.snapshot(listing.id)
    volume = first.changes["volume"]
    spreads = []
    events = feed.advance(NOW + timedelta(minutes=3))
    for event in events:
        if isinstance(event, QuoteEvent):
            listing.ticks(event.bid)
            listing.ticks(event.ask)
            spreads.append(listing.ticks(event.ask - event.bid))
            assert event.changes.get("volume", volume) >= volume
            volume = event.changes.get("volume", volume)
            assert min(event.bid_size, event.ask_size) >= 1
            assert (event.match_bid, event.match_ask) == (event.bid, event.ask)
        elif isinstance(event, TapeEvent):
            listing.ticks(event.price)
        assert not isinstance(event, SessionEvent)
    assert min(spreads) >= 1
    assert max(spreads) <= listing.product.spread_ticks + 1
    last = feed.top(listing.id)
    assert last.changes["low"] <= last.last <= last.changes["high"]


def test_the_tape_of_a_generated_minute_is_its_bar() -> None:
    listing, feed = front("MNQ"), Feed(9)
    start = NOW.replace(second=0) - timedelta(microseconds=1)
    feed.start(listing, start)
    events = feed.advance(start + timedelta(minutes=3))
    minute = to_minute(NOW)
    assert bars_of_tape(listing, events) == feed.source(listing).between(minute, minute + 3)


@settings(max_examples=5)
@given(seed=st.integers(0, 2**32))
def test_real_bars_replace_the_generated_market_of_their_contract(seed: int) -> None:
    bars = invented_bars(Random(seed), 10)
    feed = Feed(seed, real=real(bars), rate=3.0)
    before = TUESDAY - timedelta(seconds=1)
    feed.start(euro(), before)
    feed.start(Catalogue().front("M6E", now=before), before)
    events = feed.advance(TUESDAY + timedelta(minutes=bars[-1].minute - bars[0].minute + 1))
    mine = [event for event in events if event.contract_id == euro().id]
    assert bars_of_tape(euro(), mine) == bars
    assert len(mine) < len(events)


def test_true_hours_close_and_open_the_market() -> None:
    feed = Feed(1, calendar=GlobexHours(), rate=0.2)
    listing = front("MNQ")
    friday = datetime(2026, 11, 27, 21, 59, tzinfo=UTC)
    feed.start(listing, friday)
    assert feed.state(listing.id) == "open"
    events = feed.advance(friday + timedelta(minutes=5))
    assert events[-1] == SessionEvent(listing.id, friday + timedelta(minutes=1), "closed")
    assert feed.state(listing.id) == "closed"
    opens = datetime(2026, 11, 29, 23, tzinfo=UTC)
    assert feed.next_event_at() == opens
    assert feed.advance(opens)[0] == SessionEvent(listing.id, opens, "open")


def test_a_long_sleep_is_skipped_and_told_as_a_snapshot() -> None:
    listing, feed, other = (front("MNQ"), *(Feed(1, catch_up=timedelta(seconds=60)) for _ in "ab"))
    feed.start(listing, NOW)
    feed.advance(NOW + timedelta(seconds=1))
    later = NOW + timedelta(hours=2)
    depth, quote = feed.advance(later)
    assert isinstance(depth, DepthEvent)
    assert depth.rows[0].type is DomType.RESET
    assert isinstance(quote, QuoteEvent)
    assert quote.symbol_name == "/MNQ"
    other.start(listing, later)
    assert feed.book(listing.id) == other.book(listing.id)
    assert len(feed.advance(later + timedelta(seconds=59))) > 1000


def test_time_does_not_run_backwards() -> None:
    feed = Feed(1)
    feed.advance(NOW)
    with pytest.raises(InvalidRequest, match="backwards"):
        feed.start(front("MNQ"), NOW - timedelta(seconds=1))
    feed.start(front("MNQ"), NOW)
    assert feed.advance(NOW - timedelta(seconds=5)) == []
    with pytest.raises(KeyError):
        feed.snapshot("CON.F.US.ENQ.Z26")
