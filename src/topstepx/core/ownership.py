"""Whose an order is: ours, or of other software on the same account.

An order is ours if it carries a tag of ours (or a leg's form of it), if its id was the answer to an
intent of ours, or if its parent is ours. Closing a position makes an order without any tag: such an
order is ours if a close of ours was under way on its contract and no other order accounts for it.
Everything else is *external*: seen, counted in every limit, and never taken for the result of
something that we did.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from topstepx.core.tags import canonical, entry_tag
from topstepx.wire.enums import OrderType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from topstepx.core.ledger import Ledger
    from topstepx.core.ledger_intents import IntentBelief
    from topstepx.wire.models import OrderModel, TradeModel

_EARLY = timedelta(seconds=5)
_LATE = timedelta(seconds=150)
"""How far from our asking for a close its order may have been made: clocks disagree, requests wait."""

_DEAD = frozenset({"not_sent", "refused", "presumed_absent"})
CLOSES = frozenset({"close", "partial_close"})


def intent_of(ledger: Ledger, order: OrderModel) -> IntentBelief | None:
    """The intent that made this order, a leg's entry included; None: not known, or not ours."""
    if order.custom_tag is not None:
        return ledger.intent_by_tag(order.account_id, entry_tag(order.custom_tag))
    wanted = order.id if order.parent_order_id is None else order.parent_order_id
    for intent in ledger.intents_with_order(wanted):
        if intent.account_id == order.account_id and _makes_orders(intent):
            return intent
    return None


def is_external(ledger: Ledger, order: OrderModel) -> bool:
    """Whether other software made this order."""
    if intent_of(ledger, order) is not None:
        return False
    if order.custom_tag is not None:
        return True
    if order.parent_order_id is not None:
        parent = ledger.order(order.parent_order_id)
        return parent is None or is_external(ledger, parent.order)
    return not (_may_be_unresolved(ledger, order) or _is_our_close(ledger, order))


def is_external_trade(ledger: Ledger, trade: TradeModel) -> bool:
    """Whether a trade belongs to an order of other software; False while its order is not known."""
    belief = ledger.order(trade.order_id)
    return belief is not None and is_external(ledger, belief.order)


def answered_id_is_foreign(ledger: Ledger, intent_id: str, tag: str, order_id: int) -> str | None:
    """Why the order that the gateway answered with cannot be this intent's; None when it may be."""
    seen = ledger.order(order_id)
    if seen is not None and seen.order.custom_tag is not None:
        if canonical(seen.order.custom_tag) == canonical(tag):
            return None
        return f"the answered order {order_id} carries another tag"
    for other in ledger.intents_with_order(order_id):
        if other.intent_id != intent_id and _makes_orders(other):
            return f"the answered order {order_id} is that of another intent"
    return None


def is_close_like(order: OrderModel, contract_id: str) -> bool:
    """Whether an order looks like what closing a position makes: a market order without tag."""
    return (
        order.contract_id == contract_id
        and order.type is OrderType.MARKET
        and order.custom_tag is None
        and order.parent_order_id is None
    )


def claimed_by_others(ledger: Ledger, mine: IntentBelief) -> frozenset[int]:
    """The orders that are known to be those of other intents."""
    return frozenset(
        other.order_id
        for other in ledger.intents(mine.account_id)
        if other.order_id is not None and other.intent_id != mine.intent_id
    )


def rival_closes(ledger: Ledger, mine: IntentBelief) -> int:
    """How many other closes may own an untagged order that came after this one was written down."""
    recorded = mine.recorded
    if recorded is None or recorded.contract_id is None:
        return 0
    contract_id = recorded.contract_id
    like = sorted(
        belief.id
        for belief in ledger.orders(mine.account_id)
        if is_close_like(belief.order, contract_id)
    )
    count = 0
    for other in ledger.intents(mine.account_id):
        asked = other.recorded
        if asked is None or asked.action not in CLOSES or asked.contract_id != contract_id:
            continue
        if other.intent_id == mine.intent_id or other.state in _DEAD or other.order_id is not None:
            continue
        has_its_own = any(asked.watermark < one <= recorded.watermark for one in like)
        count += not has_its_own
    return count


def _makes_orders(intent: IntentBelief) -> bool:
    recorded = intent.recorded
    return recorded is not None and (recorded.action == "place" or recorded.action in CLOSES)


def _may_be_unresolved(ledger: Ledger, order: OrderModel) -> bool:
    """Whether an unresolved order of ours may be this one: lists of some gateways show no tags."""
    return any(
        intent.recorded is not None
        and intent.recorded.action == "place"
        and intent.recorded.contract_id == order.contract_id
        and order.id > intent.recorded.watermark
        for intent in ledger.open_intents(order.account_id)
    )


def _is_our_close(ledger: Ledger, order: OrderModel) -> bool:
    """Whether one of our closes is left over for this order when older orders have had theirs."""
    if not is_close_like(order, order.contract_id):
        return False
    closes = [
        intent
        for intent in ledger.intents(order.account_id)
        if intent.recorded is not None
        and intent.recorded.action in CLOSES
        and intent.recorded.contract_id == order.contract_id
        and intent.state not in _DEAD
    ]
    if not closes:
        return False
    known = [belief.order for belief in ledger.orders(order.account_id)]
    older = [one for one in known if is_close_like(one, order.contract_id) and one.id < order.id]
    return order.id in _paired([*older, order], closes)


def _paired(orders: Iterable[OrderModel], closes: Iterable[IntentBelief]) -> set[int]:
    """The orders that a close accounts for: each close for one, the earliest first."""
    left = list(closes)
    paired = set()
    for order in sorted(orders, key=lambda one: one.id):
        for intent in left:
            if _near(order, intent):
                left.remove(intent)
                paired.add(order.id)
                break
    return paired


def _near(order: OrderModel, intent: IntentBelief) -> bool:
    recorded = intent.recorded
    if recorded is None:
        return False
    if recorded.watermark:
        return order.id > recorded.watermark
    asked_at = recorded.server_at or recorded.at
    return asked_at - _EARLY <= order.creation_timestamp <= asked_at + _LATE
