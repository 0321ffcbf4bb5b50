"""The record: one order for journal, ledger and listeners; durable only where it is asked for."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.facts import ACCOUNT, MNQ, OBSERVATIONS, at, intent, order, position
from topstepx import errors, events
from topstepx.core.ledger_orders import OrderChanged
from topstepx.core.mode import Mode
from topstepx.desk.record import Record
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.loop import LoopClock, run_virtual, virtual

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.core.ledger import Change, Ledger

SEEDS = [None, *range(10)]


async def opened(journal: MemoryJournal | None = None) -> tuple[Record, MemoryJournal]:
    journal = journal or MemoryJournal()
    record = Record(journal, clock=LoopClock())
    await record.open()
    return record, journal


def seen(record: Record, order_id: int = 1, **parts: Any) -> events.OrderObserved:  # noqa: ANN401  any member
    return events.OrderObserved(order=order(order_id, **parts), at=record.stamp(), source="hub")


def kinds(journal: MemoryJournal) -> list[str]:
    return [row.kind for row in journal.committed]


async def active(record: Record) -> None:
    record.commit(events.ModeCauseAdded(reason="syncing", account_id=ACCOUNT, at=record.stamp()))
    record.commit(events.ModeCauseCleared(reason="syncing", account_id=ACCOUNT, at=record.stamp()))


@virtual
async def test_a_fact_is_believed_and_told_at_once_and_on_the_disk_soon() -> None:
    record, journal = await opened()
    told: list[events.Event] = []
    record.listen(lambda event, _: told.append(event))
    fact = seen(record)
    (change,) = record.commit(fact)
    assert record.ledger.order(1) is not None
    assert told == [msgspec.structs.replace(fact, origin="external")]  # nobody here placed it
    assert isinstance(change, OrderChanged)
    assert journal.committed == []
    await asyncio.sleep(0.1)
    assert kinds(journal) == ["OrderObserved"]


@virtual
async def test_facts_of_one_moment_are_one_visit_to_the_disk() -> None:
    record, journal = await opened(MemoryJournal(write_s=0.01))
    for order_id in range(1, 51):
        record.commit(seen(record, order_id))
    await asyncio.sleep(1)
    assert len(journal.committed) == 50
    assert journal.writes == 1


@virtual
async def test_what_says_nothing_new_is_neither_journaled_nor_told_but_refreshes_the_age() -> None:
    record, journal = await opened()
    told: list[events.Event] = []
    record.listen(lambda event, _: told.append(event))
    record.commit(seen(record))
    await asyncio.sleep(60)
    assert record.commit(seen(record)) == ()
    await asyncio.sleep(5)
    assert (len(told), len(journal.committed)) == (1, 1)
    belief = record.ledger.order(1)
    assert belief is not None
    assert belief.age_s(LoopClock().monotonic_ns()) == pytest.approx(5)


@virtual(seeds=SEEDS)
async def test_a_durable_fact_is_on_the_disk_when_the_wait_ends_with_all_before_it() -> None:
    record, journal = await opened(MemoryJournal(write_s=0.5))
    record.commit(seen(record))
    waiting = asyncio.create_task(record.commit_durable(intent()))
    await asyncio.sleep(0.4)
    record.commit(seen(record, 2))
    assert not waiting.done()
    assert record.ledger.open_intents() != ()
    await waiting
    assert kinds(journal) == ["OrderObserved", "IntentRecorded"]
    await asyncio.sleep(2)
    assert kinds(journal) == ["OrderObserved", "IntentRecorded", "OrderObserved"]


@virtual(seeds=SEEDS)
async def test_journal_ledger_and_listeners_see_one_order() -> None:
    record, journal = await opened(MemoryJournal(write_s=0.01))
    first: list[str] = []
    second: list[str] = []

    def echo(event: events.Event, _: tuple[Change, ...]) -> None:
        first.append(event.id)
        if isinstance(event, events.OrderObserved) and event.order.id < 5:
            record.commit(seen(record, event.order.id + 1))

    record.listen(echo)
    record.listen(lambda event, _: second.append(event.id))
    stream = record.events()
    await asyncio.gather(
        record.commit_durable(intent("01A")),
        record.commit_durable(intent("01B")),
        asyncio.to_thread(lambda: None),
    )
    record.commit(seen(record))
    await record.close()
    written = [row.event_id for row in journal.committed]
    assert len(written) == 7
    assert first == second == written == [event.id async for event in stream]


@virtual
async def test_what_only_tells_what_follows_is_told_in_its_place_and_not_kept() -> None:
    record, journal = await opened()
    told: list[str] = []
    record.listen(lambda event, _: told.append(event.kind))
    record.commit(seen(record, 1))
    step = events.OrderMoved(account_id=ACCOUNT, before="", after="OPEN", at=record.stamp())
    assert record.commit(step) != ()
    record.commit(seen(record, 2))
    await record.written()
    assert told == ["OrderObserved", "OrderMoved", "OrderObserved"]
    assert kinds(journal) == ["OrderObserved", "OrderObserved"]
    await record.close()


@virtual
async def test_a_fact_told_soon_is_believed_at_once_and_told_in_its_place() -> None:
    record, journal = await opened()
    early: list[str] = []
    late: list[str] = []

    def echo(event: events.Event, _: tuple[Change, ...]) -> None:
        early.append(event.id)
        if isinstance(event, events.OrderObserved) and event.order.id == 1:
            record.commit(seen(record, 9))

    record.listen(echo)
    record.commit(seen(record, 1), told_soon=True)
    assert record.ledger.order(1) is not None
    assert early == []
    record.commit(seen(record, 2))  # does not overtake it
    assert len(early) == 3
    record.commit(seen(record, 3), told_soon=True)
    record.listen(lambda event, _: late.append(event.id))  # nor is it this one's, who came later
    assert (len(early), late) == (4, [])
    record.commit(seen(record, 4), told_soon=True)
    await asyncio.sleep(0)
    assert len(early) == 5
    record.commit(seen(record, 5), told_soon=True)
    await record.close()
    assert early == [row.event_id for row in journal.committed]
    assert len(early) == 6
    assert late == early[4:]


@virtual
async def test_a_listener_hears_the_kinds_it_named_and_no_others_in_the_order_of_all() -> None:
    record, _ = await opened()
    told: list[tuple[str, str]] = []

    def note(name: str) -> Callable[[events.Event, object], None]:
        return lambda event, _: told.append((name, event.kind))

    record.listen(note("orders"), events.OrderObserved)
    record.listen(note("all"))
    forget = record.listen(note("reports"), events.Observation, events.AlarmRaised)
    record.commit(seen(record))
    record.commit(events.AlarmRaised(name="a", detail="b", at=record.stamp()))
    assert told == [
        *((name, "OrderObserved") for name in ("orders", "all", "reports")),
        *((name, "AlarmRaised") for name in ("all", "reports")),
    ]
    forget()
    record.listen(note("late"), events.OrderObserved)
    told.clear()
    record.commit(seen(record, 2))
    assert told == [(name, "OrderObserved") for name in ("orders", "all", "late")]


@virtual
async def test_an_intent_that_cannot_be_written_is_not_sent() -> None:
    record, journal = await opened()
    journal.fail("The disk is full.")
    with pytest.raises(errors.RecordUnavailable, match="disk is full") as refusal:
        await record.commit_durable(intent())
    assert refusal.value.did_it_happen == "no"
    belief = record.ledger.intent("01JDXK")
    assert belief is not None
    assert (belief.state, record.ledger.open_intents()) == ("not_sent", ())


@virtual
async def test_a_journal_that_fails_restricts_every_account_until_it_works_again() -> None:
    record, journal = await opened()
    await active(record)
    told: list[events.Event] = []
    record.listen(lambda event, _: told.append(event))
    journal.fail()
    record.commit(seen(record))
    await asyncio.sleep(0.5)
    assert record.ledger.modes.mode(ACCOUNT) is Mode.REDUCE_ONLY
    assert [event.kind for event in told] == [
        "OrderObserved",
        "AlarmRaised",
        "ModeCauseAdded",
        "ModeChanged",
    ]
    await asyncio.sleep(10)
    assert len(told) == 4, "one alarm for one failure"
    journal.recover()
    await asyncio.sleep(2)
    assert record.ledger.modes.mode(ACCOUNT) is Mode.ACTIVE
    await record.close()
    assert kinds(journal)[-2:] == ["ModeCauseCleared", "ModeChanged"]
    assert "OrderObserved" in kinds(journal)


@virtual
async def test_a_mode_that_moves_is_a_fact_of_its_own() -> None:
    record, _ = await opened()
    await active(record)
    told: list[events.Event] = []
    record.listen(lambda event, _: told.append(event))
    await record.commit_durable(
        events.ModeCauseAdded(reason="killed", account_id=ACCOUNT, at=record.stamp())
    )
    cause, changed = told
    assert isinstance(changed, events.ModeChanged)
    assert (changed.before, changed.after, changed.cause) == ("ACTIVE", "HALTED", cause.id)
    assert changed.reasons == ("killed",)


@virtual
async def test_a_latch_that_was_said_before_is_still_waited_for() -> None:
    record, journal = await opened(MemoryJournal(write_s=0.5))
    latch = events.ModeCauseAdded(reason="killed", at=record.stamp())
    record.commit(latch)
    assert await record.commit_durable(latch) == ()
    assert kinds(journal) == ["ModeCauseAdded"]


@virtual
async def test_a_listener_that_raises_harms_nobody() -> None:
    record, _ = await opened()
    told: list[events.Event] = []

    def broken(event: events.Event, _: tuple[Change, ...]) -> None:
        if isinstance(event, events.OrderObserved):
            raise ZeroDivisionError(event.kind)

    record.listen(broken)
    forget = record.listen(lambda event, _: told.append(event))
    for order_id in range(1, 6):
        record.commit(seen(record, order_id))
    observed = [event for event in told if isinstance(event, events.OrderObserved)]
    alarms = [event for event in told if isinstance(event, events.AlarmRaised)]
    assert len(observed) == 5
    assert [alarm.name for alarm in alarms] == ["listener_failed"] * 3, "at 1, 2 and 4 failures"
    assert "ZeroDivisionError" in alarms[0].detail
    forget()
    record.commit(seen(record, 9))
    assert len(told) == 8


@virtual
async def test_a_slow_reader_is_ended_loudly_and_alone() -> None:
    record, journal = await opened()
    slow, quick = record.events(events.OrderObserved, limit=3), record.events()
    for order_id in range(1, 7):
        record.commit(seen(record, order_id))
    got = [await anext(slow) for _ in range(3)]
    assert [event.order.id for event in got if isinstance(event, events.OrderObserved)] == [1, 2, 3]
    with pytest.raises(errors.StreamLagged) as lag:
        await anext(slow)
    assert lag.value.missed == 3
    await record.close()
    everything = [event async for event in quick]
    assert [event.kind for event in everything].count("OrderObserved") == 6
    assert [event async for event in record.events()] == []  # opened too late: it waited for ever
    (alarm,) = (event for event in everything if isinstance(event, events.AlarmRaised))
    assert alarm.name == "subscriber_lagged"
    assert "AlarmRaised" in kinds(journal)


@virtual
async def test_stamps_ascend_even_when_the_wall_clock_is_set_back() -> None:
    clock = LoopClock()
    record = Record(MemoryJournal(), clock=clock)
    await record.open()
    before = record.stamp()
    clock.step_wall(-300)
    held = events.PositionObserved(position=position(2), at=record.stamp(), source="hub")
    record.commit(held)
    assert held.at - before == timedelta(microseconds=1)
    flat = events.PositionsListed(account_id=ACCOUNT, positions=(), at=record.stamp())
    assert record.commit(flat)
    belief = record.ledger.position(ACCOUNT, MNQ)
    assert belief is not None
    assert belief.is_flat


@virtual
async def test_what_is_heard_now_beats_a_journal_from_the_future() -> None:
    record, journal = await opened()
    tomorrow = at(10**6)
    record.commit(events.PositionObserved(position=position(2), at=tomorrow))
    await record.close()
    again, _ = await opened(journal.crash())
    believed = again.ledger.position(ACCOUNT, MNQ)
    assert believed is not None
    assert (believed.net, believed.source, believed.confirmed) == (2, "journal", False)
    again.commit(events.PositionObserved(position=position(-1), at=again.stamp()))
    believed = again.ledger.position(ACCOUNT, MNQ)
    assert believed is not None
    assert (believed.net, believed.confirmed) == (-1, True)


@virtual
async def test_a_crash_loses_nothing_that_was_waited_for() -> None:
    record, journal = await opened()
    await record.commit_durable(intent("01A", key="orb"))
    await record.commit_durable(
        events.ModeCauseAdded(reason="killed", account_id=ACCOUNT, at=record.stamp())
    )
    await asyncio.sleep(1)
    record.commit(seen(record))
    again, kept = await opened(journal.crash())
    assert "OrderObserved" not in kinds(kept)
    (left,) = again.ledger.open_intents(ACCOUNT)
    assert (left.intent_id, left.state) == ("01A", "recorded")
    again.commit(events.ClientStarted(environment="sim", version="0", at=again.stamp()))
    assert again.ledger.modes.mode(ACCOUNT) is Mode.HALTED


async def _replayed(facts: list[events.Event], pauses: list[bool]) -> tuple[Ledger, Ledger, int]:
    record, journal = await opened()
    for fact, pause in zip(facts, pauses, strict=True):
        record.commit(fact)
        if pause:
            await asyncio.sleep(0.05)
    await record.close()
    again = Record(journal.crash(), clock=LoopClock())
    assert await again.open() == len(journal.committed)
    return record.ledger, again.ledger, len(journal.committed)


OWN_FACTS: list[Callable[[float], events.Event]] = [
    lambda seconds: intent("01A", seconds),
    lambda seconds: events.IntentAnswered(
        intent_id="01A", account_id=ACCOUNT, outcome="unknown", at=at(seconds)
    ),
    lambda seconds: events.ModeCauseAdded(reason="hub_down", account_id=ACCOUNT, at=at(seconds)),
    lambda seconds: events.ModeCauseCleared(reason="hub_down", account_id=ACCOUNT, at=at(seconds)),
    lambda seconds: events.ModeCauseAdded(reason="syncing", account_id=ACCOUNT, at=at(seconds)),
    lambda seconds: events.LinkDown(hub="user", generation=1, reason="x", at=at(seconds)),
    lambda seconds: events.TokenRefreshed(generation=1, expires_at=at(99), at=at(seconds)),
    lambda seconds: events.ClientStarted(environment="sim", version="0", at=at(seconds)),
]


def _once_per_update(facts: list[events.Event]) -> list[events.Event]:
    # Two different reports of one update of one order do not exist (see core.ledger_orders).
    kept: list[events.Event] = []
    said: set[tuple[object, ...]] = set()
    for fact in facts:
        if isinstance(fact, events.OrderObserved):
            updated = fact.order.update_timestamp or fact.order.creation_timestamp
            if (fact.order.id, updated) in said:
                continue
            said.add((fact.order.id, updated))
        kept.append(fact)
    return kept


@given(
    st.lists(
        OBSERVATIONS
        | st.builds(
            lambda make, seconds: make(seconds), st.sampled_from(OWN_FACTS), st.integers(0, 9)
        ),
        max_size=15,
    ).map(_once_per_update),
    st.data(),
)
def test_reading_the_journal_back_gives_the_same_ledger(
    facts: list[events.Event], data: st.DataObject
) -> None:
    facts = facts + data.draw(st.lists(st.sampled_from(facts), max_size=5)) if facts else facts
    pauses = data.draw(st.lists(st.booleans(), min_size=len(facts), max_size=len(facts)))
    live, replayed, _ = run_virtual(_replayed(facts, pauses))
    assert live.state() == replayed.state()


@virtual
async def test_many_pages_are_read_back() -> None:
    record, journal = await opened()
    for order_id in range(2500):
        record.commit(seen(record, order_id))
    await record.close()
    again = Record(journal.crash(), clock=LoopClock())
    assert await again.open() == 2500
    assert len(again.ledger.orders()) == 2500


@virtual
async def test_closing_delivers_what_is_queued_and_writes_what_is_left() -> None:
    record, journal = await opened()
    stream = record.events()
    record.commit(seen(record))
    await record.close()
    assert [event.kind async for event in stream] == ["OrderObserved"]
    assert kinds(journal) == ["OrderObserved"]


@virtual
async def test_a_reader_that_let_go_costs_nothing() -> None:
    record, _ = await opened()
    record.events()
    async with record.events() as stream:
        record.commit(seen(record))
        assert (await anext(stream)).kind == "OrderObserved"
    record.commit(seen(record, 2))
    assert record._open_streams() == []
