"""A reader's queue: bounded, ordered, never silently short."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.facts import at
from topstepx import errors, events
from topstepx.desk.event_stream import EventStream
from topstepx.testing.loop import virtual


def fact(number: int) -> events.PollingStopped:
    return events.PollingStopped(account_id=number, at=at(number))


@virtual
async def test_facts_come_in_order_and_wake_a_waiting_reader() -> None:
    stream = EventStream((), 10)
    reading = asyncio.create_task(anext(stream))
    await asyncio.sleep(1)
    assert not reading.done()
    assert stream.offer(fact(1))
    assert stream.offer(fact(2))
    assert await reading == fact(1)
    assert await anext(stream) == fact(2)


@virtual
async def test_only_the_kinds_that_were_asked_for() -> None:
    stream = EventStream((events.PollingStopped, events.Observation), 10)
    stream.offer(events.AlarmRaised(name="x", detail="y", at=at(0)))
    stream.offer(fact(1))
    stream.offer(events.ListRead(what="orders", account_id=1, at=at(0)))
    stream.end()
    assert [event.kind async for event in stream] == ["PollingStopped", "ListRead"]


@virtual
async def test_too_slow_gets_all_that_was_queued_then_the_count_then_the_end() -> None:
    stream = EventStream((), 2)
    accepted = [stream.offer(fact(number)) for number in range(5)]
    assert accepted == [True, True, False, True, True], "told once, at the first that did not fit"
    assert [await anext(stream), await anext(stream)] == [fact(0), fact(1)]
    with pytest.raises(errors.StreamLagged) as lag:
        await anext(stream)
    assert (lag.value.stream, lag.value.missed) == ("events", 3)
    assert stream.is_closed
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


@virtual
async def test_after_a_loss_nothing_more_is_queued_even_when_there_is_room_again() -> None:
    stream = EventStream((), 2)
    for number in range(3):
        stream.offer(fact(number))
    assert await anext(stream) == fact(0)
    assert stream.offer(fact(3)), "it was said before"
    assert await anext(stream) == fact(1)
    with pytest.raises(errors.StreamLagged) as lag:
        await anext(stream)
    assert lag.value.missed == 2


@virtual
async def test_cancelling_a_read_loses_nothing() -> None:
    stream = EventStream((), 10)
    reading = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    stream.offer(fact(1))
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await anext(stream) == fact(1)


@virtual
async def test_leaving_ends_it() -> None:
    async with EventStream((), 10) as stream:
        stream.offer(fact(1))
    stream.offer(fact(2))
    assert [event async for event in stream] == []


@virtual
async def test_a_second_reader_and_an_empty_queue_are_refused() -> None:
    stream = EventStream((), 10)
    first = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="a reader already"):
        await anext(stream)
    stream.end()
    with pytest.raises(StopAsyncIteration):
        await first
    with pytest.raises(errors.InvalidRequest, match="at least one"):
        EventStream((), 0)


@pytest.mark.parametrize("kind", ["OrderMoved", int, fact(1), None])
def test_kinds_are_classes_of_facts(kind: object) -> None:
    """A name was taken, and then nothing could be told any more: the next order ended with a TypeError."""
    with pytest.raises(errors.InvalidRequest, match="kinds of facts are classes"):
        EventStream((kind,), 10)  # type: ignore[arg-type]  # what a beginner gives
