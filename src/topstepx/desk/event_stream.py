"""A reader's own queue of facts: bounded, ordered, and never silently short.

Overflow policy. Facts about money are never dropped one by one. A reader that falls a whole ``limit``
behind is ended instead: it still gets everything that was queued, in order, and then one loud
`StreamLagged` that says how many came after. It opens a new stream and looks at the state, which is
always whole.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Self

from topstepx import errors
from topstepx.desk.batches import Batches
from topstepx.events import Event

if TYPE_CHECKING:
    from types import TracebackType


def are_kinds(kinds: tuple[object, ...]) -> bool:
    """Whether these are classes of facts."""
    return all(isinstance(kind, type) and issubclass(kind, Event) for kind in kinds)


class EventStream:
    """``async for fact in stream``; for one reader. Leaving ``async with`` or `aclose` ends it."""

    def __init__(
        self, kinds: tuple[type[Event], ...], limit: int, reader: str = "a reader of events"
    ) -> None:
        if limit < 1:
            raise errors.InvalidRequest(
                "limit", limit, "a stream holds at least one fact.", "Use 1 or more."
            )
        if not are_kinds(kinds):
            raise errors.InvalidRequest(
                "kinds",
                kinds[0] if len(kinds) == 1 else kinds,
                "kinds of facts are classes of `topstepx.events`.",
                "Write tsx.events(events.TradeObserved).",
            )
        self.limit, self.reader = limit, reader
        self._kinds = kinds
        self._queue: deque[Event] = deque()
        self._missed = 0
        self._ended = False
        self._reader: asyncio.Future[None] | None = None

    def offer(self, event: Event) -> bool:
        """Queue a fact if it is of these kinds; False: this is the first that did not fit."""
        if self.is_closed or (self._kinds and not isinstance(event, self._kinds)):
            return True
        if self._missed or len(self._queue) >= self.limit:
            self._missed += 1
            return self._missed > 1
        self._queue.append(event)
        self._wake()
        return True

    @property
    def is_closed(self) -> bool:
        """Whether it takes no more facts."""
        return self._ended

    @property
    def has_lost(self) -> bool:
        """Whether facts are lost that its reader was not told of yet."""
        return self._missed > 0

    @property
    def behind(self) -> int:
        """How many facts its reader has yet to be told: unread ones, and lost ones to be told of."""
        return len(self._queue) + self._missed

    def end(self) -> None:
        """Take nothing more; what is queued is still delivered."""
        self._ended = True
        self._wake()

    async def aclose(self) -> None:
        """End it and forget what is queued."""
        self._queue.clear()
        self._missed = 0
        self.end()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        """The next fact.

        Cancellation: safe, no fact is lost.

        Raises:
            errors.StreamLagged: the reader was too slow; what was queued has been delivered.
        """
        if not self._queue:
            await self._arrival()
        return self._queue.popleft()

    def batches(self) -> Batches[Event]:
        """``async for batch in stream.batches()``: all facts that wait, as a list, as often as you are ready.

        A batch is never empty; `StreamLagged` and the end come after the last one, as they do after the
        last fact.
        """
        return Batches(self._take_all)

    async def _take_all(self) -> list[Event]:
        if not self._queue:
            await self._arrival()
        batch = list(self._queue)
        self._queue.clear()
        return batch

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _arrival(self) -> None:
        """Until something is there."""
        while not self._queue:
            if self._missed:
                missed, self._missed = self._missed, 0
                self.end()
                raise errors.StreamLagged("events", missed)
            if self._ended:
                raise StopAsyncIteration
            await self._wait()

    async def _wait(self) -> None:
        if self._reader is not None:
            msg = "this stream has a reader already; open one stream for each"
            raise RuntimeError(msg)
        self._reader = asyncio.get_running_loop().create_future()
        try:
            await self._reader
        finally:
            self._reader = None

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
