"""An operator's hand on the simulated market: trading halts, price gaps, wider spreads.

It changes what the generated or replayed market says on its way to venue and hubs, so that orders and
subscribers meet the same market. `Market.refresh` tells everybody after a change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from topstepx.sim.market_events import DepthEvent, DepthRow, MarketEvent, QuoteEvent, TapeEvent
from topstepx.wire.enums import DomType, TradeLogType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    from topstepx.sim.catalogue import Listing
    from topstepx.wire.models import BarModel

_PRICES = ("lastPrice", "open", "high", "low")
_ASKS = frozenset({DomType.ASK, DomType.BEST_ASK, DomType.NEW_BEST_ASK})
_BIDS = frozenset({DomType.BID, DomType.BEST_BID, DomType.NEW_BEST_BID})


class Gap(msgspec.Struct, frozen=True):
    """From this moment on every price stands so many ticks higher (negative: lower)."""

    at: datetime
    ticks: int


@dataclass(slots=True)
class Grip:
    """What is done to one contract."""

    tick_size: Decimal
    usual_spread_ticks: int
    gaps: list[Gap] = field(default_factory=list)
    spread_ticks: int | None = None

    @property
    def shift_ticks(self) -> int:
        """How far all prices are moved."""
        return sum(gap.ticks for gap in self.gaps)

    @property
    def extra_ticks(self) -> tuple[int, int]:
        """How far the bids stand lower and the asks higher than the market's own."""
        extra = max(0, (self.spread_ticks or 0) - self.usual_spread_ticks)
        return extra // 2, extra - extra // 2


class MarketHand:
    """Which contracts are halted, moved or spread; `idle` while none is."""

    def __init__(self) -> None:
        self.grips: dict[str, Grip] = {}
        self.halted: set[str] = set()
        self.all_halted = False
        self.spread_of_all: int | None = None

    @property
    def idle(self) -> bool:
        """The fast path: nothing is touched."""
        return not (self.grips or self.halted or self.all_halted)

    def meet(self, listing: Listing) -> None:
        """A contract comes to life: the spread of all is its spread."""
        if self.spread_of_all is not None and listing.id not in self.grips:
            self.spread(listing, self.spread_of_all)

    def is_halted(self, contract_id: str) -> bool:
        """Whether trading is halted there."""
        return self.all_halted or contract_id in self.halted

    def halt(self, contract_id: str | None) -> None:
        """Halt one contract, or (None) all of them, also those that nobody asked for yet."""
        if contract_id is None:
            self.all_halted = True
        else:
            self.halted.add(contract_id)

    def resume(self, contract_id: str | None) -> None:
        """End the halt of one contract, or (None) every halt."""
        if contract_id is None:
            self.all_halted = False
            self.halted.clear()
        else:
            self.halted.discard(contract_id)

    def gap(self, listing: Listing, ticks: int, now: datetime) -> None:
        """Move all prices of a contract from now on."""
        self._grip(listing).gaps.append(Gap(now, ticks))

    def spread(self, listing: Listing, ticks: int | None) -> None:
        """Make the usual spread that wide; None is the market's own."""
        self._grip(listing).spread_ticks = ticks

    def _grip(self, listing: Listing) -> Grip:
        known = self.grips.get(listing.id)
        if known is None:
            known = self.grips[listing.id] = Grip(listing.tick_size, listing.product.spread_ticks)
        return known

    # ------------------------------------------------------------ what the market says then

    def touched(self, event: MarketEvent) -> MarketEvent | None:
        """The event as it is told; None when a halt swallows it."""
        if self.is_halted(event.contract_id) and isinstance(
            event, QuoteEvent | TapeEvent | DepthEvent
        ):
            return None
        grip = self.grips.get(event.contract_id)
        if grip is None:
            return event
        shift = grip.shift_ticks * grip.tick_size
        below, above = (ticks * grip.tick_size for ticks in grip.extra_ticks)
        if isinstance(event, QuoteEvent):
            return _quote(event, shift, shift - below, shift + above)
        if isinstance(event, TapeEvent):
            move = shift + above if event.side is TradeLogType.BUY else shift - below
            return event._replace(price=event.price + move)
        if isinstance(event, DepthEvent):
            rows = tuple(_row(row, shift, shift - below, shift + above) for row in event.rows)
            return event._replace(rows=rows)
        return event

    def bars(
        self, listing: Listing, bars: Sequence[BarModel], ends: Callable[[datetime], datetime]
    ) -> list[BarModel]:
        """Bars with the gaps in them; the one in which a gap came holds both prices.

        `ends` gives the end of the bar that opens at a moment.
        """
        grip = self.grips.get(listing.id)
        if grip is None or not grip.gaps:
            return list(bars)
        told: list[BarModel] = []
        for bar in bars:
            ticks_before = sum(gap.ticks for gap in grip.gaps if gap.at <= bar.t)
            inside = sum(gap.ticks for gap in grip.gaps if bar.t < gap.at < ends(bar.t))
            before = ticks_before * grip.tick_size
            after = before + inside * grip.tick_size
            high, low = max(before, after), min(before, after)
            told.append(
                msgspec.structs.replace(
                    bar, o=bar.o + before, h=bar.h + high, l=bar.l + low, c=bar.c + after
                )
            )
        return told


def _quote(event: QuoteEvent, shift: Decimal, bid: Decimal, ask: Decimal) -> QuoteEvent:
    changes = dict(event.changes)
    moves = {**dict.fromkeys(_PRICES, shift), "bestBid": bid, "bestAsk": ask, "change": shift}
    for name, move in moves.items():
        if name in changes:
            changes[name] += move
    return event._replace(
        bid=event.bid + bid,
        ask=event.ask + ask,
        match_bid=event.match_bid + bid,
        match_ask=event.match_ask + ask,
        last=event.last + shift,
        changes=changes,
    )


def _row(row: DepthRow, shift: Decimal, bid: Decimal, ask: Decimal) -> DepthRow:
    if row.type is DomType.RESET:
        return row
    move = bid if row.type in _BIDS else ask if row.type in _ASKS else shift
    return row._replace(price=row.price + move)
