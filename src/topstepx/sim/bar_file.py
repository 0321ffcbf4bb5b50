"""Real one-minute bars from a CSV file, plain or gzipped, as a market to replay.

The header is `timestamp_utc,open,high,low,close,volume`; a timestamp without an offset is UTC. Rows must
be in order, on the minute, on the contract's tick grid, and possible: low <= open, close <= high, and
enough volume for the trades that such a bar needs. Anything else is refused with its line and column,
because a replay that quietly repairs its data shows a market that never was.

Time is not mapped: the time of the bars *is* the simulator's time. A run on bars starts its clock at
`RealBars.start_moment()` and lets it go on from there, at any speed.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from bisect import bisect_left
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from os import PathLike
from pathlib import Path
from statistics import median
from typing import IO, TYPE_CHECKING, NamedTuple, cast

from topstepx.errors import ConfigurationError, sanitised
from topstepx.sim.minutes import EPOCH, MINUTE_US, MinuteBar, prints_needed, to_minute, to_us
from topstepx.sim.synthetic import by_hour

if TYPE_CHECKING:
    from collections.abc import Iterator

    from topstepx.sim.catalogue import Listing
    from topstepx.sim.market_events import State

COLUMNS = ("timestamp_utc", "open", "high", "low", "close", "volume")
_GZIP_MAGIC = b"\x1f\x8b"
_CLOSED_MINUTES = 15  # a longer gap is a halt, a shorter one a quiet time
_HISTORY_ROWS = 3000  # what a run on bars has behind it, so that bars can be asked for at once
_BUSY_ROWS = 15
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


class RealBars:
    """A market of real bars; a `MinuteSource`. Gaps of 15 minutes and more count as closed."""

    def __init__(self, listing: Listing, bars: list[MinuteBar]) -> None:
        self.listing = listing
        self._bars = bars
        self._minutes = [bar.minute for bar in bars]

    def __len__(self) -> int:
        return len(self._bars)

    @property
    def first_at(self) -> datetime:
        """When the first bar opens."""
        return EPOCH + timedelta(minutes=self._minutes[0])

    @property
    def last_at(self) -> datetime:
        """When the last bar opens."""
        return EPOCH + timedelta(minutes=self._minutes[-1])

    def start_moment(self, wanted: datetime | None = None) -> datetime:
        """Where a run on these bars starts its clock.

        `wanted` must lie inside the file. Without it: a minute with 3,000 bars behind it (a third of a
        shorter file), from which on the next 15 minutes all trade, and at least as much as usual.

        Raises:
            ConfigurationError: `wanted` lies outside the file.
        """
        if wanted is not None:
            if not self.first_at <= wanted < self.last_at + timedelta(minutes=1):
                raise ConfigurationError(
                    f"start={wanted.isoformat()}: the bars go from {self.first_at.isoformat()} "
                    f"to {self.last_at.isoformat()}.",
                    next_step="Choose a start between them.",
                )
            return wanted
        first = min(_HISTORY_ROWS, len(self._bars) // 3)
        usual = median(bar.volume for bar in self._bars)
        for index in range(first, len(self._bars) - _BUSY_ROWS):
            window = self._bars[index : index + _BUSY_ROWS]
            whole = window[-1].minute - window[0].minute == _BUSY_ROWS - 1
            if whole and sum(bar.volume for bar in window) >= usual * _BUSY_ROWS:
                return EPOCH + timedelta(minutes=window[0].minute)
        return EPOCH + timedelta(minutes=self._minutes[first])

    def earliest(self, now_minute: int) -> int:  # noqa: ARG002  the port's signature
        """The first bar's minute."""
        return self._minutes[0]

    def at(self, minute: int) -> MinuteBar | None:
        """The bar of that minute."""
        index = bisect_left(self._minutes, minute)
        found = index < len(self._minutes) and self._minutes[index] == minute
        return self._bars[index] if found else None

    def before(self, minute: int) -> MinuteBar | None:
        """The last bar before that minute."""
        index = bisect_left(self._minutes, minute)
        return self._bars[index - 1] if index else None

    def next_minute(self, minute: int) -> int | None:
        """The first minute with a bar, from that one on; None after the last."""
        index = bisect_left(self._minutes, minute)
        return self._minutes[index] if index < len(self._minutes) else None

    def between(self, first: int, end: int) -> list[MinuteBar]:
        """The bars from minute `first` up to, not including, `end`."""
        return self._bars[bisect_left(self._minutes, first) : bisect_left(self._minutes, end)]

    def hours(self, first: int, end: int) -> list[MinuteBar]:
        """The same joined by clock hours."""
        return by_hour(self.between(first, end))

    def state(self, minute: int) -> State:
        """Open in a minute with a bar, closed in a gap of 15 minutes or more, else quiet."""
        index = bisect_left(self._minutes, minute)
        if index == len(self._minutes):
            return "closed"
        if self._minutes[index] == minute:
            return "open"
        gap = self._minutes[index] - self._minutes[index - 1] - 1 if index else _CLOSED_MINUTES
        return "closed" if gap >= _CLOSED_MINUTES else "quiet"


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
