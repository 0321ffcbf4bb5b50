"""When the simulated markets trade, and where one trading day ends and the next begins.

Verified: CME Globex trades from Sunday 17:00 to Friday 16:00 Chicago time with a halt from 16:00 to
17:00 every day, the trading day rolls at 17:00, and Topstep wants everybody flat by 15:10 and opens no
new position from 15:08. Assumed: the sessions of grains and livestock. Exchange holidays are not known:
a scenario can name days that close early.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, Protocol
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from topstepx.sim.products import Hours, Product

CHICAGO = ZoneInfo("America/Chicago")
_DAY = timedelta(days=1)
_ROLL = time(17)
_SATURDAY, _SUNDAY = 5, 6


class Span(NamedTuple):
    """Trading from `opens` up to, not including, `closes`; aware UTC."""

    opens: datetime
    closes: datetime


def chicago(day: date, at: time) -> datetime:
    """A Chicago wall-clock time as aware UTC, summer time included."""
    return datetime.combine(day, at, CHICAGO).astimezone(UTC)


@lru_cache(maxsize=4096)
def trading_day_start(day: date) -> datetime:
    """17:00 Chicago time of the calendar day before, as UTC."""
    return chicago(day - _DAY, _ROLL)


def trading_day_end(day: date) -> datetime:
    """17:00 Chicago time, as UTC: the start of the next trading day."""
    return trading_day_start(day + _DAY)


def flat_by(day: date) -> datetime:
    """15:10 Chicago time: Topstep wants no position from here to 17:00."""
    return chicago(day, time(15, 10))


def last_entry(day: date) -> datetime:
    """15:08 Chicago time: no new positions from here on."""
    return chicago(day, time(15, 8))


def trading_day(now: datetime) -> date:
    """The trading day a moment belongs to, by the 17:00 roll alone; weekends are days of their own."""
    local = now.astimezone(CHICAGO)
    return local.date() + _DAY if local.time() >= _ROLL else local.date()


class Calendar(Protocol):
    """Which hours the simulated market keeps."""

    def is_open(self, product: Product, now: datetime) -> bool:
        """Whether the product trades at that moment."""
        ...

    def next_open(self, product: Product, now: datetime) -> datetime:
        """The next moment it trades: `now` itself when it is open."""
        ...

    def next_close(self, product: Product, now: datetime) -> datetime | None:
        """When the running session (or the next one) ends; None: never."""
        ...

    def trading_day(self, now: datetime) -> date:
        """The trading day that orders of this moment count for."""
        ...

    def spans(self, product: Product, start: datetime, end: datetime) -> Iterator[Span]:
        """The trading times inside a window, in order, cut to the window."""
        ...

    def activity(self, product: Product, now: datetime) -> float:
        """How busy the hour of this moment is, 1.0 being the busiest."""
        ...


class AlwaysOpen:
    """A market for trying things out: open at any hour, always as busy as at its best."""

    def is_open(self, product: Product, now: datetime) -> bool:  # noqa: ARG002  the port's signature
        """Always."""
        return True

    def next_open(self, product: Product, now: datetime) -> datetime:  # noqa: ARG002  the port's signature
        """Now."""
        return now

    def next_close(self, product: Product, now: datetime) -> datetime | None:  # noqa: ARG002  the port's signature
        """Never."""
        return None

    def trading_day(self, now: datetime) -> date:
        """By the 17:00 roll; Saturdays and Sundays are trading days too."""
        return trading_day(now)

    def spans(self, product: Product, start: datetime, end: datetime) -> Iterator[Span]:  # noqa: ARG002  the port's signature
        """The whole window."""
        if start < end:
            yield Span(start, end)

    def activity(self, product: Product, now: datetime) -> float:  # noqa: ARG002  the port's signature
        """Always 1.0."""
        return 1.0


# Sessions that *begin* on a weekday (Monday is 0): begin, end, and whether it ends on the next day.
_Session = tuple[time, time, bool]
_GLOBEX: _Session = (time(17), time(16), True)
_GRAINS_NIGHT: _Session = (time(19), time(7, 45), True)
_GRAINS_DAY: _Session = (time(8, 30), time(13, 20), False)
_LIVESTOCK: _Session = (time(8, 30), time(13, 5), False)

_WEEK: dict[Hours, dict[int, tuple[_Session, ...]]] = {
    "globex": dict.fromkeys((6, 0, 1, 2, 3), (_GLOBEX,)),
    "grains": {
        6: (_GRAINS_NIGHT,),
        **dict.fromkeys(range(4), (_GRAINS_DAY, _GRAINS_NIGHT)),
        4: (_GRAINS_DAY,),
    },
    "livestock": dict.fromkeys(range(5), (_LIVESTOCK,)),
}

# How busy each Chicago hour is (assumed).
_HOURLY = (
    *(0.10, 0.12, 0.18, 0.22, 0.20, 0.22, 0.28, 0.50),
    *(1.00, 1.00, 0.85, 0.65, 0.60, 0.70, 0.90, 0.30),
    *(0.10, 0.12, 0.10, 0.12, 0.12, 0.10, 0.10, 0.10),
)


class GlobexHours:
    """The true hours of each product; `early` closes a day at that Chicago time, for every product."""

    def __init__(self, early: Mapping[date, time] | None = None) -> None:
        self._early = dict(early or {})

    def is_open(self, product: Product, now: datetime) -> bool:
        """Whether the product trades at that moment."""
        return self.next_open(product, now) == now

    def next_open(self, product: Product, now: datetime) -> datetime:
        """The next moment it trades: `now` itself when it is open."""
        return max(self._next(product, now).opens, now)

    def next_close(self, product: Product, now: datetime) -> datetime | None:
        """When the running session (or the next one) ends."""
        return self._next(product, now).closes

    def trading_day(self, now: datetime) -> date:
        """By the 17:00 roll; a weekend counts for Monday."""
        day = trading_day(now)
        return day + _DAY * {_SATURDAY: 2, _SUNDAY: 1}.get(day.weekday(), 0)

    def spans(self, product: Product, start: datetime, end: datetime) -> Iterator[Span]:
        """The trading times inside a window, in order, cut to the window."""
        for span in self._sessions(product, start):
            if span.opens >= end:
                return
            yield Span(max(span.opens, start), min(span.closes, end))

    def activity(self, product: Product, now: datetime) -> float:
        """How busy the hour is; grains and livestock are busy in all their day session."""
        busy = _HOURLY[now.astimezone(CHICAGO).hour]
        return busy if product.hours == "globex" else max(busy, 0.4)

    def _next(self, product: Product, now: datetime) -> Span:
        return next(self._sessions(product, now))

    def _sessions(self, product: Product, now: datetime) -> Iterator[Span]:
        """Sessions that end after `now`, for ever, in order."""
        week = _WEEK[product.hours]
        day = now.astimezone(CHICAGO).date() - _DAY
        while True:
            for begin, end, overnight in week.get(day.weekday(), ()):
                last = day + _DAY if overnight else day
                closes = chicago(last, min(end, self._early.get(last, end)))
                if closes > now and closes > chicago(day, begin):
                    yield Span(chicago(day, begin), closes)
            day += _DAY
