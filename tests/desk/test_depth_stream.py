"""Depth for one reader: no book is called whole that this reader cannot have."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from tests.desk.test_market import quiet
from tests.desk.test_market_several import IDS, say_depth, three
from tests.desk.test_streams import Hub
from topstepx.desk.depth_stream import DepthStream
from topstepx.errors import StreamLagged
from topstepx.testing.loop import virtual
from topstepx.testing.pair import START, Pair
from topstepx.wire.enums import DomType
from topstepx.wire.hub_models import Depth, DepthRow


def depth(contract: str, kind: DomType, *, is_valid: bool = True) -> Depth:
    row = DepthRow(timestamp=START, type=kind, price=Decimal(1), volume=1)
    return Depth(contract, (row,), is_valid)


@virtual
async def test_each_contract_is_valid_from_the_first_reset_that_it_was_told() -> None:
    hub = Hub()
    async with DepthStream("depth", hub.start, hub.stop, "AB", items_max=6) as stream:
        for contract, kind in (
            ("A", DomType.BID),
            ("B", DomType.RESET),
            ("A", DomType.ASK),
            ("A", DomType.RESET),
            ("A", DomType.BID),
        ):
            stream.push(depth(contract, kind))
        stream.push(depth("B", DomType.BID, is_valid=False))  # lost, says who knows
        stream.push(depth("A", DomType.BID))
        batch = await anext(stream.batches())
        assert [one.is_valid for one in batch] == [False, True, False, True, True, False]
        assert [len(one.rows) for one in batch] == [1] * 6, "nothing is kept from the reader"
        with pytest.raises(StreamLagged):
            await anext(stream)


@virtual
async def test_a_reset_before_it_was_open_does_not_count() -> None:
    hub = Hub()
    stream = DepthStream("depth", hub.start, hub.stop, "A", items_max=6)
    stream.push(depth("A", DomType.RESET))
    reading = asyncio.create_task(anext(stream))
    await asyncio.sleep(1)
    stream.push(depth("A", DomType.BID))
    assert not (await reading).is_valid


@virtual
async def test_a_second_stream_of_a_contract_has_no_book_until_its_own_reset() -> None:
    async with Pair(gateway=quiet()) as pair:
        contracts = await three(pair)
        async with pair.tsx.market.depth(contracts[0]) as first:
            for kind in (DomType.RESET, DomType.BID):
                say_depth(pair, IDS[0], kind, 1)
            await asyncio.sleep(1)
            async with pair.tsx.market.depth(*contracts[:2]) as second:
                for kind in (DomType.BID, DomType.RESET, DomType.BID):
                    say_depth(pair, IDS[0], kind, 1)
                await asyncio.sleep(1)
                seen = [await anext(one.batches()) for one in (first, second)]
        assert [one.is_valid for one in seen[0]] == [True] * 5
        assert [one.is_valid for one in seen[1]] == [False, True, True]
