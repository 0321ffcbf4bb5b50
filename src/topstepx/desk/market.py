"""Market data: quotes, the tape, depth, and bars.

Nothing here passes the record: market data is not kept, and never waits for a disk.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from topstepx.clock import NANOSECONDS
from topstepx.core.given import check_time
from topstepx.core.link import Subscription
from topstepx.core.quotes import Quote
from topstepx.desk.audience import Audience
from topstepx.desk.contracts import Contract, known_contract
from topstepx.desk.depth_stream import DepthStream
from topstepx.desk.streams import MarketStream, QuoteBoard, QuoteStream
from topstepx.desk.wakes import Wakes
from topstepx.errors import StaleData
from topstepx.wire import routes
from topstepx.wire.enums import DomType
from topstepx.wire.hub_models import Depth, QuoteUpdate, TapeTrade, TapeUpdate

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable

    from topstepx.desk.bars import Bar, BarReader
    from topstepx.net.hub import HubLink
    from topstepx.settings import Settings
    from topstepx.wire.hub_models import MarketEvents
    from topstepx.wire.hub_models import Quote as SparseQuote
    from topstepx.wire.models import BarModel
    from topstepx.wire.routes import HubMethod

ItemT = TypeVar("ItemT")
_METHODS = (routes.SUBSCRIBE_QUOTES, routes.SUBSCRIBE_TAPE, routes.SUBSCRIBE_DEPTH)
_NAMED_MAX = 3
_UNREAD_MAX = 100_000
"""Tape and depth messages that may lie unread before a stream ends with `StreamLagged`."""


class TapeGap(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Trades of the tape are missing here: what printed from `since` to `until` was not told.

    `until` None: until the next trade in the stream. After a reconnect `events.MarketGapped` tells how much
    volume it was.
    """

    contract_id: str
    since: datetime
    until: datetime | None
    reason: str


class MarketData:
    """`tsx.market`.

    A stream may be of one contract or of several: then it has what comes of any of them, in the order in
    which it comes, and one reader can follow fifty contracts. They are subscribed all together or not at
    all, and share the stream's bound.
    """

    def __init__(
        self, hub: HubLink, bars: BarReader, settings: Settings, *, now_ns: Callable[[], int]
    ) -> None:
        self._hub = hub
        self._bars = bars
        self._now_ns = now_ns
        self._wakes = Wakes()
        self._settings = settings
        self._board = QuoteBoard()
        self._quotes: Audience[Quote] = Audience()
        self._silent: dict[Subscription, datetime] = {}
        self._tapes: Audience[Any] = Audience()
        self._gapped_tapes: Audience[TapeTrade | TapeGap] = Audience()
        """Those of `_tapes` that are told of gaps."""
        self.measure: Callable[[tuple[str, ...], datetime, datetime, str], None] | None = None
        """Finds out how much was missed, where that can be found out."""
        self._depths: Audience[Depth] = Audience()

    # -- streams

    def quotes(self, contract: Contract, *more: Contract) -> QuoteStream:
        """Whole quotes, of each contract the newest when you are ready for it."""
        contracts = _each_once(contract, more)
        subscribe, unsubscribe = self._switches(routes.SUBSCRIBE_QUOTES, contracts)

        async def start() -> None:
            for one in contracts:
                if self._quotes.open(one) <= 1:
                    self._board.forget(one)  # what was heard before nobody listened is old
            await subscribe()

        stream = QuoteStream(
            _named("quotes", contracts),
            start,
            unsubscribe,
            newest=lambda: [quote for one in contracts if (quote := self._board.whole(one))],
            wakes=self._wakes,
        )
        self._quotes.add(stream, *contracts)
        return stream

    def trades(self, contract: Contract, *more: Contract) -> MarketStream[TapeTrade]:
        """Every trade of the tape. Read slower than it prints for long and it ends with `StreamLagged`.

        `TapeTrade.contract_id` is always said.
        """
        return self._stream("tape", routes.SUBSCRIBE_TAPE, self._tapes, contract, more)

    def tape(self, contract: Contract, *more: Contract) -> MarketStream[TapeTrade | TapeGap]:
        """As `trades`, with a `TapeGap` where trades are missing: after a reconnect, a lost record, a stall."""
        stream: MarketStream[TapeTrade | TapeGap]
        stream = self._stream("tape", routes.SUBSCRIBE_TAPE, self._tapes, contract, more)
        self._gapped_tapes.add(stream, *_each_once(contract, more))
        return stream

    def depth(self, contract: Contract, *more: Contract) -> DepthStream:
        """Every depth message. After `StreamLagged` or a reconnect start again from the next Reset.

        Until the first Reset that this stream tells of a contract its messages are not `is_valid`, also where
        another stream of it is open.
        """
        contracts = _each_once(contract, more)
        stream = DepthStream(
            _named("depth", contracts),
            *self._switches(routes.SUBSCRIBE_DEPTH, contracts),
            contracts,
            items_max=_UNREAD_MAX,
            wakes=self._wakes,
        )
        self._depths.add(stream, *contracts)
        return stream

    def _stream(
        self,
        what: str,
        method: HubMethod,
        audience: Audience[ItemT],
        contract: Contract,
        more: tuple[Contract, ...],
    ) -> MarketStream[ItemT]:
        contracts = _each_once(contract, more)
        stream: MarketStream[ItemT] = MarketStream(
            _named(what, contracts),
            *self._switches(method, contracts),
            items_max=_UNREAD_MAX,
            wakes=self._wakes,
        )
        audience.add(stream, *contracts)
        return stream

    def newest(self, contract: Contract, *, max_age_s: float | None = None) -> Quote | None:
        """The newest quote that came while somebody streamed this contract, or None.

        While the market hub is away it is made of the last bar, and its `source` says so. With `max_age_s`
        you get a quote of the hub that is no older, or `StaleData`.
        """
        quote = self._board.newest(known_contract(contract).id)
        if max_age_s is None:
            return quote
        check_time("max_age_s", max_age_s)
        age_s = None if quote is None else self.age_s(quote)
        if quote is None or age_s is None or age_s > max_age_s or quote.source != "hub":
            source = "nobody" if quote is None else f"the {quote.source}"
            raise StaleData(f"the quote of {contract.name}", age_s, max_age_s, source)
        return quote

    def age_s(self, quote: Quote) -> float:
        """For how many seconds the gateway has said nothing newer than this quote.

        A bar says when it began, not when it last changed: its quote counts from there.
        """
        return max(0, self._now_ns() - quote.heard_ns) / NANOSECONDS

    def _switches(
        self, method: HubMethod, contract_ids: Iterable[str]
    ) -> tuple[Callable[[], Awaitable[None]], Callable[[], None]]:
        timeout_s = self._settings.timeouts.hub_invoke_s
        subscriptions = [Subscription(method, one) for one in contract_ids]
        return (
            lambda: self._hub.subscribe(*subscriptions, timeout_s=timeout_s),
            lambda: self._hub.unsubscribe(*subscriptions),
        )

    # -- from the hub

    @property
    def heard_ns(self) -> int:
        """When the market hub last gave a sign of life, on the monotonic clock; 0: never."""
        return self._hub.link.heard_ns

    def take(self, events: MarketEvents) -> None:
        """Messages of any kind that came together.

        Of a contract's quotes nobody can see more than the last, for nobody reads in between: they are
        put together once. The first wakes who waits, so that readers go on in the order in which
        something came for them.
        """
        records = events.events
        if len(records) == 1 and type(records[0]) is QuoteUpdate:
            self.on_quote(records[0])
            return
        on_depth, on_tape = self.on_depth, self.on_tape
        quotes: dict[str, list[SparseQuote]] = {}
        for event in records:
            if type(event) is Depth:
                on_depth(event)
            elif type(event) is QuoteUpdate:
                parts = quotes.get(event.contract_id)
                if parts is None:
                    quotes[event.contract_id] = [event.quote]
                    self._quotes.wake(event.contract_id)
                else:
                    parts.append(event.quote)
            elif type(event) is TapeUpdate:
                on_tape(event)
        for contract_id, parts in quotes.items():
            self._update_quote(contract_id, *parts)

    def on_quote(self, event: QuoteUpdate) -> None:
        """A quote message came."""
        self._update_quote(event.contract_id, event.quote)

    def _update_quote(self, contract_id: str, *updates: SparseQuote) -> None:
        heard_ns = self._hub.link.heard_ns
        quote = self._board.update(contract_id, *updates, heard_ns=heard_ns)
        feed = self._quotes.feeds.get(contract_id)
        if feed is None:
            return
        feed.spoke = True
        for reference in feed.streams:
            stream = reference()
            if isinstance(stream, QuoteStream):  # not one that was dropped
                stream.push(quote, len(updates))

    def on_bar(self, contract_id: str, bar: BarModel, age_s: float) -> None:
        """The hub is away and this is the contract's last bar, which began `age_s` ago."""
        heard_ns = self._now_ns() - round(age_s * NANOSECONDS)
        quote = Quote(
            contract_id=contract_id, last=bar.c, at=bar.t, source="bar", heard_ns=heard_ns
        )
        self._board.stand_in(quote)

    def on_tape(self, event: TapeUpdate) -> None:
        """A tape message came."""
        contract_id, trades = event.contract_id, event.trades
        feed = self._tapes.feeds.get(contract_id)
        if feed is None:
            return
        feed.spoke = True
        if self._silent:
            self._speaks(Subscription(routes.SUBSCRIBE_TAPE, contract_id))
        for trade in trades:
            if trade.contract_id != contract_id:  # not said: a reader of several could not tell
                trades = tuple(
                    msgspec.structs.replace(one, contract_id=contract_id) for one in trades
                )
                break
        for reference in feed.streams:
            stream = reference()
            if stream is not None:
                for trade in trades:
                    stream.push(trade)

    def on_depth(self, event: Depth) -> None:
        """A depth message came."""
        feed = self._depths.feeds.get(event.contract_id)
        if feed is None:
            return
        feed.spoke = True
        if self._silent:
            self._speaks(Subscription(routes.SUBSCRIBE_DEPTH, event.contract_id))
        if not feed.is_whole:
            feed.is_whole = any(row.type is DomType.RESET for row in event.rows)
            if not feed.is_whole:
                event = Depth(event.contract_id, event.rows, is_valid=False)
        # As `Audience.push`, without a call: half of all traffic goes through here.
        for reference in feed.streams:
            stream = reference()
            if stream is not None:
                stream.push(event)

    def spoke(self) -> frozenset[Subscription]:
        """The streams that said something since this was asked last."""
        found = set()
        audiences: tuple[Audience[Any], ...] = (self._quotes, self._tapes, self._depths)
        for method, audience in zip(_METHODS, audiences, strict=True):
            for contract_id, feed in audience.feeds.items():
                if feed.spoke:
                    feed.spoke = False
                    found.add(Subscription(method, contract_id))
        return frozenset(found)

    def interrupted(self) -> None:
        """The market hub is gone: what is merged so far is history, a new life starts with whole quotes."""
        self._board.forget()
        self.gapped()

    def gapped(self, at: datetime | None = None, reason: str = "") -> None:
        """Something of the market hub may be missing: no book is whole until its next Reset.

        Each stream of depth is told at once; with `at`, the tape as well.
        """
        for contract_id, feed in self._depths.feeds.items():
            if feed.is_whole:
                feed.is_whole = False
                self._depths.push(contract_id, Depth(contract_id, rows=(), is_valid=False))
        if at is not None:
            for contract_id in self._gapped_tapes.contracts():
                gap = TapeGap(contract_id=contract_id, since=at, until=None, reason=reason)
                self._gapped_tapes.push(contract_id, gap)

    def broken_books(self) -> tuple[str, ...]:
        """The contracts of which somebody reads depth without a whole book."""
        return self._depths.broken()

    def silenced(self, stream: Subscription, since: datetime) -> None:
        """A stream is dead; before the next thing that it says, something is missing."""
        self._silent.setdefault(stream, since)

    def still_silent(self, streams: Collection[Subscription]) -> None:
        """These and no others are dead: one that nobody wants any more owes nothing."""
        for stream in self._silent.keys() - streams:
            del self._silent[stream]

    def _speaks(self, stream: Subscription) -> None:
        """A stream says something: if it was dead, what is missing comes first."""
        since = self._silent.pop(stream, None)
        if since is None:
            return
        contract_id = str(stream.key)
        if stream.method is routes.SUBSCRIBE_DEPTH:
            self._depths.feeds[contract_id].is_whole = False
        else:
            gap = TapeGap(
                contract_id=contract_id, since=since, until=None, reason="the stream was silent"
            )
            self._gapped_tapes.push(contract_id, gap)

    def resumed(self, since: datetime, until: datetime, reason: str) -> None:
        """The hub is back, and nothing came between the two moments."""
        for contract_id in self._gapped_tapes.contracts():
            gap = TapeGap(contract_id=contract_id, since=since, until=until, reason=reason)
            self._gapped_tapes.push(contract_id, gap)
        audiences: tuple[Audience[Any], ...] = (self._quotes, self._tapes, self._depths)
        streamed = {one for audience in audiences for one in audience.contracts()}
        if streamed and self.measure is not None:
            self.measure(tuple(sorted(streamed)), since, until, reason)

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
        return await self._bars.read(
            known_contract(contract).id,
            interval,
            last=last,
            start=start,
            end=end,
            include_partial=include_partial,
        )


def _each_once(contract: object, more: Iterable[object]) -> dict[str, Contract]:
    """The contracts by id; raises `InvalidRequest` for what is none."""
    return {one.id: one for one in map(known_contract, (contract, *more))}


def _named(what: str, contracts: dict[str, Contract]) -> str:
    """What a stream is called: "tape MNQZ6", "tape MNQZ6, MESZ6 and 48 more"."""
    names = [one.name for one in contracts.values()]
    others = len(names) - _NAMED_MAX
    return f"{what} {', '.join(names[:_NAMED_MAX])}" + (f" and {others} more" if others > 0 else "")
