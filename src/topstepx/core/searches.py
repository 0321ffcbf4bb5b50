"""Which search fits an intent, from when on it looks, and what it is called."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from topstepx.clock import NANOSECONDS
from topstepx.core.moot import LATE_S, may_arrive
from topstepx.core.ownership import CLOSES
from topstepx.core.resolve import CloseSearch, PlaceSearch, Search
from topstepx.events import IntentLooked
from topstepx.wire.models import PartialCloseRequest, PlaceRequest

if TYPE_CHECKING:
    from datetime import datetime

    from topstepx.core.ledger_intents import IntentBelief
    from topstepx.events import IntentRecorded

LOOK_BACK = timedelta(seconds=120)
"""How far before the sending to start looking: clocks disagree."""

LOOK_BACK_BLIND = timedelta(hours=26)
"""The same while the gateway's clock is not known: a whole trading day and more."""

_NOUNS = {"place": "an order", "partial_close": "a partial close", "close": "a close"}


def makes_orders(recorded: IntentRecorded) -> bool:
    """Whether it makes an order, so that its outcome can be looked for among the orders."""
    return recorded.action == "place" or recorded.action in CLOSES


def search_for(intent: IntentBelief, sent_ns: int) -> Search | None:
    """The search that fits an intent; None for one that makes no order."""
    recorded = intent.recorded
    if recorded is None or recorded.contract_id is None or not makes_orders(recorded):
        return None
    if recorded.action == "place":
        request = msgspec.json.decode(recorded.body, type=PlaceRequest)
        return PlaceSearch(
            recorded.contract_id,
            sent_ns,
            recorded.watermark,
            request=request,
            copies=intent.copies,
            negative=intent.looked.rounds if intent.looked is not None else 0,
        )
    size = None
    if recorded.action == "partial_close":
        size = msgspec.json.decode(recorded.body, type=PartialCloseRequest).size
    late_s = LATE_S if may_arrive(intent, 0.0) else 0.0
    return CloseSearch(
        recorded.contract_id,
        sent_ns,
        recorded.watermark,
        size=size,
        arrives_by_ns=sent_ns + round(late_s * NANOSECONDS),
    )


def looked_of(
    intent: IntentBelief, search: Search, began_ns: int, at: datetime
) -> IntentLooked | None:
    """What a look found of an order, for the journal: the next start counts on from it. None: nothing new."""
    known = intent.looked.rounds if intent.looked is not None else 0
    if not isinstance(search, PlaceSearch) or search.negative == known:
        return None
    return IntentLooked(
        at=at,
        intent_id=intent.intent_id,
        account_id=intent.account_id,
        rounds=search.negative,
        waited_s=max(0.0, (began_ns - search.sent_ns) / NANOSECONDS),
    )


def looks_from(recorded: IntentRecorded) -> datetime:
    """From when on to look, by the gateway's clock where it was known."""
    if recorded.server_at is not None:
        return recorded.server_at - LOOK_BACK
    return recorded.at - LOOK_BACK_BLIND


def noun_of(intent: IntentBelief) -> str:
    """What it is whose outcome is not known, and when it was written down: "a close of 14:30:05 UTC"."""
    recorded = intent.recorded
    if recorded is None:
        return ""
    noun = _NOUNS.get(recorded.action, f"a {recorded.action}")
    return f"{noun} of {recorded.at:%H:%M:%S} UTC"
