"""A long stretch of time in a hurry: the prints of the tape with the quotes around them, nothing else.

When the clock is set ahead, or this computer slept, the flicker of quotes and depth is skipped; what
could fill an order is not. For the first hours every print of the tape is there, in the order and at the
times at which it would have been seen; beyond them each minute is told by its corners (open, low, high,
close), and beyond a month nothing is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from topstepx.sim.market_events import QuoteEvent, TapeEvent
from topstepx.sim.minutes import MINUTE_US, MinuteBar, from_us
from topstepx.sim.tape import Trade
from topstepx.wire.enums import TradeLogType

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from topstepx.sim.player import Player

PRINTS_MINUTES = 4 * 60
"""So many minutes are told print by print."""
CORNERS_MINUTES = 31 * 24 * 60
"""So many are told at all."""


def hurried(
    player: Player,
    after_us: int,
    until_us: int,
    *,
    prints_minutes: int = PRINTS_MINUTES,
    corners_minutes: int = CORNERS_MINUTES,
) -> Iterator[QuoteEvent | TapeEvent]:
    """What happens to the price of one contract after one moment up to another, in order of time."""
    listing, before = player.listing, player.last
    first = after_us // MINUTE_US
    minute = player.source.next_minute(first)
    while minute is not None and minute * MINUTE_US <= until_us:
        bar = player.source.at(minute)
        if bar is None or minute - first >= corners_minutes:
            return
        in_full = minute - first < prints_minutes
        for trade in _runs(player.trades(bar) if in_full else corners(bar)):
            if not after_us < trade.at_us <= until_us:
                continue
            rising = trade.price > before
            before, at = trade.price, from_us(trade.at_us)
            price, spread = listing.price(before), listing.product.spread_ticks
            low, high = (before - spread, before) if rising else (before, before + spread)
            bid, ask = listing.price(low), listing.price(high)
            yield QuoteEvent(
                listing.id,
                at,
                listing.symbol_id,
                None,
                bid,
                ask,
                listing.product.displayed_size,
                listing.product.displayed_size,
                max(bid, listing.price(bar.low)),
                min(ask, listing.price(bar.high)),
                price,
                {},
            )
            side = TradeLogType.BUY if rising else TradeLogType.SELL
            yield TapeEvent(listing.id, at, listing.symbol_id, price, side, (trade.size,))
        minute = player.source.next_minute(minute + 1)


def corners(bar: MinuteBar) -> list[Trade]:
    """A minute as four trades or fewer, inside its bar: most rising ones dip first."""
    turns = [bar.low, bar.high] if bar.close >= bar.open else [bar.high, bar.low]
    inner = [price for price in turns if price not in {bar.open, bar.close}]
    prices = [bar.open, *inner, bar.close]
    start, step = bar.minute * MINUTE_US, MINUTE_US // len(prices)
    size = max(1, bar.volume // len(prices))
    return [Trade(start + index * step, price, size) for index, price in enumerate(prices)]


def _runs(trades: Iterable[Trade]) -> Iterator[Trade]:
    """Trades in a row at one price as one."""
    run: Trade | None = None
    for trade in trades:
        if run is not None and run.price == trade.price:
            run = run._replace(size=run.size + trade.size)
            continue
        if run is not None:
            yield run
        run = trade
    if run is not None:
        yield run
