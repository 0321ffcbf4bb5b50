"""The world of a storm: one gateway that outlives everything, and one client run after another.

A run (`Life`) can end in order or *crash*: not one more byte leaves, uncommitted rows of the journal are
lost, its tasks are gone, and the next run begins on what the disk had.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import random
import weakref
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from topstepx.sim.gateway import Gateway
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.loop import LoopClock, VirtualLoop
from topstepx.testing.memory import MemoryGateway, Network
from topstepx.testing.storm.computer import Computer
from topstepx.testing.storm.conditions import accounts_of, beside_of, scenario_of, start_of
from topstepx.testing.storm.life import ROOT, Life
from topstepx.testing.storm.notebook import Notebook
from topstepx.testing.storm.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from datetime import datetime
    from types import TracebackType

    from topstepx.core.ledger import Change
    from topstepx.events import Event
    from topstepx.sim.venue import Truth
    from topstepx.testing.storm.options import Options

INSTALLATION, ELSEWHERE = "STXRMSTX", "ELSEWHER"
"""The names that begin the tags of every run: the trader's computer, and another one."""
FIRST_BESIDE = 101
"""Runs of a second client are numbered from here on."""

_MARKET_STEP_S = 0.25
_CUTS_S = 30.0
_WHOSE: contextvars.ContextVar[str] = contextvars.ContextVar("whose", default="")
"""Whose the tasks are that are made now: empty is the trader's program, which may crash."""


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


class World:
    """Everything but the client; use it as a context manager on a virtual loop."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._random = random.Random(f"world {options.seed}")  # noqa: S311  repeatable chance
        start = start_of(options.conditions)
        self.accounts = accounts_of(options.conditions)
        self.account_ids = tuple(one.id for one in self.accounts)
        self.account_id = self.account_ids[0]
        self.gateway = Gateway.build(
            at=start,
            seed=options.seed,
            limited=options.limited,
            rate=0.1,
            scenario=scenario_of(options.conditions),
        )
        policy = self.gateway.tokens.policy
        policy.life_s = options.conditions.get("short tokens", policy.life_s)
        listing = self.gateway.market.catalogue.front(ROOT, now=start)
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
        self.beside: list[Life] = []
        """The runs of a second client of the same user."""
        self.beside_book = Notebook("beside ")
        self.tokens: set[str] = set()
        self._overhear()
        self.logs = Logs()
        self._keepers: set[asyncio.Task[Any]] = set()
        self._owners: weakref.WeakKeyDictionary[asyncio.Task[Any], str] = (
            weakref.WeakKeyDictionary()
        )
        self._loop: VirtualLoop
        self.memory: MemoryGateway
        self.clock: LoopClock
        self.trace: Trace
        self.computer: Computer
        self.elsewhere: Computer

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)  # noqa: S101  storms have no other time
        self._loop = loop
        loop.set_task_factory(self._task)  # type: ignore[arg-type]  # the stubs know no keywords
        self.trace = Trace(loop.time)
        before = asyncio.all_tasks()
        self.memory = MemoryGateway(self.gateway, self.network, market_step_s=_MARKET_STEP_S)
        await self.memory.__aenter__()
        self._keepers = set(asyncio.all_tasks()) | before
        self.clock = LoopClock(start=self.memory.now())
        shares = beside_of(self.options.conditions) in {"exits beside", "reader beside"}
        self.computer = Computer(INSTALLATION, self.clock, shared=shares)
        self.elsewhere = Computer(ELSEWHERE, self.clock, shared=False)
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

    def _task(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Coroutine[Any, Any, Any],
        **how: Any,  # noqa: ANN401  what asyncio passes on
    ) -> asyncio.Task[Any]:
        """A task that knows whose it is: a crash takes those of one program."""
        task = asyncio.Task(work, loop=loop, **how)
        self._owners[task] = _WHOSE.get()
        return task

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

    @property
    def everyone(self) -> list[Life]:
        """Every run of every client."""
        return [*self.lives, *self.beside]

    @property
    def books(self) -> tuple[Notebook, ...]:
        """What every trader wrote down."""
        return self.notebook, self.beside_book

    def tags(self) -> list[tuple[int, str]]:
        """Every account and tag that requests came with."""
        return [(one, tag) for one in self.account_ids for tag in self.truth.tags(one)]

    @property
    def is_open(self) -> bool:
        """Whether the exchange trades the contract now."""
        self.gateway.market.start(self.contract_id, self.memory.now())
        return self.gateway.feed.state(self.contract_id) != "closed"

    def opens_in_s(self) -> float:
        """How long until the exchange opens next."""
        now = self.memory.now()
        product = self.gateway.market.catalogue.front(ROOT, now=now).product
        opens = self.gateway.feed.calendar.next_open(product, now)
        return (opens - now).total_seconds()

    def sleep(self, seconds: float) -> None:
        """The computer sleeps so long: no timer moves, and connections do not outlive a long sleep."""
        self.memory.suspended(seconds)
        self.clock.suspend(seconds)
        if seconds > _CUTS_S:
            self.network.cut_all("the computer slept")

    def may_trade(self, account_id: int) -> bool:
        """Whether the firm lets the account trade now."""
        return self.gateway.venue.floor.accounts[account_id].can_trade

    def some_account(self, chance: random.Random) -> int:
        """One of the accounts."""
        ids = self.account_ids
        return ids[0] if len(ids) == 1 else chance.choice(ids)

    def moved(self) -> None:
        """Something happened at the venue by another hand: it is told now."""
        self.gateway.advance(self.memory.now())
        if self.gateway.on_change is not None:
            self.gateway.on_change()

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

    def new_life(self) -> Life:
        """The next run; `begin` it."""
        number = len(self.lives) + 1
        life = Life(self, number, self.computer, self.journal, self.notebook)
        self.lives.append(life)
        self.trace.note("world", f"run {life.number} starts", count="runs")
        return life

    def new_beside(self, journal: MemoryJournal) -> Life:
        """The next run of the second client; `begin` it where `as_another` holds."""
        kind = beside_of(self.options.conditions)
        life = Life(
            self,
            FIRST_BESIDE + len(self.beside),
            self.elsewhere if kind == "trader beside" else self.computer,
            journal,
            self.beside_book,
            exits_only=kind == "exits beside",
        )
        self.beside.append(life)
        self.trace.note("world", f"run {life.number} ({kind}) starts", count="runs beside")
        return life

    @staticmethod
    def as_another() -> None:
        """What this task makes from now on belongs to the second client, and no crash takes it away."""
        _WHOSE.set("beside")

    async def crash(self) -> None:
        """End the run that is going on, this instant."""
        life = self.life
        if life is None:
            return
        lost = life.die()
        self.journal = life.journal.crash()
        self.trace.note(
            "world", f"run {life.number} crashed, {lost} rows lost", count="runs crashed"
        )
        self.trace.counts["rows lost"] += lost
        await self.sweep()

    async def sweep(self) -> None:
        """Take away every task of the trader's program."""
        left = [task for task in self.strangers() if not self._owners.get(task)]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
        self._loop.problems.clear()  # what dying tasks complain about is nobody's fault
