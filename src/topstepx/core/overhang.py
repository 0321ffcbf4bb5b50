"""The orders that would go beyond the limit once a position is smaller.

An order against a position is let in because the position stands against it: with two long and a limit of
two, four may be sold. When the gateway reduces the position by a close, nothing stands there any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from topstepx.core.asked import may_fill
from topstepx.core.exposure import exposure
from topstepx.core.reach import at_worst
from topstepx.wire.enums import OrderType, Side

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from topstepx.core.ledger import Ledger
    from topstepx.wire.models import OrderModel

_STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})


def overhang(  # noqa: PLR0917  `now` comes last everywhere
    ledger: Ledger,
    account_id: int,
    contract_id: str,
    net_after: int,
    side: Side,
    most: int,
    watched: timedelta,
    now: datetime,
) -> tuple[OrderModel, ...]:
    """What must go on `side` so that a position of `net_after` cannot pass `most`; legs stay.

    Stops go last, because they may protect, and else the newest goes first.
    """
    working = [at_worst(ledger, belief) for belief in ledger.working(account_id, contract_id)]
    unseen = may_fill(ledger, account_id, contract_id, watched=watched, now=now)
    may_go = [one for one in working if one.side is side and one.parent_order_id is None]
    may_go.sort(key=lambda one: (one.type in _STOPS, -one.id))
    gone: list[OrderModel] = []
    while may_go and exposure(net_after, working, unseen).reach(side) > most:
        gone.append(may_go.pop(0))
        working.remove(gone[-1])
    return tuple(gone)
