from __future__ import annotations

import asyncio
import random

from topstepx.testing.loop import virtual
from topstepx.testing.storm.options import Options
from topstepx.testing.storm.others import another_program
from topstepx.testing.storm.world import World


@virtual
async def test_another_program_places_changes_cancels_and_closes() -> None:
    async with World(Options(seed=1)) as world:
        chance = random.Random(1)
        world.price()
        for _ in range(200):
            another_program(world, chance)
            await asyncio.sleep(0.1)
        seen = world.truth.requests
        assert {one.origin for one in seen} == {"other"}
        done = {one.verb for one in seen if one.answer.success}
        assert done == {"place", "modify", "cancel", "close"}
