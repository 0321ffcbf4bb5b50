"""Polling in the user hub's place: at once, inside the budget, and paused while somebody else looks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from topstepx.desk.lookout import Seen
from topstepx.desk.polling import CALLS_PER_MINUTE, Poller, pause_s
from topstepx.desk.record import Record
from topstepx.desk.tasks import Tasks
from topstepx.errors import AnswerLost
from topstepx.events import PollingStarted, PollingStopped
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.loop import LoopClock, virtual


class Accounts:
    """Two accounts; every third look fails."""

    accounts = (1, 2)

    def __init__(self) -> None:
        self.looks: list[int] = []

    def pause_s(self, _calls: int, least_s: float) -> float:
        return least_s

    async def snapshot(self, account_id: int, **_how: object) -> Seen:
        self.looks.append(account_id)
        await asyncio.sleep(0)
        if len(self.looks) % 3 == 0:
            raise AnswerLost("not this time")
        return Seen(0, ())


@pytest.mark.parametrize("accounts", range(1, 20))
def test_the_pause_keeps_every_number_of_accounts_inside_the_budget(accounts: int) -> None:
    calls_per_minute = (4 * accounts + 1) * 60 / pause_s(accounts)
    assert calls_per_minute <= CALLS_PER_MINUTE + 1e-9
    assert pause_s(accounts) >= 3


@virtual
async def test_it_looks_at_once_and_again_pauses_and_stops() -> None:
    parts: Any = Accounts()
    record = Record(MemoryJournal(), clock=LoopClock())
    await record.open()
    facts = record.events(PollingStarted, PollingStopped)
    tasks = Tasks(lambda name, error: None)
    balances = 0

    async def read_accounts(_source: object) -> None:
        nonlocal balances
        balances += 1
        await asyncio.sleep(0)

    poller = Poller(record, parts, read_accounts=read_accounts, spawn=tasks.spawn)
    poller.start("reset")
    poller.start("again")
    await asyncio.sleep(0.1)
    assert parts.looks == [1, 2]
    await asyncio.sleep(60)
    assert 20 <= len(parts.looks) <= 26
    assert balances >= 10
    poller.is_paused = True
    await asyncio.sleep(6)
    before = len(parts.looks)
    await asyncio.sleep(60)
    assert len(parts.looks) == before
    poller.stop()
    assert not poller.is_on
    told = [facts._queue.popleft() for _ in range(len(facts._queue))]
    assert [(type(one), one.account) for one in told] == [
        (PollingStarted, 1),
        (PollingStarted, 2),
        (PollingStopped, 1),
        (PollingStopped, 2),
    ]
    await tasks.stop()
