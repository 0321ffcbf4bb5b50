"""Functions of yours that are called with facts: each for itself, none in anybody's way.

Each has a queue and a task of its own, so that one that awaits for long, raises, or calls back into the
client keeps nothing from the record, the reader or the others. Facts come one after the other, in order.
What cannot be helped: one loop runs everything, so a function that computes or sleeps without `await`
stops all of it; it is named in an alarm.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, Final

from topstepx.clock import NANOSECONDS
from topstepx.desk.complaint import is_power_of_two
from topstepx.errors import InvalidRequest, StreamLagged
from topstepx.events import AlarmRaised, Event

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.desk.event_stream import EventStream
    from topstepx.desk.record import Record

SLOW_S: Final = 1.0
_LEAVES_S: Final = 1.0


class Callbacks:
    """What `tsx.on` registers."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._tasks: set[asyncio.Task[None]] = set()

    def on(
        self, *kinds: type[Event], call: Callable[[Any], object], limit: int = 10_000
    ) -> Callable[[], None]:
        """Call a function, plain or async, with every fact of these kinds (none named: all) from now on.

        Returns what ends it. One that raises is called again with the next fact; `callback_failed` tells
        at its 1st, 2nd, 4th, 8th … failure. One that falls `limit` facts behind loses those (the alarm
        `subscriber_lagged` says how it came) and goes on with what comes then; look at the state.
        """
        given: tuple[object, ...] = (call, *kinds)
        if not callable(given[0]) or not all(
            isinstance(kind, type) and issubclass(kind, Event) for kind in given[1:]
        ):
            raise InvalidRequest(
                "call",
                call,
                "is called with facts, and kinds are classes of `topstepx.events`.",
                "Write tsx.on(events.TradeObserved, call=print).",
            )
        stream = self._record.events(*kinds, limit=limit)
        one = _Callback(self._record, call)
        task = asyncio.get_running_loop().create_task(
            one.run(stream, kinds, limit), name=f"callback {one.name}"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

        def forget() -> None:
            one.end()
            task.cancel()

        return forget

    async def close(self) -> None:
        """The record has ended: let each finish what is queued, for a second; then go without it."""
        for _ in range(2):
            if not self._tasks:
                return
            await asyncio.wait(set(self._tasks), timeout=_LEAVES_S)
            for task in self._tasks:
                task.cancel()


class _Callback:
    def __init__(self, record: Record, call: Callable[[Any], object]) -> None:
        self._record = record
        self._call = call
        self._failures = self._slow = 0
        self.name: str = getattr(call, "__qualname__", type(call).__name__)
        self._is_over = False

    def end(self) -> None:
        """Nobody wants it any more."""
        self._is_over = True

    def _is_wanted(self) -> bool:
        return not self._is_over

    async def run(self, stream: EventStream, kinds: tuple[type[Event], ...], limit: int) -> None:
        """Until the record ends or nobody wants it any more."""
        while self._is_wanted():
            try:
                async for fact in stream:
                    await self._tell(fact)
                    if not self._is_wanted():
                        return
            except StreamLagged:
                stream = self._record.events(*kinds, limit=limit)
            else:
                return

    async def _tell(self, fact: Event) -> None:
        began_ns = self._record.now_ns()
        try:
            result = self._call(fact)
            took_s = (self._record.now_ns() - began_ns) / NANOSECONDS
            if took_s >= SLOW_S:
                self._was_slow(took_s, fact)
            if inspect.isawaitable(result):
                await result
        # boundary: whatever a function of the user's raises is told and harms nobody else
        except Exception as error:  # noqa: BLE001  counted and raised as an alarm
            self._failed(error, fact)

    def _was_slow(self, took_s: float, fact: Event) -> None:
        self._slow += 1
        if is_power_of_two(self._slow):
            detail = (
                f"{self.name} held everything up for {took_s:.1f} s on a {fact.kind}. "
                "Await there, or give the work to a thread."
            )
            self._alarm("callback_slow", detail, fact)

    def _failed(self, error: Exception, fact: Event) -> None:
        self._failures += 1
        if is_power_of_two(self._failures):
            detail = f"{self.name} raised {error!r} on a {fact.kind} ({self._failures} so far)."
            self._alarm("callback_failed", detail, fact)

    def _alarm(self, name: str, detail: str, fact: Event) -> None:
        at = self._record.stamp()
        self._record.commit(AlarmRaised(at=at, name=name, detail=detail, cause=fact.id))
