"""One stream of several contracts: what comes of each, in order of arrival, subscribed together or not at all."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

import pytest

from tests.desk.test_market import quiet
from tests.support.trading import subscribed, until_subscribed
from topstepx.desk.market import TapeGap
from topstepx.errors import DeadlinePassed, InvalidRequest, StreamLagged
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair
from topstepx.wire.enums import DomType

if TYPE_CHECKING:
    from topstepx.desk.contracts import Contract
    from topstepx.desk.streams import QuoteStream
    from topstepx.wire.hub_models import Depth

NAMES = ("MNQ", "MES", "MGC")
IDS = ("CON.F.US.MNQ.Z26", "CON.F.US.MES.Z26", "CON.F.US.MGC.Z26")
QUOTES = {("GatewayQuote", one) for one in IDS}


async def three(pair: Pair) -> list[Contract]:
    contracts = [await pair.tsx.contracts.front(name) for name in NAMES]
    assert tuple(one.id for one in contracts) == IDS
    return contracts


def say(pair: Pair, target: str, contract_id: str, payload: object) -> None:
    pair.gateway.hubs.tell_market(target, contract_id, payload, pair.world.now())


def say_trade(pair: Pair, contract_id: str, volume: int, **more: object) -> None:
    trade = {"price": 100, "volume": volume, "type": 0, "timestamp": "2026-11-23T15:00:00Z"}
    say(pair, "GatewayTrade", contract_id, [{**trade, **more}])


def say_depth(pair: Pair, contract_id: str, kind: DomType, volume: int) -> None:
    row = {"price": 100, "volume": volume, "type": int(kind), "timestamp": "2026-11-23T15:00:00Z"}
    say(pair, "GatewayDepth", contract_id, [row])


@virtual
async def test_the_tape_of_several_is_one_history_and_each_trade_names_its_contract() -> None:
    async with Pair(gateway=quiet()) as pair:
        contracts = await three(pair)
        async with pair.tsx.market.trades(*contracts) as tape:
            turns = [IDS[number * number % 3] for number in range(60)]
            for number, contract_id in enumerate(turns, 1):
                more = {"contractId": contract_id} if number % 2 else {}
                say_trade(pair, contract_id, number, **more)
            await asyncio.sleep(1)
            got = [trade async for trade in _first(tape, 40)]
            got += await anext(tape.batches())
        expected = list(enumerate(turns, 1))
        assert [(trade.volume, trade.contract_id) for trade in got] == expected


async def _first(stream: Any, count: int) -> Any:  # noqa: ANN401  any stream
    for _ in range(count):
        yield await anext(stream)


async def _all(stream: QuoteStream) -> None:
    async for batch in stream.batches():
        assert batch


@virtual
async def test_quotes_of_several_conflate_each_for_itself_and_no_contract_is_passed_over() -> None:
    async with Pair(gateway=quiet()) as pair:
        contracts = await three(pair)
        async with pair.tsx.market.quotes(*contracts) as quotes:
            for number in range(1, 6):
                for contract_id in IDS[:2]:
                    say(pair, "GatewayQuote", contract_id, {"bestBid": number, "volume": 7})
            say(pair, "GatewayQuote", IDS[2], {"bestAsk": 3})
            await asyncio.sleep(1)
            assert quotes.waiting == 3
            first = await anext(quotes)
            assert [first.contract_id, first.bid, first.merged] == [IDS[0], 5, 5]
            say(pair, "GatewayQuote", IDS[0], {"bestBid": 6})  # the last of the queue now
            say(pair, "GatewayQuote", IDS[1], {"bestBid": 9})
            await asyncio.sleep(1)
            batch = await anext(quotes.batches())
            assert [(one.contract_id, one.bid, one.merged) for one in batch] == [
                (IDS[1], 9, 6),
                (IDS[2], None, 1),
                (IDS[0], 6, 1),
            ]
            assert [one.ask for one in batch] == [None, 3, None]
            assert [one.volume for one in batch] == [7, None, 7], "whole quotes"


@virtual
async def test_a_lost_record_makes_each_book_invalid_until_its_own_reset() -> None:
    async with Pair(gateway=quiet()) as pair:
        contracts = await three(pair)
        async with pair.tsx.market.depth(*contracts[:2]) as depth:
            for contract_id in IDS[:2]:
                say_depth(pair, contract_id, DomType.RESET, 1)
            say(pair, "GatewayDepth", IDS[0], [{"price": "no price at all"}])
            say_depth(pair, IDS[0], DomType.BID, 2)
            say_depth(pair, IDS[1], DomType.RESET, 3)
            say_depth(pair, IDS[1], DomType.BID, 4)
            await asyncio.sleep(1)
            batch: list[Depth] = await anext(depth.batches())
        told = [
            (one.contract_id, one.is_valid, sum(row.volume for row in one.rows)) for one in batch
        ]
        assert told[:2] == [(IDS[0], True, 1), (IDS[1], True, 1)]
        assert sorted(told[2:4]) == sorted([(IDS[0], False, 0), (IDS[1], False, 0)])
        assert told[4:] == [(IDS[0], False, 2), (IDS[1], True, 3), (IDS[1], True, 4)]


@virtual
async def test_a_gap_is_told_for_each_contract_of_the_tape() -> None:
    async with Pair() as pair:
        contracts = await three(pair)
        async with pair.tsx.market.tape(*contracts) as tape:
            await asyncio.sleep(5)
            pair.faults.add(Fault(where="hub/market", what=f.CutHub()))
            gaps: list[TapeGap] = []

            async def read() -> None:
                async for batch in tape.batches():
                    gaps.extend(one for one in batch if isinstance(one, TapeGap))

            reading = asyncio.create_task(read())
            await eventually(lambda: {gap.contract_id for gap in gaps} == set(IDS), timeout_s=60)
            reading.cancel()
            await until_subscribed(pair, "market", {("GatewayTrade", one) for one in IDS})
        await until_subscribed(pair, "market", set())


@virtual
async def test_a_slow_reader_of_several_is_told_how_many_it_lost_and_of_what() -> None:
    async with Pair(gateway=quiet()) as pair:
        contracts = [await pair.tsx.contracts.front(name) for name in (*NAMES, "ES", "NQ")]
        tape = pair.tsx.market.trades(*contracts)
        tape._items_max = 10
        async with tape:
            for number in range(25):
                say_trade(pair, IDS[number % 3], number)
            await asyncio.sleep(1)
            batches = tape.batches()
            assert [trade.volume for trade in await anext(batches)] == list(range(10))
            with pytest.raises(StreamLagged, match="tape MNQZ6, MESZ6, MGCZ6 and 2 more") as lag:
                await anext(batches)
            assert lag.value.missed == 15
            await until_subscribed(pair, "market", set())


@virtual
async def test_it_shares_subscriptions_with_single_streams_and_gives_up_only_its_own() -> None:
    async with Pair(gateway=quiet()) as pair:
        contracts = await three(pair)
        market = pair.tsx.market
        async with market.quotes(contracts[0]) as single:
            say(pair, "GatewayQuote", IDS[0], {"bestBid": 5})
            await anext(single)
            async with market.quotes(*contracts, contracts[0]) as joint:
                assert subscribed(pair, "market") == QUOTES
                assert (await anext(joint)).bid == 5, "what is known comes first"
            await until_subscribed(pair, "market", {("GatewayQuote", IDS[0])})
            dropped = market.quotes(*contracts)
            await anext(dropped)
            assert subscribed(pair, "market") == QUOTES
            del dropped
            gc.collect()
            await until_subscribed(pair, "market", {("GatewayQuote", IDS[0])})
        await until_subscribed(pair, "market", set())


@virtual
async def test_one_refused_contract_refuses_all_and_leaves_nothing_subscribed() -> None:
    async with Pair() as pair:
        contracts = await three(pair)
        refused = f.FailInvocation("No such contract.", method="SubscribeContractQuotes")
        pair.faults.add(Fault(where="hub/market", what=refused))
        stream = pair.tsx.market.quotes(*contracts)
        with pytest.raises(InvalidRequest, match="No such contract"):
            await anext(stream)
        await until_subscribed(pair, "market", set())
        await anext(stream)  # the next item tries again
        assert subscribed(pair, "market") == QUOTES
        await stream.aclose()

        ignored = f.IgnoreInvocation(method="SubscribeContractMarketDepth")
        pair.faults.add(Fault(where="hub/market", what=ignored))
        with pytest.raises(DeadlinePassed, match="SubscribeContractMarketDepth"):
            await anext(pair.tsx.market.depth(*contracts))
        await until_subscribed(pair, "market", set())


@virtual
async def test_cancelled_while_the_hub_answers_it_gives_up_all_of_them() -> None:
    async with Pair() as pair:
        contracts = await three(pair)
        async with pair.tsx.market.depth(contracts[0]):
            pair.network.latency_s = 0.5
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.6):
                    await anext(pair.tsx.market.quotes(*contracts))
            await asyncio.sleep(5)
            assert subscribed(pair, "market") == {("GatewayDepth", IDS[0])}


@virtual
async def test_what_is_no_contract_is_refused_at_once_and_the_end_of_the_client_ends_it() -> None:
    async with Pair() as pair:
        contracts = await three(pair)
        with pytest.raises(InvalidRequest, match="must be a Contract"):
            pair.tsx.market.trades(contracts[0], "MESZ6")  # type: ignore[arg-type]  # the point
        with pytest.raises(InvalidRequest, match="must be a Contract"):
            pair.tsx.market.quotes(contracts)  # type: ignore[arg-type]  # the point
        quotes = pair.tsx.market.quotes(*contracts)
        await quotes.__aenter__()
        assert await anext(quotes.batches())
        reading = asyncio.create_task(_all(quotes))
    async with asyncio.timeout(1):
        await reading
