"""What a `place` ends with: the order's handle, or the error that says what is known instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from topstepx.core.resolve import Fate
from topstepx.desk.used_keys import found_rejected, outcome_again, unresolved_again, used_up
from topstepx.desk.waiting import until
from topstepx.errors import OrderUnresolved, TopstepxError
from topstepx.net.rest import error_of
from topstepx.wire import routes
from topstepx.wire.enums import OrderStatus

if TYPE_CHECKING:
    from topstepx.core.ledger_intents import IntentBelief
    from topstepx.core.resolve import Finding
    from topstepx.desk.order import Order
    from topstepx.desk.record import Record
    from topstepx.desk.resolver import Resolver
    from topstepx.net.rest import Sent
    from topstepx.settings import Settings

_UNDER_WAY = frozenset({"recorded", "sent"})


class Placed:
    """Waits for the resolver where an answer was lost, and gives or raises what came of an order."""

    def __init__(self, record: Record, resolver: Resolver, settings: Settings) -> None:
        self._record = record
        self._resolver = resolver
        self._settings = settings

    async def first(self, order: Order, intent_id: str, sent: Sent, key: str | None) -> Order:
        """The order that was just sent, once it is known to exist; raises what is known instead."""
        intent = self._record.ledger.intent(intent_id)
        if intent is not None and intent.state == "accepted":
            return order
        error = error_of(routes.PLACE, sent)
        if intent is not None and not intent.is_open and error.did_it_happen == "no":
            raise used_up(error, key)
        return await self._resolved(order, intent_id, str(error), key)

    async def again(self, order: Order, key: str | None) -> Order:
        """The order of a key that is used already; raises what its first call raised."""
        intent = order.intent
        if intent is None:
            return order
        await sending_ended(order, self._record, self._settings)
        intent = order.intent or intent
        if intent.state == "accepted" or _is_there(order):
            return order
        error = outcome_again(intent, key)
        if error is not None:
            raise error
        if intent.state == "presumed_absent":
            raise unresolved_again(order, intent, key)
        return await self._resolved(order, intent.intent_id, "its answer was lost.", key)

    async def _resolved(self, order: Order, intent_id: str, why: str, key: str | None) -> Order:
        """The order, if it is found in time."""
        finding = await self._resolver.wait(intent_id, self._settings.timeouts.resolve_s)
        refused = _refusal(finding)
        if refused is not None:
            raise used_up(refused, key)
        if finding is not None and finding.fate is Fate.ACCEPTED:
            return order
        looking = order.looking
        evidence = looking.evidence if looking is not None else ()
        msg = f"It is not known yet whether the order exists: {why} So far: {'; '.join(evidence)}."
        step = (
            "Do not send it again. It is being looked for; until it is found only exits pass on this"
            " contract."
        )
        raise OrderUnresolved(msg, order, next_step=step, evidence=evidence)


def _refusal(finding: Finding | None) -> TopstepxError | None:
    if finding is None or finding.fate is not Fate.REFUSED or finding.order is None:
        return None
    return found_rejected(finding.order.id)


def _is_there(order: Order) -> bool:
    """Whether the gateway has shown it, and not only to say that it was rejected."""
    return order.belief is not None and order.status is not OrderStatus.REJECTED


async def sending_ended(order: Order, record: Record, settings: Settings) -> None:
    """Wait until its own sending is over: answered, or looked for; for as long as one may take."""
    timeouts = settings.timeouts
    await until(
        record,
        lambda: None if _is_under_way(order) else True,
        timeout_s=timeouts.order_deadline_s + timeouts.place_s,
    )


def _is_under_way(order: Order) -> bool:
    """Whether its own sending still goes on here; what an earlier run sent is looked for instead."""
    intent: IntentBelief | None = order.intent
    if order.looking is not None:
        return False
    return intent is not None and intent.state in _UNDER_WAY and not _is_there(order)
