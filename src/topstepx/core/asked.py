"""What an intent asked for, read back from exactly what was to be sent."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from topstepx.wire.enums import OrderStatus
from topstepx.wire.models import ModifyRequest, OrderModel, PlaceRequest

if TYPE_CHECKING:
    from datetime import datetime

    from topstepx.core.ledger import Ledger
    from topstepx.core.ledger_intents import IntentBelief


DENIED_FOR: Final = timedelta(seconds=60)
"""How long an order that the gateway denies (401, 429) counts all the same, if no reading settles it."""

_SHOWS_WITHIN: Final = timedelta(seconds=5)
"""When a list is taken to show what was done before (the safety model's grace for visibility)."""


def place_of(intent: IntentBelief | None) -> PlaceRequest | None:
    """The order that an intent asked for; None if it asked for something else."""
    recorded = intent.recorded if intent is not None else None
    if recorded is None or recorded.action != "place":
        return None
    return msgspec.json.decode(recorded.body, type=PlaceRequest)


def accepted_unseen(ledger: Ledger, account_id: int) -> tuple[OrderModel, ...]:
    """Orders that the gateway gave an id and that nobody has shown yet, as they were asked for."""
    found = []
    for intent in ledger.unsettled_intents(account_id):
        asked, recorded = place_of(intent), intent.recorded
        if intent.order_id is None or asked is None or recorded is None:
            continue
        if ledger.order(intent.order_id) is None:
            found.append(
                OrderModel(
                    id=intent.order_id,
                    account_id=account_id,
                    contract_id=asked.contract_id,
                    creation_timestamp=recorded.at,
                    status=OrderStatus.PENDING,
                    type=asked.type,
                    side=asked.side,
                    size=asked.size,
                    limit_price=asked.limit_price,
                    stop_price=asked.stop_price,
                    custom_tag=asked.custom_tag,
                )
            )
    return tuple(found)


def modify_of(intent: IntentBelief) -> ModifyRequest | None:
    """The change that an intent asked for; None if it asked for something else."""
    recorded = intent.recorded
    if recorded is None or recorded.action != "modify":
        return None
    return msgspec.json.decode(recorded.body, type=ModifyRequest)


def may_fill(
    ledger: Ledger,
    account_id: int,
    contract_id: str,
    *,
    watched: timedelta,
    now: datetime,
    besides: str | None = None,
) -> tuple[PlaceRequest, ...]:
    """What may be an order, though none was seen: open, accepted, presumed absent or denied just now.

    The legs of what filled belong to it. An order that was seen is counted as the order it is, not here.
    `besides` leaves one intent out.
    """
    found = []
    for intent in ledger.unsettled_intents(account_id):
        if intent.intent_id == besides:
            continue
        presumed = intent.state == "presumed_absent"
        if presumed and intent.recorded_at is not None and now - intent.recorded_at > watched:
            continue
        if intent.state == "not_sent" and not denied_lately(ledger, intent, now):
            continue
        asked = place_of(intent)
        if asked is None or asked.contract_id != contract_id:
            continue
        if asked.custom_tag is not None and ledger.order_by_tag(account_id, asked.custom_tag):
            continue
        found.append(asked)
    legs = ledger.expected_legs
    found += legs.unseen(ledger, account_id, contract_id, watched=watched, now=now)
    return tuple(found)


def denied_lately(ledger: Ledger, intent: IntentBelief, now: datetime) -> bool:
    """Whether the gateway's "I did not act" is so new that the order may exist for all we know.

    It ends with a complete reading of the orders that began long enough after the answer: had that shown
    the order, it would not be denied any more.
    """
    if not intent.was_denied:
        return False
    at = intent.answers[-1].at
    if now - at > DENIED_FOR:
        return False
    read_at = ledger.listed_at("orders", intent.account_id)
    return read_at is None or read_at < at + _SHOWS_WITHIN
