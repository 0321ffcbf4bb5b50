"""Every order that is seen is held against our intents: found, doubled, foreign, or back from the dead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from topstepx.core.ledger_orders import OrderChanged
from topstepx.core.resolve import may_be, two_for_one
from topstepx.core.tags import canonical, entry_tag
from topstepx.events import Event, IntentDoubted, OrderObserved
from topstepx.wire.enums import OrderStatus
from topstepx.wire.models import PlaceRequest

if TYPE_CHECKING:
    from topstepx.core.ledger import Change
    from topstepx.core.ledger_intents import IntentBelief
    from topstepx.desk.record import Record
    from topstepx.desk.resolver import Resolver
    from topstepx.wire.models import OrderModel

_TAKEN_FOR_DEAD = frozenset({"presumed_absent", "refused", "not_sent"})


class Sightings:
    """Listens to the record and tells the resolver."""

    def __init__(self, record: Record, resolver: Resolver) -> None:
        self._record = record
        self._resolver = resolver
        self._halted: set[str] = set()
        record.listen(self._on_fact, OrderObserved)

    def _on_fact(self, event: Event, changes: tuple[Change, ...]) -> None:
        if not isinstance(event, OrderObserved) or event.order.custom_tag is None:
            return
        change = next((one for one in changes if isinstance(one, OrderChanged)), None)
        if change is None:
            return
        order, is_new = change.after.order, change.before is None
        if is_new:
            self._check_answered_ids(order)
        tag = order.custom_tag
        if tag is None or entry_tag(tag) != canonical(tag):
            return  # a leg goes with its entry
        intent = self._record.ledger.intent_by_tag(order.account_id, tag)
        if intent is None or intent.recorded is None or intent.recorded.action != "place":
            return
        if self._is_foreign(intent, order, is_new=is_new):
            return
        if intent.is_open:
            self._resolver.sighted_open(intent, order)
        elif intent.state in _TAKEN_FOR_DEAD and order.status is not OrderStatus.REJECTED:
            self._resolver.sighted_dead(intent, order)

    def _is_foreign(self, intent: IntentBelief, order: OrderModel, *, is_new: bool) -> bool:
        """Whether this order cannot be the one that the intent made; halts if so."""
        tag = order.custom_tag or ""
        same = self._record.ledger.orders_by_tag(order.account_id, tag)
        told = two_for_one(belief.order for belief in same)
        if told is None and is_new and not may_be(order, _asked(intent)):
            told = f"order {order.id} carries our tag but other terms"
        if told is None:
            return False
        if intent.intent_id not in self._halted:
            self._halted.add(intent.intent_id)
            self._resolver.halt(intent.intent_id, order.account_id, told)
        return True

    def _check_answered_ids(self, order: OrderModel) -> None:
        """The gateway may have answered one of our intents with the id of this order of another tag."""
        tag = canonical(order.custom_tag or "")
        for intent in self._record.ledger.intents_with_order(order.id):
            recorded = intent.recorded
            if recorded is None or recorded.action != "place":
                continue
            if recorded.tag is None or canonical(recorded.tag) == tag:
                continue
            self._record.commit(
                IntentDoubted(
                    at=self._record.stamp(),
                    intent_id=intent.intent_id,
                    account_id=intent.account_id,
                    order_id=order.id,
                    reason=f"order {order.id} carries another tag",
                )
            )
            self._resolver.start(intent.intent_id, self._record.now_ns())


def _asked(intent: IntentBelief) -> PlaceRequest:
    body = intent.recorded.body if intent.recorded is not None else "{}"
    return msgspec.json.decode(body, type=PlaceRequest)
