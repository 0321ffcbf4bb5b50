"""Bars through the whole client: whole, exact, oldest first, and never an empty list for a failure."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Literal

import pytest

from tests.support.trading import mnq
from topstepx.errors import AnswerUnusable, GatewayRefused, InvalidRequest
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.testing.loop import virtual
from topstepx.testing.pair import START, Pair


@virtual
async def test_bars_by_count_are_the_last_ones_oldest_first_and_complete() -> None:
    async with Pair() as pair:
        await asyncio.sleep(30)
        bars = await pair.tsx.market.bars(await mnq(pair), "5m", last=500)
        assert len(bars) == 500
        assert bars[-1].at == START - timedelta(minutes=5), "the forming bar is left out"
        assert all(later.at - bar.at == timedelta(minutes=5) for bar, later in pairwise(bars))
        assert all(bar.low <= bar.open <= bar.high for bar in bars)
        assert {type(bar.close) for bar in bars} == {Decimal}
        assert all(bar.volume > 0 for bar in bars)


@virtual
async def test_the_forming_bar_comes_only_when_it_is_asked_for() -> None:
    async with Pair() as pair:
        contract = await mnq(pair)
        await asyncio.sleep(90)
        whole = await pair.tsx.market.bars(contract, "5m", last=2)
        partial = await pair.tsx.market.bars(contract, "5m", last=2, include_partial=True)
        assert [bar.at for bar in partial] == [whole[-1].at, START]
        assert partial[0] == whole[1]


@virtual
async def test_one_bar_is_one_bar() -> None:
    async with Pair() as pair:
        bars = await pair.tsx.market.bars(await mnq(pair), "1h", last=1)
        assert [bar.at for bar in bars] == [START - timedelta(hours=1)]


@virtual
async def test_a_span_is_read_whole_over_more_than_one_page_and_each_bar_once() -> None:
    async with Pair() as pair:
        contract = await mnq(pair)
        start = START - timedelta(minutes=21_000)
        bars = await pair.tsx.market.bars(contract, "1m", start=start, end=START)
        calls = [one for one in pair.gateway.limits.arrivals if one.bucket == "bars"]
        assert len(calls) == 2
        assert [bar.at for bar in bars] == [start + timedelta(minutes=n) for n in range(21_000)]
        last = await pair.tsx.market.bars(contract, "1m", last=20_500, end=START)
        assert last == bars[-20_500:]


@virtual
async def test_the_end_of_a_span_and_its_start_are_kept_to() -> None:
    async with Pair() as pair:
        monday, noon = (
            datetime(2026, 11, 16, 0, 0, tzinfo=UTC),
            datetime(2026, 11, 16, 12, tzinfo=UTC),
        )
        bars = await pair.tsx.market.bars(await mnq(pair), "1h", start=monday, end=noon)
        assert [bar.at for bar in bars] == [monday + timedelta(hours=n) for n in range(12)]


@pytest.mark.parametrize("interval", ["30s", "5m", "1h", "1d", "1w", "1mo"])
def test_every_length_of_bar(interval: str) -> None:
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            bars = await pair.tsx.market.bars(await mnq(pair), interval, last=3)
            assert len(bars) == 3
            assert sorted(bars, key=lambda bar: bar.at) == bars

    run()


@pytest.mark.parametrize(
    ("interval", "parts", "field", "words"),
    [
        ("5 minutes", {"last": 1}, "interval", "number and one of s, m, h, d, w, mo"),
        ("0m", {"last": 1}, "interval", "number and one of"),
        ("-5m", {"last": 1}, "interval", "number and one of"),
        ("5M", {"last": 1}, "interval", "number and one of"),
        (5, {"last": 1}, "interval", "number and one of"),
        ("5m", {}, "start", "say how far back"),
        ("5m", {"last": 0}, "last", "whole number"),
        ("5m", {"last": True}, "last", "whole number"),
        ("5m", {"last": 1.5}, "last", "whole number"),
        ("1mo", {"last": 10**9}, "last", "whole number"),
        ("5m", {"last": 1, "start": START}, "last", "start is given as well"),
        ("5m", {"start": datetime(2026, 11, 1)}, "start", "no time zone|no datetime"),  # noqa: DTZ001  that is the point
        ("5m", {"last": 1, "end": datetime(2026, 11, 1)}, "end", "no time zone|no datetime"),  # noqa: DTZ001  as above
        ("5m", {"start": "2026-11-01"}, "start", "no time zone|no datetime"),
        ("5m", {"start": START, "end": START}, "start", "not before the end"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_asked(
    interval: str, parts: dict[str, Any], field: str, words: str
) -> None:
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            contract = await mnq(pair)
            with pytest.raises(InvalidRequest, match=words) as refused:
                await pair.tsx.market.bars(contract, interval, **parts)
            assert refused.value.field == field
            assert not [one for one in pair.gateway.limits.arrivals if one.bucket == "bars"]

    run()


@pytest.mark.parametrize("op", ["drop", "null"])
def test_an_answer_without_its_bars_is_an_error_never_an_empty_list(
    op: Literal["drop", "null"],
) -> None:
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            contract = await mnq(pair)
            pair.faults.add(Fault(where="History/*", what=f.Edit("bars", op), times=None))
            with pytest.raises(AnswerUnusable) as unusable:
                await pair.tsx.market.bars(contract, "5m", last=10)
            assert unusable.value.did_it_happen == "no"

    run()


@virtual
async def test_a_failing_page_fails_the_whole_read() -> None:
    async with Pair() as pair:
        contract = await mnq(pair)
        body = '{"success":false,"errorCode":1,"errorMessage":null,"bars":null}'
        pair.faults.add(Fault(where="History/*", what=f.Answer(200, body), after=1, times=None))
        with pytest.raises(GatewayRefused):
            await pair.tsx.market.bars(contract, "1m", last=20_500)
