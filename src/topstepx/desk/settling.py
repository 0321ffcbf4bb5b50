"""What became of cancels and modifies whose answer was lost: read off the order they were about.

They make no order that could be looked for. A cancel is settled when its order is over, a modify when
the order reads as wanted or is over. Until then the intent stays open, and closing the client says so.

A cancel that the gateway answered without saying what came of it is settled as well when a later one is
refused and the order still works: it was heard, and did nothing.

A change that was given up may arrive all the same. Where it undoes a newer one, that is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from topstepx.core.asked import modify_of
from topstepx.core.ledger_intents import INTENT_FACTS, IntentChanged
from topstepx.core.ledger_orders import OrderChanged
from topstepx.core.modifying import Reading, reading
from topstepx.core.moot import may_arrive
from topstepx.events import AlarmRaised, IntentResolved, OrderObserved
from topstepx.wire.models import ModifyRequest

if TYPE_CHECKING:
    from topstepx.core.ledger import Change
    from topstepx.core.ledger_intents import IntentBelief
    from topstepx.core.ledger_orders import OrderBelief
    from topstepx.desk.record import Record
    from topstepx.events import Event, Verdict

_ABOUT_ORDERS = frozenset({"cancel", "modify"})


class Settling:
    """Listens for unknown outcomes, and for what their orders then do."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._open: dict[str, int] = {}
        self._given_up: set[int] = set()
        """Orders of which a change was given up that may still arrive."""
        record.listen(self._on_fact, *INTENT_FACTS, OrderObserved)

    def read(self, intent_id: str, seen: Reading) -> None:
        """How the order of a change read after its grace: what else is known of it is whether it is in force."""
        intent = self._record.ledger.intent(intent_id)
        if intent is not None and intent.is_open:
            if seen is not Reading.WANTED and intent.recorded and intent.recorded.order_id:
                self._given_up.add(intent.recorded.order_id)
            verdict: Verdict = "accepted" if seen is Reading.WANTED else "presumed_absent"
            self._resolve(intent, verdict, f"the order reads {seen.value}")

    def cancel_refused(self, order_id: int, evidence: str) -> None:
        """A cancel of this order was refused for good, and a read after that showed it working."""
        for intent_id, about in list(self._open.items()):
            intent = self._record.ledger.intent(intent_id)
            if about != order_id or intent is None or intent.recorded is None:
                continue
            if intent.recorded.action == "cancel" and not may_arrive(intent, 0.0):
                self._resolve(intent, "presumed_absent", evidence)

    def _on_fact(self, _event: Event, changes: tuple[Change, ...]) -> None:
        for change in changes:
            if isinstance(change, IntentChanged):
                self._note(change.after)
            elif isinstance(change, OrderChanged):
                if change.after.id in self._open.values():
                    self._look(change.after)
                if change.after.id in self._given_up:
                    self._look_back(change)

    def _note(self, intent: IntentBelief) -> None:
        recorded = intent.recorded
        if recorded is None or recorded.action not in _ABOUT_ORDERS or recorded.order_id is None:
            return
        if intent.state != "unknown":
            self._open.pop(intent.intent_id, None)
            return
        self._open[intent.intent_id] = recorded.order_id
        belief = self._record.ledger.order(recorded.order_id)
        if belief is not None:
            self._look(belief)

    def _look(self, belief: OrderBelief) -> None:
        for intent_id, order_id in list(self._open.items()):
            intent = self._record.ledger.intent(intent_id)
            if order_id != belief.id or intent is None or intent.recorded is None:
                continue
            now = f"order {belief.id} is {belief.status.name}"
            if intent.recorded.action == "cancel":
                if belief.is_terminal:
                    self._resolve(intent, "accepted", now)
                continue
            wanted = msgspec.json.decode(intent.recorded.body, type=ModifyRequest)
            if reading(belief.order, wanted, belief.order) is Reading.WANTED:
                self._resolve(intent, "accepted", f"{now} and reads as wanted")
            elif belief.is_terminal:
                self._resolve(intent, "presumed_absent", now)

    def _look_back(self, change: OrderChanged) -> None:
        """Say it when a change that was lost arrives after a newer one, and undoes it."""
        if change.before is None or change.after.is_terminal:
            return
        before, now = change.before.order, change.after.order
        changes = self._record.ledger.changes_of
        newest = next((wanted for one in changes(now.id) if (wanted := modify_of(one))), None)
        if newest is None or reading(before, newest, before) is not Reading.WANTED:
            return
        if reading(before, newest, now) is Reading.WANTED:
            return
        for one in changes(now.id):
            wanted = modify_of(one) if one.state == "presumed_absent" else None
            if wanted is not None and reading(before, wanted, now) is Reading.WANTED:
                detail = (
                    f"order {now.id}: a change that was lost has arrived after a newer one and undid it; "
                    f"it has size {now.size}, limit {now.limit_price}, stop {now.stop_price} now. "
                    "Change it again."
                )
                at = self._record.stamp()
                self._record.commit(
                    AlarmRaised(at=at, name="late_change", detail=detail, account_id=now.account_id)
                )
                return

    def _resolve(self, intent: IntentBelief, verdict: Verdict, evidence: str) -> None:
        self._open.pop(intent.intent_id, None)
        self._record.commit(
            IntentResolved(
                at=self._record.stamp(),
                intent_id=intent.intent_id,
                account_id=intent.account_id,
                verdict=verdict,
                order_id=intent.recorded.order_id if intent.recorded is not None else None,
                evidence=(evidence,),
            )
        )
