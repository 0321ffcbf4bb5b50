"""What a consumer of market data holds: a bounded queue that never makes the reader wait.

Quotes conflate (the newest whole quote replaces an unread one and counts it); tape and depth queue up
and, when the bound is reached, end loudly with what was missed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Generic, Self, TypeVar

import msgspec

from topstepx.core.quotes import Quote, merged
from topstepx.desk.batches import Batches
from topstepx.desk.wakes import Waiter, Wakes
from topstepx.errors import StreamLagged, TopstepxError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from types import TracebackType

    from topstepx.wire.hub_events import Quote as SparseQuote

ItemT = TypeVar("ItemT")


class MarketStream(Generic[ItemT]):
    """An async iterator over one kind of market data, of one contract or of several in order of arrival.

    ``async for item in stream`` subscribes at the first item; leaving an ``async with stream`` block,
    `aclose` or dropping the stream gives the subscription up. It ends when the client closes. A failed
    or cancelled subscription raises, and the next item tries again. For one reader.
    """

    def __init__(
        self,
        name: str,
        start: Callable[[], Awaitable[None]],
        stop: Callable[[], None],
        *,
        items_max: int,
        wakes: Wakes | None = None,
    ) -> None:
        self._name = name
        self._start = start
        self._stop = stop
        self._items: deque[ItemT] = deque()
        self._items_max = items_max
        self._room = 0
        """How many items may lie unread; 0 unless it is open and nothing is missing."""
        self._missed = 0
        self._started = False
        self._subscribed = False
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._wakes = wakes or Wakes()
        self._waiter = Waiter(self._wakes)
        self._waits = False

    def push(self, item: ItemT) -> None:
        """Called by the feed; never waits.

        After the first item that did not fit nothing more is queued: what is read stays without a gap,
        and the end says how many are missing.
        """
        items = self._items
        if len(items) >= self._room:
            self._refuse()
            return
        items.append(item)
        if self._waits:
            self._waits = False
            self._wakes.add(self._waiter)

    def _refuse(self) -> None:
        """Full, or another stream of the contract is open and not this."""
        if self.is_open:
            self._missed += 1
            self._room = 0

    def wake(self) -> None:
        """Whoever waits looks again, in the next turn of the loop."""
        if self._waits:
            self._waits = False
            self._wakes.add(self._waiter)

    def end(self) -> None:
        """Called by the feed: nothing more comes."""
        self._closed = True
        self._room = 0
        self.wake()

    @property
    def is_open(self) -> bool:
        """Whether it has begun and not ended."""
        return self._started and not self._closed

    def lacks_book(self, _contract_id: str) -> bool:
        """Whether it was never told a contract's whole book; of depth only."""
        return False

    @property
    def waiting(self) -> int:
        """How many items lie unread."""
        return len(self._items)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ItemT:
        items = self._items
        if items:  # the way of nearly every item, without a second coroutine
            return items.popleft()
        await self._arrival()
        return items.popleft()

    def batches(self) -> Batches[ItemT]:
        """``async for batch in stream.batches()``: all that waits, as a list, as often as you are ready.

        Much cheaper than one by one where much comes. A batch is never empty; `StreamLagged` and the end
        come after the last one, as they do after the last item.
        """
        return Batches(self._take_all)

    async def _take_all(self) -> list[ItemT]:
        items = self._items
        if not items:
            await self._arrival()
        batch = list(items)
        items.clear()
        return batch

    async def _arrival(self) -> None:
        """Until something is there, from the subscription on."""
        if not self._subscribed:
            await self._begin()
        while self._is_empty():
            self._check_end()
            if self._waiter.call is not None:
                msg = f"{self._name}: somebody reads this stream already; open one for each reader"
                raise RuntimeError(msg)
            self._waits = True
            await self._waiter

    def _is_empty(self) -> bool:
        return not self._items

    def _drop(self) -> None:
        self._items.clear()

    def _check_end(self) -> None:
        if self._missed:
            missed, self._missed = self._missed, 0
            self._close()
            raise StreamLagged(self._name, missed)
        if self._closed:
            raise StopAsyncIteration

    async def _begin(self) -> None:
        begun = self._started or self._closed
        if begun:
            return
        self._started = True
        self._room = self._items_max
        try:
            await self._start()
        except BaseException as error:  # boundary: it must be able to begin again
            self._started = False
            self._room = 0
            self._drop()
            if self._closed and isinstance(error, TopstepxError):
                return  # it was closed meanwhile: an end, not a failure
            raise
        self._subscribed = True
        if self._closed:
            self._give_up()

    async def __aenter__(self) -> Self:
        await self._begin()
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Give the subscription up; unread items are dropped."""
        self._drop()
        self._close()

    def _close(self) -> None:
        self._closed = True
        self._room = 0
        self._give_up()
        self.wake()

    def _give_up(self) -> None:
        if self._subscribed:
            self._subscribed = False
            self._stop()

    def __del__(self) -> None:
        if self._subscribed and not self._closed and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop)


class QuoteStream(MarketStream[Quote]):
    """Whole quotes; an unread one is replaced by its contract's next, and `Quote.merged` counts them."""

    def __init__(
        self,
        name: str,
        start: Callable[[], Awaitable[None]],
        stop: Callable[[], None],
        *,
        newest: Callable[[], Iterable[Quote]],
        wakes: Wakes | None = None,
    ) -> None:
        super().__init__(name, start, stop, items_max=1, wakes=wakes)
        self._newest = newest
        self._unread: dict[str, Quote] = {}
        self._replaced: dict[str, int] = {}

    async def _begin(self) -> None:
        """Subscribe; where another stream did so before, nothing is sent again: begin with its quotes."""
        if self._subscribed:
            return
        await super()._begin()
        for known in self._newest():
            if known.contract_id not in self._unread:
                self.push(known)

    def push(self, item: Quote, count: int = 1) -> None:
        """The newest whole quote, after `count` messages that were not pushed before."""
        if not self._room:
            return
        contract_id = item.contract_id
        if contract_id in self._unread:
            self._replaced[contract_id] = self._replaced.get(contract_id, 0) + count
        elif count > 1:
            self._replaced[contract_id] = count - 1
        self._unread[contract_id] = item  # in the place of the one that it replaces
        if self._waits:
            self._waits = False
            self._wakes.add(self._waiter)

    @property
    def waiting(self) -> int:
        """How many contracts have an unread quote."""
        return len(self._unread)

    async def __anext__(self) -> Quote:
        unread = self._unread
        if not unread:
            await self._arrival()
        contract_id = next(iter(unread))
        return self._counted(unread.pop(contract_id))

    async def _take_all(self) -> list[Quote]:
        if not self._unread:
            await self._arrival()
        batch = [*self._unread.values()]
        self._unread.clear()
        return [self._counted(item) for item in batch] if self._replaced else batch

    def _counted(self, item: Quote) -> Quote:
        """With the messages that it replaced."""
        replaced = self._replaced.pop(item.contract_id, 0)
        return msgspec.structs.replace(item, merged=item.merged + replaced) if replaced else item

    def _is_empty(self) -> bool:
        return not self._unread

    def _drop(self) -> None:
        self._unread.clear()
        self._replaced.clear()


class QuoteBoard:
    """The newest whole quote of every contract."""

    def __init__(self) -> None:
        self._quotes: dict[str, Quote] = {}
        self._bars: dict[str, Quote] = {}

    def update(self, contract_id: str, *updates: SparseQuote, heard_ns: int = 0) -> Quote:
        """Merge what came, oldest first; the whole quote after it."""
        before = self._quotes.get(contract_id)
        quote = merged(before, contract_id, *updates, heard_ns=heard_ns)
        self._quotes[contract_id] = quote
        if self._bars:
            self._bars.pop(contract_id, None)
        return quote

    def stand_in(self, quote: Quote) -> None:
        """A quote made of a bar: shown where the hub said nothing yet, and never merged into what it says."""
        self._bars[quote.contract_id] = quote

    def newest(self, contract_id: str) -> Quote | None:
        """The newest quote, or None if none came yet."""
        return self._quotes.get(contract_id) or self._bars.get(contract_id)

    def whole(self, contract_id: str) -> Quote | None:
        """The newest quote of the hub, or None if none came yet."""
        return self._quotes.get(contract_id)

    def forget(self, contract_id: str | None = None) -> None:
        """Forget one contract's quote, or all that the hub said: what comes next starts from nothing.

        What stands in goes on standing in until the hub speaks, however often it fails meanwhile.
        """
        if contract_id is None:
            self._quotes.clear()
        else:
            self._quotes.pop(contract_id, None)
            self._bars.pop(contract_id, None)
