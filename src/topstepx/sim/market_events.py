"""What the simulated market says: quotes, trades of the tape, depth, and whether it trades at all.

Each event knows its payload as the market hub sends it (camelCase, sparse quotes, arrays of trades and
of depth rows: observed live). Payloads are built when asked for, because most events of a busy market
go only to the venue. Encode them with numbers for decimals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from topstepx.wire.enums import DomType, TradeLogType

State = Literal["open", "quiet", "closed"]


class QuoteEvent(NamedTuple):
    """The top of the book or the last price changed.

    `match_bid` and `match_ask` are what orders are to be matched at: the displayed prices, drawn into
    the range of the running minute. They are equal in a minute that traded at one price only.
    `changes` holds the members that changed; `symbol_name` is None unless the quote is a full one.
    """

    contract_id: str
    at: datetime
    symbol_id: str
    symbol_name: str | None
    bid: Decimal
    ask: Decimal
    bid_size: int
    ask_size: int
    match_bid: Decimal
    match_ask: Decimal
    last: Decimal
    changes: dict[str, Decimal | int]

    def payload(self) -> dict[str, object]:
        """The second argument of `GatewayQuote`."""
        payload: dict[str, object] = {"symbol": self.symbol_id}
        if self.symbol_name is not None:
            payload["symbolName"] = self.symbol_name
        payload.update(self.changes)
        payload["lastUpdated"] = self.at.isoformat()
        payload["timestamp"] = self.at.isoformat(timespec="milliseconds")
        payload["contract"] = self.contract_id
        return payload


class TapeEvent(NamedTuple):
    """Trades at one price at one moment; `side` is the aggressor's, `sizes` has one entry per trade."""

    contract_id: str
    at: datetime
    symbol_id: str
    price: Decimal
    side: TradeLogType
    sizes: tuple[int, ...]

    @property
    def volume(self) -> int:
        """Contracts traded in all."""
        return sum(self.sizes)

    def payload(self) -> list[dict[str, object]]:
        """The second argument of `GatewayTrade`."""
        timestamp = self.at.isoformat(timespec="milliseconds")
        return [
            {
                "symbolId": self.symbol_id,
                "price": self.price,
                "timestamp": timestamp,
                "type": int(self.side),
                "volume": size,
                "contractId": self.contract_id,
            }
            for size in self.sizes
        ]


class DepthRow(NamedTuple):
    """One level of the book: `volume` contracts rest there after the update, 0 when it is gone."""

    type: DomType
    price: Decimal
    volume: int
    current_volume: int


class DepthEvent(NamedTuple):
    """Levels of the book that changed, in order; a RESET row clears everything known before."""

    contract_id: str
    at: datetime
    rows: tuple[DepthRow, ...]

    def payload(self) -> list[dict[str, object]]:
        """The second argument of `GatewayDepth`."""
        timestamp = self.at.isoformat()
        return [
            {
                "timestamp": timestamp,
                "type": int(row.type),
                "price": row.price,
                "volume": row.volume,
                "currentVolume": row.current_volume,
            }
            for row in self.rows
        ]


class SessionEvent(NamedTuple):
    """The market opened, closed, or fell quiet (a minute of real bars in which nobody traded)."""

    contract_id: str
    at: datetime
    state: State


MarketEvent = QuoteEvent | TapeEvent | DepthEvent | SessionEvent


class Book(NamedTuple):
    """The displayed book: price and size of each level, best first."""

    bids: tuple[tuple[Decimal, int], ...]
    asks: tuple[tuple[Decimal, int], ...]
