from __future__ import annotations

import asyncio

import pytest

from topstepx.events import ModeCauseAdded
from topstepx.testing.loop import virtual
from topstepx.testing.storm.auditors import Convergence, Flatness
from topstepx.testing.storm.calm import Calm, until
from topstepx.testing.storm.options import Options
from topstepx.testing.storm.run import run_storm
from topstepx.testing.storm.world import World


@virtual
async def test_a_cause_that_nothing_ends_is_found() -> None:
    async with World(Options(seed=1)) as world:
        life = world.new_life()
        await life.begin()
        convergence = Convergence(world)
        calm = Calm(world, [convergence, Flatness(world)], life)
        await calm.run((), ())
        assert not convergence.findings
        record = life.client._record  # a cause that nothing ever ends
        stays = ModeCauseAdded(
            at=record.stamp(),
            account_id=world.account_id,
            reason="lease_unusable",
            subject="planted",
        )
        record.commit(stays)
        await calm._flatten()
        assert "not free to trade" in convergence.findings[0].what
        assert "lease_unusable" in convergence.findings[0].what
        await life.end()


@virtual
async def test_an_account_that_the_firm_locks_is_locked_and_still_flat() -> None:
    async with World(Options(seed=1)) as world:
        life = world.new_life()
        await life.begin()
        auditors = [Convergence(world), Flatness(world)]
        world.gateway.venue.liquidate(world.account_id, world.memory.now())
        world.moved()
        await Calm(world, auditors, life).run((), ())
        assert not [finding for one in auditors for finding in one.findings]
        await life.end()


def test_a_night_is_waited_out_and_ends_flat() -> None:
    options = Options(
        seed=4, storm_s=30.0, pace_s=0.5, habits={"market": 1.0}, conditions={"closing": 1}
    )
    outcome = run_storm(options)
    assert not outcome.findings, outcome.text()
    assert outcome.counts["nights"] == 1
    assert outcome.counts["Flattened"]


@virtual
async def test_waiting_ends_with_the_thing_or_with_the_time() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await until(lambda: loop.time() > began + 3, 60)
    assert loop.time() - began == pytest.approx(3.5, abs=0.6)
    await until(lambda: False, 10, every_s=1.0)
    assert loop.time() - began < 15
