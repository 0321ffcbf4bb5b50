"""Reports of the hub in causal order: an order's fill is told before its trade, and no step is skipped.

The hub may swap, repeat or lose reports. A trade that comes before its order's report of it waits up to
two seconds for that report. A report whose fills jump by more than one contract waits for the trades that
say how they happened: after a quarter of a second the gateway should be asked (`wants_look`), and after
two seconds it is told without them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from topstepx.clock import NANOSECONDS
from topstepx.core.gap import Step, bridge, told_by_trades
from topstepx.wire.models import OrderModel, TradeModel

if TYPE_CHECKING:
    from topstepx.core.ledger import Ledger

TRADE_WAITS_NS = 2 * NANOSECONDS
ORDER_WAITS_NS = 2 * NANOSECONDS
LONGEST_WAIT_NS = max(TRADE_WAITS_NS, ORDER_WAITS_NS)
ASKS_AFTER_NS = NANOSECONDS // 4


@dataclass(slots=True)
class _Held:
    due_ns: int
    ask_ns: int | None = None
    orders: list[OrderModel] = field(default_factory=list)
    trades: dict[int, TradeModel] = field(default_factory=dict)


class Causal:
    """One for all orders of a client. What it gives must be committed before the next call."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._held: dict[int, _Held] = {}
        self._deadline: int | None = None
        self._is_stale = False
        """Whether the deadline has to be worked out anew."""

    def offer(self, step: Step, now_ns: int) -> tuple[Step, ...]:
        """What may be told now that this has come; empty while it must wait."""
        order_id = step.id if isinstance(step, OrderModel) else step.order_id
        held = self._held.get(order_id) if self._held else None
        if held is None and self._is_plain(step):
            return self._told(order_id, step)
        if held is None:
            waits_ns = ORDER_WAITS_NS if isinstance(step, OrderModel) else TRADE_WAITS_NS
            held = self._held[order_id] = _Held(now_ns + waits_ns)
        if isinstance(step, TradeModel):
            known = held.trades.get(step.id)
            if known is None or step.voided:
                held.trades[step.id] = step
        else:
            if not held.orders:
                held.ask_ns = now_ns + ASKS_AFTER_NS
            held.orders.append(step)
            held.due_ns = min(held.due_ns, now_ns + ORDER_WAITS_NS)
        if not self._is_stale:
            moments = (self._deadline, held.due_ns, held.ask_ns)
            self._deadline = min(moment for moment in moments if moment is not None)
        return self._release(order_id) if self._is_whole(order_id, held) else ()

    def deadline(self) -> int | None:
        """When `wants_look` and `tick` are due; None while nothing waits."""
        if self._is_stale:
            moments = [held.due_ns for held in self._held.values()]
            moments += [held.ask_ns for held in self._held.values() if held.ask_ns is not None]
            self._deadline, self._is_stale = min(moments, default=None), False
        return self._deadline

    def wants_look(self, now_ns: int) -> bool:
        """Whether a report waits for trades that the hub does not tell; says so once."""
        wants = False
        for held in self._held.values():
            if held.ask_ns is not None and held.ask_ns <= now_ns:
                held.ask_ns, wants = None, True
                self._is_stale = True
        return wants

    def tick(self, now_ns: int) -> tuple[Step, ...]:
        """What has waited long enough, of one order; call again until it is empty."""
        for order_id, held in self._held.items():
            if held.due_ns <= now_ns:
                return self._release(order_id)
        return ()

    def _is_plain(self, step: Step) -> bool:
        """Whether it follows from what is known without anything in between."""
        if isinstance(step, OrderModel):
            belief = self._ledger.order(step.id)
            return step.fill_volume - (belief.filled if belief is not None else 0) <= 1
        if any(belief.id == step.id for belief in self._ledger.trades_of(step.order_id)):
            return True
        belief = self._ledger.order(step.order_id)
        needed = told_by_trades(self._ledger, step.order_id) + step.size
        return belief is not None and belief.filled >= needed

    def _told(self, order_id: int, step: Step) -> tuple[Step, ...]:
        if isinstance(step, TradeModel):
            return (step,)
        belief = self._ledger.order(order_id)
        return bridge(belief.order if belief is not None else None, step, ())

    def _is_whole(self, order_id: int, held: _Held) -> bool:
        belief = self._ledger.order(order_id)
        reported = max([order.fill_volume for order in held.orders], default=0)
        reported = max(reported, belief.filled if belief is not None else 0)
        known = {one.id for one in self._ledger.trades_of(order_id)}
        fresh = sum(trade.size for trade in held.trades.values() if trade.id not in known)
        return reported == told_by_trades(self._ledger, order_id) + fresh

    def _release(self, order_id: int) -> tuple[Step, ...]:
        held = self._held.pop(order_id)
        self._is_stale = True
        belief = self._ledger.order(order_id)
        before = belief.order if belief is not None else None
        known = {one.id for one in self._ledger.trades_of(order_id)}
        trades = [trade for trade in held.trades.values() if trade.id not in known]
        voids = tuple(trade for trade in held.trades.values() if trade.id in known)
        filled = told_by_trades(self._ledger, order_id)
        if not held.orders:
            return (*trades, *voids)
        held.orders.sort(key=_latest_last)
        steps: list[Step] = []
        for order in held.orders[:-1]:  # earlier reports carry what the last one does not repeat
            if order.fill_volume <= (before.fill_volume if before is not None else 0):
                steps += bridge(before, order, ())
                before = order
        return (*steps, *bridge(before, held.orders[-1], trades, filled), *voids)


def _latest_last(order: OrderModel) -> tuple[int, bool, float]:
    updated = order.update_timestamp or order.creation_timestamp
    return order.fill_volume, order.status.is_terminal, updated.timestamp()
