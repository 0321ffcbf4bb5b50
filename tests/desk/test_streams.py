"""A consumer's queue of market data: no gap without a word, nothing after the end."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from topstepx.core.quotes import Quote
from topstepx.desk.streams import MarketStream, QuoteBoard, QuoteStream
from topstepx.errors import DeadlinePassed, NotSent, StreamLagged
from topstepx.testing.loop import virtual
from topstepx.wire.hub_events import Quote as SparseQuote


@dataclass
class Hub:
    """Counts what a stream asks of it; `error` fails the subscription, `takes_s` delays it."""

    error: Exception | None = None
    takes_s: float = 0.0
    starts: int = 0
    stops: int = 0
    newest: tuple[Quote, ...] = ()
    log: list[str] = field(default_factory=list)

    async def start(self) -> None:
        self.starts += 1
        await asyncio.sleep(self.takes_s)
        if self.error is not None:
            raise self.error

    def stop(self) -> None:
        self.stops += 1

    def stream(self, items_max: int = 3) -> MarketStream[Any]:
        return MarketStream("tape MNQZ6", self.start, self.stop, items_max=items_max)

    def quotes(self) -> QuoteStream:
        return QuoteStream("quotes MNQZ6", self.start, self.stop, newest=lambda: self.newest)


def quote(bid: str, merged: int = 1) -> Quote:
    return Quote(contract_id="CON.F.US.MNQ.Z26", bid=Decimal(bid), merged=merged)


@virtual
async def test_it_subscribes_at_the_first_item_and_gives_up_when_left() -> None:
    hub = Hub()
    stream = hub.stream()
    assert (hub.starts, stream.is_open) == (0, False)
    async with stream:
        assert (hub.starts, stream.is_open) == (1, True)
        stream.push(1)
        assert await anext(stream) == 1
        assert hub.starts == 1
    assert (hub.stops, stream.is_open) == (1, False)
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    await stream.aclose()
    assert hub.stops == 1, "given up once"


@virtual
async def test_a_waiting_reader_is_woken() -> None:
    stream = Hub().stream()
    reading = asyncio.create_task(anext(stream))
    await asyncio.sleep(5)
    assert not reading.done()
    stream.push(7)
    assert await reading == 7


@virtual
async def test_after_the_first_loss_no_later_item_is_read_as_if_it_followed() -> None:
    hub = Hub()
    async with hub.stream(items_max=3) as stream:
        for number in range(5):
            stream.push(number)
        assert await anext(stream) == 0
        stream.push(5)  # there is room again, but 3 and 4 are missing before it
        assert [await anext(stream), await anext(stream)] == [1, 2]
        with pytest.raises(StreamLagged) as lag:
            await anext(stream)
        assert (lag.value.missed, lag.value.stream) == (3, "tape MNQZ6")
        assert hub.stops == 1, "a stream that ended gives its subscription up"
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
    assert hub.stops == 1


@virtual
async def test_nothing_is_queued_before_it_begins_or_after_it_is_closed() -> None:
    stream = Hub().stream()
    stream.push(1)
    assert stream.waiting == 0
    await stream.__aenter__()
    stream.push(2)
    assert stream.waiting == 1
    await stream.aclose()
    stream.push(3)
    assert stream.waiting == 0
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


@virtual
async def test_the_end_comes_after_what_is_queued_and_wakes_who_waits() -> None:
    stream = Hub().stream()
    await stream.__aenter__()
    stream.push(1)
    stream.end()
    assert [item async for item in stream] == [1]

    waiting = Hub().stream()
    reading = asyncio.create_task(anext(waiting))
    await asyncio.sleep(1)
    waiting.end()
    with pytest.raises(StopAsyncIteration):
        await reading


@virtual
async def test_cancelling_a_reader_loses_nothing() -> None:
    hub = Hub()
    stream = hub.stream()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await anext(stream)
    stream.push(1)
    assert await anext(stream) == 1
    assert (hub.starts, hub.stops) == (1, 0)


@virtual
async def test_a_start_that_was_cancelled_begins_again_at_the_next_item() -> None:
    hub = Hub(takes_s=5)
    stream = hub.stream()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await anext(stream)
    assert not stream.is_open
    hub.takes_s = 0
    reading = asyncio.create_task(anext(stream))
    await asyncio.sleep(1)
    stream.push(1)
    assert await reading == 1
    assert (hub.starts, hub.stops) == (2, 0), "the hub link gives up by itself what never began"


@virtual
async def test_a_failed_start_raises_each_time_and_never_ends_quietly() -> None:
    hub = Hub(error=DeadlinePassed("the hub did not answer"))
    stream = hub.stream()
    for _ in range(2):
        with pytest.raises(DeadlinePassed):
            await anext(stream)
    with pytest.raises(DeadlinePassed):
        async with stream:
            pytest.fail("never entered")
    assert (hub.starts, hub.stops) == (3, 0)
    hub.error = None
    async with stream:
        assert stream.is_open


@virtual
async def test_closed_while_it_begins_it_ends_and_gives_up_what_it_got() -> None:
    hub = Hub(takes_s=2)
    stream = hub.stream()
    reading = asyncio.create_task(anext(stream))
    await asyncio.sleep(1)
    await stream.aclose()
    with pytest.raises(StopAsyncIteration):
        await reading
    assert (hub.starts, hub.stops) == (1, 1)

    ended = Hub(takes_s=2, error=NotSent("the hub is closed"))
    stream = ended.stream()
    reading = asyncio.create_task(anext(stream))
    await asyncio.sleep(1)
    stream.end()
    with pytest.raises(StopAsyncIteration):
        await reading
    assert ended.stops == 0


@virtual
async def test_two_readers_of_one_stream_are_told_instead_of_one_waiting_for_ever() -> None:
    stream = Hub().stream()
    reading = asyncio.create_task(anext(stream))
    await asyncio.sleep(1)
    with pytest.raises(RuntimeError, match="open one for each reader"):
        await anext(stream)
    stream.push(1)
    assert await reading == 1


@virtual
async def test_dropping_it_gives_the_subscription_up() -> None:
    hub = Hub()
    stream = hub.stream()
    await stream.__aenter__()
    del stream
    gc.collect()
    await asyncio.sleep(0)
    assert hub.stops == 1


@virtual
async def test_dropping_one_that_never_began_or_is_closed_stops_nothing() -> None:
    hub = Hub()
    stream = hub.stream()
    del stream
    closed = hub.stream()
    await closed.__aenter__()
    await closed.aclose()
    del closed
    gc.collect()
    await asyncio.sleep(0)
    assert hub.stops == 1


@virtual
async def test_an_unread_quote_is_replaced_and_counted() -> None:
    async with Hub().quotes() as stream:
        for bid in ("1", "2", "3"):
            stream.push(quote(bid))
        assert stream.waiting == 1
        assert await anext(stream) == quote("3", merged=3)
        stream.push(quote("4"))
        assert await anext(stream) == quote("4", merged=1)


@virtual
async def test_a_quote_stream_begins_with_what_is_known_already() -> None:
    async with Hub(newest=(quote("5"),)).quotes() as stream:
        assert await anext(stream) == quote("5")
    hub = Hub(newest=(quote("5"),), takes_s=1)
    stream = hub.quotes()
    reading = asyncio.create_task(anext(stream))
    await asyncio.sleep(0.5)
    stream.push(quote("6"))  # the hub's own first quote is newer
    assert await reading == quote("6")
    await stream.aclose()
    stream.push(quote("7"))
    assert stream.waiting == 0
    assert [one async for one in stream] == []


def test_the_board_merges_and_forgets() -> None:
    board = QuoteBoard()
    assert board.newest("A") is None
    board.update("A", SparseQuote(best_bid=Decimal(1)))
    whole = board.update("A", SparseQuote(best_ask=Decimal(2)))
    assert (whole.bid, whole.ask, whole.last) == (Decimal(1), Decimal(2), None)
    assert board.newest("A") == whole
    board.update("B", SparseQuote(best_bid=Decimal(9)))
    board.forget("A")
    assert board.newest("A") is None
    assert board.newest("B") is not None
    board.forget()
    assert board.newest("B") is None
