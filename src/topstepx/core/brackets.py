"""Bracket legs: which orders they are, and how much of a position they protect.

The gateway makes the legs of an entry as orders of their own (verified): asleep until the entry fills,
naming their parent, with the entry's tag and `-SL` or `-TP`. Either of the two tells whose they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from topstepx.core.tags import STOP_SUFFIX, TARGET_SUFFIX
from topstepx.wire.enums import OrderStatus, OrderType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from topstepx.core.ledger import Ledger
    from topstepx.core.ledger_orders import OrderBelief

Leg = Literal["stop", "target"]
STOPS = frozenset({OrderType.STOP, OrderType.TRAILING_STOP, OrderType.STOP_LIMIT})
_SUFFIX: dict[str, str] = {"stop": STOP_SUFFIX, "target": TARGET_SUFFIX}


def leg_of(ledger: Ledger, entry: OrderBelief, leg: str) -> OrderBelief | None:
    """The stop or target leg of an entry; None while it was not seen. Of several, the one that lives."""
    wants_stop = leg == "stop"
    found = {child.id: child for child in ledger.children(entry.id)}
    tag = entry.order.custom_tag
    if tag is not None:
        for child in ledger.orders_by_tag(entry.order.account_id, tag + _SUFFIX[leg]):
            found[child.id] = child
    fitting = [child for child in found.values() if (child.order.type in STOPS) == wants_stop]
    return min(fitting, key=lambda child: (child.is_terminal, -child.id), default=None)


def covered(net: int, contract_id: str, working: Iterable[OrderBelief]) -> int:
    """How many contracts of a position have a stop that works at the gateway.

    A sleeping leg does not count: it protects nothing yet.
    """
    return sum(
        belief.remaining
        for belief in working
        if belief.order.contract_id == contract_id
        and belief.order.type in STOPS
        and belief.order.side.sign * net < 0
        and belief.status in {OrderStatus.OPEN, OrderStatus.PENDING}
    )
