"""Market data from the bytes of its records in one go: nearly all traffic, so that each step counts.

Theory of operation. The general way reads a record twice: its envelope (`core.signalr`), and then what
the envelope left undecoded (`wire.hub_events`). Here the first bytes say which kind of market data it
is, and one typed decoder reads envelope and payload together. It takes only what is just so: nobody
waits for an answer, a contract and one payload of the usual shape, sound prices, and no member that
it does not know. So each byte is looked at by the decoder, and there is nothing in it that could be
too deep or no UTF-8.

Everything else is left to the general way, which finds the same events or says what is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec
from msgspec import Struct

from topstepx.wire.hub_events import quote_sound
from topstepx.wire.hub_models import (
    Depth,
    DepthRow,
    MarketEvent,
    MarketEvents,
    Quote,
    QuoteUpdate,
    TapeTrade,
    TapeUpdate,
)
from topstepx.wire.scalars import EXPONENT_MAX

if TYPE_CHECKING:
    from collections.abc import Callable


class _Record(Struct, frozen=True, gc=False, tag_field="type", tag=1, forbid_unknown_fields=True):
    """The envelope of an invocation that nobody waits for."""


class _QuoteRecord(_Record, frozen=True, tag=1):
    target: Literal["GatewayQuote"]
    arguments: tuple[str, Quote]
    invocationId: None = None  # noqa: N815  as it is written


class _TapeRecord(_Record, frozen=True, tag=1):
    target: Literal["GatewayTrade"]
    arguments: tuple[str, tuple[TapeTrade, ...]]
    invocationId: None = None  # noqa: N815  as it is written


class _DepthRecord(_Record, frozen=True, tag=1):
    target: Literal["GatewayDepth"]
    arguments: tuple[str, tuple[DepthRow, ...]]
    invocationId: None = None  # noqa: N815  as it is written


_BEGINNING: Final = '{{"type":1,"target":"{}","arguments":'
_ARGUMENTS_AT: Final = len(_BEGINNING.format("GatewayDepth"))
_decode_quote = msgspec.json.Decoder(_QuoteRecord).decode
_decode_tape = msgspec.json.Decoder(_TapeRecord).decode
_decode_depth = msgspec.json.Decoder(_DepthRecord).decode
# What the strict decoders raise. RecursionError: the program's own stack may be nearly used up.
_REFUSED: Final = (msgspec.MsgspecError, ValueError, RecursionError)
_SMALLEST: Final = -EXPONENT_MAX
_LARGEST: Final = EXPONENT_MAX


def read_market(records: list[bytes], at: int) -> tuple[MarketEvents | None, int]:
    """The market events of the records from `at` on, and where the general way has to take over.

    None when that is the first of them already.
    """
    events: list[MarketEvent] = []
    index = at
    for index in range(at, len(records)):
        record = records[index]
        way = _WAYS.get(record[:_ARGUMENTS_AT])
        if way is None:
            break
        try:
            event = way(record)
        except _REFUSED:
            break
        if event is None:
            break
        events.append(event)
    else:
        index = len(records)
    return (MarketEvents(events) if events else None), index


# Each of these gives None for what the general way has to look at. A price whose digits begin elsewhere
# than at the units is finite: what is not has no digits, and 0 is said of it.


def _depth(record: bytes) -> Depth | None:
    contract_id, rows = _decode_depth(record).arguments
    for row in rows:
        size = row.price.adjusted()
        if not (_SMALLEST <= size <= _LARGEST and (size or row.price.is_finite())):
            return None
    return Depth(contract_id, rows) if rows else None


def _quote(record: bytes) -> QuoteUpdate | None:
    contract_id, quote = _decode_quote(record).arguments
    return QuoteUpdate(contract_id, quote) if quote_sound(quote) else None


def _tape(record: bytes) -> TapeUpdate | None:
    contract_id, trades = _decode_tape(record).arguments
    for trade in trades:
        size = trade.price.adjusted()
        if not (_SMALLEST <= size <= _LARGEST and (size or trade.price.is_finite())):
            return None
    return TapeUpdate(contract_id, trades) if trades else None


_WAYS: Final[dict[bytes, Callable[[bytes], MarketEvent | None]]] = {
    _BEGINNING.format("GatewayDepth").encode(): _depth,
    _BEGINNING.format("GatewayQuote").encode(): _quote,
    _BEGINNING.format("GatewayTrade").encode(): _tape,
}
