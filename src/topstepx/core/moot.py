"""What an unanswered request was for, reached already: then it does not matter any more what came of it.

A cancel wants an order over, a close wants a position gone. Where that is so, it is settled, whichever of
several requests did it. Only one thing remains: a request that was lost on the way may still arrive, and
a close that arrives late closes whatever was opened meanwhile. So entries on its contract wait for
`LATE_S` after it left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from topstepx.core.ownership import CLOSES

if TYPE_CHECKING:
    from datetime import datetime

    from topstepx.core.ledger import Ledger
    from topstepx.core.ledger_intents import IntentBelief

LATE_S: Final = 30.0
"""How long a request that was sent may take to arrive (assumed: gateways hold them for seconds)."""

_ABOUT_ORDERS: Final = frozenset({"cancel", "modify"})
_ANSWERED: Final = 200


def settled_by(ledger: Ledger, intent: IntentBelief) -> str | None:
    """What shows that an open intent has reached its end, or has none to reach; None: nothing does."""
    recorded = intent.recorded
    if recorded is None:
        return None
    if recorded.action in _ABOUT_ORDERS and recorded.order_id is not None:
        order = ledger.order(recorded.order_id)
        if order is not None and order.is_terminal:
            return f"order {order.id} is {order.status.name}"
    if recorded.action in CLOSES and recorded.contract_id is not None:
        return shown_flat(ledger, intent.account_id, recorded.contract_id, after=recorded.at)
    return None


def shown_flat(ledger: Ledger, account_id: int, contract_id: str, *, after: datetime) -> str | None:
    """What shows that nothing is held in a contract, read after a moment; None: that is not shown."""
    position = ledger.position(account_id, contract_id)
    if position is None or not position.is_flat or not position.confirmed:
        return None
    net = ledger.netting.range(account_id, contract_id)
    if position.as_of <= after or net is None or not net.is_certain:
        return None
    return f"{contract_id} was read and is flat"


def may_arrive(intent: IntentBelief, age_s: float) -> bool:
    """Whether a request sent so long ago may still arrive; one that the gateway answered has arrived.

    An age that cannot be (a clock was set) counts as none.
    """
    answer = intent.answers[-1] if intent.answers else None
    if answer is not None and answer.status == _ANSWERED:
        return False
    return not age_s >= LATE_S
