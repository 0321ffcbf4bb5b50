"""The twin: a disk that hangs, fails and crashes on request."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.facts import at
from topstepx import errors, events
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.loop import virtual


def fact(number: int) -> events.PollingStopped:
    return events.PollingStopped(account_id=number, at=at(number))


def accounts(journal: MemoryJournal) -> list[int | None]:
    return [row.account_id for row in journal.committed]


@virtual
async def test_a_crash_keeps_what_was_committed_and_nothing_else() -> None:
    journal = MemoryJournal()
    await journal.open()
    journal.append(fact(1))
    await journal.append_durable(fact(2))
    journal.append(fact(3))
    found = journal.crash()
    await found.open()
    assert accounts(found) == [1, 2]
    await found.append_durable(fact(4))
    assert accounts(found) == [1, 2, 4]
    assert [row.seq for row in found.committed] == [1, 2, 3]
    await asyncio.sleep(5)
    assert accounts(journal) == [1, 2]


@virtual
async def test_a_held_write_hangs_until_released() -> None:
    journal = MemoryJournal()
    await journal.open()
    journal.hold()
    waiting = asyncio.ensure_future(journal.append_durable(fact(1)))
    await asyncio.sleep(3600)
    assert not waiting.done()
    assert journal.committed == []
    journal.release()
    await waiting
    assert accounts(journal) == [1]


@virtual
async def test_a_crash_while_a_write_hangs_commits_nothing() -> None:
    journal = MemoryJournal()
    await journal.open()
    journal.hold()
    waiting = asyncio.ensure_future(journal.append_durable(fact(1)))
    await asyncio.sleep(1)
    found = journal.crash()
    journal.release()
    await asyncio.sleep(1)
    assert waiting.cancelled()
    assert found.committed == journal.committed == []


@virtual
async def test_a_failing_write_fails_who_waits() -> None:
    journal = MemoryJournal()
    await journal.open()
    journal.fail("The disk is full.")
    with pytest.raises(errors.RecordUnavailable, match="full"):
        await journal.append_durable(fact(1))
    journal.recover()
    await journal.append_durable(fact(2))
    assert accounts(journal) == [1, 2]


@virtual
async def test_it_must_be_opened_first() -> None:
    with pytest.raises(errors.RecordUnavailable, match="not open"):
        MemoryJournal().append(fact(1))
