"""A file of bars, read by other means than the simulator's, to compare with what the gateway answers."""

from __future__ import annotations

import csv
import gzip
import io
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

_GZIP = b"\x1f\x8b"

FileRow = tuple[Decimal, Decimal, Decimal, Decimal, int]
"""Open, high, low, close and volume of one row."""


def rows_of(bars: Path) -> dict[datetime, FileRow]:
    """Every row of a CSV file, plain or gzipped, by its time; one without an offset is UTC."""
    content = bars.read_bytes()
    if content.startswith(_GZIP):
        content = gzip.decompress(content)
    with io.StringIO(content.decode("utf-8-sig")) as text:
        return {
            _utc(row["timestamp_utc"]): (
                Decimal(row["open"]),
                Decimal(row["high"]),
                Decimal(row["low"]),
                Decimal(row["close"]),
                int(row["volume"]),
            )
            for row in csv.DictReader(text)
        }


def _utc(written: str) -> datetime:
    at = datetime.fromisoformat(written)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
