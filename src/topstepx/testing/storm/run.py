"""One storm from its seed to its verdict."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from topstepx.core.breaker import State
from topstepx.core.lanes import Lane
from topstepx.core.link import LinkState
from topstepx.core.token import Session
from topstepx.errors import TopstepxError
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import Stalled, VirtualLoop
from topstepx.testing.storm import request_troubles, stream_troubles, world_troubles
from topstepx.testing.storm.auditors import AUDITORS, Convergence, Finding
from topstepx.testing.storm.auditors.books import DECIDED_WITHIN_S, SESSION_WITHIN_S
from topstepx.testing.storm.options import swarm
from topstepx.testing.storm.others import one_more_order
from topstepx.testing.storm.trader import Trader
from topstepx.testing.storm.weather import Weather
from topstepx.testing.storm.world import World

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from topstepx.core.mode import ActiveCause
    from topstepx.events import Flattened, FlattenFailed
    from topstepx.testing.storm.auditors import Auditor
    from topstepx.testing.storm.options import Options
    from topstepx.testing.storm.trace import Trace
    from topstepx.testing.storm.world import Life

TROUBLES = {
    **request_troubles.TROUBLES,
    **stream_troubles.TROUBLES,
    **world_troubles.TROUBLES,
}
_AGAIN_S = 5.0
_FREE_WITHIN_S = 75.0
"""A window of the request budget, which the trader may have used up, and a moment."""
_REST_S = 150.0
_END_S = 120.0
_LIMIT_S = 6 * 3600.0


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
    loop = VirtualLoop(seed=options.seed if options.shuffled else None, limit_s=_LIMIT_S)
    began = time.process_time()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        director = Director(options, auditors)
        try:
            runner.run(director.run())
        except Stalled as error:
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
        truth, account_id = world.truth, world.account_id
        tags = truth.tags(account_id)
        counts["orders at the venue"] = len(truth.orders(account_id))
        counts["orders of ours"] = sum(truth.executions(account_id, tag) for tag in tags)
        counts["trades"] = len(truth.trades(account_id))
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
            try:
                await self._storm()
                world.trace.note("director", "calm")
                await self._calm()
                world.trace.note("director", "end")
                await self._end(supervisor)
            finally:
                for task in (looking, supervisor):
                    task.cancel()
                await asyncio.wait({looking, supervisor})
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
        await asyncio.sleep(max(0.0, self._weather.held_until_s - self.world.now_s()))
        convergence = next((one for one in self._auditors if isinstance(one, Convergence)), None)
        await self._release_session(life)
        if convergence is not None:
            await self._level(convergence, life)
            await self._hears(convergence, life)
        if self._trader is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_REST_S):
                    await self._trader.rest()
        await _until(lambda: not life.ledger.open_intents(), DECIDED_WITHIN_S)
        await asyncio.sleep(5.0)
        if convergence is not None:  # a report that came late may have put it out of level again
            await self._level(convergence, life)
        for auditor in self._auditors:
            auditor.calm(life)
        await self._flatten(life)

    async def _running(self) -> Life | None:
        """The run that is ready to trade, once there is one."""
        ends_s = self.world.now_s() + SESSION_WITHIN_S
        while self.world.now_s() < ends_s:
            life = self.world.life
            leaving = self._leave.is_set()
            if life is not None and life.began.is_set() and not leaving:
                return life
            await asyncio.sleep(0.5)
        return None

    async def _release_session(self, life: Life) -> None:
        """A session that others fought over stays down until a person releases it: one does.

        Without that a token that ended in the fight is not renewed, and nothing can be read.
        """
        if life.client.health().session is not Session.CONTESTED:
            return
        self.world.trace.note("director", "a person releases the contested session", count="fights")
        with contextlib.suppress(TopstepxError):
            await life.client.resume(released_by="the storm's person")

    async def _level(self, convergence: Convergence, life: Life) -> None:
        """Wait until the books are level; the clock of the promise runs while the session is good."""
        began_s = self.world.now_s()
        await _until(lambda: _reaches(life), SESSION_WITHIN_S)
        since_s = self.world.now_s()
        while not convergence.level(life, since_s):
            await asyncio.sleep(0.5)
            if not _reaches(life) and self.world.now_s() < began_s + SESSION_WITHIN_S:
                since_s = self.world.now_s()
        took_s = self.world.now_s() - began_s
        self.world.trace.note("director", f"level after {took_s:.1f} s")
        self.world.peak("seconds until level", round(took_s))

    async def _hears(self, convergence: Convergence, life: Life) -> None:
        """Somebody else acts once more in the calm: a client whose hub is back hears of it."""
        await _until(lambda: _is_live(life), _FREE_WITHIN_S)
        await _until(lambda: _reaches(life), SESSION_WITHIN_S)
        was_live = _is_live(life)
        order_id, since_s = one_more_order(self.world), self.world.now_s()
        await _until(lambda: convergence.level(life, since_s), math.inf)
        if was_live and _is_live(life):
            convergence.heard_of(order_id)

    async def _flatten(self, life: Life) -> None:
        """A person looks, releases what is latched, and takes the account flat."""
        client, result = life.client, None
        try:
            await client.resume(life.account, released_by="the storm's person")
            result = await client.flatten(life.account)
        except TopstepxError as error:
            self.world.trace.note("director", f"the flatten raised {error!r}")
        self._flattened(life, result)
        await _until(lambda: not _causes(life), _FREE_WITHIN_S)
        if causes := _causes(life):
            self.finding(
                "Convergence",
                f"not free to trade in the calm: {[str(one.reason) for one in causes]}",
            )

    def _flattened(self, life: Life, result: Flattened | FlattenFailed | None) -> None:
        for auditor in self._auditors:
            auditor.flattened(life, result)

    async def _end(self, supervisor: asyncio.Task[None]) -> None:
        """Leave in order, and look at what is left."""
        self._ending = True
        self._leave.set()
        _, waiting = await asyncio.wait({supervisor}, timeout=_END_S)
        if waiting:
            self.finding("Bounds", f"the client was not left within {_END_S:g} s")
        elif (error := supervisor.exception()) is not None:
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
        """One run after another, as a supervisor on the trader's computer would."""
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
            await asyncio.sleep(self._chance.uniform(0.1, _AGAIN_S))

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
            await _until(lambda: leaving.done() or not self._storming, math.inf)
            trading.cancel()
            await asyncio.wait({trading})
        await asyncio.wait({leaving})
        await self._left(life)

    async def _left(self, life: Life) -> None:
        try:
            await life.end()
        except TopstepxError as error:
            self.world.trace.note("program", f"leaving raised {error!r}", count="bad ends")


def _reaches(life: Life) -> bool:
    """Whether the client has a session, and neither breaker nor budget keeps it from reading."""
    health = life.client.health()
    lanes = [bucket.lanes.get(Lane.RECONCILE) for bucket in health.budgets]
    dry = any(lane is not None and lane.reason for lane in lanes)
    shut = any(one.state is not State.CLOSED for one in health.breakers)
    return health.session is Session.GOOD and not shut and not dry


async def _until(check: Callable[[], bool], within_s: float) -> None:
    """Wait until something holds, or for so long."""
    with contextlib.suppress(AssertionError):
        await eventually(check, timeout_s=within_s, every_s=0.5)


def _is_live(life: Life) -> bool:
    return life.client.health().user_hub is LinkState.LIVE


def _causes(life: Life) -> tuple[ActiveCause, ...]:
    return life.ledger.modes.causes(life.account.id, everything=True)
