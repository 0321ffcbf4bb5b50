"""What an intent asked for, read back from exactly what was to be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from topstepx.wire.models import PlaceRequest

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from topstepx.core.ledger import Ledger
    from topstepx.core.ledger_intents import IntentBelief


def place_of(intent: IntentBelief | None) -> PlaceRequest | None:
    """The order that an intent asked for; None if it asked for something else."""
    recorded = intent.recorded if intent is not None else None
    if recorded is None or recorded.action != "place":
        return None
    return msgspec.json.decode(recorded.body, type=PlaceRequest)


def may_fill(
    ledger: Ledger,
    account_id: int,
    contract_id: str,
    *,
    watched: timedelta,
    now: datetime,
    besides: str | None = None,
) -> tuple[PlaceRequest, ...]:
    """What may be an order, though none was seen: open, just accepted, or presumed absent and watched.

    An order that was seen is counted as the order it is, not here. `besides` leaves one intent out.
    """
    found = []
    for intent in ledger.unsettled_intents(account_id):
        if intent.intent_id == besides:
            continue
        presumed = intent.state == "presumed_absent"
        if presumed and intent.recorded_at is not None and now - intent.recorded_at > watched:
            continue
        asked = place_of(intent)
        if asked is None or asked.contract_id != contract_id:
            continue
        if asked.custom_tag is not None and ledger.order_by_tag(account_id, asked.custom_tag):
            continue
        found.append(asked)
    return tuple(found)
