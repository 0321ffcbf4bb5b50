"""Functions of yours that are called with facts: each for itself, none in anybody's way.

Each has a queue and a task of its own, so that one that awaits for long, raises, or calls back into the
client keeps nothing from the record, the reader or the others. Facts come one after the other, in order.
One that is busy for a minute while more waits for it is named in an alarm and in `health()`.
What cannot be helped: one loop runs everything, so a function that computes or sleeps without `await`
stops all of it; it is named in an alarm.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, Final

from topstepx.clock import NANOSECONDS
from topstepx.desk.complaint import is_power_of_two
from topstepx.desk.event_stream import are_kinds
from topstepx.errors import InvalidRequest, StreamLagged
from topstepx.events import AlarmRaised

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.desk.event_stream import EventStream
    from topstepx.desk.record import Record
    from topstepx.events import Event

SLOW_S: Final = 1.0
BUSY_S: Final = 60.0
"""How long one fact may take, while others wait, before somebody is told."""
_LEAVES_S: Final = 1.0


class Callbacks:
    """What `tsx.on` registers."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._running: dict[asyncio.Task[None], _Callback] = {}

    def on(
        self,
        *kinds: type[Event],
        call: Callable[[Any], object],
        limit: int = 10_000,
        lagged: Callable[[int], object] | None = None,
    ) -> Callable[[], None]:
        """Call a function, plain or async, with every fact of these kinds (none named: all) from now on.

        Returns what ends it. One that raises is called again with the next fact; `callback_failed` tells
        at its 1st, 2nd, 4th, 8th … failure. One that is busy with a fact for a minute while the next
        waits is named by the alarm `callback_behind`. One that falls `limit` facts behind gets those,
        loses what comes meanwhile (the alarm `subscriber_lagged`), and goes on with what comes then:
        before that `lagged` is called with the number that was lost. Look at the state there.
        """
        function: object = call
        if not callable(function) or not are_kinds(kinds):
            raise InvalidRequest(
                "call",
                call,
                "is called with facts, and kinds are classes of `topstepx.events`.",
                "Write tsx.on(events.TradeObserved, call=print).",
            )
        if lagged is not None and not callable(lagged):
            raise InvalidRequest(
                "lagged", lagged, "is called with a number.", "Give a function, or leave it out."
            )
        one = _Callback(self._record, kinds, call, limit=limit, lagged=lagged)
        task = asyncio.get_running_loop().create_task(one.run(), name=f"callback {one.name}")
        self._running[task] = one
        task.add_done_callback(self._ended)

        def forget() -> None:
            one.end()
            task.cancel()

        return forget

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task).end()

    @property
    def problems(self) -> tuple[str, ...]:
        """Who is busy with one fact for too long while others wait, in words."""
        return tuple(found for one in self._running.values() if (found := one.problem()))

    async def close(self) -> None:
        """The record has ended: let each finish what is queued, for a second; then go without it."""
        for _ in range(2):
            if not self._running:
                return
            await asyncio.wait(set(self._running), timeout=_LEAVES_S)
            for task in self._running:
                task.cancel()


class _Callback:
    def __init__(
        self,
        record: Record,
        kinds: tuple[type[Event], ...],
        call: Callable[[Any], object],
        *,
        limit: int,
        lagged: Callable[[int], object] | None,
    ) -> None:
        self._record, self._kinds, self._limit = record, kinds, limit
        self._call, self._lagged = call, lagged
        self._failures = self._slow = 0
        self.name: str = getattr(call, "__qualname__", type(call).__name__)
        self._is_over = False
        self._busy: tuple[int, str] | None = None
        """Since when it is busy, and with what."""
        self._said_busy = False
        self._stream = self._listen()
        self._forget = record.listen(self._look, *kinds)

    def _listen(self) -> EventStream:
        name = f"the callback {self.name}"
        return self._record.events(*self._kinds, limit=self._limit, reader=name)

    def end(self) -> None:
        """Nobody wants it any more."""
        self._is_over = True
        self._forget()

    def _is_wanted(self) -> bool:
        return not self._is_over

    async def run(self) -> None:
        """Until the record ends or nobody wants it any more."""
        while self._is_wanted():
            try:
                async for fact in self._stream:
                    await self._tell(self._call, fact, f"a {fact.kind}", fact.id)
                    if not self._is_wanted():
                        return
            except StreamLagged as lag:
                self._stream = self._listen()
                if self._lagged is not None:
                    await self._tell(self._lagged, lag.missed, "having lagged", "")
            else:
                return

    async def _tell(
        self, call: Callable[[Any], object], given: object, what: str, cause: str
    ) -> None:
        began_ns = self._record.now_ns()
        self._busy, self._said_busy = (began_ns, what), False
        try:
            result = call(given)
            took_s = (self._record.now_ns() - began_ns) / NANOSECONDS
            if took_s >= SLOW_S:
                self._was_slow(took_s, what, cause)
            if inspect.isawaitable(result):
                await result
        # boundary: whatever a function of the user's raises is told and harms nobody else
        except Exception as error:  # noqa: BLE001  counted and raised as an alarm
            self._failed(error, what, cause)
        finally:
            self._busy = None

    # -- what is told of it

    def problem(self) -> str | None:
        """What it is busy with for too long while others wait, in words; None: nothing."""
        behind = self._stream.behind
        if self._busy is None or not behind:
            return None
        since_ns, what = self._busy
        busy_s = (self._record.now_ns() - since_ns) / NANOSECONDS
        if busy_s < BUSY_S:
            return None
        wait = "another one waits" if behind == 1 else f"{behind} more wait"
        return f"the callback {self.name} is busy with {what} for {busy_s:.0f} s; {wait}"

    def _look(self, fact: Event, _changes: object) -> None:
        """One more fact for it, which will be queued in a moment: is anybody there to take it?"""
        if self._busy is None or self._said_busy:
            return
        since_ns, what = self._busy
        busy_s = (self._record.now_ns() - since_ns) / NANOSECONDS
        if busy_s >= BUSY_S:
            self._said_busy = True
            detail = (
                f"{self.name} is busy with {what} for {busy_s:.0f} s, and a {fact.kind} waits. "
                "Bound what it awaits, or give the work to a task of its own."
            )
            self._alarm("callback_behind", detail, fact.id)

    def _was_slow(self, took_s: float, what: str, cause: str) -> None:
        self._slow += 1
        if is_power_of_two(self._slow):
            detail = (
                f"{self.name} held everything up for {took_s:.1f} s on {what}. "
                "Await there, or give the work to a thread."
            )
            self._alarm("callback_slow", detail, cause)

    def _failed(self, error: Exception, what: str, cause: str) -> None:
        self._failures += 1
        if is_power_of_two(self._failures):
            detail = f"{self.name} raised {error!r} on {what} ({self._failures} so far)."
            self._alarm("callback_failed", detail, cause)

    def _alarm(self, name: str, detail: str, cause: str) -> None:
        at = self._record.stamp()
        self._record.commit(AlarmRaised(at=at, name=name, detail=detail, cause=cause))
