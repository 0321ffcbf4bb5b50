"""The world of a storm: one gateway that outlives everything, and one client run after another.

A run (`Life`) can end in order or *crash*: not one more byte leaves, uncommitted rows of the journal are
lost, its tasks are gone, and the next run begins on what the disk had.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from topstepx.client import Client
from topstepx.clock import NANOSECONDS
from topstepx.core.logins import PER_WINDOW, next_login_ns
from topstepx.ports import Ports
from topstepx.settings import Credentials, Limits, Secret, Settings, simulator_environment
from topstepx.sim.catalogue import ACCOUNTS
from topstepx.sim.gateway import Gateway
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.loop import LoopClock, VirtualLoop
from topstepx.testing.memory import MemoryGateway, MemoryRest, Network
from topstepx.testing.memory_hubs import MemoryHubs
from topstepx.testing.pair import START
from topstepx.testing.storm.notebook import Notebook
from topstepx.testing.storm.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from datetime import datetime
    from types import TracebackType

    from topstepx.core.ledger import Change, Ledger
    from topstepx.desk.accounts import Account
    from topstepx.desk.contracts import Contract
    from topstepx.events import Event
    from topstepx.sim.venue import Truth
    from topstepx.testing.storm.options import Options

ACCOUNT = "PRAC-V2-600001-47190001"
ROOT = "MNQ"
INSTALLATION = "STXRMSTX"
"""The name that begins the tags of every run: one computer."""

_MARKET_STEP_S = 0.25


class MemoryLogins:
    """The log of logins that outlives a crash: the twin of the file."""

    def __init__(self, clock: LoopClock) -> None:
        self._clock = clock
        self._past: deque[int] = deque(maxlen=PER_WINDOW)

    def claim(self, *, exit_waits: bool) -> float:
        """See `LoginLog.claim`."""
        now_ns = self._clock.monotonic_ns()
        wait_ns = next_login_ns(self._past, exit_waits=exit_waits) - now_ns
        if wait_ns > 0:
            return wait_ns / NANOSECONDS
        self._past.append(now_ns)
        return 0.0

    def take_back(self) -> None:
        """See `LoginLog.take_back`."""
        if self._past:
            self._past.pop()


class Logs(logging.Handler):
    """Every log record of the library, as a user's handler would print it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self._before: tuple[list[logging.Handler], bool] = [], True
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))

    def listen(self) -> None:
        """Take the place of every other handler: a storm complains a lot."""
        logger = logging.getLogger("topstepx")
        self._before = logger.handlers, logger.propagate
        logger.handlers, logger.propagate = [self], False

    def leave(self) -> None:
        """Give the place back."""
        logger = logging.getLogger("topstepx")
        logger.handlers, logger.propagate = self._before

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line."""
        self.lines.append(self.format(record))


class Life:
    """One run of the client, from its start to its end or crash."""

    def __init__(self, world: World, number: int) -> None:
        self.world, self.number = world, number
        self.rest = MemoryRest(world.memory)
        self.hubs = MemoryHubs(world.memory)
        self.journal = world.journal
        self.client = world.client(self)
        self.account: Account
        self.contract: Contract
        self.over = False
        self.entered = False
        self.began = asyncio.Event()
        """Set when it is ready to trade."""
        self.began_s = world.now_s()
        self.facts = 0
        self.client._record.listen(self._heard)  # noqa: SLF001  the auditors look inside on purpose

    @property
    def ledger(self) -> Ledger:
        """What this run believes."""
        return self.client._record.ledger  # noqa: SLF001  the auditors look inside on purpose

    def _heard(self, event: Event, changes: tuple[Change, ...]) -> None:
        if self.over:
            return
        self.facts += 1
        self.world.trace.note(f"client{self.number}", event, count=event.kind)
        for listener in self.world.listeners:
            listener(self, event, changes)

    async def begin(self) -> None:
        """Log in, and open the account for orders."""
        await self.client.__aenter__()
        self.entered = True
        self.account = await self.client.accounts.exact(ACCOUNT)
        self.contract = await self.client.contracts.front(ROOT)
        await self.client.ready(self.account)
        self.began.set()

    async def end(self) -> None:
        """Leave in order."""
        if self.entered:
            await self.client.__aexit__(None, None, None)

    def pending_rows(self) -> int:
        """How many rows wait for the disk."""
        commits = self.journal._commits  # noqa: SLF001  the auditors look inside on purpose
        return len(commits._pending) if commits is not None else 0  # noqa: SLF001  the same

    def die(self) -> int:
        """The process is gone; gives the number of rows that never reached the disk."""
        lost = self.pending_rows()
        self.over = True
        self.rest.die()
        self.hubs.die()
        self.world.journal = self.journal.crash()
        return lost


class World:
    """Everything but the client; use it as a context manager on a virtual loop."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._random = random.Random(f"world {options.seed}")  # noqa: S311  repeatable chance
        self.gateway = Gateway.build(at=START, seed=options.seed, limited=options.limited, rate=0.1)
        self.account_id = next(one.id for one in ACCOUNTS if one.name == ACCOUNT)
        listing = self.gateway.market.catalogue.front(ROOT, now=START)
        self.contract_id, self.tick = listing.id, listing.tick_size
        self.network = Network(
            latency_s=options.latency_s,
            jitter_s=options.jitter_s,
            chance=random.Random(f"network {options.seed}").random,  # noqa: S311  repeatable chance
        )
        self.journal = MemoryJournal(write_s=options.write_s)
        self.notebook = Notebook()
        self.calm = False
        """Whether the troubles are over, and a person looks after the client."""
        self.listeners: list[Callable[[Life, Event, tuple[Change, ...]], None]] = []
        self.lives: list[Life] = []
        self.tokens: set[str] = set()
        self._overhear()
        self.logs = Logs()
        self._keepers: set[asyncio.Task[Any]] = set()
        self._loop: VirtualLoop
        self.memory: MemoryGateway
        self.clock: LoopClock
        self.trace: Trace
        self.logins: MemoryLogins

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)  # noqa: S101  storms have no other time
        self._loop = loop
        self.trace = Trace(loop.time)
        before = asyncio.all_tasks()
        self.memory = MemoryGateway(self.gateway, self.network, market_step_s=_MARKET_STEP_S)
        await self.memory.__aenter__()
        self._keepers = set(asyncio.all_tasks()) | before
        self.clock = LoopClock(start=self.memory.now())
        self.logins = MemoryLogins(self.clock)
        self.logs.listen()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.logs.leave()
        await self.memory.__aexit__(kind, error, traceback)

    def _overhear(self) -> None:
        """Remember every token that the gateway gives out, so that it can be searched for."""
        office = self.gateway.tokens
        mint = office._mint  # noqa: SLF001  an ear, for the auditor of secrets

        def minted(user_name: str, now: datetime) -> str:
            token = mint(user_name, now)
            self.tokens.add(token)
            return token

        office._mint = minted  # type: ignore[method-assign]  # noqa: SLF001  the same

    # ------------------------------------------------------------ looking

    def now_s(self) -> float:
        """Virtual seconds since the start."""
        return self._loop.time()

    @property
    def truth(self) -> Truth:
        """The venue's own books."""
        return self.gateway.venue.truth

    @property
    def life(self) -> Life | None:
        """The run that is going on; None between two."""
        return self.lives[-1] if self.lives and not self.lives[-1].over else None

    def price(self) -> Decimal:
        """The best bid, rounded down to a whole point."""
        self.gateway.market.start(self.contract_id, self.memory.now())
        bid = self.gateway.feed.top(self.contract_id).bid
        return Decimal(int(bid or 0))

    @property
    def timers(self) -> int:
        """How many timers wait on the loop."""
        waiting: list[asyncio.TimerHandle] = self._loop._scheduled  # type: ignore[attr-defined]  # noqa: SLF001  private in the stock loop
        return sum(not timer.cancelled() for timer in waiting)

    def strangers(self) -> list[asyncio.Task[Any]]:
        """Every task that is not the world's own: the client's and its user's."""
        mine = self._keepers | {asyncio.current_task()}
        return sorted(
            (task for task in asyncio.all_tasks() if task not in mine), key=asyncio.Task.get_name
        )

    def problems(self) -> list[str]:
        """What the loop was told and nobody looked at."""
        return [f"{one.get('message')} {one.get('exception')!r}" for one in self._loop.problems]

    def peak(self, name: str, value: int) -> None:
        """Remember the most there ever was of something."""
        counts = self.trace.counts
        counts[f"most {name}"] = max(counts[f"most {name}"], value)

    # ------------------------------------------------------------ runs of the client

    def keep(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """A task of the world's own, which no crash takes away."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._keepers.add(task)
        return task

    def client(self, life: Life) -> Client:
        """A client like the one a trader would make, on this world's network, clock and disk."""
        gateway, options = self.gateway, self.options
        credentials = Credentials(
            gateway.user_name, Secret(gateway.api_key), "the simulated gateway"
        )
        chance = random.Random(f"client {options.seed} {life.number}")  # noqa: S311  repeatable chance
        ports = Ports(
            life.rest,
            life.hubs,
            clock=self.clock,
            journal=life.journal,
            installation=INSTALLATION,
            jitter=chance.random,
            chance=chance.randbytes,
            logins=self.logins,
        )
        settings = Settings(
            environment=simulator_environment("http://127.0.0.1:1"),
            limits=Limits(contracts_max=options.contracts_max),
        )
        return Client(settings, credentials, ports)

    def new_life(self) -> Life:
        """The next run; `begin` it."""
        life = Life(self, len(self.lives) + 1)
        self.lives.append(life)
        self.trace.note("world", f"run {life.number} starts", count="runs")
        return life

    async def crash(self) -> None:
        """End the run that is going on, this instant."""
        life = self.life
        if life is None:
            return
        lost = life.die()
        self.trace.note(
            "world", f"run {life.number} crashed, {lost} rows lost", count="runs crashed"
        )
        self.trace.counts["rows lost"] += lost
        await self.sweep()

    async def sweep(self) -> None:
        """Take away every task that is not the world's own."""
        left = self.strangers()
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
        self._loop.problems.clear()  # what dying tasks complain about is nobody's fault
