"""Orders step by step, the way out, and a client that never contradicts itself."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from topstepx.events import (
    AlarmRaised,
    Flattened,
    OrderObserved,
    TradeObserved,
)
from topstepx.testing.storm.auditors.judge import Auditor

if TYPE_CHECKING:
    from decimal import Decimal

    from topstepx.core.ledger import Change
    from topstepx.events import Event, FlattenFailed
    from topstepx.testing.storm.world import Life
    from topstepx.wire.enums import OrderStatus

_BUGS = frozenset({"internal_error", "listener_failed", "task_died"})


class Legality(Auditor):
    """Every step of an order is told once, in order, and none is made up."""

    promise = "fills only grow, an end is final, each trade is told once, nothing is invented"

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]  # the world
        self._last: dict[tuple[int, int], tuple[OrderStatus, int]] = {}
        self._trades: dict[int, set[tuple[int, Decimal | None]]] = defaultdict(set)

    def heard(self, life: Life, event: Event, changes: tuple[Change, ...]) -> None:
        """One step of one order, or one trade."""
        if not changes or event.origin == "replayed":
            return
        if isinstance(event, OrderObserved):
            self._step(life, event)
        elif isinstance(event, TradeObserved):
            trade = event.trade
            # A trade taken back corrects the profit of later ones: those are told again, as corrected.
            told = (trade.id, trade.profit_and_loss)
            if told in self._trades[life.number]:
                self.found(f"trade {trade.id} was told twice")
            self._trades[life.number].add(told)

    def _step(self, life: Life, event: OrderObserved) -> None:
        belief = life.ledger.order(event.order.id)
        if belief is None:
            return
        now = (belief.status, belief.filled)
        name = (life.number, belief.id)
        before = self._last.get(name)
        self._last[name] = now
        if before is not None:
            if now[1] < before[1]:
                self.found(f"order {belief.id} filled {before[1]} and then {now[1]}")
            if before[0].is_terminal and now[0] is not before[0]:
                self.found(f"order {belief.id} was {before[0].name} and then {now[0].name}")
        if before is None or before != now:
            self._real(event)

    def _real(self, event: OrderObserved) -> None:
        order = event.order
        for step in reversed(self.world.truth.transitions):
            if step.order_id == order.id and (step.after, step.fill_volume) == (
                order.status,
                order.fill_volume,
            ):
                return
        self.found(
            f"order {order.id} was never {order.status.name} with {order.fill_volume} filled"
        )


class Flatness(Auditor):
    """A flatten ends flat, or says that it did not."""

    promise = "in the calm a flatten says Flattened, and neither position nor order is left"

    def flattened(self, life: Life, result: Flattened | FlattenFailed | None) -> None:
        """What the call said, and what is there."""
        world = self.world
        if not isinstance(result, Flattened):
            self.found(f"a flatten in the calm came to {result}")
            return
        for position in world.truth.positions(world.account_id):
            self.found(f"flattened, and {position.size} {position.contract_id} are left")
        for order in world.truth.working(world.account_id):
            self.found(f"flattened, and order {order.id} ({order.status.name}) is left")


class Soundness(Auditor):
    """No part of the client contradicts itself or dies of a bug."""

    promise = "only errors of this library are raised, no task dies, no alarm tells of a bug"

    def heard(self, life: Life, event: Event, changes: tuple[Change, ...]) -> None:
        """An alarm that should never be."""
        if isinstance(event, AlarmRaised) and event.name in _BUGS:
            self.found(f"{event.name}: {event.detail}")

    def after(self) -> None:
        """What the trader's calls raised, and what nobody looked at."""
        for told in self.world.notebook.foreign:
            self.found(told)
        for problem in self.world.problems():
            self.found(f"unhandled: {problem}")
