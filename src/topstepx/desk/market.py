"""Market data: quotes, the tape, depth, and bars.

Nothing here passes the record: market data is not kept, and never waits for a disk.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from topstepx.core.intervals import Interval, read_interval
from topstepx.core.lanes import Lane
from topstepx.core.link import Subscription
from topstepx.core.moments import aware
from topstepx.desk.contracts import Contract
from topstepx.desk.streams import Audience, MarketStream, QuoteBoard, QuoteStream
from topstepx.errors import AnswerUnusable, InvalidRequest
from topstepx.wire import models, routes
from topstepx.wire.enums import DomType
from topstepx.wire.hub_events import DepthRow, DepthUpdate, QuoteUpdate, TapeTrade, TapeUpdate

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from topstepx.core.quotes import Quote
    from topstepx.net.hub import HubLink
    from topstepx.net.rest import Rest
    from topstepx.settings import Settings

_PAGE_MAX = 20_000
"""Bars per call (verified)."""

_LARGE_ROWS = 1000
"""Pages from this size on are sorted in on a thread."""

_BARS_WAIT_S = 600.0
"""How long one page of a download may wait for room in the request budget; events say that it does."""

_LAST_MAX = 10_000_000

_UNREAD_MAX = 100_000
"""Tape and depth messages that may lie unread before a stream ends with `StreamLagged`."""


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One bar; `at` is its open time, aware UTC."""

    at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int


class Depth(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One depth message: the rows that changed, in the order the gateway sent them.

    `is_valid` False: something before this message is missing, so a book built from these is wrong
    until the next Reset. There is no other way to get a book than from its Reset on.
    """

    contract_id: str
    rows: tuple[DepthRow, ...]
    is_valid: bool = True


class MarketData:
    """`tsx.market`."""

    def __init__(self, hub: HubLink, rest: Rest, settings: Settings) -> None:
        self._hub = hub
        self._rest = rest
        self._settings = settings
        self._board = QuoteBoard()
        self._whole_books: set[str] = set()
        self._quotes: Audience[Quote] = Audience()
        self._tapes: Audience[TapeTrade] = Audience()
        self._depths: Audience[Depth] = Audience()

    # -- streams

    def quotes(self, contract: Contract) -> QuoteStream:
        """Whole quotes of a contract, the newest when you are ready for it."""
        contract_id = _known(contract).id
        subscribe, unsubscribe = self._switches(Subscription(routes.SUBSCRIBE_QUOTES, contract_id))

        async def start() -> None:
            if self._quotes.open(contract_id) <= 1:
                self._board.forget(contract_id)  # what was heard before nobody listened is old
            await subscribe()

        stream = QuoteStream(
            f"quotes {contract.name}",
            start,
            unsubscribe,
            newest=lambda: self._board.newest(contract_id),
        )
        self._quotes.add(contract_id, stream)
        return stream

    def trades(self, contract: Contract) -> MarketStream[TapeTrade]:
        """Every trade of the tape. Read slower than it prints for long and it ends with `StreamLagged`."""
        subscription = Subscription(routes.SUBSCRIBE_TAPE, _known(contract).id)
        stream: MarketStream[TapeTrade] = MarketStream(
            f"tape {contract.name}", *self._switches(subscription), items_max=_UNREAD_MAX
        )
        self._tapes.add(contract.id, stream)
        return stream

    def depth(self, contract: Contract) -> MarketStream[Depth]:
        """Every depth message. After `StreamLagged` or a reconnect start again from the next Reset."""
        subscription = Subscription(routes.SUBSCRIBE_DEPTH, _known(contract).id)
        stream: MarketStream[Depth] = MarketStream(
            f"depth {contract.name}", *self._switches(subscription), items_max=_UNREAD_MAX
        )
        self._depths.add(contract.id, stream)
        return stream

    def newest(self, contract: Contract) -> Quote | None:
        """The newest quote that came while somebody streamed this contract, or None."""
        return self._board.newest(contract.id)

    def _switches(
        self, subscription: Subscription
    ) -> tuple[Callable[[], Awaitable[None]], Callable[[], None]]:
        timeout_s = self._settings.timeouts.hub_invoke_s
        return (
            lambda: self._hub.subscribe(subscription, timeout_s=timeout_s),
            lambda: self._hub.unsubscribe(subscription),
        )

    # -- from the hub

    def on_quote(self, event: QuoteUpdate) -> None:
        """A quote message came."""
        contract_id = event.contract_id
        self._quotes.push(contract_id, self._board.update(contract_id, event.quote))

    def on_tape(self, event: TapeUpdate) -> None:
        """A tape message came."""
        for trade in event.trades:
            self._tapes.push(event.contract_id, trade)

    def on_depth(self, event: DepthUpdate) -> None:
        """A depth message came."""
        contract_id = event.contract_id
        is_valid = contract_id in self._whole_books
        if not is_valid and any(row.type is DomType.RESET for row in event.rows):
            self._whole_books.add(contract_id)
            is_valid = True
        depth = Depth(contract_id=contract_id, rows=event.rows, is_valid=is_valid)
        self._depths.push(contract_id, depth)

    def interrupted(self) -> None:
        """The market hub is gone: what is merged so far is history, a new life starts with whole quotes."""
        self._board.forget()
        self.gapped()

    def gapped(self) -> None:
        """Something of the market hub may be missing: no book is whole until its next Reset."""
        self._whole_books.clear()

    def close(self) -> None:
        """End every stream."""
        self._quotes.end()
        self._tapes.end()
        self._depths.end()

    # -- bars

    async def bars(
        self,
        contract: Contract,
        interval: str,
        *,
        last: int | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        include_partial: bool = False,
    ) -> list[Bar]:
        """Bars of a contract, oldest first; `interval` is written like "5m", "1h" or "1d".

        Give `last` (how many, ending at `end` or now) or `start` (everything from there). Windows longer
        than one call's 20,000 bars are read page by page. Fewer bars than asked for means that the
        gateway has no more.
        """
        contract_id = _known(contract).id
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

    async def _page(self, window: _Window, end: datetime, room: int) -> list[models.BarModel]:
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
                include_partial_bar=window.include_partial,
            ),
            lane=Lane.READ,
            timeout_s=self._settings.timeouts.bars_s,
            wait_s=_BARS_WAIT_S,
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
    include_partial: bool


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


def _known(contract: object) -> Contract:
    if not isinstance(contract, Contract):
        raise InvalidRequest(
            "contract",
            contract,
            "must be a Contract.",
            'Get one: await tsx.contracts.front("MNQ").',
        )
    return contract
