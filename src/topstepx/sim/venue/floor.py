"""What all parts of the venue share: the accounts, books, orders, positions, time and the outbox.

The floor keeps things and writes down what happens to them; what *should* happen is decided by the
parts above it (`checks`, `matching`, `fills`, `brackets`, ...).
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Literal

from topstepx.errors import TopstepxError
from topstepx.sim.venue.book import Book
from topstepx.sim.venue.faults import VenueFaults
from topstepx.sim.venue.orders import FINAL, Order
from topstepx.sim.venue.positions import Position
from topstepx.sim.venue.truth import Truth
from topstepx.wire.enums import OrderStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from topstepx.sim.switches import Switches
    from topstepx.sim.venue.accounts import VenueAccount
    from topstepx.sim.venue.contracts import VenueContract
    from topstepx.wire.models import AccountModel, OrderModel, PositionModel, TradeModel

EventKind = Literal["order", "trade", "position", "account"]
EVENT_TARGET: dict[EventKind, str] = {
    "order": "GatewayUserOrder",
    "trade": "GatewayUserTrade",
    "position": "GatewayUserPosition",
    "account": "GatewayUserAccount",
}
"""The hub event that carries each kind."""

# The `action` numbers as captured; what they mean is undocumented.
ACTION_TRADE = 0
ACTION_CHANGED = 1
ACTION_CLOSED = 2


class IllegalTransition(TopstepxError):
    """A part of the venue tried what the order table forbids: a bug in the simulator."""


class Step(Enum):
    """What a timer does to its order when it is due."""

    FILL = "take what the market offers"
    WAKE = "wake the legs"
    CANCEL = "finish the cancel"


@dataclass(frozen=True, slots=True)
class VenueEvent:
    """One thing that the user hub would tell, with the capture's `action` number."""

    kind: EventKind
    action: int
    account_id: int
    model: OrderModel | TradeModel | PositionModel | AccountModel
    at: datetime


class Floor:
    """The shared state of one venue."""

    def __init__(
        self,
        accounts: Iterable[VenueAccount],
        contracts: Iterable[VenueContract],
        switches: Switches,
        *,
        first_order_id: int,
        first_trade_id: int,
        first_position_id: int,
    ) -> None:
        self.switches = switches
        self.faults = VenueFaults()
        self.accounts = {account.id: account for account in accounts}
        self.books = {contract.id: Book(contract) for contract in contracts}
        self.orders: dict[int, Order] = {}
        self.orders_of: dict[int, list[Order]] = defaultdict(list)
        self.live_of: dict[int, dict[int, Order]] = defaultdict(dict)
        self.positions: dict[tuple[int, str], Position] = {}
        self.tags: set[tuple[int, str]] = set()
        self.closing: dict[tuple[int, str], int] = {}
        self.truth = Truth(self.accounts, self.orders, self.positions)
        self.now = datetime.min.replace(tzinfo=UTC)
        self._next_order_id = first_order_id
        self._next_trade_id = first_trade_id
        self._next_position_id = first_position_id
        self._outbox: list[VenueEvent] = []
        self.timers: list[tuple[datetime, int, Step, int]] = []
        self.timers_set = 0

    # ---------------------------------------------------------------- time

    def arrive_at(self, now: datetime) -> datetime:
        """Move the venue's time on; it never goes back, whatever clock drives it."""
        self.now = max(self.now, now)
        return self.now

    def schedule(self, step: Step, order: Order, delay_ms: int) -> None:
        """Do something to an order later; 0 is at the end of the present input."""
        at = self.now + timedelta(milliseconds=delay_ms)
        self.timers_set += 1
        heapq.heappush(self.timers, (at, self.timers_set, step, order.id))

    def next_due(self) -> datetime | None:
        """When the next timer is due."""
        return self.timers[0][0] if self.timers else None

    def pop_due(self, now: datetime) -> tuple[Step, Order] | None:
        """The next timer that is due by `now`, with the venue's time moved to it."""
        if not self.timers or self.timers[0][0] > now:
            return None
        at, _, step, order_id = heapq.heappop(self.timers)
        self.arrive_at(at)
        return step, self.orders[order_id]

    # ---------------------------------------------------------------- numbers

    def new_order_id(self) -> int:
        """The next order id; they are consecutive over all accounts."""
        self._next_order_id += 1
        return self._next_order_id - 1

    def new_trade_id(self) -> int:
        """The next trade id."""
        self._next_trade_id += 1
        return self._next_trade_id - 1

    def new_position_id(self) -> int:
        """The next position id; a position that opens again gets a new one."""
        self._next_position_id += 1
        return self._next_position_id - 1

    @property
    def next_ids(self) -> tuple[int, int, int]:
        """The ids that the next order, trade and position get."""
        return self._next_order_id, self._next_trade_id, self._next_position_id

    def resume(
        self,
        now: datetime,
        next_ids: tuple[int, int, int],
        timers_set: int,
        timers: list[tuple[datetime, int, Step, int]],
    ) -> None:
        """Go on from where another floor was."""
        self.arrive_at(now)
        self._next_order_id, self._next_trade_id, self._next_position_id = next_ids
        self.timers, self.timers_set = sorted(timers, key=lambda row: row[:2]), timers_set

    # ---------------------------------------------------------------- orders and positions

    def add(self, order: Order, status: OrderStatus, reason: str) -> None:
        """Take a new order in, in its first status."""
        self.orders[order.id] = order
        self.orders_of[order.account_id].append(order)
        self.live_of[order.account_id][order.id] = order
        if order.custom_tag is not None:
            self.tags.add((order.account_id, order.custom_tag))
        self.move(order, status, reason)

    def move(self, order: Order, status: OrderStatus, reason: str) -> None:
        """Give an order another status, by the table, and tell everybody."""
        before = order.status
        if not order.may_become(status):
            raise IllegalTransition(f"order {order.id}: {before.name} to {status.name} ({reason})")
        order.status = status
        if status in FINAL:
            self.books[order.contract_id].remove(order)
            self.live_of[order.account_id].pop(order.id, None)
        self.tell_order(order, before, reason)

    def tell_order(self, order: Order, before: OrderStatus, reason: str) -> None:
        """Write down and send what an order looks like now."""
        if before is not OrderStatus.NONE:
            order.updated = self.now
        model = order.model()
        self.truth.note_order(model, self.now)
        self.truth.note_step(order, before, self.now, reason)
        if not (self.faults.hide_legs and order.parent_order_id is not None):
            final = order.status in FINAL
            action = self.switches.final_order_action if final else ACTION_CHANGED
            self.send("order", action, order.account_id, model)

    def send(
        self,
        kind: EventKind,
        action: int,
        account_id: int,
        model: OrderModel | TradeModel | PositionModel | AccountModel,
    ) -> None:
        """Put an event into the outbox."""
        self._outbox.append(VenueEvent(kind, action, account_id, model, self.now))

    def tell_account(self, account: VenueAccount) -> None:
        """Send what an account looks like now."""
        self.send("account", ACTION_CHANGED, account.id, account.model())

    def tell_position(self, position: Position) -> None:
        """Write down and send what a position looks like now."""
        model = position.model()
        self.truth.note_position(model, self.now)
        action = ACTION_CHANGED if position.size else ACTION_CLOSED
        self.send("position", action, position.account_id, model)

    def position(self, account_id: int, contract_id: str) -> Position:
        """The account's position in the contract, flat when it never had one."""
        key = account_id, contract_id
        if key not in self.positions:
            self.positions[key] = Position(account_id, self.books[contract_id].contract)
        return self.positions[key]

    def take_events(self) -> list[VenueEvent]:
        """Everything that happened since the last call, in order."""
        events, self._outbox = self._outbox, []
        return events
