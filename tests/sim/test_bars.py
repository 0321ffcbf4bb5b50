from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.market import TUESDAY, euro, invented_bars, real
from topstepx.sim.bars import BARS_MAX, BarHistory, BarsReply
from topstepx.sim.calendar import GlobexHours
from topstepx.sim.catalogue import Catalogue, Listing
from topstepx.sim.feed import Feed
from topstepx.sim.market_events import TapeEvent
from topstepx.wire.enums import BarUnit
from topstepx.wire.models import BarModel

NOW = datetime(2026, 11, 25, 15, 7, 33, 500_000, UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MNQ = Catalogue().front("MNQ", now=NOW)


def ask(
    history: BarHistory,
    unit: BarUnit = BarUnit.MINUTE,
    number: int = 1,
    *,
    listing: Listing | None = MNQ,
    start: datetime = NOW - DAY,
    end: datetime = NOW + HOUR,
    limit: int = BARS_MAX,
    partial: bool = True,
    now: datetime = NOW,
) -> BarsReply:
    return history.retrieve_bars(listing, start, end, int(unit), number, limit, partial, now)


HISTORY = BarHistory(Feed(1))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"listing": None, "unit": BarUnit(9)}, 1),
        ({"unit": BarUnit.UNSPECIFIED}, 2),
        ({"unit": BarUnit.TICK}, 2),
        ({"unit": BarUnit(8), "number": 0}, 2),
        ({"number": 0}, 3),
        ({"number": -5, "limit": 0}, 3),
        ({"limit": 0}, 4),
        ({"limit": BARS_MAX + 1}, 4),
    ],
)
def test_refusals(change: dict[str, object], code: int) -> None:
    assert ask(HISTORY, **change) == (code, [])  # type: ignore[arg-type]  # keywords of `ask`


def test_an_empty_or_future_window_is_a_success_without_bars() -> None:
    assert ask(HISTORY, start=NOW, end=NOW - HOUR) == (0, [])
    assert ask(HISTORY, start=NOW + HOUR, end=NOW + DAY) == (0, [])
    far = datetime(1, 1, 2, tzinfo=UTC)
    assert ask(HISTORY, start=far, end=far + DAY) == (0, [])


def test_the_newest_bars_come_first_and_the_limit_keeps_them() -> None:
    everything = ask(HISTORY).bars
    assert len(everything) == 1440
    assert everything[0].t == datetime(2026, 11, 25, 15, 7, tzinfo=UTC)
    assert everything[-1].t == datetime(2026, 11, 24, 15, 8, tzinfo=UTC)
    assert all(one.t - other.t == MINUTE for one, other in pairwise(everything))
    assert all(one.o == other.c for one, other in pairwise(everything))
    assert ask(HISTORY, limit=10).bars == everything[:10]


def test_the_forming_bar_is_dropped_on_demand() -> None:
    assert ask(HISTORY, partial=False).bars == ask(HISTORY).bars[1:]
    whole = ask(HISTORY, now=NOW.replace(second=0, microsecond=0) + MINUTE, partial=False).bars
    assert whole[0].t == datetime(2026, 11, 25, 15, 7, tzinfo=UTC)


def test_the_window_is_by_open_time() -> None:
    start, end = (datetime(2026, 11, 25, 14, minute, tzinfo=UTC) for minute in (0, 20))
    bars = ask(HISTORY, number=5, start=start, end=end).bars
    assert [bar.t.minute for bar in bars] == [15, 10, 5, 0]
    assert ask(HISTORY, number=5, start=start + MINUTE, end=end + MINUTE).bars[-1] == bars[-2]
    assert ask(HISTORY, number=5, start=start + MINUTE, end=end + MINUTE).bars[0].t == end


def test_five_hundred_five_minute_bars_behind_any_moment() -> None:
    bars = ask(HISTORY, number=5, limit=500, start=NOW - 30 * DAY).bars
    assert len(bars) == 500
    assert all(bar.l <= min(bar.o, bar.c) <= max(bar.o, bar.c) <= bar.h for bar in bars)


def joined(bars: list[BarModel], at: datetime) -> BarModel:
    oldest_first = bars[::-1]
    return BarModel(
        t=at,
        o=oldest_first[0].o,
        h=max(bar.h for bar in bars),
        l=min(bar.l for bar in bars),
        c=oldest_first[-1].c,
        v=sum(bar.v for bar in bars),
    )


@pytest.mark.parametrize(
    ("unit", "number", "start", "small"),
    [
        (BarUnit.MINUTE, 1, datetime(2026, 11, 25, 15, 7, tzinfo=UTC), BarUnit.SECOND),
        (BarUnit.MINUTE, 7, datetime(2026, 11, 25, 15, 6, tzinfo=UTC), BarUnit.SECOND),
        (BarUnit.HOUR, 1, datetime(2026, 11, 25, 14, tzinfo=UTC), BarUnit.MINUTE),
        (BarUnit.HOUR, 1, datetime(2026, 11, 25, 15, tzinfo=UTC), BarUnit.MINUTE),
        (BarUnit.HOUR, 4, datetime(2026, 11, 25, 11, tzinfo=UTC), BarUnit.MINUTE),
        (BarUnit.DAY, 1, datetime(2026, 11, 24, 23, tzinfo=UTC), BarUnit.MINUTE),
        (BarUnit.DAY, 1, datetime(2026, 11, 23, 23, tzinfo=UTC), BarUnit.HOUR),
        (BarUnit.WEEK, 1, datetime(2026, 11, 15, 23, tzinfo=UTC), BarUnit.DAY),
        (BarUnit.MONTH, 1, datetime(2026, 10, 31, 22, tzinfo=UTC), BarUnit.DAY),
    ],
)
def test_long_bars_are_short_bars_joined(
    unit: BarUnit, number: int, start: datetime, small: BarUnit
) -> None:
    long = ask(HISTORY, unit, number, start=start).bars[-1]
    newer = ask(HISTORY, unit, number, start=start).bars[:-1]
    end = newer[-1].t if newer else NOW + HOUR
    assert long.t == start
    assert long == joined(ask(HISTORY, small, start=start, end=end).bars, start)


def test_days_go_back_120_days_and_no_further() -> None:
    days = ask(BarHistory(Feed(1)), BarUnit.DAY, start=NOW - 1000 * DAY).bars
    assert len(days) in {120, 121}


def test_second_bars_and_the_running_minute_are_what_the_tape_showed() -> None:
    feed = Feed(4)
    feed.start(MNQ, NOW - 2 * MINUTE)
    tape = [event for event in feed.advance(NOW) if isinstance(event, TapeEvent)]
    history = BarHistory(feed)
    seconds = ask(history, BarUnit.SECOND, start=NOW - 100 * timedelta(seconds=1)).bars
    for bar in seconds:
        shown = [event for event in tape if bar.t <= event.at < bar.t + timedelta(seconds=1)]
        assert (bar.o, bar.c) == (shown[0].price, shown[-1].price)
        assert (bar.h, bar.l) == (max(e.price for e in shown), min(e.price for e in shown))
        assert bar.v == sum(event.volume for event in shown)
    forming = ask(history, limit=1).bars[0]
    shown = [event for event in tape if event.at >= forming.t]
    assert forming.v == sum(event.volume for event in shown)
    assert forming.c == shown[-1].price == feed.top(MNQ.id).last


def test_no_bars_in_halts() -> None:
    history = BarHistory(Feed(1, calendar=GlobexHours()))
    monday = datetime(2026, 11, 23, 15, tzinfo=UTC)
    hours = ask(history, BarUnit.HOUR, start=monday - 4 * DAY, now=monday, end=monday).bars
    closed = datetime(2026, 11, 20, 22, tzinfo=UTC), datetime(2026, 11, 22, 23, tzinfo=UTC)
    assert not any(closed[0] <= bar.t < closed[1] for bar in hours)
    assert any(bar.t == closed[1] for bar in hours)
    assert not any(bar.t == datetime(2026, 11, 19, 22, tzinfo=UTC) for bar in hours)


def test_tick_bars_behind_their_switch() -> None:
    feed = Feed(4)
    bars = ask(BarHistory(feed, tick_bars=True), BarUnit.TICK, 100, start=NOW - 2 * MINUTE).bars
    minutes = ask(BarHistory(feed), start=NOW - 3 * MINUTE, end=NOW).bars
    assert len(bars) > 10
    assert [bar.t for bar in bars] == sorted((bar.t for bar in bars), reverse=True)
    assert sum(bar.v for bar in bars) <= sum(bar.v for bar in minutes)
    assert bars[0].c == minutes[0].c


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32), later=st.integers(0, 120))
def test_real_bars_are_read_back_row_for_row(seed: int, later: int) -> None:
    bars = invented_bars(Random(seed), 30)
    history, listing = BarHistory(Feed(seed, real=real(bars))), euro()
    now = TUESDAY + later * MINUTE
    found = ask(
        history, listing=listing, start=TUESDAY - DAY, end=TUESDAY + DAY, now=now, partial=False
    )
    known = [bar for bar in bars if (bar.minute - bars[0].minute) < later]
    assert [
        (bar.t, *map(listing.ticks, (bar.o, bar.h, bar.l, bar.c)), bar.v)
        for bar in found.bars[::-1]
    ] == [(TUESDAY + (bar.minute - bars[0].minute) * MINUTE, *bar[1:]) for bar in known]


def test_the_bar_at_the_windows_end_is_a_switch() -> None:
    end = datetime(2026, 11, 25, 15, 0, tzinfo=UTC)
    left_out = ask(HISTORY, start=end - 3 * MINUTE, end=end).bars
    taken_in = ask(BarHistory(Feed(1), end_inclusive=True), start=end - 3 * MINUTE, end=end).bars
    assert [bar.t for bar in taken_in] == [end, *(bar.t for bar in left_out)]


def test_the_members_of_2026_are_a_switch() -> None:
    bars = ask(BarHistory(Feed(1), extra_fields=True), limit=2).bars
    assert [(bar.d, bar.k) for bar in bars] == [("2026-11-25", 0)] * 2
    assert [(bar.d, bar.k) for bar in ask(HISTORY, limit=2).bars] == [(None, None)] * 2
