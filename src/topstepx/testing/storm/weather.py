"""When things go wrong: one task for each trouble of a storm, each with its own chance.

Taking one trouble out of a storm leaves the others as they were, so a failing storm can be made smaller.
To add a trouble, write a function in one of the `*_troubles` modules, put it into the table there and
give it a rate in `options.PER_MINUTE`.

Contradictions are left out: a gateway that says "not executed" and executes later lies, and no client
can be right about a liar. So there is never more than one fault at a time on a route.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from topstepx.sim.faults import PlannedFault
    from topstepx.testing.storm.world import World

MUTATING: Final = (
    "Order/place",
    "Order/place",
    "Order/place",
    "Order/cancel",
    "Order/modify",
    "Position/closeContract",
    "Position/partialCloseContract",
)
READING: Final = (
    "Order/v2/query",
    "Order/search",
    "Order/searchById",
    "Trade/search",
    "Position/searchOpen",
    "Account/search",
)
SESSION: Final = ("Auth/loginKey", "Auth/validate", "Status/ping")
ROUTES: Final = (*MUTATING, *MUTATING, *READING, *SESSION)


class Weather:
    """The troubles of one storm."""

    def __init__(
        self,
        world: World,
        restart: Callable[[bool], Awaitable[None]],
        troubles: Mapping[str, Trouble],
    ) -> None:
        self.world = world
        self.restart = restart
        """Ends the client's run (True: by a crash) and begins the next."""
        self._troubles = troubles
        self._on_route: dict[str, PlannedFault] = {}
        self.held_until_s = 0.0
        """When the last request that was held has been executed."""

    def begin(self) -> list[asyncio.Task[None]]:
        """Start every trouble that the options name; cancel the tasks to end them."""
        return [
            self.world.keep(self._every(name, rate), f"trouble {name}")
            for name, rate in self.world.options.troubles.items()
        ]

    async def _every(self, name: str, per_minute: float) -> None:
        chance = random.Random(f"{name} {self.world.options.seed}")  # noqa: S311  repeatable chance
        while True:
            await asyncio.sleep(chance.expovariate(per_minute / 60))
            self.world.trace.note("weather", name, count=name)
            await self._troubles[name](self, chance)

    def add(self, where: str, what: f.What, *, last_s: float = 0.0, **how: Any) -> PlannedFault:  # noqa: ANN401  parts of a Fault
        """Plan a fault; with `last_s` it ends by itself."""
        until = self.world.memory.now() + timedelta(seconds=last_s) if last_s else None
        return self.world.gateway.faults.add(Fault(where=where, what=what, until=until, **how))

    def strike(self, chance: random.Random, what: f.What, routes: tuple[str, ...] = ROUTES) -> None:
        """One to three requests of a route, unless something waits for that route already."""
        where = chance.choice(routes)
        waiting = self._on_route.get(where)
        faults = self.world.gateway.faults
        if waiting is not None and waiting in faults.planned:
            if not waiting.spent:
                return
            faults.remove(waiting)
        if isinstance(what, f.Hold):
            self.held_until_s = max(self.held_until_s, self.world.now_s() + what.seconds)
        self._on_route[where] = self.add(where, what, times=chance.choice((1, 1, 1, 3)))


Trouble: TypeAlias = Callable[[Weather, random.Random], Awaitable[None]]
"""Makes one thing go wrong, and may take its time over it."""
