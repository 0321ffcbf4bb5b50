"""What really happened, for auditors: never delayed, never hidden, nothing forgotten.

The venue writes it down as it happens; tests and storms compare it with what a client believes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from topstepx.wire.enums import OrderStatus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from decimal import Decimal

    from topstepx.sim.venue.accounts import VenueAccount
    from topstepx.sim.venue.orders import Order
    from topstepx.sim.venue.positions import Position
    from topstepx.wire.models import Envelope, OrderModel, PositionModel, Request, TradeModel


@dataclass(frozen=True, slots=True)
class Transition:
    """One step of one order; `before` equals `after` for a partial fill or a modification."""

    order_id: int
    before: OrderStatus
    after: OrderStatus
    fill_volume: int
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class RequestSeen:
    """One mutating request that reached the venue, and what it answered."""

    verb: str
    request: Request
    answer: Envelope
    origin: str
    at: datetime


class Truth:
    """The venue's own record. Its methods only read; `note_*` belong to the venue."""

    def __init__(
        self,
        accounts: Mapping[int, VenueAccount],
        orders: Mapping[int, Order],
        positions: Mapping[tuple[int, str], Position],
    ) -> None:
        self._accounts, self._orders, self._positions = accounts, orders, positions
        self.transitions: list[Transition] = []
        self.requests: list[RequestSeen] = []
        self.all_trades: list[TradeModel] = []
        self._place_of_trade: dict[int, int] = {}
        self.all_placed: dict[tuple[int, str], list[int]] = defaultdict(list)
        self.order_versions: dict[int, list[tuple[datetime, OrderModel]]] = defaultdict(list)
        self.position_versions: dict[tuple[int, str], list[tuple[datetime, PositionModel]]] = (
            defaultdict(list)
        )

    # ---------------------------------------------------------------- asked by auditors

    def placed(self, account_id: int, tag: str) -> tuple[int, ...]:
        """The ids of all orders that requests with this tag created, rejected ones too."""
        return tuple(self.all_placed.get((account_id, tag), ()))

    def executions(self, account_id: int, tag: str, *, origin: str = "api") -> int:
        """How many orders with this tag were accepted; at most once means at most 1."""
        return sum(
            self._orders[order_id].origin == origin
            and self._orders[order_id].status is not OrderStatus.REJECTED
            for order_id in self.placed(account_id, tag)
        )

    def tags(self, account_id: int) -> tuple[str, ...]:
        """Every tag that requests for this account used, in order of first use."""
        return tuple(tag for owner, tag in self.all_placed if owner == account_id)

    def order(self, order_id: int) -> OrderModel:
        """One order as it is now; KeyError if there is none."""
        return self._orders[order_id].model()

    def orders(self, account_id: int) -> list[OrderModel]:
        """Every order of the account, oldest first."""
        return [o.model() for o in self._orders.values() if o.account_id == account_id]

    def working(self, account_id: int) -> list[OrderModel]:
        """The orders that live: open, pending, suspended, being cancelled."""
        return [order for order in self.orders(account_id) if order.status.is_working]

    def history(self, order_id: int) -> list[Transition]:
        """The life of one order."""
        return [step for step in self.transitions if step.order_id == order_id]

    def trades(self, account_id: int) -> list[TradeModel]:
        """Every half-turn of the account, oldest first, voided ones included."""
        return [trade for trade in self.all_trades if trade.account_id == account_id]

    def net_size(self, account_id: int, contract_id: str) -> int:
        """Contracts held: positive long, negative short, 0 flat."""
        position = self._positions.get((account_id, contract_id))
        return position.size if position else 0

    def positions(self, account_id: int) -> list[PositionModel]:
        """The open positions of the account."""
        return [
            position.model()
            for (owner, _), position in self._positions.items()
            if owner == account_id and position.size
        ]

    def balance(self, account_id: int) -> Decimal:
        """The account's cash."""
        return self._accounts[account_id].balance

    # ---------------------------------------------------------------- the world some time ago

    def order_at(self, order_id: int, moment: datetime) -> OrderModel | None:
        """The order as it was at that moment; None when it did not exist yet."""
        versions = self.order_versions[order_id]
        index = bisect_right(versions, moment, key=lambda version: version[0])
        return versions[index - 1][1] if index else None

    def positions_at(self, account_id: int, moment: datetime) -> list[PositionModel]:
        """The open positions of the account at that moment."""
        found = []
        for (owner, _), versions in self.position_versions.items():
            index = bisect_right(versions, moment, key=lambda version: version[0])
            if owner == account_id and index and versions[index - 1][1].size:
                found.append(versions[index - 1][1])
        return found

    # ---------------------------------------------------------------- written by the venue

    def note_request(
        self, verb: str, request: Request, answer: Envelope, origin: str, at: datetime
    ) -> None:
        """A mutating request was answered."""
        self.requests.append(RequestSeen(verb, request, answer, origin, at))

    def note_placed(self, account_id: int, tag: str, order_id: int) -> None:
        """A place request with this tag created this order."""
        self.all_placed[account_id, tag].append(order_id)

    def note_step(self, order: Order, before: OrderStatus, at: datetime, reason: str) -> None:
        """An order changed."""
        self.transitions.append(
            Transition(order.id, before, order.status, order.fill_volume, at, reason)
        )

    def note_order(self, model: OrderModel, at: datetime) -> None:
        """An order looks like this from now on."""
        self.order_versions[model.id].append((at, model))

    def note_position(self, model: PositionModel, at: datetime) -> None:
        """A position looks like this from now on."""
        self.position_versions[model.account_id, model.contract_id].append((at, model))

    def note_trade(self, trade: TradeModel) -> None:
        """A half-turn happened, or is corrected when its id is known."""
        place = self._place_of_trade.setdefault(trade.id, len(self.all_trades))
        if place == len(self.all_trades):
            self.all_trades.append(trade)
        else:
            self.all_trades[place] = trade

    def trade(self, trade_id: int) -> TradeModel:
        """One half-turn; KeyError if there is none."""
        return self.all_trades[self._place_of_trade[trade_id]]
