"""Bracket legs: which orders they are, and how much of a position they protect.

The gateway makes the legs of an entry as orders of their own (verified): asleep until the entry fills,
naming their parent, with the entry's tag and `-SL` or `-TP`. Either of the two tells whose they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from topstepx.core.asked import place_of
from topstepx.core.growing import size_at_most
from topstepx.core.tags import STOP_SUFFIX, TARGET_SUFFIX
from topstepx.wire.enums import OrderStatus, OrderType, Side

if TYPE_CHECKING:
    from collections.abc import Iterable

    from topstepx.core.ledger import Ledger
    from topstepx.core.ledger_orders import OrderBelief
    from topstepx.wire.models import ModifyRequest, OrderModel, PlaceRequest

Leg = Literal["stop", "target"]
STOPS = frozenset({OrderType.STOP, OrderType.TRAILING_STOP, OrderType.STOP_LIMIT})
_PLAIN_STOPS = frozenset({OrderType.STOP, OrderType.TRAILING_STOP})
_WORK = frozenset({OrderStatus.OPEN, OrderStatus.PENDING})
_LET_A_STOP_PASS = frozenset({"unprotected", "market_stale"})
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


def only_reduces(ledger: Ledger, order: OrderModel | PlaceRequest, size: int) -> bool:
    """Whether all of `size` would go against the position, as far as that is known: then it protects."""
    position = ledger.position(order.account_id, order.contract_id)
    net = position.net if position is not None else None
    return net is not None and net * order.side.sign < 0 and size <= abs(net)


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
        and belief.status in _WORK
    )


def for_want_of_a_stop(ledger: Ledger, account_id: int, contract_id: str) -> bool:
    """Whether nothing forbids what protects there: only a missing stop restricts it, or missing quotes.

    A blind account may have the stop already.
    """
    causes = ledger.modes.causes(account_id, contract_id)
    reasons = {cause.reason for cause in causes}
    return "unprotected" in reasons and reasons <= _LET_A_STOP_PASS


def may_protect(ledger: Ledger, request: PlaceRequest) -> bool:
    """Whether this is a stop for what has none: it opens nothing, and is what an unprotected position needs.

    It is against a position that is there for sure, and no larger than what no other stop covers, be that
    one seen or on its way. A leg that nobody shows does not count: whoever sends a stop knows of it.
    """
    if request.type not in _PLAIN_STOPS:
        return False
    if request.stop_loss_bracket is not None or request.take_profit_bracket is not None:
        return False
    bare = _bare(
        ledger, request.account_id, request.contract_id, request.side, tag=request.custom_tag
    )
    return request.size <= bare


def may_grow(ledger: Ledger, order: OrderModel, request: ModifyRequest) -> bool:
    """Whether this makes a working stop larger, by no more than what has none, and changes nothing else."""
    if request.size is None or request.size <= order.size or order.type not in _PLAIN_STOPS:
        return False
    if not (request.limit_price is request.stop_price is request.trail_price is None):
        return False
    if order.status not in _WORK:
        return False
    bare = _bare(ledger, order.account_id, order.contract_id, order.side, besides=order.id)
    return request.size - order.fill_volume <= bare


def _bare(
    ledger: Ledger,
    account_id: int,
    contract_id: str,
    side: Side,
    *,
    tag: str | None = None,
    besides: int | None = None,
) -> int:
    """How much is held for sure that no stop on `side` covers, be that one seen, growing or on its way."""
    net = ledger.netting.range(account_id, contract_id)
    if net is None:
        return 0
    bare = net.low if side is Side.SELL else -net.high
    for belief in ledger.working(account_id, contract_id):
        order = belief.order
        if order.side is side and order.type in STOPS and order.status in _WORK:
            bare -= 0 if order.id == besides else size_at_most(ledger, belief) - belief.filled
    for intent in ledger.unsettled_intents(account_id):
        asked = place_of(intent)
        if asked is None or asked.custom_tag in {None, tag}:
            continue
        same = (asked.contract_id, asked.side) == (contract_id, side)
        if same and ledger.order_by_tag(account_id, asked.custom_tag or "") is None:
            bare -= asked.size
    return bare
