from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from topstepx.sim.market_events import DepthEvent, DepthRow, QuoteEvent, TapeEvent
from topstepx.wire.enums import DomType, TradeLogType

AT = datetime(2026, 8, 19, 20, 51, 31, 434753, UTC)
ENCODER = msgspec.json.Encoder(decimal_format="number")


def quote(symbol_name: str | None, **changes: Decimal | int) -> QuoteEvent:
    price = Decimal("29547.00")
    return QuoteEvent(
        "CON.F.US.MNQ.U26",
        AT,
        "F.US.MNQ",
        symbol_name,
        price,
        price,
        1,
        1,
        price,
        price,
        price,
        dict(changes),
    )


def test_a_quote_says_only_what_changed() -> None:
    assert ENCODER.encode(quote(None, bestBid=Decimal("29547.25")).payload()) == (
        b'{"symbol":"F.US.MNQ","bestBid":29547.25,"lastUpdated":"2026-08-19T20:51:31.434753+00:00",'
        b'"timestamp":"2026-08-19T20:51:31.434+00:00","contract":"CON.F.US.MNQ.U26"}'
    )


def test_a_full_quote_names_the_symbol() -> None:
    assert list(quote("/MNQ", volume=5).payload())[:3] == ["symbol", "symbolName", "volume"]


def test_the_tape_is_an_array() -> None:
    event = TapeEvent(
        "CON.F.US.MES.U26", AT, "F.US.MES", Decimal("7730.50"), TradeLogType.SELL, (1, 2)
    )
    assert event.volume == 3
    assert ENCODER.encode(event.payload()[:1]) == (
        b'[{"symbolId":"F.US.MES","price":7730.50,"timestamp":"2026-08-19T20:51:31.434+00:00",'
        b'"type":1,"volume":1,"contractId":"CON.F.US.MES.U26"}]'
    )
    assert [row["volume"] for row in event.payload()] == [1, 2]


def test_depth_is_an_array() -> None:
    event = DepthEvent("C", AT, (DepthRow(DomType.BEST_BID, Decimal("29547.00"), 2, 2),))
    assert ENCODER.encode(event.payload()) == (
        b'[{"timestamp":"2026-08-19T20:51:31.434753+00:00","type":4,"price":29547.00,'
        b'"volume":2,"currentVolume":2}]'
    )
