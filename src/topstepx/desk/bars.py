"""Bars: asked for in a trader's words, read page by page, handed out oldest first."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from topstepx.core.intervals import Interval, read_interval
from topstepx.core.lanes import Lane
from topstepx.core.moments import aware
from topstepx.errors import AnswerUnusable, InvalidRequest
from topstepx.wire import models, routes

if TYPE_CHECKING:
    from topstepx.net.limiter import RateLimiter
    from topstepx.net.rest import Rest
    from topstepx.settings import Settings

_PAGE_MAX = 20_000
"""Bars per call (verified)."""

_LARGE_ROWS = 1000
"""Pages from this size on are sorted in on a thread."""

_BARS_WAIT_S = 600.0
"""How long one page of a download may wait for room in the request budget; events say that it does."""

_LAST_MAX = 10_000_000


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One bar; `at` is its open time, aware UTC."""

    at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int


class BarReader:
    """Asks for bars."""

    def __init__(self, rest: Rest, settings: Settings, limiter: RateLimiter) -> None:
        self._rest = rest
        self._settings = settings
        self._limiter = limiter

    def keep(self, count: int) -> None:
        """Keep so many requests of each window for `newest`, out of reach of `read`."""
        self._limiter.keep(Lane.RECONCILE, count, routes.Bucket.BARS)

    async def read(
        self,
        contract_id: str,
        interval: str,
        *,
        last: int | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        include_partial: bool = False,
    ) -> list[Bar]:
        """The bars that `MarketData.bars` gives."""
        wanted = read_interval(interval)
        end = self._rest.server_now() if end is None else aware("end", end)
        if last is not None and start is not None:
            raise InvalidRequest("last", last, "start is given as well.", "Give one of the two.")
        if last is None and start is None:
            raise InvalidRequest("start", None, "say how far back.", "Give last=500 or start=….")
        if start is not None:
            start = aware("start", start)
            if start >= end:
                raise InvalidRequest("start", start, f"is not before the end, {end}.", "Swap them.")
            window = _Window(contract_id, wanted, start, end, include_partial)
            return await self._pages(window, None)
        if isinstance(last, bool) or not isinstance(last, int) or not 1 <= last <= _LAST_MAX:
            raise InvalidRequest(
                "last", last, f"must be a whole number from 1 to {_LAST_MAX:,}.", "Give last=500."
            )
        # Markets rest: look back far enough that nights, weekends and holidays do not shorten the answer.
        back_s = wanted.span.total_seconds() * last
        longest = min(max(back_s * 4, 10 * 86400 + back_s * 2), 20 * 365 * 86400.0)
        window = _Window(
            contract_id, wanted, end - timedelta(seconds=longest), end, include_partial
        )
        return await self._pages(window, last)

    async def _pages(self, window: _Window, last: int | None) -> list[Bar]:
        found: dict[datetime, Bar] = {}
        end = window.end
        while True:
            room = _PAGE_MAX if last is None else min(_PAGE_MAX, last - len(found) + 1)
            rows = await self._page(window, end, room)
            if len(rows) < _LARGE_ROWS:
                earliest = _add(found, rows, window.start, end)
            else:  # on a thread, so that an exit finds the loop free meanwhile
                earliest = await asyncio.to_thread(_add, found, rows, window.start, end)
            enough = last is not None and len(found) >= last
            if len(rows) < room or earliest is None or enough:
                break
            end = earliest  # inclusive or not is unknown: overlaps are dropped
        if len(found) < _LARGE_ROWS:
            return _ordered(found, last)
        return await asyncio.to_thread(_ordered, found, last)

    async def newest(
        self, contract_id: str, interval: str, since: datetime, rows: int
    ) -> tuple[datetime, list[models.BarModel]]:
        """The last bars since then, newest first, the forming one too, and the gateway's time when asked.

        Asked only if there is room in the budget now, of which some is kept for it.
        """
        asked_at = self._rest.server_now()
        window = _Window(contract_id, read_interval(interval), since, asked_at, partial=True)
        return asked_at, await self._page(window, asked_at, rows, lane=Lane.RECONCILE, wait_s=0.5)

    def server_now(self) -> datetime:
        """The gateway's time, as far as it is known."""
        return self._rest.server_now()

    async def _page(
        self,
        window: _Window,
        end: datetime,
        room: int,
        *,
        lane: Lane = Lane.READ,
        wait_s: float = _BARS_WAIT_S,
    ) -> list[models.BarModel]:
        answer = await self._rest.call(
            routes.RETRIEVE_BARS,
            models.BarsRequest(
                contract_id=window.contract_id,
                live=self._settings.live_data,
                start_time=window.start,
                end_time=end,
                unit=window.interval.unit,
                unit_number=window.interval.number,
                limit=room,
                include_partial_bar=window.partial,
            ),
            lane=lane,
            timeout_s=self._settings.timeouts.bars_s,
            wait_s=wait_s,
        )
        if not isinstance(answer.bars, list):
            msg = "History/retrieveBars answered without bars."
            raise AnswerUnusable(msg, route="History/retrieveBars", status=200, did_it_happen="no")
        return answer.bars


@dataclass(frozen=True, slots=True)
class _Window:
    """Which bars are wanted."""

    contract_id: str
    interval: Interval
    start: datetime
    end: datetime
    partial: bool


def _add(
    found: dict[datetime, Bar], rows: list[models.BarModel], start: datetime, end: datetime
) -> datetime | None:
    """Add what is new and inside the window; the earliest of it, None when nothing was."""
    earliest: datetime | None = None
    for row in rows:
        at = row.t
        if at in found or not start <= at <= end:
            continue
        found[at] = Bar(at=at, open=row.o, high=row.h, low=row.l, close=row.c, volume=row.v)
        if earliest is None or at < earliest:
            earliest = at
    return earliest


def _ordered(found: dict[datetime, Bar], last: int | None) -> list[Bar]:
    ordered = [found[at] for at in sorted(found)]
    return ordered if last is None else ordered[-last:]
