"""The streams of one kind of market data: who is told, who is woken, and who is forgotten."""

from __future__ import annotations

import asyncio
import gc

import pytest

from tests.desk.test_streams import Hub
from topstepx.desk.audience import Audience
from topstepx.testing.loop import virtual


@virtual
async def test_an_audience_is_each_open_stream_of_the_contract_and_nobody_else() -> None:
    audience: Audience[int] = Audience()
    audience.push("MNQ", 0)
    one, two, other, unbegun = (Hub().stream() for _ in range(4))
    for contract, stream in (("MNQ", one), ("MNQ", two), ("MES", other), ("MNQ", unbegun)):
        audience.add(stream, contract)
    for stream in (one, two, other):
        await stream.__aenter__()
    audience.push("MNQ", 1)
    assert [stream.waiting for stream in (one, two, other, unbegun)] == [1, 1, 0, 0]
    assert (audience.open("MNQ"), audience.open("MES"), audience.open("ES")) == (2, 1, 0)
    await two.aclose()
    audience.push("MNQ", 2)
    assert audience.open("MNQ") == 1
    assert [await anext(one), await anext(one)] == [1, 2]
    audience.end()
    for stream in (one, other):
        with pytest.raises(StopAsyncIteration):
            await anext(stream)


@virtual
async def test_an_audience_keeps_no_stream_alive_and_forgets_the_dropped() -> None:
    audience: Audience[int] = Audience()
    hub = Hub()
    kept, dropped = hub.stream(), hub.stream()
    for stream in (kept, dropped):
        audience.add(stream, "MNQ")
        await stream.__aenter__()
    del stream, dropped
    gc.collect()
    await asyncio.sleep(0)
    assert hub.stops == 1
    assert audience.open("MNQ") == 1
    assert len(audience.feeds["MNQ"].streams) == 1
    audience.push("MNQ", 1)
    assert await anext(kept) == 1


@virtual
async def test_one_stream_of_several_contracts_is_told_of_each_and_ends_once() -> None:
    audience: Audience[int] = Audience()
    hub = Hub()
    stream = hub.stream()
    audience.add(stream, "MNQ", "MES")
    await stream.__aenter__()
    for number, contract in enumerate(("MNQ", "MES", "ES")):
        audience.push(contract, number)
    assert await anext(stream.batches()) == [0, 1]
    assert audience.contracts() == ("MNQ", "MES")
    audience.end()
    assert [item async for item in stream] == []
    del stream
    gc.collect()
    assert [feed.streams for feed in audience.feeds.values()] == [(), ()]


@virtual
async def test_who_is_woken_first_goes_on_first_and_one_woken_for_nothing_waits_on() -> None:
    audience: Audience[str] = Audience()
    order: list[str] = []
    hub = Hub()
    streams = {name: hub.stream() for name in ("MNQ", "MES", "ES")}

    async def read(name: str) -> None:
        await anext(streams[name])
        order.append(name)

    for name, stream in streams.items():
        audience.add(stream, name)
    tasks = [asyncio.create_task(read(name)) for name in streams]
    await asyncio.sleep(1)
    audience.wake("ES")
    audience.wake("MNQ")
    for name in ("MES", "ES"):
        audience.push(name, name)
    await asyncio.sleep(1)
    assert order == ["ES", "MES"]
    audience.push("MNQ", "MNQ")
    await asyncio.gather(*tasks)
