"""Real one-minute bars from a CSV file, plain or gzipped; see `real_bars` for what becomes of them.

The only file that the simulator reads is read here.

The header is `timestamp_utc,open,high,low,close,volume`; a timestamp without an offset is UTC. Rows must
be in order, on the minute, on the contract's tick grid, and possible: low <= open, close <= high, and
enough volume for the trades that such a bar needs. Anything else is refused with its line and column,
because a replay that quietly repairs its data shows a market that never was.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from os import PathLike
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, cast

from topstepx.errors import ConfigurationError, sanitised
from topstepx.sim.minutes import MINUTE_US, MinuteBar, prints_needed, to_minute, to_us
from topstepx.sim.real_bars import RealBars

if TYPE_CHECKING:
    from collections.abc import Iterator

    from topstepx.sim.catalogue import Listing

__all__ = ["BarsUnreadable", "RealBars", "first_moment", "read_bars_csv"]

COLUMNS = ("timestamp_utc", "open", "high", "low", "close", "volume")
_GZIP_MAGIC = b"\x1f\x8b"
_VOLUME = re.compile(r"[0-9]{1,9}")
_PRICE = re.compile(r"[+-]?[0-9]{1,9}(\.[0-9]{0,12})?([eE][+-]?[0-9])?")


class BarsUnreadable(ConfigurationError):
    """A file of bars cannot be used; `line`, `column` and `value` say where (None: the whole file)."""

    def __init__(
        self,
        name: str,
        rule: str,
        line: int | None = None,
        column: str | None = None,
        value: str = "",
    ) -> None:
        self.line, self.column, self.value = line, column, value
        where = "".join(
            [
                f", line {line}" if line else "",
                f", column {column}" if column else "",
                f", value {sanitised(value, 60)!r}" if column else "",
            ]
        )
        super().__init__(f"{name}{where}: {rule}")


class _Row(NamedTuple):
    line: int
    at: datetime
    cells: dict[str, str]


def read_bars_csv(source: str | PathLike[str] | IO[str] | IO[bytes], listing: Listing) -> RealBars:
    """All bars of a file, as bars of that contract.

    Raises:
        BarsUnreadable: the file is missing, is no such CSV, or a row is impossible.
    """
    bars: list[MinuteBar] = []
    name = _name(source)
    for row in _rows(source):
        bar = _bar(name, row, listing)
        if bars and bar.minute <= bars[-1].minute:
            rule = "is there twice." if bar.minute == bars[-1].minute else "is out of order."
            raise BarsUnreadable(
                name,
                f"the minute {rule} Sort the rows.",
                row.line,
                COLUMNS[0],
                row.cells[COLUMNS[0]],
            )
        bars.append(bar)
    if not bars:
        raise BarsUnreadable(name, "there are no bars in it.")
    return RealBars(listing, bars)


def first_moment(source: str | PathLike[str] | IO[str] | IO[bytes]) -> datetime:
    """The time of the first bar: which contract month was the front one then?

    A file object (it must be able to seek) is put back to its beginning.

    Raises:
        BarsUnreadable: the file is missing or its first row is unusable.
    """
    for row in _rows(source):
        if not isinstance(source, (str, PathLike)):
            source.seek(0)
        return row.at
    raise BarsUnreadable(_name(source), "there are no bars in it.")


def _name(source: str | PathLike[str] | IO[str] | IO[bytes]) -> str:
    if isinstance(source, (str, PathLike)):
        return str(source)
    return str(getattr(source, "name", "bars"))


@contextmanager
def _text(source: str | PathLike[str] | IO[str] | IO[bytes]) -> Iterator[IO[str]]:
    """The source as text: opened if it is a path, unpacked if it is gzip."""
    if isinstance(source, (str, PathLike)):
        with Path(source).open("rb") as file, _text(file) as text:
            yield text
        return
    if isinstance(source, io.TextIOBase):
        yield cast("IO[str]", source)
        return
    raw = cast("IO[bytes]", source)
    head = raw.read(len(_GZIP_MAGIC))
    raw.seek(-len(head), io.SEEK_CUR)
    unpacked = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if head == _GZIP_MAGIC else raw
    text = io.TextIOWrapper(unpacked, encoding="utf-8-sig", newline="")
    try:
        yield text
    finally:
        text.detach()


def _rows(source: str | PathLike[str] | IO[str] | IO[bytes]) -> Iterator[_Row]:
    name = _name(source)
    try:
        with _text(source) as text:
            reader = csv.reader(text)
            header = [cell.strip() for cell in next(reader, [])]
            if tuple(header) != COLUMNS:
                rule = f"the header must be {','.join(COLUMNS)}, not {','.join(header)[:80] or 'empty'}."
                raise BarsUnreadable(name, rule, 1)
            for cells in reader:
                if not cells:
                    continue
                if len(cells) != len(COLUMNS):
                    rule = f"{len(cells)} cells where {len(COLUMNS)} are needed."
                    raise BarsUnreadable(name, rule, reader.line_num)
                named = dict(zip(COLUMNS, cells, strict=True))
                yield _Row(
                    reader.line_num, _moment(name, reader.line_num, named[COLUMNS[0]]), named
                )
    except (OSError, EOFError) as error:
        raise BarsUnreadable(
            name, f"it cannot be read ({error.__class__.__name__}: {error})."
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BarsUnreadable(name, f"it is no CSV text ({error}).") from error


def _moment(name: str, line: int, value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        rule = "is no ISO time such as 2024-01-02 14:31:00."
        raise BarsUnreadable(name, rule, line, COLUMNS[0], value) from None
    moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    if to_us(moment) % MINUTE_US:
        raise BarsUnreadable(name, "a one-minute bar opens on the minute.", line, COLUMNS[0], value)
    return moment


def _bar(name: str, row: _Row, listing: Listing) -> MinuteBar:
    ticks = {
        column: _ticks(name, row, column, listing) for column in ("open", "high", "low", "close")
    }
    cells = row.cells
    if ticks["high"] < ticks["low"]:
        rule = f"the high is below the low ({cells['low'].strip()})."
        raise BarsUnreadable(name, rule, row.line, "high", cells["high"])
    for column in ("open", "close"):
        if not ticks["low"] <= ticks[column] <= ticks["high"]:
            rule = f"outside low {cells['low'].strip()} to high {cells['high'].strip()}."
            raise BarsUnreadable(name, rule, row.line, column, cells[column])
    text = cells["volume"].strip()
    if not _VOLUME.fullmatch(text) or int(text) == 0:
        rule = "must be a whole number of contracts above 0 (leave out minutes without trades)."
        raise BarsUnreadable(name, rule, row.line, "volume", text)
    needed = prints_needed(ticks["open"], ticks["high"], ticks["low"], ticks["close"])
    if int(text) < needed:
        rule = f"these prices need at least {needed} contracts to trade."
        raise BarsUnreadable(name, rule, row.line, "volume", text)
    prices = (ticks["open"], ticks["high"], ticks["low"], ticks["close"])
    return MinuteBar(to_minute(row.at), *prices, int(text))


def _ticks(name: str, row: _Row, column: str, listing: Listing) -> int:
    value = row.cells[column].strip()
    if not _PRICE.fullmatch(value):
        raise BarsUnreadable(name, "is no number.", row.line, column, value)
    price = Decimal(value)
    ticks = price / listing.tick_size
    if ticks != ticks.to_integral_value():
        rule = f"is off the {listing.tick_size} grid of {listing.name}."
        raise BarsUnreadable(name, rule, row.line, column, value)
    return int(ticks)
