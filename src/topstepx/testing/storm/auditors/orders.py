"""Orders step by step, the way out, and a client that never contradicts itself."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from topstepx.events import (
    AlarmRaised,
    Flattened,
    IntentAnswered,
    IntentSent,
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

_EXITS = frozenset({"cancel", "close", "partial_close"})
_WAYS_OUT = frozenset({"cancel", "close", "flatten"})
_GUARDS = frozenset({"BreakerOpen", "RateLimited", "ModeRefused", "RecordUnavailable"})
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


class Darkness(Auditor):
    """Nothing is opened while it is not known what happens on the account."""

    promise = "no order leaves while the user hub is away or its gap is being looked up"

    def heard(self, life: Life, event: Event, changes: tuple[Change, ...]) -> None:
        """An order that leaves, and what is known then."""
        if not isinstance(event, IntentSent):
            return
        intent, link = life.ledger.intent(event.intent_id), life.ledger.link("user")
        recorded = intent.recorded if intent is not None else None
        is_entry = recorded is not None and recorded.action == "place"
        if is_entry and (link is None or link.state not in {"live", "connecting"}):
            self.found(f"{event.intent_id} left while the user hub was {link and link.state}")


class OpenExit(Auditor):
    """A cancel or close is never kept back by what only guards entries."""

    promise = "no exit is stopped by a breaker or by the client's own request budget"

    def heard(self, life: Life, event: Event, changes: tuple[Change, ...]) -> None:
        """An exit that was not sent, and why."""
        if not isinstance(event, IntentAnswered) or event.outcome != "not_sent":
            return
        intent = life.ledger.intent(event.intent_id)
        recorded = intent.recorded if intent is not None else None
        guard = (event.text or "").partition(":")[0]
        if recorded is not None and recorded.action in _EXITS and guard in _GUARDS:
            self.found(f"{recorded.action} of {recorded.order_id or 'a position'}: {event.text}")

    def after(self) -> None:
        """What the trader was told when he wanted out."""
        for saying in self.world.notebook.sayings:
            guard = type(saying.error).__name__
            if saying.act in _WAYS_OUT and guard in _GUARDS:
                self.found(f"{saying.act} raised {guard}")


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
