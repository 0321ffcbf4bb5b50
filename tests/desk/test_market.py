"""Market data through the whole client: streams that share, survive and end; bars that are whole."""

from __future__ import annotations

import asyncio
import gc
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.trading import hub_session, mnq, subscribed, until_subscribed
from topstepx.core.quotes import Quote
from topstepx.errors import (
    DeadlinePassed,
    InvalidRequest,
    StreamLagged,
)
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.sim.gateway import Gateway
from topstepx.sim.switches import Switches
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.testing.pair import START, Pair
from topstepx.wire.enums import DomType
from topstepx.wire.hub_events import TapeTrade
from topstepx.wire.hub_models import Depth

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

MNQ = "CON.F.US.MNQ.Z26"
QUOTES, TAPE, DEPTH = ("GatewayQuote", MNQ), ("GatewayTrade", MNQ), ("GatewayDepth", MNQ)


def say_quote(pair: Pair, **parts: object) -> None:
    """One quote message, now, with exactly these parts."""
    pair.gateway.hubs.tell_market("GatewayQuote", MNQ, parts, pair.world.now())


def quiet() -> Gateway:
    """A gateway whose market says nothing by itself: no snapshots, one move a day or so."""
    switches = Switches(quote_on_subscribe=False, depth_on_subscribe=False)
    return Gateway.build(at=START, switches=switches, rate=0.0001)


# ---------------------------------------------------------------- quotes


@virtual
async def test_quotes_are_whole_exact_and_on_the_grid() -> None:
    async with Pair() as pair:
        contract = await mnq(pair)
        seen = 0
        async with pair.tsx.market.quotes(contract) as quotes:
            async for quote in quotes:
                assert isinstance(quote, Quote)
                assert isinstance(quote.bid, Decimal)
                assert isinstance(quote.ask, Decimal)
                assert quote.bid < quote.ask
                assert not quote.bid % contract.tick_size
                seen += 1
                if seen == 20:
                    break
        assert pair.tsx.market.newest(contract) is not None


@virtual
async def test_unread_quotes_conflate_and_are_counted() -> None:
    async with Pair(gateway=quiet()) as pair:
        contract = await mnq(pair)
        async with pair.tsx.market.quotes(contract) as quotes:
            assert pair.tsx.market.newest(contract) is None
            say_quote(pair, bestBid=100)
            say_quote(pair, bestAsk=101)
            say_quote(pair, lastPrice=100.25)
            await asyncio.sleep(1)
            quote = await anext(quotes)
            assert [quote.bid, quote.ask, quote.last] == [100, 101, Decimal("100.25")]
            assert quote.merged == 3
            assert (quote.open, quote.volume) == (None, None), "not said is not zero"
            say_quote(pair, bestBid=None, bestAsk=102)
            quote = await anext(quotes)
            assert [quote.bid, quote.ask, quote.merged] == [100, 102, 1]


@virtual
async def test_a_second_stream_of_the_contract_begins_with_the_whole_quote() -> None:
    async with Pair(gateway=quiet()) as pair:
        contract = await mnq(pair)
        async with pair.tsx.market.quotes(contract) as first:
            say_quote(pair, bestBid=100, bestAsk=101)
            await anext(first)
            async with pair.tsx.market.quotes(contract) as second, asyncio.timeout(1):
                quote = await anext(second)
            assert [quote.bid, quote.ask] == [100, 101]


@virtual
async def test_what_was_heard_before_nobody_listened_is_never_merged_into_a_new_quote() -> None:
    async with Pair(gateway=quiet()) as pair:
        contract = await mnq(pair)
        async with pair.tsx.market.quotes(contract) as quotes:
            say_quote(pair, bestBid=100, bestAsk=101)
            await anext(quotes)
        await asyncio.sleep(3600)
        async with pair.tsx.market.quotes(contract) as quotes:
            say_quote(pair, lastPrice=250)
            quote = await anext(quotes)
        assert (quote.last, quote.bid, quote.ask) == (Decimal(250), None, None)


# ---------------------------------------------------------------- tape and depth


@virtual
async def test_the_tape_has_every_trade_once_and_in_order() -> None:
    async with Pair(gateway=quiet()) as pair:
        contract = await mnq(pair)
        async with pair.tsx.market.trades(contract) as tape:
            for number in range(250):
                trade = {"symbolId": "F.US.MNQ", "price": 100 + number, "volume": 1, "type": 0}
                trade["timestamp"] = "2026-11-23T15:00:00Z"
                batch = [trade, {**trade, "volume": 2}]
                pair.gateway.hubs.tell_market("GatewayTrade", MNQ, batch, pair.world.now())
            await asyncio.sleep(1)
            assert tape.waiting == 500
            got = [await anext(tape) for _ in range(500)]
    assert all(isinstance(trade, TapeTrade) for trade in got)
    expected = [(Decimal(100 + number), size) for number in range(250) for size in (1, 2)]
    assert [(trade.price, trade.volume) for trade in got] == expected


@virtual
async def test_depth_begins_with_a_reset_and_keeps_the_gateways_order() -> None:
    async with Pair() as pair, pair.tsx.market.depth(await mnq(pair)) as stream:
        first = await anext(stream)
        assert isinstance(first, Depth)
        assert first.contract_id == MNQ
        assert first.rows[0].type is DomType.RESET
        assert len({row.type for row in first.rows}) > 1


@virtual
async def test_a_slow_reader_of_the_tape_gets_everything_up_to_the_gap_and_then_the_number() -> (
    None
):
    async with Pair(gateway=quiet()) as pair:
        tape = pair.tsx.market.trades(await mnq(pair))
        tape._items_max = 10
        async with tape:
            row = {"symbolId": "F.US.MNQ", "volume": 1, "type": 0, "timestamp": "2026-11-23T15:00Z"}
            for number in range(25):
                event = [{**row, "timestamp": "2026-11-23T15:00:00Z", "price": number + 1}]
                pair.gateway.hubs.tell_market("GatewayTrade", MNQ, event, pair.world.now())
            await asyncio.sleep(1)
            got = [int((await anext(tape)).price) for _ in range(10)]
            assert got == list(range(1, 11))
            with pytest.raises(StreamLagged) as lag:
                await anext(tape)
            assert lag.value.missed == 15
            assert "tape MNQZ6" in str(lag.value)
            await until_subscribed(pair, "market", set())


# ---------------------------------------------------------------- subscriptions


@virtual
async def test_streams_of_a_contract_share_one_subscription_and_the_last_gives_it_up() -> None:
    async with Pair() as pair:
        contract = await mnq(pair)
        market = pair.tsx.market
        async with market.quotes(contract):
            async with market.quotes(contract), market.trades(contract), market.depth(contract):
                assert subscribed(pair, "market") == {QUOTES, TAPE, DEPTH}
            await until_subscribed(pair, "market", {QUOTES})
        await until_subscribed(pair, "market", set())


def test_every_way_out_gives_the_subscription_up() -> None:  # noqa: C901  one way after another
    async def by_break(pair: Pair) -> None:
        async for _ in pair.tsx.market.quotes(await mnq(pair)):
            break
        gc.collect()

    async def by_aclose(pair: Pair) -> None:
        stream = pair.tsx.market.quotes(await mnq(pair))
        await anext(stream)
        await stream.aclose()

    async def by_dropping(pair: Pair) -> None:
        stream = pair.tsx.market.quotes(await mnq(pair))
        await anext(stream)
        del stream
        gc.collect()

    async def by_an_error(pair: Pair) -> None:
        async def fails() -> None:
            async with pair.tsx.market.quotes(await mnq(pair)) as quotes:
                await anext(quotes)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fails()

    async def by_cancelling(pair: Pair) -> None:
        contract = await mnq(pair)

        async def read() -> None:
            async with pair.tsx.market.quotes(contract) as quotes:
                async for _ in quotes:
                    pass

        task = asyncio.create_task(read())
        await until_subscribed(pair, "market", {QUOTES})
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()

    for way in (by_break, by_aclose, by_dropping, by_an_error, by_cancelling):
        _check_way_out(way)


def _check_way_out(way: Callable[[Pair], Awaitable[None]]) -> None:
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            await way(pair)
            assert pair.gateway.hubs.of("market"), "the link itself stays"
            await until_subscribed(pair, "market", set())

    run()


@virtual
async def test_a_subscription_cancelled_while_the_hub_answers_is_given_up() -> None:
    async with Pair() as pair:
        contract = await mnq(pair)
        async with pair.tsx.market.depth(contract):
            pair.network.latency_s = 0.5
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.6):
                    await anext(pair.tsx.market.quotes(contract))
            await asyncio.sleep(5)
            assert subscribed(pair, "market") == {DEPTH}


@virtual
async def test_a_refused_subscription_says_so_and_leaves_the_others_alone() -> None:
    async with Pair() as pair:
        contract = await mnq(pair)
        async with pair.tsx.market.depth(contract) as depth:
            fault = f.FailInvocation("No such contract.", method="SubscribeContractQuotes")
            pair.faults.add(Fault(where="hub/market", what=fault))
            stream = pair.tsx.market.quotes(contract)
            with pytest.raises(InvalidRequest, match=r"refused it.*No such contract") as refused:
                await anext(stream)
            assert (refused.value.value, refused.value.did_it_happen) == (MNQ, "no")
            await anext(depth)
            await anext(stream)  # tried again, and this time the hub takes it


@virtual
async def test_a_hub_that_does_not_answer_is_a_deadline_not_a_hang() -> None:
    async with Pair() as pair:
        contract = await mnq(pair)
        pair.network.up = False
        with pytest.raises(DeadlinePassed, match="did not confirm SubscribeContractQuotes"):
            await anext(pair.tsx.market.quotes(contract))
        assert pair.tsx.market.newest(contract) is None


# ---------------------------------------------------------------- the link's lives


@virtual(seeds=[None, 1, 2])
async def test_a_stream_survives_a_reconnect_and_its_quotes_start_whole() -> None:
    async with Pair() as pair:
        contract = await mnq(pair)
        async with pair.tsx.market.quotes(contract) as quotes:
            before = await anext(quotes)
            first = hub_session(pair, "market")
            pair.gateway.hubs.policy.quote_on_subscribe = False
            pair.faults.add(Fault(where="hub/market", what=f.CutHub()))
            await eventually(lambda: first.closed)
            await until_subscribed(pair, "market", {QUOTES})
            assert hub_session(pair, "market") is not first
            await asyncio.sleep(0.01)
            newest = pair.tsx.market.newest(contract)
            assert newest is None or newest.at != before.at
            while (quote := await anext(quotes)).at == before.at:
                pass
            assert quote.open is None or quote.open == before.open


@virtual
async def test_nothing_of_an_earlier_life_is_in_a_quote_after_a_reconnect() -> None:
    async with Pair(gateway=quiet()) as pair:
        contract = await mnq(pair)
        async with pair.tsx.market.quotes(contract) as quotes:
            say_quote(pair, bestBid=100, bestAsk=101)
            await anext(quotes)
            first = hub_session(pair, "market")
            pair.faults.add(Fault(where="hub/market", what=f.CutHub()))
            await eventually(lambda: first.closed)
            assert pair.tsx.market.newest(contract) is None
            await until_subscribed(pair, "market", {QUOTES})
            say_quote(pair, lastPrice=90)
            quote = await anext(quotes)
            assert (quote.last, quote.bid, quote.ask) == (Decimal(90), None, None)


@virtual
async def test_closing_the_client_ends_every_stream_also_one_that_is_still_subscribing() -> None:
    ended: list[str] = []

    async def read(name: str, stream: AsyncIterator[object]) -> None:
        async for _ in stream:
            pass
        ended.append(name)

    async with Pair() as pair:
        contract = await mnq(pair)
        market = pair.tsx.market
        readers = [
            asyncio.create_task(read("quotes", market.quotes(contract))),
            asyncio.create_task(read("tape", market.trades(contract))),
            asyncio.create_task(read("depth", market.depth(contract))),
        ]
        await until_subscribed(pair, "market", {QUOTES, TAPE, DEPTH})
        ignored = f.IgnoreInvocation(method="SubscribeContractQuotes")
        pair.faults.add(Fault(where="hub/market", what=ignored, times=None))
        es = await pair.tsx.contracts.front("ES")
        readers.append(asyncio.create_task(read("subscribing", market.quotes(es))))
        await asyncio.sleep(1)
        never_begun = market.quotes(contract)
    async with asyncio.timeout(0.1):
        await asyncio.gather(*readers)
        assert [quote async for quote in never_begun] == []
    assert sorted(ended) == ["depth", "quotes", "subscribing", "tape"]


@virtual
async def test_a_stream_opened_after_the_end_fails_at_once() -> None:
    async with Pair() as pair:
        contract = await mnq(pair)
    async with asyncio.timeout(0.1):
        with pytest.raises(Exception, match="hub is closed"):
            await anext(pair.tsx.market.quotes(contract))


@virtual
async def test_a_name_instead_of_a_contract_is_refused_with_the_way_to_get_one() -> None:
    async with Pair() as pair:
        wrong: Any = "MNQ"
        for opened in (pair.tsx.market.quotes, pair.tsx.market.trades, pair.tsx.market.depth):
            with pytest.raises(InvalidRequest, match=r"contracts\.front"):
                opened(wrong)
        with pytest.raises(InvalidRequest, match=r"contracts\.front"):
            await pair.tsx.market.bars(wrong, "5m", last=1)
