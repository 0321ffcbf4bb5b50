"""How the gateway writes JSON: member order, nulls, numbers and times.

REST shows absent members as null, the stream leaves them out; times carry `+00:00`, up to six
fractional digits over REST without trailing zeros and seven on the stream; decimals are JSON numbers
(verified, from live captures).
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from functools import cache
from typing import Any

import msgspec

from topstepx.wire.models import (
    AccountModel,
    BarModel,
    ContractModel,
    Envelope,
    OrderModel,
    PositionModel,
    Record,
    TradeModel,
)

# Members in the order of the live captures; what is not named follows in the model's own order.
_ORDER: dict[type[Record], tuple[str, ...]] = {
    OrderModel: (
        "id",
        "account_id",
        "contract_id",
        "symbol_id",
        "creation_timestamp",
        "update_timestamp",
        "status",
        "type",
        "side",
        "size",
        "limit_price",
        "stop_price",
        "fill_volume",
        "filled_price",
        "custom_tag",
        "parent_order_id",
        "linked_order_id",
        "trail_distance",
        "trail_price",
    ),
    PositionModel: ("id", "account_id", "contract_id", "contract_display_name"),
    TradeModel: (
        "id",
        "account_id",
        "contract_id",
        "creation_timestamp",
        "price",
        "profit_and_loss",
        "fees",
        "commissions",
        "side",
        "size",
        "voided",
        "order_id",
    ),
    ContractModel: (),
    AccountModel: (),
    BarModel: (),
}
# Since 2026 and of unknown meaning: shown only when they are set.
_ONLY_WHEN_SET = {(BarModel, "d"), (BarModel, "k")}
_ENVELOPE = ("success", "error_code", "error_message")

_encode = msgspec.json.Encoder(decimal_format="number").encode


def written(content: Any) -> bytes:  # noqa: ANN401  anything JSON can say
    """JSON bytes; decimals digit for digit."""
    return _encode(content)


def rest_answer(answer: Envelope) -> dict[str, Any]:
    """An endpoint's answer: the payload first, then the envelope, absent members as null."""
    content = {
        wire: _plain(getattr(answer, name), stream=False) for name, wire in _payload(type(answer))
    }
    content["success"] = answer.success
    content["errorCode"] = answer.error_code
    content["errorMessage"] = answer.error_message
    return content


def rest_record(record: Record) -> dict[str, Any]:
    """One record as REST shows it."""
    return {
        wire: _plain(value, stream=False)
        for name, wire in _fields(type(record))
        if (value := getattr(record, name)) is not None
        or (type(record), name) not in _ONLY_WHEN_SET
    }


def stream_record(record: Record) -> dict[str, Any]:
    """One record as the user hub shows it."""
    return {
        wire: _plain(value, stream=True)
        for name, wire in _fields(type(record))
        if (value := getattr(record, name)) is not None
    }


def number(value: Decimal) -> Decimal | msgspec.Raw:
    """A decimal that is written without an exponent, as .NET does."""
    text = str(value)
    return msgspec.Raw(f"{value:f}".encode()) if "E" in text and value.is_finite() else value


def rest_time(moment: datetime) -> str:
    """`2026-08-16T23:26:02.15673+00:00`."""
    text = f"{moment:%Y-%m-%dT%H:%M:%S}"
    if moment.microsecond:
        text += f".{moment.microsecond:06d}".rstrip("0")
    return f"{text}+00:00"


def stream_time(moment: datetime) -> str:
    """`2026-08-19T20:49:25.3938333+00:00`: the seventh digit is made up from the others."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}{moment.microsecond % 9 + 1}+00:00"


def _plain(value: Any, *, stream: bool) -> Any:  # noqa: ANN401  anything a model holds
    plain = value
    if isinstance(value, Decimal):
        plain = number(value)
    elif isinstance(value, IntEnum):
        plain = int(value)
    elif isinstance(value, datetime):
        plain = stream_time(value) if stream else rest_time(value)
    elif isinstance(value, Record):
        plain = stream_record(value) if stream else rest_record(value)
    elif isinstance(value, list | tuple):
        plain = [_plain(one, stream=stream) for one in value]
    elif value is msgspec.UNSET:
        plain = None
    return plain


@cache
def _fields(kind: type[Record]) -> tuple[tuple[str, str], ...]:
    wire = dict(zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True))
    first = _ORDER.get(kind, ())
    return tuple((name, wire.pop(name)) for name in first) + tuple(wire.items())


@cache
def _payload(kind: type[Envelope]) -> tuple[tuple[str, str], ...]:
    pairs = zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
    return tuple((name, wire) for name, wire in pairs if name not in _ENVELOPE)
