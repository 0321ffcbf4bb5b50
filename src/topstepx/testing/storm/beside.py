"""A second client of the same user, in the same world: the trader's exits, a reader, or other software."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from topstepx.errors import TopstepxError
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.storm.conditions import beside_of
from topstepx.testing.storm.trader import Trader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from topstepx.testing.storm.life import Life
    from topstepx.testing.storm.world import World

HABITS: Final[Mapping[str, Mapping[str, float]]] = {
    "exits beside": {"cancel": 4.0, "close": 1.0, "close part": 2.0, "flatten": 0.3, "read": 2.0},
    "reader beside": {"read": 4.0, "bars": 1.0},
    "trader beside": {
        "market": 2.0,
        "rest": 2.0,
        "near": 1.0,
        "bracket": 1.0,
        "cancel": 2.0,
        "close part": 1.0,
        "ask again": 1.0,
        "read": 1.0,
    },
}
"""What each kind does, by the habits of every trader."""

_SLOWER: Final = 3.0
_AGAIN_S: Final = 5.0


class Beside:
    """Runs it. The trader's crashes and restarts are not its own; it lives from one end to the other."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._habits = HABITS[beside_of(world.options.conditions)]
        self._storm_over, self._leave = asyncio.Event(), asyncio.Event()
        self._trader: Trader | None = None
        self.life: Life | None = None
        """The run that is ready; None: none is yet."""

    async def run(self) -> None:
        """Begin, act until the storm is over, stay until told to leave."""
        self.world.as_another()
        life = await self._begun()
        if life is None:
            return
        self.life = life
        if not self._storm_over.is_set():
            pace_s = self.world.options.pace_s * _SLOWER
            trader = self._trader = Trader(life, self._habits, pace_s)
            trading = asyncio.get_running_loop().create_task(trader.trade(), name="trading beside")
            await self._storm_over.wait()
            trading.cancel()
            await asyncio.wait({trading})
        await self._leave.wait()
        await self._left(life)

    def storm_is_over(self) -> None:
        """Begin nothing more."""
        self._storm_over.set()

    async def rest(self) -> None:
        """Let what was begun come to its end."""
        if self._trader is not None:
            await self._trader.rest()

    def leave(self) -> None:
        """Leave in order."""
        self._leave.set()

    async def _begun(self) -> Life | None:
        journal = MemoryJournal(write_s=self.world.options.write_s)
        while not self._leave.is_set():
            life = self.world.new_beside(journal)
            try:
                await life.begin()
            except TopstepxError as error:
                self.world.trace.note("beside", f"could not begin: {error}", count="bad starts")
                await self._left(life)
                journal = life.journal.crash()
                await asyncio.sleep(_AGAIN_S)
            else:
                return life
        return None

    async def _left(self, life: Life) -> None:
        try:
            await life.end()
        except TopstepxError as error:
            self.world.trace.note("beside", f"leaving raised {error!r}", count="bad ends")
        life.over = True
