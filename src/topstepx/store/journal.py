"""The journal on the disk: SQLite on a thread of its own, facts committed in groups.

The event loop never touches the file. Opening proves the whole chain (60,000 rows a second were
measured), so that damage is known before anything is sent.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from topstepx import errors
from topstepx.store.commit_queue import CommitQueue
from topstepx.store.journal_file import JournalFile
from topstepx.store.rows import entry_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from topstepx.events import Event
    from topstepx.store.rows import Queued, Row

P = ParamSpec("P")
_IDLE_S = 0.1
"""After so long without a write it is time to tidy up."""
T = TypeVar("T")


class SqliteJournal:
    """A `Journal` in a SQLite file at ``path``.

    ``group_delay_s``: how long facts that nobody waits for gather. ``retry_s``: how soon a failing disk
    is tried again. ``pending_max``: how many facts may wait for it. ``prove`` False opens it at once, for
    who only adds to it.
    """

    def __init__(
        self,
        path: Path,
        *,
        group_delay_s: float = 0.02,
        retry_s: float = 1.0,
        pending_max: int = 10_000,
        prove: bool = True,
    ) -> None:
        self.path = path
        self._prove = prove
        self._file = JournalFile(path)
        self._group_delay_s, self._retry_s, self._pending_max = group_delay_s, retry_s, pending_max
        self._listeners: list[Callable[[str | None], None]] = []
        self._thread: ThreadPoolExecutor | None = None
        self._commits: CommitQueue | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._written_s = 0.0

    async def open(self) -> None:
        """Make the file if there is none, else prove that it is whole; see `Journal.open`."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="topstepx-journal")
        try:
            await self._on_thread(partial(self._file.open, prove=self._prove))
        except BaseException:
            self._thread.shutdown(wait=False)
            self._thread = None
            raise
        self._commits = CommitQueue(
            self._write,
            group_delay_s=self._group_delay_s,
            retry_s=self._retry_s,
            pending_max=self._pending_max,
        )
        for listener in self._listeners:
            self._commits.watch(listener)

    def append(self, event: Event) -> None:
        """Queue a fact; see `Journal.append`."""
        self._opened().append(event)

    def append_durable(self, event: Event) -> Awaitable[None]:
        """Queue a fact and be told when it is on the disk; see `Journal.append_durable`."""
        return self._opened().append_durable(event)

    async def rows(self, after: int = 0, limit: int = 1000) -> list[Row]:
        """The rows on the disk after one; see `Journal.rows`."""
        return await self._on_thread(self._file.rows, after, limit)

    async def flush(self) -> None:
        """Done when everything queued so far is on the disk; see `Journal.flush`."""
        await self._opened().flush()

    async def close(self) -> None:
        """Flush and let go of the file; see `Journal.close`.

        What the file does not take (another program holds it) goes into a journal of its own beside it.
        """
        if self._thread is None:
            return
        try:
            if self._commits is not None:
                await self._commits.close()
        except errors.RecordUnavailable as error:
            unwritten = self._commits.unwritten() if self._commits is not None else []
            raise await self._on_thread(self._keep_beside, unwritten, error) from error
        finally:
            if self._idle is not None:
                self._idle.cancel()
            await self._on_thread(self._file.close)
            self._thread.shutdown(wait=False)
            self._thread = None

    def watch(self, listener: Callable[[str | None], None]) -> None:
        """Be told when writing begins to fail and when it works again; see `Journal.watch`."""
        self._listeners.append(listener)
        if self._commits is not None:
            self._commits.watch(listener)

    def _write(self, queued: Sequence[Queued]) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        self._written_s = loop.time()
        if self._idle is None:
            self._idle = loop.call_later(_IDLE_S, self._tidy)
        if self._thread is None:
            raise self._not_open()
        if not _runs_threads_as_usual(loop):
            return loop.run_in_executor(self._thread, self._write_out, queued)
        # An order waits for this: one call on the loop tells it, instead of a chain of three futures.
        done: asyncio.Future[None] = loop.create_future()
        self._thread.submit(self._write_and_tell, queued, loop, done)
        return done

    def _write_and_tell(
        self, queued: Sequence[Queued], loop: asyncio.AbstractEventLoop, done: asyncio.Future[None]
    ) -> None:
        error: Exception | None = None
        try:
            self._write_out(queued)
        except Exception as raised:  # noqa: BLE001  # boundary: the queue tells it to who waits
            error = raised
        with suppress(RuntimeError):  # the loop was closed meanwhile: nobody is left to be told
            loop.call_soon_threadsafe(self._settle, done, error)

    def _settle(self, done: asyncio.Future[None], error: Exception | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
        if self._commits is not None:
            self._commits.look()

    def _write_out(self, queued: Sequence[Queued]) -> None:
        """On the thread: facts never change, so the loop need not wait until they are text."""
        self._file.write([entry_of(event, number) for number, event in queued])

    def _keep_beside(
        self, unwritten: Sequence[Queued], error: errors.RecordUnavailable
    ) -> errors.RecordUnavailable:
        path = self.path.with_name(f"{self.path.name}.unwritten-{self._file.writer}")
        beside = JournalFile(path)
        try:
            beside.open(prove=False)
            beside.write([entry_of(event, number) for number, event in unwritten])
        except errors.RecordUnavailable:
            return error  # the disk takes nothing at all
        finally:
            beside.close()
        return errors.RecordUnavailable(
            f"{error} What this program did and could not write there is in {path}.",
            next_step=f"Read it with `topstepx journal show --journal {path}`.",
        )

    def _tidy(self) -> None:
        self._idle = None
        loop = asyncio.get_running_loop()
        left_s = self._written_s + _IDLE_S - loop.time()
        if left_s > 0:
            self._idle = loop.call_later(left_s, self._tidy)
        elif self._thread is not None:
            self._thread.submit(self._file.tidy)

    async def _on_thread(self, work: Callable[P, T], *args: P.args, **_: P.kwargs) -> T:
        if self._thread is None:
            raise self._not_open()
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)

    def _opened(self) -> CommitQueue:
        if self._commits is None:
            raise self._not_open()
        return self._commits

    def _not_open(self) -> errors.RecordUnavailable:
        return errors.RecordUnavailable(
            f"The journal {self.path} is not open.", next_step="Await `open` first."
        )


def _runs_threads_as_usual(loop: asyncio.AbstractEventLoop) -> bool:
    """False for a loop with a way of its own, such as one whose time stands still while threads work."""
    return getattr(type(loop), "run_in_executor", None) is asyncio.BaseEventLoop.run_in_executor
