"""The record: the one place where a fact becomes true, exactly once.

`Record.commit` does three things in one synchronous step: it queues the fact for the journal, folds it
into the ledger and hands it to whoever listens. There is one order of facts, and journal, ledger and
every listener see that same order. A fact committed while another is being told is told after it. What only
tells what follows from other facts (`Event.is_kept`) is told in its place and not journaled.

Nothing here waits for the disk but `commit_durable`, which is for what must not be lost: intents before
they are sent, and latches. Reports that say nothing new are not facts worth keeping: they refresh the
age of what we believe and are neither journaled nor told. Market data never comes this way.

Reading the journal back gives the same ledger. When it cannot be written, everything goes on in memory,
an alarm is raised and every account is REDUCE_ONLY until it can.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from topstepx.core.ledger import Change, Ledger
from topstepx.core.ledger_intents import INTENT_FACTS
from topstepx.core.mode import MODE_FACTS, ModeMoved, rule_of
from topstepx.core.ownership import is_external, is_external_trade
from topstepx.desk.event_stream import EventStream
from topstepx.desk.long_lived import long_lived
from topstepx.errors import RecordUnavailable
from topstepx.events import (
    AlarmRaised,
    Event,
    IntentRecorded,
    IntentResolved,
    ModeCauseAdded,
    ModeCauseCleared,
    ModeChanged,
    Observation,
    OrderObserved,
    TradeObserved,
    TradeVoided,
    event_kinds,
)
from topstepx.store.journal_unwritable import UnwritableJournal

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from datetime import datetime

    from topstepx.clock import Clock
    from topstepx.store.rows import Journal

Listener = Callable[[Event, tuple[Change, ...]], None]
"""Called with each fact and what it changed; quick, synchronous, inside use."""

CAUSE_FACTS = (ModeCauseAdded, ModeCauseCleared)
REPLAY_PAGE = 1000
STREAM_LIMIT = 10_000
_TICK = timedelta(microseconds=1)
_ONLY_TOLD = frozenset(name for name, kind in event_kinds().items() if not kind.is_kept)
"""What follows from the facts before it: half of a journal that an older version wrote, and not read back."""
_TO_MARK = (OrderObserved, TradeObserved, TradeVoided)
_OURS_TO_MARK = frozenset({"live", "reconciled"})


class Record:
    """The single writer of one client, on one event loop."""

    def __init__(self, journal: Journal, *, clock: Clock, ledger: Ledger | None = None) -> None:
        self.ledger = ledger if ledger is not None else Ledger()
        self._journal, self._clock = journal, clock
        self._last_at: datetime | None = None
        self._listeners: dict[int, tuple[Listener, tuple[type[Event], ...]]] = {}
        self._hearing: dict[type[Event], tuple[tuple[int, Listener], ...]] = {}
        """Who hears of a kind of fact, found when the first one is told: most facts concern few."""
        self._failures: dict[int, int] = {}
        self._next_listener = 0
        self._streams: list[weakref.ref[EventStream]] = []
        self._outbox: deque[tuple[Event, tuple[Change, ...]]] = deque()
        self._telling = False
        self._read_to = 0
        self._closed = False
        journal.watch(self._journal_moved)

    # ------------------------------------------------------------ life

    async def open(self, *, replay: bool = True) -> int:
        """Open the journal and read it back (not for who only adds to it); the number of facts read.

        Observations are folded as "replayed": what they say is believed until anything newer is heard,
        and has no age. Nobody is told.

        Raises:
            errors.RecordUnavailable: the journal cannot be used; the message says what to do.
        """
        await self._journal.open()
        if not replay:
            return 0
        with long_lived() as reading:
            reading.facts = await self._read_on(Event)
        return reading.facts

    async def catch_up(self) -> int:
        """Read what other processes wrote since: what they saw and what they wanted; how many facts.

        What restricted *them* is theirs and ends with them, but for what is latched.
        """
        return await self._read_on(Observation, *INTENT_FACTS, *CAUSE_FACTS)

    async def _read_on(self, *kinds: type[Event]) -> int:
        count = 0
        while rows := await self._journal.rows(self._read_to, REPLAY_PAGE):
            for row in rows:
                if row.kind in _ONLY_TOLD:
                    continue
                event = row.event()
                passing = isinstance(event, CAUSE_FACTS) and not rule_of(event.reason).latched
                if isinstance(event, kinds) and not (passing and kinds != (Event,)):
                    self._replay(event)
            self._read_to, count = rows[-1].seq, count + len(rows)
        return count

    async def keep_nothing(self, why: RecordUnavailable) -> None:
        """Go on without the journal, which cannot be used: exits pass, entries have no record to rest on.

        Call it before anything is committed; the client then states the reason as a cause.
        """
        self._journal = UnwritableJournal(why)
        await self._journal.open()

    async def close(self) -> None:
        """End every stream (what is queued is still delivered), write what is left, let go.

        Raises:
            errors.RecordUnavailable: the last facts could not be written.
        """
        self._tell_all()
        self._closed = True
        for stream in self._open_streams():
            stream.end()
        self._streams.clear()
        self._listeners.clear()
        self._hearing.clear()
        await self._journal.close()

    def now_ns(self) -> int:
        """The clock that ages are measured by."""
        return self._clock.monotonic_ns()

    def stamp(self) -> datetime:
        """Now, as aware UTC, and always later than every stamp before.

        Beliefs are ordered by these moments, so a wall clock that is set back must not make what we
        hear next look older than what we know. Ages do not depend on it.
        """
        now = self._clock.now()
        if self._last_at is not None and now <= self._last_at:
            now = self._last_at + _TICK
        self._last_at = now
        return now

    # ------------------------------------------------------------ writing

    def commit(self, event: Event, *, told_soon: bool = False) -> tuple[Change, ...]:
        """Make a fact true: journal, ledger, listeners. What it changed; empty when it is no news.

        Never waits and never fails for the disk. With `told_soon` listeners hear of it in the loop's next
        step, or before the next fact if that comes first: what is in a hurry leaves meanwhile.
        """
        if isinstance(event, _TO_MARK):
            event = self._marked(event)
        changes = self.ledger.apply(event, self._clock.monotonic_ns())
        if changes:
            if event.is_kept:
                self._journal.append(event)
            if told_soon:
                self._outbox.append((event, changes))
                asyncio.get_running_loop().call_soon(self._tell_all)
            else:
                self._publish(event, changes)
        return changes

    async def commit_durable(self, event: Event) -> tuple[Change, ...]:
        """The same, and done when it is on the disk.

        Cancellation: the fact stays true and may or may not reach the disk. Send nothing on it; of an
        intent, commit that it was not sent.

        Raises:
            errors.RecordUnavailable: it is not on the disk, so do not send. An intent is then already
                marked as not sent.
        """
        changes = self.ledger.apply(event, self._clock.monotonic_ns())
        on_disk: Awaitable[None]
        if changes:
            on_disk = self._journal.append_durable(event)
            self._publish(event, changes)
        else:  # said before, but perhaps not on the disk yet
            on_disk = self._journal.flush()
        try:
            await on_disk
        except RecordUnavailable as error:
            if isinstance(event, IntentRecorded):
                self.commit(
                    IntentResolved(
                        intent_id=event.intent_id,
                        account_id=event.account_id,
                        verdict="not_sent",
                        evidence=(str(error),),
                        cause=event.id,
                        at=self.stamp(),
                    )
                )
            raise
        return changes

    async def written(self) -> None:
        """Done when everything that was committed so far is on the disk.

        Raises:
            errors.RecordUnavailable: it is not.
        """
        await self._journal.flush()

    def _marked(self, event: OrderObserved | TradeObserved | TradeVoided) -> Event:
        """The same report, marked as external when it is of an order or trade of other software."""
        if event.origin not in _OURS_TO_MARK:
            return event
        if isinstance(event, OrderObserved):
            external = is_external(self.ledger, event.order)
        else:
            external = is_external_trade(self.ledger, event.trade)
        return msgspec.structs.replace(event, origin="external") if external else event

    def _replay(self, event: Event) -> None:
        if isinstance(event, Observation):
            event = msgspec.structs.replace(event, origin="replayed")
        self.ledger.apply(event)

    # ------------------------------------------------------------ telling

    def listen(self, callback: Listener, *kinds: type[Event]) -> Callable[[], None]:
        """Call back with each fact of these kinds (of any, if none is named); returns what ends it.

        For the parts of this library: the callback runs inside `commit`. One that raises is counted,
        raises an alarm at its 1st, 2nd, 4th, 8th … failure, and disturbs nobody.
        """
        self._tell_all()  # what was true before is not for this one
        number = self._next_listener
        self._next_listener += 1
        self._listeners[number] = callback, kinds or (Event,)
        self._hearing.clear()

        def forget() -> None:
            self._listeners.pop(number, None)
            self._failures.pop(number, None)
            self._hearing.clear()

        return forget

    def _hearers(self, kind: type[Event]) -> tuple[tuple[int, Listener], ...]:
        self._hearing[kind] = found = tuple(
            (number, callback)
            for number, (callback, kinds) in self._listeners.items()
            if issubclass(kind, kinds)
        )
        return found

    def events(
        self,
        *kinds: type[Event],
        limit: int = STREAM_LIMIT,
        reader: str = "a reader of events",
    ) -> EventStream:
        """Each fact from this call on, once and in order; only of these kinds, if any are named.

        A reader that falls ``limit`` facts behind still gets those, then `errors.StreamLagged`: a fact
        is never dropped silently, and nobody waits for a slow reader. `reader` is its name in the alarm;
        without one it is not told, because nothing is lost with it.
        """
        self._tell_all()
        stream = EventStream(kinds, limit, reader)
        if self._closed:
            stream.end()  # nothing will ever come: who reads it must not wait for it
        # A stream that its reader let go of must not fill up for ever.
        self._streams.append(weakref.ref(stream))
        return stream

    @property
    def lagging(self) -> tuple[str, ...]:
        """Who has lost facts and does not know it yet, in words."""
        return tuple(
            f"{stream.reader} fell {stream.limit} facts behind and loses what comes"
            for stream in self._open_streams()
            if stream.has_lost and stream.reader
        )

    def _open_streams(self) -> list[EventStream]:
        streams = [stream for ref in self._streams if (stream := ref()) and not stream.is_closed]
        if len(streams) < len(self._streams):
            self._streams = [weakref.ref(stream) for stream in streams]
        return streams

    def _publish(self, event: Event, changes: tuple[Change, ...]) -> None:
        self._outbox.append((event, changes))
        self._tell_all()

    def _tell_all(self) -> None:
        if self._telling:
            return
        self._telling = True
        try:
            while self._outbox:
                self._tell(*self._outbox.popleft())
        finally:
            self._telling = False

    def _tell(self, event: Event, changes: tuple[Change, ...]) -> None:
        hearing = self._hearing.get(type(event))
        for number, listener in self._hearers(type(event)) if hearing is None else hearing:
            try:
                listener(event, changes)
            # boundary: one listener's bug must not keep a fact from the others
            except Exception as error:  # noqa: BLE001  counted and raised as an alarm
                self._listener_failed(number, listener, event, error)
        for stream in self._open_streams() if self._streams else ():
            if not stream.offer(event) and stream.reader:
                self._alarm(
                    "subscriber_lagged",
                    f"{_sentence(stream.reader)} fell {stream.limit} facts behind: what came from a {event.kind}"
                    " on is lost to it. Read faster, or begin anew and look at the state.",
                    cause=event.id,
                )
        if isinstance(event, MODE_FACTS):
            for change in changes:
                if isinstance(change, ModeMoved):
                    self._mode_changed(change, cause=event.id)

    def _listener_failed(
        self, number: int, listener: Listener, event: Event, error: Exception
    ) -> None:
        count = self._failures[number] = self._failures.get(number, 0) + 1
        if count & (count - 1) == 0:
            name = getattr(listener, "__qualname__", type(listener).__name__)
            self._alarm(
                "listener_failed",
                f"{name} raised {error!r} on a {event.kind} ({count} so far).",
                cause=event.id,
            )

    def _mode_changed(self, moved: ModeMoved, cause: str) -> None:
        self.commit(
            ModeChanged(
                account_id=moved.account_id,
                before=moved.before.value,
                after=moved.after.value,
                reasons=moved.reasons,
                cause=cause,
                at=self.stamp(),
            )
        )

    def _journal_moved(self, failure: str | None) -> None:
        if failure is None:
            self.commit(
                ModeCauseCleared(
                    reason="journal_unwritable", cause="written again", at=self.stamp()
                )
            )
            return
        self._alarm("journal_unwritable", failure, cause="")
        self.commit(ModeCauseAdded(reason="journal_unwritable", detail=failure, at=self.stamp()))

    def _alarm(self, name: str, detail: str, cause: str) -> None:
        self.commit(AlarmRaised(name=name, detail=detail, cause=cause, at=self.stamp()))


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
