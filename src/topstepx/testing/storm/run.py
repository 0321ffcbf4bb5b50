"""One storm from its seed to its verdict."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from topstepx.errors import TopstepxError
from topstepx.testing.loop import OverTime, Stalled, VirtualLoop
from topstepx.testing.storm import request_troubles, stream_troubles, world_troubles
from topstepx.testing.storm.auditors import AUDITORS, Finding
from topstepx.testing.storm.auditors.books import SESSION_WITHIN_S
from topstepx.testing.storm.beside import Beside
from topstepx.testing.storm.calm import FOREVER, Calm, until
from topstepx.testing.storm.conditions import beside_of
from topstepx.testing.storm.options import swarm
from topstepx.testing.storm.trader import Trader
from topstepx.testing.storm.weather import Weather
from topstepx.testing.storm.world import World

if TYPE_CHECKING:
    from collections import Counter

    from topstepx.testing.storm.auditors import Auditor
    from topstepx.testing.storm.life import Life
    from topstepx.testing.storm.options import Options
    from topstepx.testing.storm.trace import Trace

TROUBLES = {
    **request_troubles.TROUBLES,
    **stream_troubles.TROUBLES,
    **world_troubles.TROUBLES,
}
_AGAIN_S = 5.0
_PATIENCE_MAX = 4
_END_S = 120.0
_LIMIT_S = 6 * 3600.0
_TURNS_MAX = 20_000  # a whole storm has about ten thousand callbacks


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a storm came to. It passed when `findings` is empty; `counts` says how much of what happened."""

    options: Options
    findings: tuple[Finding, ...]
    trace: Trace
    counts: Counter[str]
    virtual_s: float
    cpu_s: float
    callbacks: int

    @property
    def failed(self) -> frozenset[str]:
        """The names of the auditors that found something."""
        return frozenset(finding.auditor for finding in self.findings)

    def text(self) -> str:
        """The seed's story: what it was made of, every step, and what the auditors found."""
        found = "".join(f"{finding}\n" for finding in self.findings) or "nothing found\n"
        return f"{self.options.describe()}\n{self.trace.text()}{found}"


def run_storm(seed: int | Options, auditors: tuple[type[Auditor], ...] = AUDITORS) -> Outcome:
    """Run the storm of a seed (or of options of your own) and judge it."""
    options = swarm(seed) if isinstance(seed, int) else seed
    order = options.seed if options.shuffled else None
    loop = VirtualLoop(seed=order, limit_s=_LIMIT_S, turns_max=_TURNS_MAX)
    began = time.process_time()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        director = Director(options, auditors)
        try:
            runner.run(director.run())
        except (Stalled, OverTime) as error:
            director.finding("Soundness", f"the run can never go on: {error}")
        virtual_s = loop.time()
    return Outcome(
        options,
        tuple(director.findings()),
        director.world.trace,
        director.counts(),
        virtual_s,
        time.process_time() - began,
        loop.callbacks,
    )


class Director:
    """The three phases."""

    def __init__(self, options: Options, auditors: tuple[type[Auditor], ...]) -> None:
        self.world = World(options)
        self._kinds = auditors
        self._auditors: list[Auditor] = []
        self._own: list[Finding] = []
        self._chance = random.Random(f"director {options.seed}")  # noqa: S311  repeatable chance
        self._weather: Weather
        self._leave = asyncio.Event()
        self._storming = True
        self._ending = False
        self._busy = False
        self._program: asyncio.Task[None] | None = None
        self._trader: Trader | None = None
        self._beside: Beside | None = None
        self._beside_task: asyncio.Task[None] | None = None

    # ------------------------------------------------------------ what came of it

    def finding(self, auditor: str, what: str) -> None:
        """A finding of the director's own."""
        finding = Finding(auditor, self.world.now_s(), what)
        self._own.append(finding)
        self.world.trace.note("AUDITOR", finding)

    def findings(self) -> list[Finding]:
        """Everything found, in order of time."""
        found = [one for auditor in self._auditors for one in auditor.findings]
        return sorted([*found, *self._own], key=lambda one: one.at_s)

    def counts(self) -> Counter[str]:
        """How much of everything happened."""
        world, counts = self.world, self.world.trace.counts
        truth, ids = world.truth, world.account_ids
        counts["orders at the venue"] = sum(len(truth.orders(one)) for one in ids)
        counts["orders of ours"] = sum(truth.executions(*tag) for tag in world.tags())
        counts["trades"] = sum(len(truth.trades(one)) for one in ids)
        counts["faults struck"] = len(world.gateway.faults.struck)
        counts["requests"] = len(world.gateway.limits.arrivals)
        counts["rows"] = len(world.journal.committed)
        counts["wishes"] = len(world.notebook.wishes)
        return counts

    # ------------------------------------------------------------ the phases

    async def run(self) -> None:
        """Storm, calm, audit."""
        async with self.world as world:
            world.trace.note("director", "storm")
            self._auditors = [kind(world) for kind in self._kinds]
            world.listeners += [auditor.heard for auditor in self._auditors]
            self._weather = Weather(world, self.restart, TROUBLES)
            looking = world.keep(self._look(), "auditors")
            supervisor = world.keep(self._supervise(), "supervisor")
            if beside_of(world.options.conditions):
                self._beside = Beside(world)
                self._beside_task = world.keep(self._beside.run(), "beside")
            try:
                await self._storm()
                world.trace.note("director", "calm")
                await self._calm()
                world.trace.note("director", "end")
                await self._end(supervisor)
            finally:
                ours = {looking, supervisor}
                if self._beside_task is not None:
                    ours.add(self._beside_task)
                for task in ours:
                    task.cancel()
                await asyncio.wait(ours)
                await world.sweep()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            for auditor in self._auditors:
                auditor.look()

    async def _storm(self) -> None:
        troubles = self._weather.begin()
        await asyncio.sleep(self.world.options.storm_s)
        self._storming = False
        if self._beside is not None:
            self._beside.storm_is_over()
        for task in troubles:
            task.cancel()
        if troubles:
            await asyncio.wait(troubles)
        for task in troubles:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error  # a trouble that is itself broken proves nothing
        self.world.gateway.faults.clear()
        self.world.calm = True

    async def _calm(self) -> None:
        """What was held arrives, what was begun ends, what is open is decided."""
        life = await self._running()
        if life is None:
            self.finding("Convergence", f"no run could begin within {SESSION_WITHIN_S:g} s of calm")
            return
        others = [] if self._beside is None else [await self._ready_beside(self._beside)]
        await asyncio.sleep(max(0.0, self._weather.held_until_s - self.world.now_s()))
        traders = [one for one in (self._trader, self._beside) if one is not None]
        calm = Calm(self.world, self._auditors, life)
        await calm.run([one for one in others if one], [one.rest for one in traders])

    async def _ready_beside(self, beside: Beside) -> Life | None:
        """The second client's run, once there is one."""
        await until(lambda: beside.life is not None, SESSION_WITHIN_S)
        if beside.life is None:
            self.finding("Convergence", f"the second client had no run {SESSION_WITHIN_S:g} s on")
        return beside.life

    async def _running(self) -> Life | None:
        """The run that is ready to trade, once there is one."""
        ends_s = self.world.now_s() + SESSION_WITHIN_S + _AGAIN_S * _PATIENCE_MAX
        while self.world.now_s() < ends_s:
            life = self.world.life
            leaving = self._leave.is_set()
            if life is not None and life.began.is_set() and not leaving:
                return life
            await asyncio.sleep(0.5)
        return None

    async def _end(self, supervisor: asyncio.Task[None]) -> None:
        """Leave in order, and look at what is left."""
        self._ending = True
        self._leave.set()
        ends = {supervisor}
        if self._beside is not None and self._beside_task is not None:
            self._beside.leave()
            ends.add(self._beside_task)
        ended, waiting = await asyncio.wait(ends, timeout=_END_S)
        if waiting:
            self.finding("Bounds", f"the client was not left within {_END_S:g} s")
        for task in ended:
            if (error := task.exception()) is not None:
                raise error
        await asyncio.sleep(60.0)
        for auditor in self._auditors:
            auditor.after()

    # ------------------------------------------------------------ runs of the client

    async def restart(self, by_crash: bool) -> None:  # noqa: FBT001  one of two ways to end
        """End the run that is going on, by a crash or in order; the supervisor begins another."""
        if self._busy or self.world.life is None:
            return
        self._busy = True
        try:
            if by_crash:
                await self.world.crash()
            else:
                self.world.trace.note("world", "a restart in order")
                self._leave.set()
        finally:
            self._busy = False

    async def _supervise(self) -> None:
        """One run after another, further apart where none can begin, as a good supervisor does."""
        bad_starts = 0
        while True:
            life = self.world.new_life()
            self._leave.clear()
            program = asyncio.get_running_loop().create_task(self._one_run(life), name="program")
            await asyncio.wait({program})
            if not program.cancelled() and (error := program.exception()) is not None:
                raise error
            if not life.over:
                life.over = True
                self.world.journal = life.journal.crash()  # the next process opens it anew
            if self._ending:
                return
            await self.world.sweep()
            bad_starts = 0 if life.began.is_set() else bad_starts + 1
            patience = min(2**bad_starts, _PATIENCE_MAX)
            await asyncio.sleep(self._chance.uniform(0.1, _AGAIN_S) * patience)

    async def _one_run(self, life: Life) -> None:
        """The trader's program: begin, trade until told to leave, leave."""
        try:
            await life.begin()
        except TopstepxError as error:
            self.world.trace.note("program", f"could not begin: {error}", count="bad starts")
            await self._left(life)
            return
        trader = self._trader = Trader(life)
        leaving = asyncio.get_running_loop().create_task(self._leave.wait(), name="leaving")
        if self._storming:
            trading = asyncio.get_running_loop().create_task(trader.trade(), name="trading")
            await until(lambda: leaving.done() or not self._storming, FOREVER)
            trading.cancel()
            await asyncio.wait({trading})
        await asyncio.wait({leaving})
        await self._left(life)

    async def _left(self, life: Life) -> None:
        try:
            await life.end()
        except TopstepxError as error:
            self.world.trace.note("program", f"leaving raised {error!r}", count="bad ends")
