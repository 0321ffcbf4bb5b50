"""A generated market, one-minute bar by one-minute bar, that can be read at any time in any order.

A slow wave of seeded noise over days (bounded, so that a run of years stays sane) fixes the price at
each midnight UTC; a random walk, pinned to the wave at both ends, fills the day. Products on the same
underlying share both, so NQ and MNQ move as one. A bar opens where the one before closed.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import timedelta
from math import floor, sqrt
from typing import TYPE_CHECKING

from topstepx.sim.chance import stream
from topstepx.sim.minutes import (
    DAY_MINUTES,
    EPOCH,
    HOUR_MINUTES,
    MinuteBar,
    joined,
    prints_needed,
    to_minute,
)

if TYPE_CHECKING:
    from datetime import datetime

    from topstepx.sim.calendar import Calendar
    from topstepx.sim.catalogue import Listing
    from topstepx.sim.market_events import State

_OCTAVES = 7  # waves of 1, 2, 4, ... 64 days
_WAVE = 0.5  # how much of the day's usual move each wave carries
_CARRY_PER_MONTH = 2.5e-4  # later months cost a little more
_WICK = 0.35  # how far a bar reaches beyond its open and close, in usual moves
_BUSY_MINUTES = 450  # a day's volume trades as if in that many busy minutes
_PRINTS_MAX = 4  # no bar needs more trades
HISTORY_DAYS = 120
_DAYS_KEPT = 4
_HOURS_KEPT = HISTORY_DAYS + 2
_LOOK_BACK_DAYS = 8


def busy_minute_volume(listing: Listing) -> float:
    """Contracts that trade in a usual busy minute."""
    return listing.product.daily_volume / _BUSY_MINUTES


class SyntheticMinutes:
    """The generated market of one contract.

    `volume_factor` multiplies the volume, for more trades than the real market has.
    """

    def __init__(
        self, listing: Listing, seed: int, calendar: Calendar, volume_factor: float = 1.0
    ) -> None:
        self._listing = listing
        self._seed = seed
        self._calendar = calendar
        self._volume = busy_minute_volume(listing) * volume_factor
        months = (listing.expiry.year - 2026) * 12 + listing.expiry.month
        product = listing.product
        self._ticks_at_one = (
            product.underlying.price * (1 + _CARRY_PER_MONTH * months) / float(product.tick_size)
        )
        self._days: OrderedDict[int, dict[int, MinuteBar]] = OrderedDict()
        self._hours: OrderedDict[int, list[MinuteBar]] = OrderedDict()
        self._waves: dict[int, float] = {}

    def earliest(self, now_minute: int) -> int:
        """History goes back 120 days: enough to chart, and quick to draw."""
        return now_minute - HISTORY_DAYS * DAY_MINUTES

    def at(self, minute: int) -> MinuteBar | None:
        """The bar of that minute, None when the market is closed."""
        return self._day(minute // DAY_MINUTES).get(minute)

    def before(self, minute: int) -> MinuteBar | None:
        """The last bar before that minute."""
        day = minute // DAY_MINUTES
        for candidate in range(day, day - _LOOK_BACK_DAYS, -1):
            bars = self._day(candidate)
            if minute - 1 in bars:
                return bars[minute - 1]
            earlier = [bar for bar in bars.values() if bar.minute < minute]
            if earlier:
                return earlier[-1]
        return None

    def next_minute(self, minute: int) -> int | None:
        """The first minute from that one on in which the market is open."""
        opens = self._calendar.next_open(self._listing.product, _moment(minute))
        return to_minute(opens)

    def between(self, first: int, end: int) -> list[MinuteBar]:
        """The bars from minute `first` up to, not including, `end`."""
        found: list[MinuteBar] = []
        for day in range(first // DAY_MINUTES, (end - 1) // DAY_MINUTES + 1):
            bars = self._day(day)
            if first <= day * DAY_MINUTES and end >= (day + 1) * DAY_MINUTES:
                found.extend(bars.values())
            else:
                found.extend(bar for bar in bars.values() if first <= bar.minute < end)
        return found

    def hours(self, first: int, end: int) -> list[MinuteBar]:
        """The same joined by clock hours."""
        found: list[MinuteBar] = []
        for day in range(first // DAY_MINUTES, (end - 1) // DAY_MINUTES + 1):
            if day not in self._hours:
                self._hours[day] = by_hour(list(self._day(day).values()))
                if len(self._hours) > _HOURS_KEPT:
                    self._hours.popitem(last=False)
            found.extend(bar for bar in self._hours[day] if first <= bar.minute < end)
        return found

    def state(self, minute: int) -> State:
        """Open or closed, as the calendar says; a generated market is never quiet."""
        is_open = self._calendar.is_open(self._listing.product, _moment(minute))
        return "open" if is_open else "closed"

    def _day(self, day: int) -> dict[int, MinuteBar]:
        bars = self._days.get(day)
        if bars is None:
            bars = self._days[day] = self._generate(day)
            if len(self._days) > _DAYS_KEPT:
                self._days.popitem(last=False)
        return bars

    def _wave(self, day: int) -> float:
        """How far from its anchor the underlying stands at the start of a day, relatively."""
        value = self._waves.get(day)
        if value is None:
            underlying = self._listing.product.underlying
            value = 0.0
            for octave in range(_OCTAVES):
                step, rest = divmod(day, 1 << octave)
                share = rest / (1 << octave)
                here, there = (
                    2 * stream(self._seed, "wave", underlying.name, octave, index).random() - 1
                    for index in (step, step + 1)
                )
                value += sqrt(1 << octave) * (here + (there - here) * share)
            value *= _WAVE * underlying.minute_move * sqrt(DAY_MINUTES)
            self._waves[day] = value
        return value

    def _open_minutes(self, day: int) -> list[tuple[int, float]]:
        """The minutes of a UTC day in which the market trades, and how busy each is."""
        start = _moment(day * DAY_MINUTES)
        product = self._listing.product
        minutes: list[tuple[int, float]] = []
        for span in self._calendar.spans(product, start, start + timedelta(days=1)):
            minute, end = to_minute(span.opens), to_minute(span.closes)
            while minute < end:
                stop = min(end, (minute // HOUR_MINUTES + 1) * HOUR_MINUTES)
                busy = self._calendar.activity(product, _moment(minute))
                minutes.extend((each, busy) for each in range(minute, stop))
                minute = stop
        return minutes

    def _generate(self, day: int) -> dict[int, MinuteBar]:
        minutes = self._open_minutes(day)
        if not minutes:
            return {}
        product = self._listing.product
        scale, spread, usual = self._ticks_at_one, product.spread_ticks, self._volume
        minute_move = product.underlying.minute_move
        # One fixed number of draws for each minute; products on the same underlying draw the same.
        draw = stream(self._seed, "day", product.underlying.name, day).random
        eager = stream(self._seed, "volume", product.root, day).random
        # Three uniform draws are close to a normal one, and much quicker.
        moves = [
            2 * minute_move * sqrt(busy) * (draw() + draw() + draw() - 1.5) for _, busy in minutes
        ]
        start, end = self._wave(day), self._wave(day + 1)
        pin = (end - start - sum(moves)) / len(moves)
        reach = 2 * _WICK * scale * minute_move
        bars: dict[int, MinuteBar] = {}
        level = start
        opened = floor(scale * (1 + level) + 0.5)
        for (minute, busy), change in zip(minutes, moves, strict=True):
            level += change + pin
            closed = floor(scale * (1 + level) + 0.5)
            low, high = (opened, closed) if opened < closed else (closed, opened)
            high += int(reach * draw() * draw())
            low -= int(reach * draw() * draw())
            if high - low < spread:
                high = low + spread
            volume = int(usual * busy * (0.3 + 0.9 * eager() + 0.3 * abs(change) / minute_move))
            if volume < _PRINTS_MAX:
                volume = max(volume, prints_needed(opened, high, low, closed))
            bars[minute] = MinuteBar(minute, opened, high, low, closed, volume)
            opened = closed
        return bars


def by_hour(bars: list[MinuteBar]) -> list[MinuteBar]:
    """One-minute bars, in order, joined by clock hours."""
    groups: dict[int, list[MinuteBar]] = {}
    for bar in bars:
        groups.setdefault(bar.minute // HOUR_MINUTES * HOUR_MINUTES, []).append(bar)
    return [joined(hour, group) for hour, group in groups.items()]


def _moment(minute: int) -> datetime:
    return EPOCH + timedelta(minutes=minute)
