"""Everything that moves money, put together: the one place where orders and exits are built.

The parts are told apart by what they are asked: `orders` and `positions` by the trader, `flattener` by
whoever wants out, and the rest listens to the record and looks after what was begun.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from topstepx.desk.account_watch import AccountWatch
from topstepx.desk.accounting import Accounting
from topstepx.desk.cancelling import Cancelling
from topstepx.desk.carrying_on import CarryingOn
from topstepx.desk.evidence import Evidence
from topstepx.desk.exits import Exits
from topstepx.desk.fitting import Fitting
from topstepx.desk.flatten import Flattener
from topstepx.desk.large_exits import LargeExits
from topstepx.desk.late_legs import LateLegs
from topstepx.desk.left_legs import LeftLegs
from topstepx.desk.legs import LegPrices
from topstepx.desk.lives import Lives
from topstepx.desk.order_changes import OrderChanges
from topstepx.desk.orders import Orders
from topstepx.desk.positions import Positions
from topstepx.desk.protection import Protection
from topstepx.desk.reading import Reader
from topstepx.desk.reducing import Means
from topstepx.desk.remainder import Remainders
from topstepx.desk.resending import Resending
from topstepx.desk.resolver import Resolver
from topstepx.desk.room import Room
from topstepx.desk.settling import Settling
from topstepx.desk.sightings import Sightings
from topstepx.desk.write import Writer

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine

    from topstepx.clock import Clock
    from topstepx.desk.accounts import Accounts
    from topstepx.desk.contracts import Contracts
    from topstepx.desk.record import Record
    from topstepx.desk.recovery import Recovery
    from topstepx.desk.tasks import Tasks
    from topstepx.desk.write import Intent
    from topstepx.net.rest import Rest
    from topstepx.settings import Settings


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the trading parts stand on."""

    record: Record
    rest: Rest
    clock: Clock
    settings: Settings
    accounts: Accounts
    contracts: Contracts
    recovery: Recovery
    tasks: Tasks
    send: Callable[[Coroutine[Any, Any, Any], str], asyncio.Task[Any]]
    """Starts a sending: a task that the client lets finish when it closes."""
    chance: Callable[[int], bytes]
    installation: str | None
    last_look: Callable[[Intent], None]
    epoch: Callable[[int], int]


class Trading:
    """The parts, built and wired."""

    def __init__(self, around: Surroundings) -> None:
        record, settings, clock = around.record, around.settings, around.clock
        self._tasks = around.tasks
        self.reader = Reader(around.rest, record, settings)
        # The lives of orders are told first: whoever listens next sees the steps in order.
        self.lives = Lives(record)
        self.resolver = Resolver(
            record,
            Evidence(self.reader, record),
            clock,
            spawn=around.tasks.spawn,
            cancel=self._cancel_found,
        )
        self.sightings = Sightings(record, self.resolver)
        self.settling = Settling(record)
        writer = Writer(
            record,
            around.rest,
            clock,
            chance=around.chance,
            spawn=around.send,
            unknown=self.resolver.start,
            installation=around.installation,
            last_look=around.last_look,
            epoch=around.epoch,
            lost=self._lost,
        )
        self._open_exits(around, writer)
        self.orders = Orders(
            around.accounts,
            around.contracts,
            record,
            around.recovery,
            writer,
            self.resolver,
            around.rest,
            self.lives,
            settings,
        )
        if settings.send_lost_again:
            self.resolver.resending = Resending(self.orders, record, writer)
        self.orders.changes = OrderChanges(
            self.orders,
            record,
            writer,
            self.resolver,
            self.cancelling,
            self.settling,
            self.reader,
            settings,
            spawn=self._quietly,
        )
        self.large_exits = LargeExits(record, self.reader, spawn=around.tasks.spawn)
        self.positions = self._positions(around)
        self._look_after(around)

    def _open_exits(self, around: Surroundings, writer: Writer) -> None:
        """What cancels and closes."""
        record, settings, clock = around.record, around.settings, around.clock
        self.exits = Exits(writer, record, settings)
        self.cancelling = Cancelling(
            self.exits,
            self.reader,
            record,
            spawn=self._quietly,
            refused=self.settling.cancel_refused,
        )
        self.flattener = Flattener(
            self.exits,
            self.reader,
            record,
            clock,
            spawn=self._quietly,
            give_up=lambda intent_id, account_id: self._quietly(
                self.resolver.want_cancelled(intent_id, account_id), f"give up {intent_id}"
            ),
            most=settings.limits.contracts_max,
        )

    def _positions(self, around: Surroundings) -> Positions:
        record, settings = around.record, around.settings
        means = Means(
            exits=self.exits,
            reader=self.reader,
            record=record,
            resolver=self.resolver,
            room=Room(record, self.cancelling, settings),
            fitting=Fitting(
                record, self.orders, self.cancelling, self.large_exits, spawn=self._quietly
            ),
            resolve_s=settings.timeouts.resolve_s,
        )
        return Positions(
            around.accounts,
            around.contracts,
            self.orders,
            record,
            self.flattener,
            means,
            spawn=self._quietly,
        )

    def _look_after(self, around: Surroundings) -> None:
        """What listens to the record and cares for what was begun."""
        record, spawn = around.record, around.tasks.spawn
        self.accounting = Accounting(record, self.reader, spawn=spawn)
        self.orders.accounted = self.accounting.is_settled
        self.remainders = Remainders(
            record, self.orders, server_now=around.rest.server_now, spawn=spawn
        )
        self.legs = LegPrices(record, self.orders, spawn=spawn)
        self.protection = Protection(
            record, self.reader, self.orders, self.flattener, around.settings, spawn=spawn
        )
        self.left_legs = LeftLegs(record, self.reader, spawn=spawn)
        self.carrying_on = CarryingOn(
            record,
            self.resolver,
            self.remainders,
            self.legs,
            self.protection,
            left_legs=self.left_legs,
            large_exits=self.large_exits,
        )
        self.account_watch = AccountWatch(record)
        self.late_legs = LateLegs(record, self.cancelling.insist)

    @property
    def problems(self) -> tuple[str, ...]:
        """What stands beside a position, or without one, and should not; in words."""
        return (*self.left_legs.problems, *self.large_exits.problems)

    def _quietly(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """A task whose error is for whoever waits for it."""
        return self._tasks.spawn(work, name, watched=False)

    def _lost(self, intent: Intent, send_by_ns: int) -> None:
        """An order's answer was lost: it may be sent again, if that is wanted at all."""
        if self.resolver.resending is not None:
            self.resolver.resending.lost(intent, send_by_ns)

    async def _cancel_found(self, account_id: int, order_id: int, contract_id: str) -> None:
        await self.cancelling.insist(account_id, order_id, contract_id)
