"""Invented bars and a reader of market events, for the tests of the simulated market."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from topstepx.sim.catalogue import Catalogue, Listing
from topstepx.sim.market_events import TapeEvent
from topstepx.sim.minutes import MINUTE_US, MinuteBar, prints_needed, to_minute, to_us
from topstepx.sim.real_bars import RealBars

if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random

    from topstepx.sim.market_events import MarketEvent

TUESDAY = datetime(2024, 1, 2, 14, tzinfo=UTC)


def euro() -> Listing:
    """6E as it was the front month in January 2024."""
    return Catalogue().front("6E", now=TUESDAY)


def invented_bars(chance: Random, count: int, gaps: float = 0.1) -> list[MinuteBar]:
    """Possible bars from TUESDAY on, some minutes left out, some halts, some with one price only."""
    bars: list[MinuteBar] = []
    minute, price = to_minute(TUESDAY), 21_900
    while len(bars) < count:
        low = price - chance.randrange(4)
        high = max(price, low + chance.randrange(6))
        open_, close = chance.randint(low, high), chance.randint(low, high)
        volume = prints_needed(open_, high, low, close) + chance.randrange(80)
        bars.append(MinuteBar(minute, open_, high, low, close, volume))
        price = close + chance.randint(-2, 2)
        pause = chance.random()
        minute += 1 if pause > gaps else chance.choice((2, 3, 40))
    return bars


def real(bars: list[MinuteBar]) -> RealBars:
    """A replay of these bars as 6E."""
    return RealBars(euro(), bars)


def bars_of_tape(listing: Listing, events: Iterable[MarketEvent]) -> list[MinuteBar]:
    """What somebody who watched the tape would draw."""
    minutes: dict[int, list[tuple[int, int]]] = {}
    for event in events:
        if isinstance(event, TapeEvent):
            row = (listing.ticks(event.price), event.volume)
            minutes.setdefault(to_us(event.at) // MINUTE_US, []).append(row)
    return [
        MinuteBar(
            minute,
            rows[0][0],
            max(price for price, _ in rows),
            min(price for price, _ in rows),
            rows[-1][0],
            sum(size for _, size in rows),
        )
        for minute, rows in minutes.items()
    ]
