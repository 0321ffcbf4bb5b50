"""A book that is not whole is asked for anew, ever more seldom, and is whole again without a reconnect."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.support.trading import hub_session, mnq, practice
from topstepx.clock import NANOSECONDS
from topstepx.desk.broken_books import BrokenBooks
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair

if TYPE_CHECKING:
    from topstepx.desk.depth_stream import DepthStream
    from topstepx.wire.hub_models import Depth


def test_the_first_wait_is_short_and_the_next_ones_ever_longer() -> None:
    books = BrokenBooks()
    asked = [second for second in range(3000) if books.due(("A",), second * NANOSECONDS)]
    assert asked == [2, 10, 42, 170, 682, 1282, 1882, 2482]
    assert books.due((), 3000 * NANOSECONDS) == ()
    assert books.due((), 3030 * NANOSECONDS) == ()
    assert books.due(("A",), 3031 * NANOSECONDS) == (), "whole for half a minute: it begins anew"
    assert books.due(("A",), 3033 * NANOSECONDS) == ("A",)


def test_a_book_that_breaks_every_few_seconds_is_asked_for_ever_more_seldom() -> None:
    books, is_broken, asked = BrokenBooks(), False, 0
    for second in range(1800):
        is_broken = is_broken or second % 5 == 0
        if books.due(("A",) if is_broken else (), second * NANOSECONDS):
            asked, is_broken = asked + 1, False
    assert 4 <= asked <= 8


def follow(pair: Pair, stream: DepthStream) -> list[Depth]:
    """All that the stream tells from now on."""
    told: list[Depth] = []

    async def read() -> None:
        async for batch in stream.batches():
            told.extend(batch)

    pair.tsx._tasks.spawn(read(), "a reader of depth")
    return told


@virtual
async def test_after_a_lost_record_a_silence_and_a_block_the_book_is_whole_on_the_same_line() -> (
    None
):
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        contract = await mnq(pair)
        told = follow(pair, pair.tsx.market.depth(contract))
        await eventually(lambda: told and told[-1].is_valid)
        line = hub_session(pair, "market")
        pair.faults.add(
            Fault(where="hub/market", what=f.ReplaceEvents("{poison", event="GatewayDepth"))
        )
        await eventually(lambda: not told[-1].is_valid)
        await eventually(lambda: told[-1].is_valid, timeout_s=5)
        until = pair.world.now() + timedelta(seconds=60)
        pair.faults.add(Fault(where="hub/market", what=f.DropEvents(), times=None, until=until))
        await asyncio.sleep(61)
        await eventually(lambda: not told[-1].is_valid)
        await eventually(lambda: told[-1].is_valid, timeout_s=5)
        pair.tsx._linkage.stalled(12)
        assert not pair.tsx.market._depths.feeds[contract.id].is_whole
        await eventually(lambda: told[-1].is_valid and len(told) > 10, timeout_s=5)
        assert hub_session(pair, "market") is line


@virtual
async def test_a_second_reader_of_a_contract_has_a_whole_book_soon() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        contract = await mnq(pair)
        first = follow(pair, pair.tsx.market.depth(contract))
        await asyncio.sleep(5)
        second = follow(pair, pair.tsx.market.depth(contract))
        await eventually(lambda: second and second[-1].is_valid, timeout_s=5)
        assert first[-1].is_valid


@pytest.mark.parametrize(
    "fault",
    [
        Fault(
            where="hub/market",
            what=f.FailInvocation(method="SubscribeContractMarketDepth"),
            times=3,
        ),
        Fault(where="hub/market", what=f.IgnoreInvocation(method="SubscribeContractMarketDepth")),
    ],
    ids=["refused", "not answered"],
)
@virtual
async def test_a_hub_that_takes_no_second_request_for_depth_keeps_its_line(fault: Fault) -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        contract = await mnq(pair)
        first = follow(pair, pair.tsx.market.depth(contract))
        await eventually(lambda: first and first[-1].is_valid)
        line = hub_session(pair, "market")
        pair.faults.add(fault)
        second = follow(pair, pair.tsx.market.depth(contract))
        await asyncio.sleep(14)
        assert hub_session(pair, "market") is line
        assert first[-1].is_valid
        assert second
