from __future__ import annotations

import gzip
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.market import TUESDAY, bars_of_tape, euro, invented_bars
from topstepx.sim.bar_file import BarsUnreadable, RealBars, first_moment, read_bars_csv
from topstepx.sim.bars import BarHistory
from topstepx.sim.catalogue import Catalogue
from topstepx.sim.feed import Feed
from topstepx.sim.market_events import TapeEvent
from topstepx.sim.minutes import EPOCH, MinuteBar, to_minute

HEADER = "timestamp_utc,open,high,low,close,volume\n"
GOOD = "2024-01-02 14:00:00,1.0950,1.0952,1.0949,1.0951,30\n"
SAMPLE = Path(__file__).resolve().parents[3] / "shared/data/6EH4_1min_2024-01.csv.gz"


def read(rows: str, header: str = HEADER) -> RealBars:
    return read_bars_csv(io.StringIO(header + rows), euro())


def text_of(bars: list[MinuteBar]) -> str:
    price = euro().price
    return HEADER + "".join(
        f"{EPOCH + timedelta(minutes=bar.minute):%Y-%m-%d %H:%M:%S},"
        f"{price(bar.open)},{price(bar.high)},{price(bar.low)},{price(bar.close)},{bar.volume}\n"
        for bar in bars
    )


def everything(bars: RealBars) -> list[MinuteBar]:
    return bars.between(0, 10**9)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32))
def test_what_was_written_is_read_from_every_kind_of_source(seed: int) -> None:
    bars = invented_bars(Random(seed), 20)
    data = text_of(bars).encode()
    for source in (
        io.StringIO(data.decode()),
        io.BytesIO(data),
        io.BytesIO(gzip.compress(data)),
        io.BytesIO(b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n")),
    ):
        assert first_moment(source) == TUESDAY
        assert everything(read_bars_csv(source, euro())) == bars
        assert not source.closed


def test_files_are_opened_by_path_plain_or_gzipped(tmp_path: Path) -> None:
    plain, packed = tmp_path / "bars.csv", tmp_path / "bars.csv.gz"
    plain.write_text(HEADER + GOOD, encoding="utf-8")
    packed.write_bytes(gzip.compress((HEADER + GOOD).encode()))
    assert everything(read_bars_csv(plain, euro())) == everything(read_bars_csv(packed, euro()))
    assert first_moment(str(packed)) == TUESDAY
    assert len(read_bars_csv(str(plain), euro())) == 1


def test_numbers_may_carry_an_exponent() -> None:
    assert everything(read(GOOD.replace("1.0950", "1095e-3"))) == everything(read(GOOD))


def test_offsets_are_turned_into_utc() -> None:
    for stamp in ("2024-01-02T14:00:00Z", "2024-01-02 08:00:00-06:00", " 2024-01-02 14:00 "):
        assert read(GOOD.replace("2024-01-02 14:00:00", stamp)).first_at == TUESDAY


@pytest.mark.parametrize(
    ("rows", "line", "column", "says"),
    [
        (GOOD.replace("14:00:00", "14:00:07"), 2, "timestamp_utc", "opens on the minute"),
        (GOOD.replace("2024-01-02", "02.01.2024"), 2, "timestamp_utc", "no ISO time"),
        (GOOD + GOOD, 3, "timestamp_utc", "there twice"),
        (GOOD + GOOD.replace("14:00", "13:59"), 3, "timestamp_utc", "out of order"),
        (GOOD.replace("1.0950", "1.09501"), 2, "open", "off the 0.00005 grid of 6EH4"),
        (GOOD.replace("1.0950", "abc"), 2, "open", "is no number"),
        (GOOD.replace("1.0950", ""), 2, "open", "is no number"),
        (GOOD.replace("1.0950", "NaN"), 2, "open", "is no number"),
        (GOOD.replace("1.0950", "1e99999999"), 2, "open", "is no number"),
        (GOOD.replace("1.0950", "1_0"), 2, "open", "is no number"),
        (GOOD.replace("1.0952", "1.0948"), 2, "high", "the high is below the low"),
        (GOOD.replace("1.0950", "1.0953"), 2, "open", "outside low 1.0949 to high 1.0952"),
        (GOOD.replace("1.0951", "1.0948"), 2, "close", "outside low"),
        (GOOD.replace(",30", ",0"), 2, "volume", "above 0"),
        (GOOD.replace(",30", ",-3"), 2, "volume", "above 0"),
        (GOOD.replace(",30", ",3.5"), 2, "volume", "above 0"),
        (GOOD.replace(",30", ",٣"), 2, "volume", "above 0"),
        (GOOD.replace(",30", "," + "9" * 5000), 2, "volume", "above 0"),
        (GOOD.replace(",30", ",3"), 2, "volume", "need at least 4 contracts"),
    ],
)
def test_a_bad_row_is_refused_by_line_column_and_value(
    rows: str, line: int, column: str, says: str
) -> None:
    with pytest.raises(BarsUnreadable, match=says) as caught:
        read(rows)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert f"line {line}, column {column}, value '" in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "the header must be timestamp_utc,open,high,low,close,volume, not empty"),
        (b"time,o,h,l,c,v\n", "not time,o,h,l,c,v"),
        (HEADER.encode(), "there are no bars"),
        (HEADER.encode() + b"2024-01-02 14:00:00,1,2\n", "line 2: 3 cells where 6"),
        (HEADER.encode() + b"\xff\xfe\n", "no CSV text"),
        (gzip.compress((HEADER + GOOD).encode(), mtime=0)[:-9], "cannot be read"),
        (b"\x1f\x8b rubbish", "cannot be read"),
    ],
)
def test_a_file_that_is_no_file_of_bars(text: bytes, says: str) -> None:
    with pytest.raises(BarsUnreadable, match=says):
        read_bars_csv(io.BytesIO(text), euro())


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BarsUnreadable, match=r"nowhere\.csv: it cannot be read"):
        read_bars_csv(tmp_path / "nowhere.csv", euro())
    with pytest.raises(BarsUnreadable):
        first_moment(tmp_path)


@pytest.mark.skipif(
    not SAMPLE.is_file(), reason="the sample of real 6E bars is not beside the project"
)
def test_a_month_of_real_bars_is_read_and_replayed_exactly() -> None:
    listing = Catalogue().front("6E", now=first_moment(SAMPLE))
    assert listing.id == "CON.F.US.EU6.H24"
    bars = read_bars_csv(SAMPLE, listing)
    assert len(bars) == 29_996
    start = bars.start_moment()
    assert len(bars.between(0, to_minute(start))) >= 3000
    feed = Feed(1, real=bars)
    feed.start(listing, start)
    now = start + timedelta(hours=2)
    first = to_minute(start)
    replayed = bars_of_tape(listing, (e for e in feed.advance(now) if isinstance(e, TapeEvent)))
    assert replayed[0].minute == first
    assert replayed == bars.between(first + 0, first + 120)
    with gzip.open(SAMPLE, "rt") as file:
        rows = [line.strip() for line in file][1:]
    known = [row for row in rows if row < f"{now:%Y-%m-%d %H:%M:%S}"]
    reply = BarHistory(feed).retrieve_bars(
        listing, datetime(2024, 1, 1, tzinfo=UTC), now, 2, 1, 20_000, False, now
    )
    assert [
        f"{bar.t:%Y-%m-%d %H:%M:%S},{bar.o.normalize()},{bar.h.normalize()},"
        f"{bar.l.normalize()},{bar.c.normalize()},{bar.v}"
        for bar in reply.bars[::-1]
    ] == known[-20_000:]
