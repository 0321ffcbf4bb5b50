"""Group commit: many facts, few visits to the disk, and nobody waits who did not ask to.

Facts are written strictly in the order in which they were queued. One write is under way at a time;
what is queued meanwhile goes together into the next. A fact that somebody waits for starts a write at
once; the others gather for a moment first.

When a write fails its facts stay at the head of the queue. Whoever waits is told at once; the queue
tries again on its own, and whenever a durable fact comes. Its length is bounded: facts beyond it are
dropped and counted, and the first write that succeeds says how many are missing at that place.
"""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

from topstepx import errors, events
from topstepx.store.rows import Queued

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

BATCH_MAX = 1000


class CommitQueue:
    """Gathers facts and hands them to ``write``, which begins at once and gives what tells of its end.

    That future fails with `errors.RecordUnavailable` when the facts could not be written.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Queued]], asyncio.Future[None]],
        *,
        group_delay_s: float,
        retry_s: float,
        pending_max: int,
    ) -> None:
        self._write = write
        self._group_delay_s, self._retry_s, self._pending_max = group_delay_s, retry_s, pending_max
        self._loop = asyncio.get_running_loop()
        self._pending: deque[Queued] = deque()
        self._waiters: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._number = 0
        self._lost = 0
        self._lost_at: datetime | None = None
        self._failure: str | None = None
        self._writing: asyncio.Future[None] | None = None
        self._batch: list[Queued] = []
        self._timer: asyncio.TimerHandle | None = None
        self._listeners: list[Callable[[str | None], None]] = []
        self._closed = False

    @property
    def pending(self) -> int:
        """Facts that are not on the disk yet."""
        return len(self._pending)

    @property
    def failure(self) -> str | None:
        """Why the last write failed; None: it did not."""
        return self._failure

    def watch(self, listener: Callable[[str | None], None]) -> None:
        """Call with the reason when writing begins to fail, with None when it works again."""
        self._listeners.append(listener)

    def append(self, event: events.Event) -> None:
        """Queue a fact; over the bound it is dropped and counted."""
        if self._queue(event) and self._failure is None and self._timer is None:
            self._timer = self._loop.call_later(self._group_delay_s, self._kick)

    def append_durable(self, event: events.Event) -> asyncio.Future[None]:
        """Queue a fact and begin to write; done when it is on the disk."""
        waiter: asyncio.Future[None] = self._loop.create_future()
        if self._queue(event):
            self._waiters.append((self._number, waiter))
            self._kick()
        else:
            why = "is closed" if self._closed else f"is {self._pending_max} facts behind the disk"
            waiter.set_exception(
                errors.RecordUnavailable(f"The journal {why}, so nothing can be promised.")
            )
        return waiter

    async def flush(self) -> None:
        """Done when everything queued so far is on the disk."""
        if not self._pending:
            return
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiters.append((self._number, waiter))
        self._kick()
        await waiter

    async def close(self) -> None:
        """Flush, and take nothing more."""
        self._closed = True
        try:
            await self.flush()
        finally:
            if self._timer is not None:
                self._timer.cancel()
            if self._writing is not None:
                await asyncio.wait([self._writing])

    def unwritten(self) -> list[Queued]:
        """What is not known to be on the disk, oldest first."""
        return list(self._pending)

    def abandon(self) -> None:
        """Forget everything that is queued, as a crash would; who waits is cancelled."""
        self._closed = True
        self._pending.clear()
        while self._waiters:
            self._waiters.popleft()[1].cancel()
        for under_way in (self._timer, self._writing):
            if under_way is not None:
                under_way.cancel()

    def _queue(self, event: events.Event) -> bool:
        if self._closed:
            return False
        if len(self._pending) >= self._pending_max:
            self._lost += 1
            self._lost_at = event.at
            return False
        if self._lost and self._lost_at is not None:
            gap = events.JournalGapped(count=self._lost, at=self._lost_at)
            self._lost, self._lost_at = 0, None
            self._number += 1
            self._pending.append(Queued(self._number, gap))
        self._number += 1
        self._pending.append(Queued(self._number, event))
        return True

    def _kick(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writing is None and self._pending:
            self._begin()

    def _begin(self) -> None:
        """Write what is at the head of the queue. An order waits for this, so no task stands between."""
        self._batch = list(islice(self._pending, BATCH_MAX))
        self._writing = self._write(self._batch)
        if self._writing.done():
            self._ended(self._writing)
        else:
            self._writing.add_done_callback(self._ended)

    def look(self) -> None:
        """See now whether the write under way is over, instead of one turn of the loop later."""
        if self._writing is not None and self._writing.done():
            self._ended(self._writing)

    def _ended(self, writing: asyncio.Future[None]) -> None:
        if writing is not self._writing:
            return  # it was seen already
        batch, self._batch, self._writing = self._batch, [], None
        if writing.cancelled():
            return
        error = writing.exception()
        if error is None:
            last = batch[-1].number
            while self._pending and self._pending[0].number <= last:
                self._pending.popleft()
            self._written(last)
            if self._pending and self._writing is None:
                self._begin()
        elif isinstance(error, errors.RecordUnavailable):
            self._failed(error)
        else:  # whatever breaks the disk side must reach who waits
            self._failed(errors.RecordUnavailable(f"The journal cannot be written: {error!r}."))

    def _written(self, number: int) -> None:
        while self._waiters and self._waiters[0][0] <= number:
            _, waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
        self._tell(None)

    def _failed(self, error: errors.RecordUnavailable) -> None:
        while self._waiters:
            _, waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(error)
        if not self._closed:
            self._timer = self._loop.call_later(self._retry_s, self._kick)
        self._tell(str(error))

    def _tell(self, failure: str | None) -> None:
        before, self._failure = self._failure, failure
        if (before is None) is not (failure is None):
            for listener in self._listeners:
                listener(failure)
