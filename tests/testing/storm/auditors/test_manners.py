from __future__ import annotations

import asyncio

import msgspec

from topstepx.events import AlarmRaised, BudgetThrottled, HubReconnecting, LinkConnecting
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.loop import virtual
from topstepx.testing.storm.auditors import Bounds, Manners, Silence
from topstepx.testing.storm.options import Options
from topstepx.testing.storm.world import World


@virtual
async def test_an_attempt_before_its_time_is_found() -> None:
    async with World(Options(seed=1)) as world:
        auditor, life = Manners(world), world.new_life()
        at = world.clock.now()
        auditor.heard(
            life,
            HubReconnecting(at=at, hub="user", generation=1, attempt=1, wait_s=3.0, reason="x"),
            (),
        )
        auditor.heard(life, LinkConnecting(at=at, hub="user", generation=2), ())
        assert "3.000 s too early" in auditor.findings[0].what


@virtual
async def test_429_and_too_many_logins_are_found() -> None:
    async with World(Options(seed=1)) as world:
        auditor, life = Manners(world), world.new_life()
        for _ in range(201):
            now = world.memory.now()
            life.rest.sent.append((now, "/api/Auth/loginKey", b""))
            world.gateway.request("POST", "/api/Auth/loginKey", {}, b"{}", now)
        auditor.after()
        told = " ".join(one.what for one in auditor.findings)
        assert "1 requests got 429" in told
        assert "6 logins within 0 s" in told


@virtual
async def test_what_is_left_behind_is_found() -> None:
    async with World(Options(seed=1)) as world:
        auditor, life = Bounds(world), world.new_life()
        await life.begin()
        left = asyncio.create_task(asyncio.sleep(1000), name="forgotten")
        await life.end()
        await asyncio.sleep(60)
        auditor.after()
        assert [one.what for one in auditor.findings] == ["tasks left: ['forgotten']"]
        left.cancel()


@virtual
async def test_a_secret_anywhere_is_found() -> None:
    async with World(Options(seed=1)) as world:
        clean, dirty = Silence(world), Silence(world)
        life = world.new_life()
        await life.begin()
        await life.end()
        clean.after()
        assert not clean.findings
        world.trace.note("client1", f"the token is {next(iter(world.tokens))}")
        dirty.after()
        assert [one.what for one in dirty.findings] == ["a secret is in the trace"]


@virtual
async def test_an_exit_beyond_a_full_window_may_meet_a_429_and_nothing_else_may() -> None:
    async with World(Options(seed=1)) as world:
        auditor, life = Manners(world), world.new_life()
        for _ in range(202):
            world.gateway.request("GET", "/api/Status/ping", {}, b"", world.memory.now())
        told = BudgetThrottled(
            at=world.clock.now(),
            lane="general exit",
            wait_s=1.0,
            reason="the gateway answered 429",
            used=201,
            line=200,
        )
        for one in (told, msgspec.structs.replace(told, lane="general read")):
            auditor.heard(life, one, ())
        auditor.after()
        assert "2 requests got 429" in auditor.findings[0].what
        auditor.findings.clear()
        auditor.heard(life, told, ())
        auditor.after()
        assert not auditor.findings


@virtual
async def test_two_renewals_at_once_are_found_but_not_the_login_after_a_refused_validate() -> None:
    async with World(Options(seed=1, latency_s=0.0)) as world:
        auditor, life = Manners(world), world.new_life()
        now = world.memory.now()
        for route in ("validate", "loginKey"):
            life.rest.sent.append((now, f"/api/Auth/{route}", b""))
        auditor.after()
        assert not auditor.findings
        life.rest.sent.append((now, "/api/Auth/validate", b""))
        auditor.after()
        assert "two renewals of the token" in auditor.findings[0].what


@virtual
async def test_tasks_timers_and_rows_without_end_are_found() -> None:
    async with World(Options(seed=1)) as world:
        world.journal = MemoryJournal(pending_max=20_000)  # as if its own bound were broken
        auditor, life = Bounds(world), world.new_life()
        await life.begin()
        auditor.look()
        assert not auditor.findings
        tasks = [asyncio.create_task(asyncio.sleep(1000)) for _ in range(700)]
        await asyncio.sleep(0)
        life.journal.hold()
        record = life.client._record
        for _ in range(10_001):
            record.commit(AlarmRaised(at=record.stamp(), name="full", detail="x"))
        auditor.look()
        told = [one.what.partition(" ")[2] for one in auditor.findings]
        assert told == ["tasks", "timers", "rows wait for the disk"]
        life.journal.release()
        for task in tasks:
            task.cancel()
