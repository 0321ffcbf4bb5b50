"""How far a position could go if everything that may fill did: the figure that limits are held against.

The position counts at its worst: as last told, or as the known fills make it, whichever is further.
Working orders count with what they are not known to have filled, at the largest size that a change which
is not known to be void asked for, and so does every order that may exist though nobody has seen it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from topstepx.core.asked import may_fill
from topstepx.core.exposure import exposure
from topstepx.core.growing import size_at_most
from topstepx.wire.enums import OrderStatus, Side

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from topstepx.core.ledger import Ledger
    from topstepx.core.ledger_orders import OrderBelief
    from topstepx.core.netting import NetRange
    from topstepx.wire.models import OrderModel, PlaceRequest


@dataclass(frozen=True, slots=True)
class Reach:
    """The furthest an entry could take the position on its side, in contracts, and what that rests on."""

    contracts: int
    net: NetRange
    unseen: int
    """Orders that were counted without having been seen."""


def reach_with(
    ledger: Ledger,
    request: PlaceRequest,
    *,
    watched: timedelta,
    now: datetime,
    besides: str | None = None,
) -> Reach | None:
    """How far the position could go with `request`; None: the position is not known.

    `watched` is how long an order that is presumed absent goes on counting. `besides`: the intent of
    `request` itself, where it was written down already.
    """
    account_id, contract_id = request.account_id, request.contract_id
    net = ledger.netting.range(account_id, contract_id)
    told = ledger.position(account_id, contract_id)
    if net is None or told is None or told.net is None:
        return None
    working = _awake(ledger, account_id, contract_id)
    unseen = may_fill(ledger, account_id, contract_id, watched=watched, now=now, besides=besides)
    start = net.high if request.side is Side.BUY else net.low
    contracts = exposure(start, working, [*unseen, request]).reach(request.side)
    return Reach(contracts, net, len(unseen))


def _awake(ledger: Ledger, account_id: int, contract_id: str) -> list[OrderModel]:
    """The working orders at their worst: with legs that may be awake, for all that is known.

    The first list of positions may hold what an entry filled after that entry was read. Until the entry is
    heard of again, its fill is in the position and not in the entry, whose legs would count for nothing.
    """
    beliefs = ledger.working(account_id, contract_id)
    since = ledger.netting.counts_from(account_id)
    stale = {one.id for one in beliefs if since is not None and one.as_of < since}
    orders = [at_worst(ledger, belief) for belief in beliefs]
    return [
        msgspec.structs.replace(order, status=OrderStatus.OPEN)
        if order.status is OrderStatus.SUSPENDED and order.parent_order_id in stale
        else order
        for order in orders
    ]


def at_worst(ledger: Ledger, belief: OrderBelief) -> OrderModel:
    """The order with all that is known to have filled (its trades may be ahead of its own report), and
    as large as it may be."""  # noqa: D205,D209  one sentence
    order = belief.order
    filled = max(order.fill_volume, ledger.netting.filled(order.id))
    size = size_at_most(ledger, belief)
    if (filled, size) == (order.fill_volume, order.size):
        return order
    return msgspec.structs.replace(order, fill_volume=filled, size=size)
