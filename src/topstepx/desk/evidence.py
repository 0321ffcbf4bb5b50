"""Looking for an order whose answer was lost: one complete look at everything that could show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from topstepx.core.lanes import Lane
from topstepx.core.moot import shown_flat
from topstepx.core.ownership import intent_of
from topstepx.core.resolve import Round, tags_are_shown
from topstepx.errors import TopstepxError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from topstepx.core.ledger import Ledger
    from topstepx.desk.reading import Reader
    from topstepx.desk.record import Record
    from topstepx.wire.models import OrderModel, TradeModel

_BY_ID_MAX = 5
_CLOCKS_DIFFER = timedelta(seconds=5)


class Baseline(msgspec.Struct, frozen=True):
    """What was known of a contract's position when an intent was sent; None: nothing."""

    net: int
    trade_count: int
    """How many trades were known: made for every order and nearly never used, so it is only counted."""
    at: datetime


def baseline_of(ledger: Ledger, account_id: int, contract_id: str, at: datetime) -> Baseline | None:
    """What is known now; `at` is the gateway's clock."""
    position = ledger.position(account_id, contract_id)
    if position is None or position.net is None:
        return None
    return Baseline(position.net, ledger.traded.count, at)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one look read, whoever asked for it; `began_ns` by the monotonic clock."""

    began_ns: int
    since: datetime
    orders: tuple[OrderModel, ...]
    trades: tuple[TradeModel, ...] | None
    """None: they could not be read, or the position could not."""
    flat: str | None
    problem: str


class Evidence:
    """Reads orders, trades and positions since a moment, into the ledger and into a `Round`."""

    def __init__(self, reader: Reader, record: Record) -> None:
        self._reader = reader
        self._record = record

    async def look(
        self,
        account_id: int,
        contract_id: str,
        since: datetime,
        *,
        claimed: frozenset[int] = frozenset(),
        siblings: int = 0,
        baseline: Baseline | None = None,
        lane: Lane = Lane.RESOLVE,
    ) -> Round:
        """One round. What cannot be read makes it incomplete; it never makes it empty."""
        reading = await self.read(account_id, contract_id, since, lane=lane)
        return self.round_of(
            account_id,
            contract_id,
            reading,
            claimed=claimed,
            siblings=siblings,
            baseline=baseline,
        )

    async def read(
        self, account_id: int, contract_id: str, since: datetime, *, lane: Lane = Lane.RESOLVE
    ) -> Reading:
        """Everything once: orders, trades and positions."""
        orders: tuple[OrderModel, ...] = ()
        trades: tuple[TradeModel, ...] | None = None
        problems: list[str] = []
        began, began_ns = self._record.stamp(), self._record.now_ns()
        # Orders first: a trade whose order is not among them is then not explained.
        try:
            orders = await self._reader.orders_since(account_id, since, lane=lane)
        except TopstepxError as error:
            problems.append(str(error))
        try:
            read = await self._reader.trades_since(account_id, since, lane=lane)
            await self._reader.positions(account_id, lane=lane)
            orders = await self._with_traded(account_id, contract_id, orders, read, lane)
            trades = read
        except TopstepxError as error:
            problems.append(str(error))
        flat = shown_flat(self._record.ledger, account_id, contract_id, after=began)
        return Reading(began_ns, since, orders, trades, flat, "; ".join(problems))

    def round_of(
        self,
        account_id: int,
        contract_id: str,
        reading: Reading,
        *,
        claimed: frozenset[int] = frozenset(),
        siblings: int = 0,
        baseline: Baseline | None = None,
    ) -> Round:
        """What a reading says to one search."""
        known = {order.id for order in reading.orders}
        return Round(
            flat=reading.flat,
            complete=not reading.problem,
            orders=reading.orders,
            claimed=claimed,
            siblings=siblings,
            unexplained=reading.trades is not None
            and self._is_unexplained(account_id, contract_id, reading.trades, known, baseline),
            tags_shown=tags_are_shown(reading.orders, self._tagged(reading.orders)),
            problem=reading.problem,
        )

    async def _with_traded(
        self,
        account_id: int,
        contract_id: str,
        orders: tuple[OrderModel, ...],
        trades: tuple[TradeModel, ...],
        lane: Lane,
    ) -> tuple[OrderModel, ...]:
        """The orders, and those that only their trades betray: lists may lag behind them."""
        known = {order.id for order in orders}
        strange = {
            trade.order_id
            for trade in trades
            if trade.contract_id == contract_id and trade.order_id not in known
            if self._record.ledger.order(trade.order_id) is None
        }
        found = []
        for order_id in sorted(strange)[:_BY_ID_MAX]:
            order = await self._reader.order(account_id, order_id, lane=lane)
            if order is not None:
                found.append(order)
        return (*orders, *found)

    def _tagged(self, orders: Iterable[OrderModel]) -> frozenset[int]:
        """The orders that we know to have been placed with a tag."""
        found = set()
        for order in orders:
            intent = intent_of(self._record.ledger, order)
            if intent is not None and intent.recorded is not None and intent.recorded.tag:
                found.add(order.id)
        return frozenset(found)

    def _is_unexplained(
        self,
        account_id: int,
        contract_id: str,
        trades: tuple[TradeModel, ...],
        known: set[int],
        baseline: Baseline | None,
    ) -> bool:
        """Whether a trade has no order, or the position moved further than the trades say."""
        ledger = self._record.ledger
        mine = [trade for trade in trades if trade.contract_id == contract_id]
        if any(
            trade.order_id not in known and ledger.order(trade.order_id) is None for trade in mine
        ):
            return True
        position = ledger.position(account_id, contract_id)
        if baseline is None or position is None or position.net is None:
            return False
        live = [trade for trade in mine if not trade.voided]
        told = ledger.traded.first(baseline.trade_count)
        # Where exactly the line between before and after lies is not known, so every place counts.
        sums = {
            0,
            _net(trade for trade in live if trade.id not in told),
            _net(trade for trade in live if trade.creation_timestamp >= baseline.at),
            _net(
                trade for trade in live if trade.creation_timestamp >= baseline.at - _CLOCKS_DIFFER
            ),
        }
        if any(trade.voided for trade in mine):
            return False
        return position.net - baseline.net not in sums


def _net(trades: Iterable[TradeModel]) -> int:
    return sum(trade.side.sign * trade.size for trade in trades)
