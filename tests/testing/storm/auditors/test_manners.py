from __future__ import annotations

import asyncio

from topstepx.events import HubReconnecting, LinkConnecting
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
        auditor = Manners(world)
        for _ in range(201):
            world.gateway.request("POST", "/api/Auth/loginKey", {}, b"{}", world.memory.now())
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
