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
from topstepx.errors import StreamLagged, TopstepxError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from topstepx.wire.hub_events import Quote as SparseQuote

ItemT = TypeVar("ItemT")


class MarketStream(Generic[ItemT]):
    """An async iterator over one kind of market data of one contract.

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
    ) -> None:
        self._name = name
        self._start = start
        self._stop = stop
        self._items: deque[ItemT] = deque()
        self._items_max = items_max
        self._missed = 0
        self._started = False
        self._subscribed = False
        self._closed = False
        self._waiter: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()

    def push(self, item: ItemT) -> None:
        """Called by the feed; never waits.

        After the first item that did not fit nothing more is queued: what is read stays without a gap,
        and the end says how many are missing.
        """
        if not self._takes:
            return
        if self._missed or len(self._items) >= self._items_max:
            self._missed += 1
            return
        self._items.append(item)
        self._wake()

    @property
    def _takes(self) -> bool:
        """Whether it is open: an item for another stream of the same contract is not for this one."""
        return self._started and not self._closed

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def end(self) -> None:
        """Called by the feed: nothing more comes."""
        self._closed = True
        self._wake()

    @property
    def is_open(self) -> bool:
        """Whether it has begun and not ended."""
        return self._takes

    @property
    def waiting(self) -> int:
        """How many items lie unread."""
        return len(self._items)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ItemT:
        await self._begin()
        while not self._items:
            self._check_end()
            if self._waiter is not None:
                msg = f"{self._name}: somebody reads this stream already; open one for each reader"
                raise RuntimeError(msg)
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._items.popleft()

    def _check_end(self) -> None:
        if self._missed:
            missed, self._missed = self._missed, 0
            self._close()
            raise StreamLagged(self._name, missed)
        if self._closed:
            raise StopAsyncIteration

    async def _begin(self) -> None:
        if self._started or self._closed:
            return
        self._started = True
        try:
            await self._start()
        except BaseException as error:
            self._started = False
            self._items.clear()
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
        self._items.clear()
        self._close()

    def _close(self) -> None:
        self._closed = True
        self._give_up()
        self._wake()

    def _give_up(self) -> None:
        if self._subscribed:
            self._subscribed = False
            self._stop()

    def __del__(self) -> None:
        if self._subscribed and not self._closed and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop)


class QuoteStream(MarketStream[Quote]):
    """Whole quotes; an unread one is replaced by the next, and `Quote.merged` counts them."""

    def __init__(
        self,
        name: str,
        start: Callable[[], Awaitable[None]],
        stop: Callable[[], None],
        *,
        newest: Callable[[], Quote | None],
    ) -> None:
        super().__init__(name, start, stop, items_max=1)
        self._newest = newest

    async def _begin(self) -> None:
        """Subscribe; where another stream did so before, nothing is sent again: begin with its quote."""
        if self._subscribed:
            return
        await super()._begin()
        known = self._newest()
        if known is not None and not self._items:
            self.push(known)

    def push(self, item: Quote) -> None:
        """The newest whole quote."""
        if not self._takes:
            return
        if self._items:
            unread = self._items.pop()
            item = msgspec.structs.replace(item, merged=item.merged + unread.merged)
        self._items.append(item)
        self._wake()


class QuoteBoard:
    """The newest whole quote of every contract."""

    def __init__(self) -> None:
        self._quotes: dict[str, Quote] = {}

    def update(self, contract_id: str, update: SparseQuote) -> Quote:
        """Merge what came; the whole quote after it."""
        quote = merged(self._quotes.get(contract_id), contract_id, update)
        self._quotes[contract_id] = quote
        return quote

    def newest(self, contract_id: str) -> Quote | None:
        """The newest quote, or None if none came yet."""
        return self._quotes.get(contract_id)

    def forget(self, contract_id: str | None = None) -> None:
        """Forget one contract's quote, or all: what comes next starts from nothing."""
        if contract_id is None:
            self._quotes.clear()
        else:
            self._quotes.pop(contract_id, None)
