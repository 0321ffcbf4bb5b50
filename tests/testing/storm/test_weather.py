from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from topstepx.sim import fault_kinds as f
from topstepx.testing.loop import virtual
from topstepx.testing.storm.options import Options
from topstepx.testing.storm.weather import Weather
from topstepx.testing.storm.world import World

if TYPE_CHECKING:
    from topstepx.testing.storm.weather import Trouble


async def _never(by_crash: bool) -> None:
    raise AssertionError(by_crash)


@virtual
async def test_troubles_come_at_their_rate_and_each_has_its_own_chance() -> None:
    first: list[float] = []
    came: dict[str, list[float]] = {"one": [], "two": []}

    def trouble(name: str) -> Trouble:
        async def come(weather: Weather, chance: random.Random) -> None:
            came[name].append(weather.world.now_s() + chance.random())

        return come

    table = {name: trouble(name) for name in came}
    for rates in ({"one": 6.0, "two": 60.0}, {"one": 6.0}):
        async with World(Options(seed=5, troubles=rates)) as world:
            began_s = world.now_s()
            tasks = Weather(world, _never, table).begin()
            await asyncio.sleep(600)
            for task in tasks:
                task.cancel()
            came["one"] = [round(one - began_s, 6) for one in came["one"]]
        if len(rates) == 2:
            first = came["one"]
            assert 30 < len(first) < 100
            assert 450 < len(came["two"]) < 750
            came["one"] = []
    assert came["one"] == first  # leaving out one trouble leaves the others as they were


@virtual
async def test_never_two_faults_wait_for_one_route() -> None:
    async with World(Options(seed=5)) as world:
        weather, chance = Weather(world, _never, {}), random.Random(1)
        for what in (f.Hold(25), f.Answer(429), f.DropAnswer()):
            weather.strike(chance, what, ("Order/place",))
        assert [one.fault.what for one in world.gateway.faults.planned] == [f.Hold(25)]
        assert weather.held_until_s == world.now_s() + 25
