"""What the gate's parts say becomes facts: breakers with their next probe, waits with their reason."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from tests.support.requests import next_of
from tests.support.trading import PRACTICE_ID, mnq, practice
from topstepx.clock import ManualClock
from topstepx.core.breaker import Scope, State, Transition
from topstepx.core.lanes import Lane
from topstepx.core.mode import Mode
from topstepx.core.permits import BudgetNote, Throttled, Waits
from topstepx.desk.record import Record
from topstepx.desk.report import Report
from topstepx.events import AlarmRaised, BreakerChanged, BudgetThrottled, Event
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair
from topstepx.wire.routes import Bucket


async def reporting(clock: ManualClock) -> tuple[Report, list[Event]]:
    record = Record(MemoryJournal(), clock=clock)
    await record.open()
    facts: list[Event] = []
    record.listen(lambda fact, _: facts.append(fact))
    return Report(record), facts


@virtual
async def test_a_transition_says_scope_cause_and_the_next_probe() -> None:
    report, facts = await reporting(ManualClock())
    report.breaker(
        Transition(Scope.HISTORY, State.CLOSED, State.OPEN, "5 failures in a row", 10**9, 3 * 10**9)
    )
    (fact,) = facts
    assert isinstance(fact, BreakerChanged)
    assert (fact.scope, fact.state, fact.reason) == ("history", "open", "5 failures in a row")
    assert fact.next_probe_at == fact.at + timedelta(seconds=2)
    report.breaker(Transition(Scope.HISTORY, State.PROBING, State.CLOSED, "back", 0, None))
    assert isinstance(facts[-1], BreakerChanged)
    assert facts[-1].next_probe_at is None


@virtual
async def test_an_open_trading_breaker_reduces_every_account_until_it_closes() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        modes = []
        steps = [
            (State.CLOSED, State.OPEN),
            (State.OPEN, State.PROBING),
            (State.PROBING, State.OPEN),
            (State.OPEN, State.PROBING),
            (State.PROBING, State.CLOSED),
        ]
        report = Report(pair.tsx._record)
        for before, after in steps:
            report.breaker(Transition(Scope.TRADE_MUTATION, before, after, "x", 0, None))
            modes.append(pair.tsx.health().modes[PRACTICE_ID])
        assert modes == [Mode.REDUCE_ONLY] * 4 + [Mode.ACTIVE]
        report.breaker(Transition(Scope.TRADE_READ, State.CLOSED, State.OPEN, "x", 0, None))
        assert pair.tsx.health().modes == {PRACTICE_ID: Mode.ACTIVE}


@virtual
async def test_a_wait_says_lane_caller_reason_and_room() -> None:
    clock = ManualClock()
    report, facts = await reporting(clock)
    waits = Waits(
        Bucket.BARS, Lane.READ, "History/retrieveBars", "the window is full", 12.5, 50, 50, 3
    )
    report.budget(waits)
    report.budget(waits)  # sent back again at once: said once
    (fact,) = facts
    assert isinstance(fact, BudgetThrottled)
    assert (fact.lane, fact.wait_s, fact.used, fact.line) == ("bars read", 12.5, 50, 50)
    assert fact.reason == "History/retrieveBars: the window is full, 3 ahead of it"
    clock.advance(1.1)
    report.budget(waits)
    assert len(facts) == 2
    report.budget(Throttled(Bucket.GENERAL, Lane.READ, 7.0, 0.7, 10, 77))
    last = facts[-1]
    assert isinstance(last, BudgetThrottled)
    assert (last.lane, last.wait_s, last.used, last.line) == ("general read", 7.0, 10, 77)
    assert last.reason == "the gateway answered 429"


@virtual
async def test_a_lost_and_found_shared_budget_are_alarms() -> None:
    report, facts = await reporting(ManualClock())
    report.budget(BudgetNote("the shared request budget is out of reach"))
    report.budget(BudgetNote(None))
    assert [fact.name for fact in facts if isinstance(fact, AlarmRaised)] == [
        "budget_alone",
        "budget_shared_again",
    ]


@virtual
async def test_a_long_download_says_why_it_waits() -> None:
    async with Pair(settings={"bars_limit_per_30s": 2}) as pair:
        contract = await mnq(pair)
        async with pair.tsx.events(BudgetThrottled) as facts:
            start = pair.world.now() - timedelta(hours=2)
            downloads = [
                asyncio.create_task(pair.tsx.market.bars(contract, "1m", start=start))
                for _ in range(5)
            ]
            fact = await next_of(facts, BudgetThrottled)
            assert fact.lane == "bars read"
            assert fact.reason.startswith("History/retrieveBars: the window is full")
            assert (fact.used, fact.line) == (2, 2)
            assert 29 < fact.wait_s < 31.5
            assert "bars requests: 2 of 2 used" in str(pair.tsx.health())
            assert "3 waiting" in str(pair.tsx.health())
            assert all(await asyncio.gather(*downloads))
        assert pair.gateway.limits.refused == 0


@virtual
async def test_probing_and_closing_again_are_told() -> None:
    async with Pair() as pair:
        tsx, account = pair.tsx, await practice(pair)
        heard: list[BreakerChanged] = []
        tsx._record.listen(
            lambda fact, _: heard.append(fact) if isinstance(fact, BreakerChanged) else None
        )
        failing = pair.faults.add(
            Fault(where="Position/searchOpen", what=f.Answer(502), times=None)
        )
        for _ in range(2):
            await asyncio.gather(tsx.positions.open(account), return_exceptions=True)
        await eventually(lambda: heard)
        pair.faults.remove(failing)
        await eventually(lambda: heard[-1].state == "closed", timeout_s=60)
        assert [one.state for one in heard] == ["open", "half_open", "closed"]
        assert {one.scope for one in heard} == {"trade reads"}
        assert heard[0].next_probe_at is not None
