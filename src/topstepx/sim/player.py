"""One contract's market, played inside its one-minute bars, event by event.

A minute begins with quotes around its open. Then three rows of events are merged in time: the trades of
the tape (each preceded by a move of the quotes when its price is not at the top of the book), flickers
of the quotes, and flutters of the depth. Quotes stay inside the bar; in a minute that traded at one
price only, one side of them must stand a tick outside, which `match_bid` and `match_ask` correct.

Every minute draws from its own streams, so the market at a moment is the same whoever asks, from when
on, and in whatever steps.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from topstepx.sim.calendar import trading_day_end, trading_day_start
from topstepx.sim.chance import stream
from topstepx.sim.day_stats import DayStats
from topstepx.sim.depth import DisplayedBook, LevelRow
from topstepx.sim.market_events import (
    Book,
    DepthEvent,
    DepthRow,
    MarketEvent,
    QuoteEvent,
    SessionEvent,
    State,
    TapeEvent,
)
from topstepx.sim.minutes import EPOCH, MINUTE_US, MinuteBar, MinuteSource, from_us
from topstepx.sim.tape import Trade, trade_count, trades_of
from topstepx.wire.enums import Side, TradeLogType

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from topstepx.sim.calendar import Calendar
    from topstepx.sim.catalogue import Listing

# With the moves before trades: about 42 quotes to 20 trades a second, as MNQ was seen live ...
_FLICKERS_PER_TRADE = 0.6
# ... and 62 depth updates.
_FLUTTERS_PER_TRADE = 1.0
_IDLE_PER_MINUTE = 30  # flickers and flutters of a market in which hardly anybody trades
_PRICES_KEPT = 50_000
_SPLIT = 0.3  # how many trades arrive in two pieces


class Player:
    """Plays one contract. `start` puts it at a moment; `step` goes to `next_us` and tells what happens."""

    def __init__(
        self,
        listing: Listing,
        source: MinuteSource,
        calendar: Calendar,
        seed: int,
        *,
        mean_size: float,
        rate: float,
    ) -> None:
        self.listing = listing
        self.source = source
        self.next_us: int | None = None
        self.state: State = "closed"
        self.last = 0
        self._calendar = calendar
        self._seed = seed
        self._mean_size = mean_size
        self._rate = rate
        self._book = DisplayedBook(listing.product.displayed_size)
        self._prices: dict[int, Decimal] = {}
        self._stats = DayStats(0, None)
        self._bar: MinuteBar | None = None  # None: a pause
        self._trades: Iterator[Trade] = iter(())
        self._upcoming: Trade | None = None
        self._tape_us = self._flicker_us = self._flutter_us = 0
        self._end_us = 0
        self._resumes: int | None = None
        self._chance = stream(seed, "book", listing.id, 0)
        self._wide: Side | None = None
        self._at: datetime = EPOCH

    # ------------------------------------------------------------------ what others ask

    def trades(self, bar: MinuteBar) -> Iterator[Trade]:
        """The trades inside a bar: always the same ones."""
        count = trade_count(bar, self._mean_size)
        return trades_of(bar, count, stream(self._seed, "tape", self.listing.id, bar.minute))

    def top(self) -> QuoteEvent:
        """A full quote as of the last event."""
        changes = self._day_changes()
        changes["bestBid"] = self._price(self._book.best_bid)
        changes["bestAsk"] = self._price(self._book.best_ask)
        return self._quote(changes, full=True)

    def depth(self) -> DepthEvent:
        """A RESET and every level as of the last event."""
        return self._depth(self._book.everything())

    def skipped(self, before: State) -> list[MarketEvent]:
        """What to tell after a jump of time: the state, if it changed, and a snapshot."""
        told: list[MarketEvent] = []
        if self.state != before:
            told.append(SessionEvent(self.listing.id, self._at, self.state))
        return [*told, self.depth(), self.top()]

    def book(self) -> Book:
        """The displayed book as of the last event."""
        price = self._price
        return Book(
            tuple((price(row.ticks), row.size) for row in self._book.bids()),
            tuple((price(row.ticks), row.size) for row in self._book.asks()),
        )

    # ------------------------------------------------------------------ moving in time

    def start(self, us: int) -> None:
        """Be where the market is at that moment, without telling anything."""
        minute = us // MINUTE_US
        bar = self.source.at(minute)
        shown = bar or self.source.before(minute)
        if shown is None:
            upcoming = self.source.next_minute(minute)
            shown = self.source.at(upcoming) if upcoming is not None else None
        if shown is None:
            msg = f"there are no bars of {self.listing.id} around {from_us(us)}"
            raise ValueError(msg)
        self.state = self.source.state(minute)
        self._stats = self._stats_before(shown.minute)
        self.last = shown.open
        ignored: list[MarketEvent] = []
        if shown.minute > minute:
            self._open_minute(shown, ignored, fresh=True)
            self._bar = None
            self.next_us = self._end_us = shown.minute * MINUTE_US
            self._resumes = shown.minute
            self._at = from_us(us)
            return
        before = self.source.before(shown.minute)
        if before is not None:
            self.last = before.close
        self._open_minute(shown, ignored, fresh=True)
        while self.next_us is not None and self.next_us <= us:
            self.step(ignored)
            ignored.clear()

    def step(self, out: list[MarketEvent]) -> None:
        """Let the next thing happen and add what it tells to `out`; only with `next_us` set."""
        us = self.next_us
        if us is None:
            return
        self._at = from_us(us)
        if us == self._end_us:
            self._boundary(out)
        elif us == self._tape_us:
            self._trade(out)
        elif us == self._flicker_us:
            self._flicker(out)
        else:
            out.append(self._depth(self._book.flutter(self._chance)))
            self._flutter_us += self._pause(self._flutter_pause_us)
        self._schedule()

    def _schedule(self) -> None:
        if self._bar is None:
            self.next_us = None if self._resumes is None else self._resumes * MINUTE_US
            return
        self.next_us = min(self._tape_us, self._flicker_us, self._flutter_us, self._end_us)

    def _boundary(self, out: list[MarketEvent]) -> None:
        """A minute is over, or a pause is: go on with the next minute that has a bar."""
        minute = self._end_us // MINUTE_US
        bar = self.source.at(minute)
        if bar is not None:
            resumed = self._bar is None
            if resumed:
                self.state = "open"
                out.append(SessionEvent(self.listing.id, self._at, "open"))
            self._open_minute(bar, out, fresh=resumed)
            return
        self._bar = None
        self._resumes = self.source.next_minute(minute)
        if self._resumes is not None:
            self._end_us = self._resumes * MINUTE_US
        self.state = self.source.state(minute)
        out.append(SessionEvent(self.listing.id, self._at, self.state))

    def _open_minute(self, bar: MinuteBar, out: list[MarketEvent], *, fresh: bool) -> None:
        self._at = from_us(bar.minute * MINUTE_US)
        self._end_us = (bar.minute + 1) * MINUTE_US
        if bar.minute >= self._stats.ends_minute:
            self._stats = self._stats_before(bar.minute)
        self._bar = bar
        self._trades = self.trades(bar)
        self._to_next_trade()
        self._chance = stream(self._seed, "book", self.listing.id, bar.minute)
        count, rate = trade_count(bar, self._mean_size), self._rate
        flickers = max(count * _FLICKERS_PER_TRADE, _IDLE_PER_MINUTE * rate)
        flutters = max(count * _FLUTTERS_PER_TRADE, _IDLE_PER_MINUTE * rate)
        self._flicker_pause_us = MINUTE_US / flickers
        self._flutter_pause_us = MINUTE_US / flutters
        start = bar.minute * MINUTE_US
        self._flicker_us = start + self._pause(self._flicker_pause_us)
        self._flutter_us = start + self._pause(self._flutter_pause_us)
        self._wide = None
        bid, ask = self._around(bar.open)
        old = (self._book.best_bid, self._book.best_ask)
        rows = self._book.redraw(bid, ask, self._chance)
        out.append(self._depth(self._book.everything() if fresh else rows))
        out.append(self._top_moved(*old))
        self._schedule()

    def _stats_before(self, minute: int) -> DayStats:
        """The figures of the trading day of a minute, as of its beginning."""
        day = self._calendar.trading_day(EPOCH + timedelta(minutes=minute))
        start, end = (
            (moment - EPOCH) // timedelta(minutes=1)
            for moment in (trading_day_start(day), trading_day_end(day))
        )
        before = self.source.before(min(start, minute))
        stats = DayStats(end, before.close if before is not None else None)
        stats.add_bars(self.source.between(start, minute) if minute > start else ())
        return stats

    # ------------------------------------------------------------------ what happens in a minute

    def _trade(self, out: list[MarketEvent]) -> None:
        if self._upcoming is None:
            return
        _, price, size = self._upcoming
        book = self._book
        if price not in (book.best_bid, book.best_ask):
            self._move(*self._around(price), out)
            self._wide = None
        side = TradeLogType.BUY if price == book.best_ask else TradeLogType.SELL
        sizes: tuple[int, ...] = (size,)
        if size > 1 and self._chance.random() < _SPLIT:
            piece = 1 + int(self._chance.random() * (size - 1))
            sizes = (piece, size - piece)
        listing = self.listing
        out.append(
            TapeEvent(listing.id, self._at, listing.symbol_id, self._price(price), side, sizes)
        )
        out.append(self._depth(book.take(Side(int(side)), size)))
        out.append(self._quote(self._count(price, size)))
        self._to_next_trade()

    def _to_next_trade(self) -> None:
        self._upcoming = next(self._trades, None)
        # After the last one: behind the end of the minute, which comes first.
        self._tape_us = self._end_us + 1 if self._upcoming is None else self._upcoming.at_us

    def _count(self, price: int, size: int) -> dict[str, Decimal | int]:
        """Add a trade to the day; the members of the quote that it changed."""
        stats = self._stats
        if stats.open is None:
            stats.open = stats.high = stats.low = price
            stats.volume, self.last = size, price
            return self._day_changes()
        changes: dict[str, Decimal | int] = {}
        if price != self.last:
            self.last = price
            changes["lastPrice"] = self._price(price)
            changes["change"] = self._price(stats.change(price))
            changes["changePercent"] = Decimal(stats.change_basis_points(price)).scaleb(-2)
        if price > stats.high:
            stats.high = price
            changes["high"] = self._price(price)
        if price < stats.low:
            stats.low = price
            changes["low"] = self._price(price)
        stats.volume += size
        changes["volume"] = stats.volume
        return changes

    def _flicker(self, out: list[MarketEvent]) -> None:
        """One side steps back by a tick, or comes again."""
        bar, book = self._range(), self._book
        bid, ask = book.best_bid, book.best_ask
        if self._wide is not None:
            bid += self._wide is Side.BUY
            ask -= self._wide is Side.SELL
            self._wide = None
        else:
            self._wide = Side.BUY if self._chance.random() < 0.5 else Side.SELL  # noqa: PLR2004  either side
            bid -= self._wide is Side.BUY
            ask += self._wide is Side.SELL
            if bid < bar.low or ask > bar.high:
                bid, ask, self._wide = book.best_bid, book.best_ask, None
        self._move(bid, ask, out)
        self._flicker_us += self._pause(self._flicker_pause_us)

    def _move(self, bid: int, ask: int, out: list[MarketEvent]) -> None:
        old = (self._book.best_bid, self._book.best_ask)
        if (bid, ask) != old:
            out.append(self._depth(self._book.move(bid, ask, self._chance)))
            out.append(self._top_moved(*old))

    def _around(self, price: int) -> tuple[int, int]:
        """Bid and ask with `price` at one of them, inside the bar where it has the room."""
        bar = self._range()
        rising = price > self.last
        if price == self.last:
            rising = self._chance.random() < 0.5  # noqa: PLR2004  either way as likely
        for spread in (self.listing.product.spread_ticks, 1):
            bought, sold = (price - spread, price), (price, price + spread)
            fits = [
                quote for quote in (bought, sold) if bar.low <= quote[0] and quote[1] <= bar.high
            ]
            if len(fits) > 1:
                return bought if rising else sold
            if fits:
                return fits[0]
        return (price - 1, price) if rising else (price, price + 1)

    # ------------------------------------------------------------------ how it is told

    def _range(self) -> MinuteBar:
        """The running bar; in a pause, one of the last price alone."""
        last = self.last
        return self._bar or MinuteBar(0, last, last, last, last, 0)

    def _pause(self, mean_us: float) -> int:
        return 1 + int(mean_us * (0.4 + 1.2 * self._chance.random()))

    def _price(self, ticks: int) -> Decimal:
        price = self._prices.get(ticks)
        if price is None:
            if len(self._prices) >= _PRICES_KEPT:
                self._prices.clear()
            price = self._prices[ticks] = self.listing.price(ticks)
        return price

    def _depth(self, rows: list[LevelRow]) -> DepthEvent:
        price = self._price
        told = tuple([DepthRow(row.type, price(row.ticks), row.size, row.size) for row in rows])
        return DepthEvent(self.listing.id, self._at, told)

    def _top_moved(self, old_bid: int, old_ask: int) -> QuoteEvent:
        """What changed of the two best prices; both when neither did (a new minute says its top)."""
        bid, ask = self._book.best_bid, self._book.best_ask
        changes: dict[str, Decimal | int] = {}
        if bid != old_bid or ask == old_ask:
            changes["bestBid"] = self._price(bid)
        if ask != old_ask or bid == old_bid:
            changes["bestAsk"] = self._price(ask)
        return self._quote(changes)

    def _day_changes(self) -> dict[str, Decimal | int]:
        stats, price = self._stats, self._price
        changes: dict[str, Decimal | int] = {
            "lastPrice": price(self.last),
            "change": price(stats.change(self.last)),
            "changePercent": Decimal(stats.change_basis_points(self.last)).scaleb(-2),
        }
        if stats.open is not None:
            changes["open"] = price(stats.open)
            changes["high"] = price(stats.high)
            changes["low"] = price(stats.low)
        changes["volume"] = stats.volume
        return changes

    def _quote(self, changes: dict[str, Decimal | int], *, full: bool = False) -> QuoteEvent:
        listing, book, price = self.listing, self._book, self._price
        bid, ask, bar = book.best_bid, book.best_ask, self._range()
        return QuoteEvent(
            listing.id,
            self._at,
            listing.symbol_id,
            listing.symbol_name if full else None,
            price(bid),
            price(ask),
            book.bid_size,
            book.ask_size,
            price(max(bid, bar.low)),
            price(min(ask, bar.high)),
            price(self.last),
            changes,
        )
