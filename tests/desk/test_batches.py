"""Batches: all that waits at once, with the promises of the single form."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from tests.desk.test_event_stream import fact
from tests.desk.test_streams import Hub, quote
from tests.support.trading import mnq, practice
from topstepx.desk.event_stream import EventStream
from topstepx.errors import DeadlinePassed, StreamLagged
from topstepx.events import Event, HubReconnected
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair


@virtual
async def test_a_batch_is_all_that_waits_in_order_and_never_empty() -> None:
    hub = Hub()
    stream = hub.stream(items_max=100)
    batches = stream.batches()
    reading = asyncio.create_task(anext(batches))
    await asyncio.sleep(1)
    assert (hub.starts, reading.done()) == (1, False), "it subscribes at the first batch"
    stream.push(0)
    stream.push(1)
    assert await reading == [0, 1]
    for number in range(2, 7):
        stream.push(number)
    assert await anext(stream) == 2, "single reads and batches take from one queue"
    assert await anext(batches) == [3, 4, 5, 6]
    assert stream.waiting == 0
    await stream.aclose()
    assert [batch async for batch in batches] == []
    assert hub.stops == 1


@virtual
async def test_the_count_of_a_loss_comes_after_the_last_batch_and_then_the_end() -> None:
    hub = Hub()
    async with hub.stream(items_max=3) as stream:
        batches = stream.batches()
        for number in range(5):
            stream.push(number)
        assert await anext(batches) == [0, 1, 2]
        stream.push(5)  # there is room again, but 3 and 4 are missing before it
        with pytest.raises(StreamLagged) as lag:
            await anext(batches)
        assert (lag.value.missed, hub.stops) == (3, 1)
        with pytest.raises(StopAsyncIteration):
            await anext(batches)


@virtual
async def test_cancelling_a_batch_loses_nothing_and_ends_nothing() -> None:
    stream = Hub().stream(items_max=10)
    batches = stream.batches()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await anext(batches)
    reading = asyncio.create_task(anext(batches))
    await asyncio.sleep(0)
    stream.push(1)
    reading.cancel()  # in the turn in which something came for it
    with pytest.raises(asyncio.CancelledError):
        await reading
    stream.push(2)
    assert await anext(batches) == [1, 2]


@virtual
async def test_the_end_comes_after_what_waits_and_a_failed_start_raises_each_time() -> None:
    stream = Hub().stream()
    await stream.__aenter__()
    stream.push(1)
    stream.end()
    assert [batch async for batch in stream.batches()] == [[1]]
    hub = Hub(error=DeadlinePassed("the hub did not answer"))
    batches = hub.stream().batches()
    for _ in range(2):
        with pytest.raises(DeadlinePassed):
            await anext(batches)


@virtual
async def test_a_second_reader_is_told_whichever_form_the_first_one_uses() -> None:
    stream = Hub().stream()
    reading = asyncio.create_task(anext(stream.batches()))
    await asyncio.sleep(1)
    with pytest.raises(RuntimeError, match="open one for each reader"):
        await anext(stream)
    with pytest.raises(RuntimeError, match="open one for each reader"):
        await anext(stream.batches())
    stream.push(1)
    assert await reading == [1]


@virtual
async def test_unread_quotes_conflate_in_a_batch_as_they_do_one_by_one() -> None:
    async with Hub(newest=(quote("1"),)).quotes() as stream:
        batches = stream.batches()
        assert await anext(batches) == [quote("1")]
        for bid in ("2", "3", "4"):
            stream.push(quote(bid))
        assert await anext(batches) == [quote("4", merged=3)]
        stream.push(quote("5"))
        assert await anext(batches) == [quote("5")]


@virtual
async def test_leaving_a_loop_over_batches_lets_the_stream_go() -> None:
    hub = Hub()
    stream = hub.stream()
    await stream.__aenter__()
    stream.push(1)
    batches = stream.batches()
    del stream
    gc.collect()
    await asyncio.sleep(0)
    assert hub.stops == 0, "who has its batches has the stream"
    async for batch in batches:
        assert batch == [1]
        break
    del batches
    gc.collect()
    await asyncio.sleep(0)
    assert hub.stops == 1


@virtual
async def test_facts_come_in_batches_too_with_the_same_bound_and_count() -> None:
    stream = EventStream((), 3)
    batches = stream.batches()
    reading = asyncio.create_task(anext(batches))
    await asyncio.sleep(1)
    assert not reading.done()
    stream.offer(fact(0))
    stream.offer(fact(1))
    assert await reading == [fact(0), fact(1)]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await anext(batches)
    for number in range(2, 7):
        stream.offer(fact(number))
    assert await anext(batches) == [fact(2), fact(3), fact(4)]
    with pytest.raises(StreamLagged) as lag:
        await anext(batches)
    assert lag.value.missed == 2
    with pytest.raises(StopAsyncIteration):
        await anext(batches)


@virtual
async def test_through_the_client_batches_have_what_single_reads_have_and_end_with_it() -> None:
    """Facts of a whole reconnect, and depth with its invalid message, by both forms at once."""
    singles: list[Any] = []
    batched: list[Any] = []
    facts: list[Event] = []
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        contract = await mnq(pair)
        one, other = pair.tsx.market.depth(contract), pair.tsx.market.depth(contract)
        both = pair.tsx.events(), pair.tsx.events()

        async def one_by_one() -> None:
            singles.extend([depth async for depth in one])

        async def by_batches() -> None:
            async for batch in other.batches():
                assert batch
                batched.extend(batch)

        async def told() -> None:
            async for batch in both[0].batches():
                facts.extend(batch)

        tasks = [asyncio.create_task(run()) for run in (one_by_one, by_batches, told)]
        await eventually(lambda: len(batched) > 20, timeout_s=60)
        for hub in ("user", "market"):
            pair.faults.add(Fault(where=f"hub/{hub}", what=f.CutHub()))
        await eventually(
            lambda: sum(isinstance(x, HubReconnected) for x in facts) == 2, timeout_s=60
        )
        await asyncio.sleep(5)
    await asyncio.gather(*tasks)
    assert batched == singles
    assert False in [depth.is_valid for depth in batched]
    assert batched[-1].is_valid
    assert facts == [fact async for fact in both[1]]
