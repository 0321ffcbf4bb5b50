"""Dead streams are found and quiet ones left alone; last bars stand in while the hub is away."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.support.trading import hub_session, mnq
from topstepx.desk.market import TapeGap
from topstepx.desk.market_watch import traded_seconds
from topstepx.errors import StaleData
from topstepx.events import HubReconnecting, MarketGapped, StreamHeard, StreamSilenced
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.sim.gateway import Gateway
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.testing.pair import START, Pair
from topstepx.wire.models import BarModel

if TYPE_CHECKING:
    from topstepx.events import Event

MNQ = "CON.F.US.MNQ.Z26"


def facts(pair: Pair, *kinds: type[Event]) -> list[Event]:
    found: list[Event] = []
    pair.tsx._record.listen(lambda fact, _: found.append(fact) if isinstance(fact, kinds) else None)
    return found


def asked(pair: Pair) -> int:
    return sum(one.bucket == "bars" for one in pair.gateway.limits.arrivals)


@virtual
async def test_ordinary_trading_asks_little_and_alarms_nobody() -> None:
    async with Pair(gateway=Gateway.build(at=START, seed=1, rate=0.05)) as pair:
        told = facts(pair, StreamSilenced)
        contract = await mnq(pair)
        async with (
            pair.tsx.market.quotes(contract),
            pair.tsx.market.trades(contract),
            pair.tsx.market.depth(contract),
        ):
            await asyncio.sleep(900)
        assert not told
        assert asked(pair) <= 10
        assert pair.tsx.health().ok


@virtual
async def test_a_quiet_market_is_asked_about_ever_more_seldom_and_never_alarms() -> None:
    async with Pair(gateway=Gateway.build(at=START, rate=0.0001)) as pair:
        told = facts(pair, StreamSilenced)
        contract = await mnq(pair)
        async with pair.tsx.market.quotes(contract), pair.tsx.market.trades(contract):
            await asyncio.sleep(3600)
        assert not told
        assert asked(pair) <= 30


@virtual
async def test_a_closed_market_is_not_even_asked_about() -> None:
    saturday = START + timedelta(days=5)
    async with Pair(gateway=Gateway.build(at=saturday, rate=0.1)) as pair:
        contract = await mnq(pair)
        async with pair.tsx.market.quotes(contract) as quotes:
            await anext(quotes)
            pair.faults.add(Fault(where="hub/market", what=f.DropEvents(), times=None))
            before = asked(pair)
            await asyncio.sleep(600)
            assert asked(pair) == before
            assert pair.tsx.health().ok


@virtual
async def test_a_hub_that_stays_silent_about_a_market_that_trades_is_given_up_once() -> None:
    async with Pair(gateway=Gateway.build(at=START, rate=0.2)) as pair:
        contract = await mnq(pair)
        told = facts(pair, HubReconnecting, StreamSilenced)
        async with pair.tsx.market.quotes(contract) as quotes:
            await anext(quotes)
            pair.faults.add(Fault(where="hub/market", what=f.DropEvents(), times=None))
            await asyncio.sleep(240)
            names = [type(one) for one in told]
            assert names == [StreamSilenced, HubReconnecting, StreamSilenced], names
            pair.faults.clear()
            await eventually(lambda: pair.tsx.health().ok, timeout_s=60)


@virtual
async def test_while_the_hub_is_away_the_last_bar_stands_in_and_is_marked() -> None:
    async with Pair() as pair:
        contract, market = await mnq(pair), pair.tsx.market
        async with market.quotes(contract) as quotes:
            live = await anext(quotes)
            assert (live.source, market.age_s(live) < 5) == ("hub", True)
            assert market.newest(contract, max_age_s=60) is not None
            pair.faults.add(Fault(where="hub/market", what=f.RefuseUpgrade(503), times=None))
            first = hub_session(pair, "market")
            pair.faults.add(Fault(where="hub/market", what=f.CutHub()))
            await eventually(lambda: first.closed)
            before = asked(pair)
            await asyncio.sleep(60)
            assert 10 <= asked(pair) - before <= 21
            stood_in = market.newest(contract)
            assert stood_in is not None
            assert (stood_in.source, stood_in.bid, stood_in.ask) == ("bar", None, None)
            assert isinstance(stood_in.last, Decimal)
            assert market.age_s(stood_in) < 30
            with pytest.raises(StaleData, match="from the bar"):
                market.newest(contract, max_age_s=1e6)
            assert quotes.waiting <= 1, "a bar is never in the stream"
            pair.faults.clear()
            fresh = await anext(quotes)
            while fresh.merged and market.age_s(fresh) > 1:
                fresh = await anext(quotes)
            newest = market.newest(contract, max_age_s=5)
            assert newest is not None
            assert newest.source == "hub"
            assert newest.open is not None, "a new life begins whole"


@virtual
async def test_a_last_bar_comes_although_a_download_takes_all_it_may() -> None:
    async with Pair() as pair:
        contract, market = await mnq(pair), pair.tsx.market

        async def download() -> None:
            while True:
                await market.bars(contract, "1m", last=10)

        async with market.quotes(contract) as quotes:
            await anext(quotes)
            await asyncio.sleep(2)
            downloads = [asyncio.create_task(download()) for _ in range(3)]
            await asyncio.sleep(60)
            pair.faults.add(Fault(where="hub/market", what=f.RefuseUpgrade(503), times=None))
            pair.faults.add(Fault(where="hub/market", what=f.CutHub()))
            for _ in range(3):
                await asyncio.sleep(20)
                stood_in = market.newest(contract)
                assert stood_in is not None
                assert (stood_in.source, market.age_s(stood_in) < 30) == ("bar", True)
            for one in downloads:
                one.cancel()
            await asyncio.gather(*downloads, return_exceptions=True)
            assert pair.gateway.limits.refused == 0


@virtual
async def test_a_silenced_stream_that_speaks_again_says_so_and_its_book_is_not_whole() -> None:
    async with Pair() as pair:
        contract = await mnq(pair)
        told = facts(pair, StreamSilenced, StreamHeard)
        async with pair.tsx.market.quotes(contract), pair.tsx.market.depth(contract) as depth:
            dropped = f.DropEvents("GatewayDepth", MNQ)
            dead = pair.faults.add(Fault(where="hub/market", what=dropped, times=None))
            await eventually(lambda: told, timeout_s=120)
            assert any("depth messages have not come" in p for p in pair.tsx.health().problems)
            pair.faults.remove(dead)
            await eventually(lambda: len(told) == 2, timeout_s=60)
            assert [type(one) for one in told] == [StreamSilenced, StreamHeard]
            seen = [(await anext(depth)).is_valid for _ in range(depth.waiting + 20)]
            assert seen[0], "what came before was whole"
            assert not seen[-1], "what was not told is missing from the book"


@virtual(seeds=[None, 1])
async def test_a_silence_of_one_stream_is_a_gap_in_its_place_and_in_no_other_stream() -> None:
    async with Pair() as pair:
        contract, other = await mnq(pair), await pair.tsx.contracts.front("MES")
        told, market = facts(pair, StreamHeard), pair.tsx.market
        async with (
            market.tape(contract) as tape,
            market.tape(other) as beside,
            market.depth(contract) as depth,
        ):
            before = await anext(tape)
            await anext(beside)
            dropped = f.DropEvents("GatewayTrade", MNQ)
            dead = pair.faults.add(Fault(where="hub/market", what=dropped, times=None))
            await asyncio.sleep(50)
            pair.faults.remove(dead)
            await eventually(lambda: told, timeout_s=40)
            items = [before] + [await anext(tape) for _ in range(tape.waiting)]
            (gap,) = [one for one in items if isinstance(one, TapeGap)]
            after = items[items.index(gap) + 1 :]
            assert after
            for trade in after:
                assert not isinstance(trade, TapeGap)
                assert (trade.timestamp - gap.since).total_seconds() > 40
            others = [await anext(beside) for _ in range(beside.waiting)]
            assert not any(isinstance(one, TapeGap) for one in others)
            rows = [(await anext(depth)).is_valid for _ in range(depth.waiting)]
            assert all(rows), "the book of the contract went on"


@virtual
async def test_a_reconnect_leaves_a_gap_on_the_tape_with_what_is_known_of_the_loss() -> None:
    async with Pair() as pair:
        contract = await mnq(pair)
        told = facts(pair, MarketGapped)
        async with pair.tsx.market.tape(contract) as tape, pair.tsx.market.depth(contract) as depth:
            assert (await anext(depth)).is_valid
            await asyncio.sleep(5)
            while tape.waiting:
                assert not isinstance(await anext(tape), TapeGap)
            while depth.waiting:
                await anext(depth)
            refused = f.RefuseUpgrade(503)
            pair.faults.add(Fault(where="hub/market", what=refused, times=None))
            first = hub_session(pair, "market")
            pair.faults.add(Fault(where="hub/market", what=f.CutHub()))
            await eventually(lambda: first.closed)
            said = [await anext(depth) for _ in range(depth.waiting)]
            assert (said[-1].is_valid, said[-1].rows) == (False, ()), "at once, not at the next row"
            await asyncio.sleep(20)
            pair.faults.clear()
            await eventually(lambda: told, timeout_s=60)
            gap = await anext(tape)
            while not isinstance(gap, TapeGap):
                gap = await anext(tape)
            (fact,) = told
            assert isinstance(fact, MarketGapped)
            assert (gap.since, gap.until) == (fact.since, fact.until)
            assert fact.reason == gap.reason == "the connection was reset"
            assert gap.until is not None
            assert 20 <= (gap.until - gap.since).total_seconds() <= 60
            assert fact.volume_missed is not None
            assert fact.volume_missed > 0
            bars = await pair.tsx.market.bars(
                contract, "1s", start=gap.since - timedelta(seconds=1), end=gap.until
            )
            assert abs(fact.volume_missed - sum(bar.volume for bar in bars)) <= bars[-1].volume
            assert not isinstance(await anext(tape), TapeGap)


def test_only_trades_well_inside_the_silence_count() -> None:
    at = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)

    def bar(seconds_ago: float, volume: int = 1) -> BarModel:
        one = Decimal(1)
        return BarModel(t=at - timedelta(seconds=seconds_ago), o=one, h=one, l=one, c=one, v=volume)

    assert traded_seconds([bar(30), bar(18), bar(17), bar(4), bar(3)], at, 20) == 2
    assert traded_seconds([bar(10, 0)], at, 20) == 0


@pytest.mark.soak
@pytest.mark.parametrize("root", ["MNQ", "NE6", "GMET", "ZSE", "GLE"])
def test_a_trading_day_of_every_kind_of_product_alarms_nobody(root: str) -> None:
    @virtual
    async def run() -> None:
        start = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)  # an hour before Sunday's open
        async with Pair(gateway=Gateway.build(at=start, hours="true", rate=0.02)) as pair:
            told = facts(pair, StreamSilenced)
            contract = await pair.tsx.contracts.front(root)
            async with (
                pair.tsx.market.quotes(contract) as quotes,
                pair.tsx.market.trades(contract),
                pair.tsx.market.depth(contract),
            ):
                for _ in range(24 * 60):
                    await asyncio.sleep(60)
                    while quotes.waiting:
                        await anext(quotes)
            assert not told
            assert asked(pair) <= 24 * 60 * 3

    run()
