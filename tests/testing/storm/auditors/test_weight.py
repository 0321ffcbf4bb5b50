from __future__ import annotations

import asyncio
from typing import Any

import pytest

from topstepx.core.signalr.client import ClientConnection
from topstepx.testing.loop import virtual
from topstepx.testing.storm.auditors import Weight
from topstepx.testing.storm.auditors.weight import living
from topstepx.testing.storm.options import Options
from topstepx.testing.storm.world import World

KIND = f"{ClientConnection.__module__}.{ClientConnection.__qualname__}"


@pytest.mark.parametrize(("left", "seed", "finds"), [(2, 3, False), (40, 3, True), (40, 4, False)])
def test_lines_that_somebody_keeps_are_found_in_every_third_storm(
    left: int,
    seed: int,
    finds: bool,
) -> None:
    @virtual
    async def weighed() -> None:
        async with World(Options(seed=seed)) as world:
            auditor, life = Weight(world), world.new_life()
            await life.begin()
            kept: list[Any] = [ClientConnection(record_bytes_max=1000) for _ in range(left)]
            auditor.calm(life)
            told = [one.what for one in auditor.findings]
            assert any(KIND in one for one in told) == bool(told) == finds
            assert len(kept) == left
            await life.end()

    weighed()


@virtual
async def test_tasks_and_sockets_that_nobody_ends_are_found() -> None:
    async with World(Options(seed=1)) as world:
        auditor, life = Weight(world), world.new_life()
        await life.begin()
        auditor.look()
        auditor.calm(life)
        assert not auditor.findings
        tasks = [asyncio.create_task(asyncio.sleep(1000)) for _ in range(60)]
        auditor.calm(life)
        assert "tasks in the calm" in auditor.findings[0].what
        life.hubs._open.update({object(): None for _ in range(5)})  # type: ignore[misc]  # stand-ins
        auditor.look()
        assert "hub sockets are open at once" in auditor.findings[1].what
        life.hubs._open.clear()
        for task in tasks:
            task.cancel()


def test_what_is_let_go_of_is_not_counted() -> None:
    before = living()[KIND]
    kept = [ClientConnection(record_bytes_max=1000) for _ in range(5)]
    assert living()[KIND] == before + len(kept)
    kept.clear()
    assert living()[KIND] == before
