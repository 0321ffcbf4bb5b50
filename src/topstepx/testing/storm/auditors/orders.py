"""Orders step by step, the way out, and a client that never contradicts itself."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

from topstepx.events import (
    AlarmRaised,
    Flattened,
    FlattenFailed,
    IntentAnswered,
    IntentSent,
    OrderObserved,
    TradeObserved,
)
from topstepx.testing.storm.auditors.judge import Auditor

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from topstepx.core.ledger import Change
    from topstepx.events import Event
    from topstepx.testing.storm.life import Life
    from topstepx.wire.enums import OrderStatus

_EXITS = frozenset({"cancel", "close", "partial_close"})
_WAYS_OUT = frozenset({"cancel", "close", "flatten"})
_GUARDS = frozenset({"BreakerOpen", "RateLimited", "ModeRefused", "RecordUnavailable"})
_PAUSE = timedelta(seconds=6)
"""The longest wait after a 429 on the exit lane, and a moment for the way."""
_BUGS = frozenset({"internal_error", "listener_failed", "task_died"})


class Legality(Auditor):
    """Every step of an order is told once, in order, and none is made up."""

    promise = "fills only grow, an end is final, each trade is told once, nothing is invented"

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]  # the world
        self._last: dict[tuple[int, int], tuple[OrderStatus, int]] = {}
        self._trades: dict[int, dict[int, Decimal | None]] = defaultdict(dict)

    def heard(self, life: Life, event: Event, changes: tuple[Change, ...]) -> None:
        """One step of one order, or one trade."""
        if not changes or event.origin == "replayed":
            return
        if isinstance(event, OrderObserved):
            self._step(life, event)
        elif isinstance(event, TradeObserved):
            trade = event.trade
            # A trade taken back corrects the profit of later ones: those are told again, as corrected, and a
            # late word of the hub may take the correction back until the next reading.
            told = self._trades[life.number]
            if trade.id in told and told[trade.id] == trade.profit_and_loss:
                self.found(f"trade {trade.id} was told twice")
            told[trade.id] = trade.profit_and_loss

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

    promise = (
        "in the calm a flatten says Flattened, and neither position nor order is left; while the exchange"
        " is shut it may say FlattenFailed, of a position that is there"
    )

    def flattened(self, life: Life, result: Flattened | FlattenFailed | None) -> None:
        """What the call said, and what is there."""
        truth = self.world.truth
        if isinstance(result, FlattenFailed) and not self.world.is_open:
            if not truth.positions(result.account_id):
                self.found(f"the exchange is shut, the account is flat, and it came to {result}")
            return
        if not isinstance(result, Flattened):
            self.found(f"a flatten in the calm came to {result}")
            return
        for position in truth.positions(result.account_id):
            self.found(f"flattened, and {position.size} {position.contract_id} are left")
        for order in truth.working(result.account_id):
            self.found(f"flattened, and order {order.id} ({order.status.name}) is left")


class Darkness(Auditor):
    """Nothing is opened while it is not known what happens on the account."""

    promise = (
        "no order leaves while the user hub is away, while its gap is being looked up, or while the"
        " account is known to be locked"
    )

    def heard(self, life: Life, event: Event, changes: tuple[Change, ...]) -> None:
        """An order that leaves, and what is known then."""
        if not isinstance(event, IntentSent):
            return
        intent, link = life.ledger.intent(event.intent_id), life.ledger.link("user")
        recorded = intent.recorded if intent is not None else None
        if recorded is None or recorded.action != "place":
            return
        if link is None or link.state not in {"live", "connecting"}:
            self.found(f"{event.intent_id} left while the user hub was {link and link.state}")
        account = life.ledger.account(recorded.account_id)
        if account is not None and not account.account.can_trade:
            self.found(f"{event.intent_id} left while account {account.id} may not trade")


class OpenExit(Auditor):
    """A cancel or close is never kept back by what only guards entries."""

    promise = (
        "no exit is stopped by a breaker or by the client's own request budget; after a 429 that the gateway"
        " itself gave an exit, for five seconds at most"
    )

    def heard(self, life: Life, event: Event, changes: tuple[Change, ...]) -> None:
        """An exit that was not sent, and why."""
        if not isinstance(event, IntentAnswered) or event.outcome != "not_sent":
            return
        intent = life.ledger.intent(event.intent_id)
        recorded = intent.recorded if intent is not None else None
        guard = (event.text or "").partition(":")[0]
        if recorded is None or recorded.action not in _EXITS or guard not in _GUARDS:
            return
        if not self._was_refused():
            self.found(f"{recorded.action} of {recorded.order_id or 'a position'}: {event.text}")

    def _was_refused(self, at: datetime | None = None) -> bool:
        """Whether the gateway's own limiter refused something just before; looks of an exit count as one."""
        moment = at or self.world.memory.now()
        arrivals = self.world.gateway.limits.arrivals
        return any(not one.admitted and moment - _PAUSE <= one.at <= moment for one in arrivals)

    def after(self) -> None:
        """What the trader was told when he wanted out."""
        for saying in (one for book in self.world.books for one in book.sayings):
            guard = type(saying.error).__name__
            stopped = saying.act in _WAYS_OUT and guard in _GUARDS
            if stopped and not self._was_refused(saying.ended_at):
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
        for told in (one for book in self.world.books for one in book.foreign):
            self.found(told)
        for problem in self.world.problems():
            self.found(f"unhandled: {problem}")
