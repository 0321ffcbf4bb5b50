"""The round trip to the store that several processes share, off the event loop and in batches.

Whoever asks while a trip is under way rides with the next one. An exit waits 20 ms at most and then
goes anyway: another process's lock must never hold it. When the store is out of reach this process is
alone: it is told to keep to a quarter of the budget and knocks again every five seconds. What it sent
meanwhile is written down when the store is back.
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from topstepx.core.budget import BudgetUnavailable, Claim, Claimed, Foreign, Want

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.clock import Clock
    from topstepx.core.budget import BudgetStore

T = TypeVar("T")

EXIT_PATIENCE_S = 0.02
TRY_AGAIN_S = 5.0


@dataclass(slots=True)
class _Rider:
    want: Want
    local_ns: int
    answer: asyncio.Future[Claim | None]


class SharedBudget:
    """One process's end of the shared budget.

    `foreign` hears of every attempt of another process; `alone` hears why the store is out of reach,
    and None when it is back. `keep_ns` is how long an attempt can matter.
    """

    def __init__(
        self,
        store: BudgetStore,
        clock: Clock,
        keep_ns: int,
        foreign: Callable[[str, int], None],
        alone: Callable[[str | None], None],
    ) -> None:
        self._store, self._clock, self._keep_ns = store, clock, keep_ns
        self._foreign, self._alone = foreign, alone
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="topstepx-budget")
        self._waiting: list[_Rider] = []
        self._trip: asyncio.Task[None] | None = None
        self._is_alone = False
        self._unwritten: deque[Foreign] = deque(maxlen=1000)
        self._opened = False
        self._knock: asyncio.TimerHandle | None = None

    async def start(self) -> int | None:
        """Since when (monotonic nanoseconds) the store knows every attempt; None: out of reach."""
        try:
            known_since_ns, foreign = await self._on_thread(self._store.open)
        except BudgetUnavailable as error:
            self._lose(error)
            return None
        self._opened = True
        self._hear(foreign)
        return known_since_ns

    async def confirm(
        self, bucket: str, line: int | None, window_ns: int, local_ns: int
    ) -> Claim | None:
        """Whether this attempt may leave; `line` None marks an exit, which always may.

        None: the store was lost on the way, so the smaller budget must be asked.
        """
        if self._is_alone:
            self._unwritten.append(Foreign(bucket, local_ns))
            return Claim(granted=True, at_ns=local_ns)
        answer: asyncio.Future[Claim | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Rider(Want(bucket, line, window_ns), local_ns, answer))
        self._set_out()
        if line is not None:
            return await answer
        await asyncio.wait((answer,), timeout=EXIT_PATIENCE_S)
        return answer.result() if answer.done() else Claim(granted=True, at_ns=local_ns)

    def release(self, bucket: str, at_ns: int) -> None:
        """Take back an attempt that never left; if that fails, it only costs a slot."""
        future = asyncio.get_running_loop().run_in_executor(
            self._thread, self._store.release, bucket, at_ns
        )
        future.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def close(self) -> None:
        """End the trips and let go of the store."""
        if self._knock is not None:
            self._knock.cancel()
        if self._trip is not None and not self._trip.done():
            await asyncio.wait((self._trip,))
        await self._on_thread(self._store.close)
        self._thread.shutdown(wait=False)

    async def _on_thread(self, work: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)

    def _visit(self, wants: list[Want], unwritten: list[Foreign]) -> Claimed:
        """On the store's thread: open it again if need be, write down what is owed, then ask."""
        foreign: tuple[Foreign, ...] = ()
        if not self._opened:
            _, foreign = self._store.open()
            self._opened = True
        if unwritten:
            self._store.record(unwritten)
        claimed = self._store.claim(wants)
        return Claimed(claimed.claims, foreign + claimed.foreign)

    def _set_out(self) -> None:
        if self._trip is None or self._trip.done():
            self._trip = asyncio.create_task(self._travel(), name="shared budget")

    async def _travel(self) -> None:
        first = True
        while self._waiting or first:
            first = False
            riders, self._waiting = self._waiting, []
            since_ns = self._clock.monotonic_ns() - self._keep_ns
            owed = [each for each in self._unwritten if each.at_ns > since_ns]
            self._unwritten.clear()
            try:
                claimed = await self._on_thread(self._visit, [each.want for each in riders], owed)
            except BudgetUnavailable as error:
                self._unwritten.extend(owed)
                self._lose(error)
                for rider in riders:
                    self._strand(rider)
                continue
            self._find()
            self._hear(claimed.foreign)
            for rider, claim in zip(riders, claimed.claims, strict=True):
                self._arrive(rider, claim)

    def _arrive(self, rider: _Rider, claim: Claim) -> None:
        if not rider.answer.done():
            rider.answer.set_result(claim)
        elif claim.granted and rider.want.line is not None:
            # Its caller was cancelled while the store said yes. (An exit that lost patience has left.)
            self.release(rider.want.bucket, claim.at_ns)

    def _strand(self, rider: _Rider) -> None:
        """The trip failed: an exit leaves all the same, the others ask the smaller budget."""
        answer = None
        if rider.want.line is None:
            self._unwritten.append(Foreign(rider.want.bucket, rider.local_ns))
            answer = Claim(granted=True, at_ns=rider.local_ns)
        if not rider.answer.done():
            rider.answer.set_result(answer)

    def _hear(self, foreign: tuple[Foreign, ...]) -> None:
        for each in foreign:
            self._foreign(each.bucket, each.at_ns)

    def _lose(self, error: BudgetUnavailable) -> None:
        loop = asyncio.get_running_loop()
        self._knock = loop.call_later(TRY_AGAIN_S, self._set_out)
        if not self._is_alone:
            self._is_alone = True
            self._alone(f"the shared request budget is out of reach, so a quarter is used: {error}")

    def _find(self) -> None:
        if self._is_alone:
            self._is_alone = False
            self._alone(None)
