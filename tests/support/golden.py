"""The golden payloads, and a comparison value for value."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

Json = Any
PAYLOADS = Path(__file__).resolve().parents[1] / "payloads"
TIMES = {
    "creationTimestamp",
    "updateTimestamp",
    "startTimestamp",
    "endTimestamp",
    "startTime",
    "endTime",
    "createdAfter",
    "createdBefore",
    "timestamp",
    "lastUpdated",
    "t",
}
IDS = {"id", "orderId", "accountId", "parentOrderId", "linkedOrderId"}

_exact = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode


def files(kind: str) -> list[dict[str, Any]]:
    """Every file of `rest` or `hub`, decimals exact."""
    return [_exact(path.read_bytes()) for path in sorted((PAYLOADS / kind).glob("*.json"))]


def cases(kind: str) -> list[tuple[str, dict[str, Any]]]:
    """Every case with the route or target it belongs to."""
    return [
        (file["route" if kind == "rest" else "target"], case)
        for file in files(kind)
        for case in file["cases"]
    ]


def name_of(case: tuple[str, dict[str, Any]]) -> str:
    return f"{case[0]}: {case[1]['name']}"


def to_bytes(plain: object) -> bytes:
    return _encode(plain)


def to_plain(body: bytes | msgspec.Raw) -> Json:
    return _exact(body)


def values(plain: Json, *, nulls: bool = False, drop: tuple[str, ...] = ()) -> Json:
    """What a payload says, apart from spelling: times as UTC moments, ids as numbers.

    Decimals become their digits, so that 29541.00 and 29541.0 differ. Nulls are left out unless asked
    for, since REST writes them and the hubs do not.
    """
    if isinstance(plain, list):
        return [values(item, nulls=nulls, drop=drop) for item in plain]
    if isinstance(plain, dict):
        return {
            name: _value(name, value, nulls=nulls, drop=drop)
            for name, value in plain.items()
            if (nulls or value is not None) and name not in drop
        }
    return str(plain) if isinstance(plain, Decimal) else plain


def _value(name: str, value: Json, *, nulls: bool, drop: tuple[str, ...]) -> Json:
    if name in TIMES and isinstance(value, str):
        moment = msgspec.convert(value, datetime)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if name in IDS and isinstance(value, str) and value.isdigit():
        return int(value)
    return values(value, nulls=nulls, drop=drop)
