"""The journal's twin in memory: the same queue, the same rows, and a disk that does what a test says."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from topstepx import errors
from topstepx.store.commit_queue import CommitQueue
from topstepx.store.rows import GENESIS, Row, chained, entry_of, verified

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from topstepx.events import Event
    from topstepx.store.rows import Queued


class MemoryJournal:
    """A `Journal` without a disk.

    ``write_s`` is how long a write takes. `hold` lets writes hang, `fail` lets them fail, `lie` keeps
    them from the disk, `crash` gives what a restarted program would find: the rows that were committed,
    and nothing that was queued. `on_write` is told "before" and "after" each write, and may crash it.
    """

    def __init__(
        self,
        *,
        write_s: float = 0.0,
        group_delay_s: float = 0.02,
        retry_s: float = 1.0,
        pending_max: int = 10_000,
        committed: Sequence[Row] = (),
    ) -> None:
        self._rows: list[Row] = list(committed)
        self._unchained: list[Queued] = []
        """Committed as well: they become rows when somebody looks, for hashing them is half their cost."""
        self.writes = 0
        self._write_s, self._group_delay_s = write_s, group_delay_s
        self._retry_s, self._pending_max = retry_s, pending_max
        self._writer = f"memory-{len(self._rows)}"
        self._refusal: str | None = None
        self._held = False
        self._released = asyncio.Event()
        self._listeners: list[Callable[[str | None], None]] = []
        self._commits: CommitQueue | None = None
        self._truly: int | None = None
        self._over = False
        self.on_write: Callable[[Literal["before", "after"]], None] | None = None

    @property
    def committed(self) -> list[Row]:
        """The rows that a restarted program would find."""
        if self._unchained:
            queued, self._unchained = self._unchained, []
            entries = (entry_of(event, number) for number, event in queued)
            last = self._rows[-1] if self._rows else None
            seq, previous = (last.seq, last.digest) if last else (0, GENESIS)
            self._rows += chained(entries, after_seq=seq, previous=previous, writer=self._writer)
        return self._rows

    # ------------------------------------------------------------ the port

    async def open(self) -> None:
        """Prove the chain, as the real one does."""
        list(verified(self.committed))
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
        """Queue a fact and be told when it is committed; see `Journal.append_durable`."""
        return self._opened().append_durable(event)

    async def rows(self, after: int = 0, limit: int = 1000) -> list[Row]:
        """The committed rows after one; see `Journal.rows`."""
        return self.committed[after : after + limit]

    async def flush(self) -> None:
        """Done when everything queued so far is committed; see `Journal.flush`."""
        await self._opened().flush()

    async def close(self) -> None:
        """Flush and stop; see `Journal.close`."""
        if self._commits is not None:
            await self._commits.close()

    def watch(self, listener: Callable[[str | None], None]) -> None:
        """Be told when writing begins to fail and when it works again; see `Journal.watch`."""
        self._listeners.append(listener)
        if self._commits is not None:
            self._commits.watch(listener)

    # ------------------------------------------------------------ the disk's behaviour

    def hold(self) -> None:
        """Let every write hang from now on."""
        self._held = True
        self._released.clear()

    def release(self) -> None:
        """Let them through again."""
        self._held = False
        self._released.set()

    def fail(self, reason: str = "The disk is full.") -> None:
        """Let every write fail from now on."""
        self._refusal = reason

    def recover(self) -> None:
        """Let them succeed again."""
        self._refusal = None

    def slow(self, write_s: float) -> float:
        """Let every write take so long from now on; gives how long it took before."""
        before, self._write_s = self._write_s, write_s
        return before

    def lie(self) -> None:
        """Let every write seem done from now on: a crash loses it."""
        self._truly = len(self.committed)

    @property
    def lies(self) -> bool:
        """Whether it does."""
        return self._truly is not None

    def be_honest(self) -> None:
        """What was said to be on the disk is there now."""
        self._truly = None

    def crash(self) -> MemoryJournal:
        """The journal as a restarted program finds it. This one commits nothing any more."""
        self._over = True
        if self._commits is not None:
            self._commits.abandon()
        return MemoryJournal(
            write_s=self._write_s,
            group_delay_s=self._group_delay_s,
            retry_s=self._retry_s,
            pending_max=self._pending_max,
            committed=self.committed[: self._truly],
        )

    def _write(self, queued: Sequence[Queued]) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        scripted = self._write_s or self._held or self._refusal or self._over
        if scripted or self.on_write is not None:
            return loop.create_task(self._write_as_told(queued), name="topstepx journal")
        self.writes += 1
        self._unchained += queued
        done: asyncio.Future[None] = loop.create_future()
        done.set_result(None)
        return done

    async def _write_as_told(self, queued: Sequence[Queued]) -> None:
        """A write on a disk that takes its time, hangs, fails or crashes."""
        self.writes += 1
        if self.on_write is not None:
            self.on_write("before")
        if self._write_s or self._over:  # a crash has cancelled this
            await asyncio.sleep(self._write_s)
        if self._held:
            await self._released.wait()
        if self._refusal is not None:
            raise errors.RecordUnavailable(self._refusal)
        self._unchained += queued
        if self.on_write is not None:
            self.on_write("after")
            if self._over:
                await asyncio.sleep(0)  # the crash has cancelled this: nobody hears of it

    def _opened(self) -> CommitQueue:
        if self._commits is None:
            raise errors.RecordUnavailable(
                "The journal is not open.", next_step="Await `open` first."
            )
        return self._commits
