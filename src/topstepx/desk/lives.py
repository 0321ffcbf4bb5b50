"""The lives of orders, told step by step: what follows from reports and intents becomes facts of its own.

Listens to the record. Each step and each further fill is an `OrderMoved`, each contradiction an
`OrderAnomaly`, each change of terms that we did not ask for an `OrderEdited`. It also keeps the log of
every order, so that a handle can tell the whole story so far.

The steps before the gateway has shown an order are told two turns of the loop after what they follow from
(that it was written down: with the step after it), or before the next report of any order if that comes
first: nobody waits for them while an order leaves, and no disk either.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from topstepx.core.ledger_intents import IntentChanged
from topstepx.core.ledger_orders import OrderChanged
from topstepx.core.order_life import Stage, judge, stage_of, stage_of_order
from topstepx.core.ownership import intent_of
from topstepx.desk.order_log import OrderLog
from topstepx.events import (
    CancelWanted,
    IntentAnswered,
    IntentDoubted,
    IntentLooked,
    IntentRecorded,
    IntentResolved,
    IntentSent,
    OrderAnomaly,
    OrderEdited,
    OrderMoved,
    OrderObserved,
    TradeObserved,
    TradeVoided,
)
from topstepx.wire.enums import OrderType
from topstepx.wire.models import ModifyRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from topstepx.core.ledger import Change
    from topstepx.core.ledger_intents import IntentBelief
    from topstepx.core.ledger_orders import OrderBelief
    from topstepx.desk.record import Record
    from topstepx.events import Event

LOGS_MAX = 5000
_TERMS = ("size", "limit_price", "stop_price")


def average_price(record: Record, order_id: int) -> Decimal | None:
    """The average price of an order's trades, exact; the gateway's own figure while they are unseen."""
    trades = [one.trade for one in record.ledger.trades_of(order_id) if not one.is_void]
    size = sum(trade.size for trade in trades)
    if size:
        zero = trades[0].price * 0
        return sum((trade.price * trade.size for trade in trades), start=zero) / size
    belief = record.ledger.order(order_id)
    return belief.order.filled_price if belief is not None else None


class Lives:
    """Follows every order of every account."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._logs: OrderedDict[int | str, OrderLog] = OrderedDict()
        self._steps: list[tuple[str, IntentBelief, str, str]] = []
        """Steps of orders that nobody has shown yet, which are still to be told."""
        self._will_tell = False
        record.listen(self._on_fact, *_ABOUT)

    def log(self, order_id: int | None, intent_id: str | None) -> tuple[Event, ...]:
        """What was told about an order in this run, oldest first; of very much, its beginning and end."""
        self._tell_steps()
        logs = (self._logs.get(name) for name in (order_id, intent_id) if name is not None)
        unique = {event.id: event for log in logs if log is not None for event in log.facts()}
        return tuple(sorted(unique.values(), key=lambda event: event.at))

    def noted(self, order_id: int | None, intent_id: str | None) -> int:
        """How many facts were told of an order by its id; by its intent while none were."""
        found = self._logs.get(order_id) if order_id is not None else None
        if found is None and intent_id is not None:
            found = self._logs.get(intent_id)
        return found.noted if found is not None else 0

    def concerns(self, event: Event, order_id: int | None, intent_id: str | None) -> bool:
        """Whether a fact belongs in the log of this order."""
        keys = _keys(event)
        return (order_id is not None and order_id in keys) or (
            intent_id is not None and intent_id in keys
        )

    # -- listening

    def _on_fact(self, event: Event, changes: tuple[Change, ...]) -> None:
        for name in _ABOUT[type(event)](event):
            if name is not None and self._is_followed(name):
                self._note(name, event)
        for change in changes:
            if isinstance(change, OrderChanged):
                self._tell_steps()
                self._order_changed(event, change)
            elif isinstance(change, IntentChanged):
                self._intent_changed(event, change)

    def _is_followed(self, name: int | str) -> bool:
        """Whether it is an order, or an intent that places one: changes and exits have no log of theirs."""
        if isinstance(name, int):
            return True
        intent = self._record.ledger.intent(name)
        recorded = intent.recorded if intent is not None else None
        return recorded is None or recorded.action == "place"

    def _note(self, name: int | str, event: Event) -> None:
        logs = self._logs
        if name in logs:
            logs.move_to_end(name)
        else:
            logs[name] = OrderLog(name)
            if len(logs) > LOGS_MAX:
                logs.popitem(last=False)
        logs[name].note(event)

    def _intent_changed(self, event: Event, change: IntentChanged) -> None:
        """A step of an order that was not seen yet; once it was, its reports tell the story."""
        after = change.after
        recorded = after.recorded
        if recorded is None or recorded.action != "place":
            return
        if after.order_id is not None and self._record.ledger.order(after.order_id) is not None:
            return
        if recorded.tag and self._record.ledger.order_by_tag(after.account_id, recorded.tag):
            return
        before_stage = stage_of(change.before, None) if change.before is not None else None
        stage = stage_of(after, None)
        if before_stage is stage:
            return
        if stage is not Stage.RECORDED and not self._will_tell:  # that one's next step is not far
            self._will_tell = True
            asyncio.get_running_loop().call_soon(self._let_pass)
        before_name = before_stage.name if before_stage is not None else ""
        self._steps.append((event.id, after, before_name, stage.name))

    def _let_pass(self) -> None:
        """One turn more: who was told of the answer in this one goes first."""
        asyncio.get_running_loop().call_soon(self._tell_steps)

    def _tell_steps(self) -> None:
        steps, self._steps = self._steps, []
        self._will_tell = False
        for cause, intent, before, after in steps:
            self._record.commit(
                OrderMoved(
                    at=self._record.stamp(),
                    account_id=intent.account_id,
                    contract_id=intent.recorded.contract_id if intent.recorded else None,
                    order_id=intent.order_id,
                    intent_id=intent.intent_id,
                    before=before,
                    after=after,
                    cause=cause,
                )
            )

    def _order_changed(self, event: Event, change: OrderChanged) -> None:
        before, after = change.before, change.after
        intent = intent_of(self._record.ledger, after.order)
        is_leg = after.order.parent_order_id is not None
        was = self._stage_before(before, None if is_leg else intent)
        stage = stage_of_order(after)
        step = judge(was, stage) if was is not None else "legal"
        grew = before is not None and after.filled > before.filled
        if step in {"legal", "stale"} or grew:
            self._moved(event, change, intent, was, stage)
        elif step == "illegal" and was is not None:
            self._anomaly(after, "illegal step", f"{was.name} was followed by {stage.name}")
        for what in after.anomalies:
            if before is None or what not in before.anomalies:
                self._anomaly(after, what, f"{after.status.name}, filled {after.filled}")
        if before is not None and isinstance(event, OrderObserved):
            self._check_shrunk(event, before, after)
            self._check_edited(before, after, intent)

    def _stage_before(
        self, before: OrderBelief | None, intent: IntentBelief | None
    ) -> Stage | None:
        if before is not None:
            return stage_of_order(before)
        return stage_of(intent, None) if intent is not None else None

    def _moved(
        self,
        event: Event,
        change: OrderChanged,
        intent: IntentBelief | None,
        was: Stage | None,
        stage: Stage,
    ) -> None:
        order, after = change.after.order, change.after
        self._record.commit(
            OrderMoved(
                at=self._record.stamp(),
                origin=event.origin,
                account_id=order.account_id,
                contract_id=order.contract_id,
                order_id=order.id,
                intent_id=intent.intent_id
                if intent is not None and order.parent_order_id is None
                else None,
                before=was.name if was is not None else "",
                after=stage.name,
                size=order.size,
                filled=after.filled,
                remaining=after.remaining,
                average_price=average_price(self._record, order.id),
                cause=event.id,
            )
        )

    def _anomaly(self, belief: OrderBelief, what: str, detail: str) -> None:
        self._record.commit(
            OrderAnomaly(
                at=self._record.stamp(),
                account_id=belief.order.account_id,
                order_id=belief.id,
                what=what,
                detail=detail,
            )
        )

    def _check_shrunk(self, event: OrderObserved, before: OrderBelief, after: OrderBelief) -> None:
        told_at, known_at = event.order.update_timestamp, before.order.update_timestamp
        newer = told_at is not None and known_at is not None and told_at > known_at
        if newer and event.order.fill_volume < before.filled:
            told = f"a later report says {event.order.fill_volume}, {before.filled} were filled"
            self._anomaly(after, "filled volume shrank", told)

    def _check_edited(
        self, before: OrderBelief, after: OrderBelief, intent: IntentBelief | None
    ) -> None:
        """Terms of a working order of ours that changed though no modify of ours asks for them."""
        if intent is None or before.is_terminal or after.is_terminal:
            return
        is_leg = after.order.parent_order_id is not None
        changes = []
        for name in _TERMS:
            old, new = getattr(before.order, name), getattr(after.order, name)
            if old == new or old is None or (name == "size" and is_leg):
                continue  # a leg gets its prices, and its size, from the entry's fills
            if name == "stop_price" and after.order.type is OrderType.TRAILING_STOP:
                continue
            if not self._asked_for(after, name, new):
                changes.append(f"{name}: {old} -> {new}")
        if changes:
            self._record.commit(
                OrderEdited(
                    at=self._record.stamp(),
                    origin="external",
                    account_id=after.order.account_id,
                    order_id=after.id,
                    contract_id=after.order.contract_id,
                    changes=tuple(changes),
                )
            )

    def _asked_for(self, belief: OrderBelief, name: str, value: object) -> bool:
        for intent in self._record.ledger.changes_of(belief.id):
            recorded = intent.recorded
            if recorded is None or intent.state in {"not_sent", "refused"}:
                continue
            asked = msgspec.json.decode(recorded.body, type=ModifyRequest)
            if getattr(asked, name) == value:
                return True
        return False


_ABOUT: dict[type[Event], Callable[[Any], tuple[int | str | None, ...]]] = {
    **dict.fromkeys((OrderMoved, IntentRecorded), attrgetter("order_id", "intent_id")),
    **dict.fromkeys((OrderAnomaly, OrderEdited), lambda event: (event.order_id,)),
    **dict.fromkeys(
        (IntentSent, IntentAnswered, IntentResolved, IntentDoubted, IntentLooked, CancelWanted),
        lambda event: (event.intent_id,),
    ),
    OrderObserved: lambda event: (event.order.id,),
    **dict.fromkeys((TradeObserved, TradeVoided), lambda event: (event.trade.order_id,)),
}
"""What says which orders and intents a fact is about; None: not known."""


def _keys(event: Event) -> tuple[int | str | None, ...]:
    """The orders and intents that a fact is about."""
    about = _ABOUT.get(type(event))
    return () if about is None else about(event)
