"""Market records that come in one read: what readers get of them, and in which order they go on."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from tests.support.trading import mnq
from topstepx.sim.gateway import Gateway
from topstepx.sim.switches import Switches
from topstepx.testing.loop import virtual
from topstepx.testing.pair import START, Pair
from topstepx.wire.enums import DomType, TradeLogType
from topstepx.wire.hub_models import (
    Depth,
    DepthRow,
    MarketEvents,
    QuoteUpdate,
    TapeTrade,
    TapeUpdate,
)
from topstepx.wire.hub_models import Quote as SparseQuote

if TYPE_CHECKING:
    from topstepx.core.quotes import Quote
    from topstepx.desk.streams import MarketStream
    from topstepx.wire.hub_models import MarketEvent

MNQ = "CON.F.US.MNQ.Z26"


@virtual
async def test_what_comes_in_one_read_is_what_comes_one_by_one_and_wakes_in_the_same_order() -> (
    None
):
    """Quotes, trades and depth in one piece: each reader has the same, in the order of their firsts."""
    together, alone = [await _heard_of(bunch=bunch) for bunch in (True, False)]
    assert together == alone
    woken, quotes = together
    assert woken == ["tape", "quotes", "depth"]
    assert [(one.bid, one.ask) for one in quotes] == [(Decimal(3), Decimal(9))] * 2
    assert [one.merged for one in quotes] == [4, 4]


async def _heard_of(*, bunch: bool) -> tuple[list[str], list[Quote]]:
    switches = Switches(quote_on_subscribe=False, depth_on_subscribe=False)
    silent = Gateway.build(at=START, switches=switches, rate=0.0001)
    async with Pair(gateway=silent) as pair, AsyncExitStack() as stack:
        contract = await mnq(pair)
        market = pair.tsx.market
        streams: dict[str, MarketStream[Any]] = {
            "depth": await stack.enter_async_context(market.depth(contract)),
            "quotes": await stack.enter_async_context(market.quotes(contract)),
            "tape": await stack.enter_async_context(market.trades(contract)),
        }
        unread = await stack.enter_async_context(market.quotes(contract))
        heard: list[tuple[str, Any]] = []

        async def read(name: str) -> None:
            heard.append((name, await anext(streams[name])))

        tasks = [asyncio.create_task(read(name)) for name in streams]
        await asyncio.sleep(0.1)
        records: list[MarketEvent] = [
            TapeUpdate(
                MNQ,
                (TapeTrade(price=Decimal(2), timestamp=START, volume=1, type=TradeLogType.BUY),),
            ),
            QuoteUpdate(MNQ, SparseQuote(best_bid=Decimal(1), best_ask=Decimal(9))),
            Depth(MNQ, (DepthRow(timestamp=START, type=DomType.BID, price=Decimal(1), volume=1),)),
            *(QuoteUpdate(MNQ, SparseQuote(best_bid=Decimal(bid))) for bid in (5, 2, 3)),
        ]
        for piece in [records] if bunch else [[record] for record in records]:
            market.take(MarketEvents(piece))
        await asyncio.gather(*tasks)
        quotes = [dict(heard)["quotes"], await anext(unread)]
        assert market.newest(contract) == msgspec.structs.replace(quotes[0], merged=1)
        return [name for name, _ in heard], [msgspec.structs.replace(q, heard_ns=0) for q in quotes]
