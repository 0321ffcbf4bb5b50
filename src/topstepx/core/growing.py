"""How large a working order may be or become, given every change of its size that is not known to be void.

A change that was sent and lost may arrive late, or be in force already and not shown. So until the order
is over it counts, as an order counts that nobody has seen.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from topstepx.wire.models import ModifyRequest

if TYPE_CHECKING:
    from topstepx.core.ledger import Ledger
    from topstepx.core.ledger_intents import IntentBelief
    from topstepx.core.ledger_orders import OrderBelief

_SHOWN_WITHIN: Final = timedelta(seconds=3)
"""How long after a change was accepted the order may still be told as it was before (assumed)."""

_SIZE: Final = '"size"'
_VOID: Final = frozenset({"not_sent", "refused"})


def size_at_most(ledger: Ledger, belief: OrderBelief) -> int:
    """The order's size, or the largest that a change asked for and that may be or come in force."""
    largest = belief.order.size
    accepted: IntentBelief | None = None
    for intent in ledger.changes_of(belief.id):
        if intent.recorded is None or _SIZE not in intent.recorded.body:
            continue  # of a trailing stop's thousands of changes none is decoded
        if intent.state == "accepted":
            accepted = accepted or intent
        elif intent.state not in _VOID:
            largest = max(largest, _size(intent))
    if accepted is not None and _may_be_unshown(accepted, belief):
        largest = max(largest, _size(accepted))
    return largest


def _may_be_unshown(accepted: IntentBelief, belief: OrderBelief) -> bool:
    told = [answer.at for answer in accepted.answers]
    if accepted.resolution is not None:
        told.append(accepted.resolution.at)
    return not told or belief.as_of < max(told) + _SHOWN_WITHIN


def _size(intent: IntentBelief) -> int:
    """The size that it asked for; 0 if it asked for none."""
    if intent.recorded is None:
        return 0
    return msgspec.json.decode(intent.recorded.body, type=ModifyRequest).size or 0
