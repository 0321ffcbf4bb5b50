"""Bracket legs that must be at the gateway, though nobody has shown them.

The gateway makes the legs of an entry as orders of their own. Once the entry has filled they work, and can
take back what it filled. A leg that no event and no list shows (yet) can do so as well: it counts as an
order of that size until it was seen once, and goes by its own reports from then on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from topstepx.core.brackets import Leg, leg_of
from topstepx.wire.enums import OrderStatus, OrderType
from topstepx.wire.models import PlaceRequest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta

    from topstepx.core.ledger import Ledger
    from topstepx.core.ledger_orders import OrderBelief
    from topstepx.events import IntentRecorded

_MEMBERS: Final = ('"stopLossBracket":{', '"takeProfitBracket":{')


class ExpectedLegs:
    """Which of our entries asked for legs that were not all seen yet."""

    def __init__(self) -> None:
        self._asked: dict[tuple[int, str], dict[str, IntentRecorded]] = {}

    def recorded(self, event: IntentRecorded) -> None:
        """An intent was written down."""
        if event.action == "place" and any(member in event.body for member in _MEMBERS):
            where = (event.account_id, event.contract_id or "")
            self._asked.setdefault(where, {}).setdefault(event.intent_id, event)

    def unseen(
        self,
        ledger: Ledger,
        account_id: int,
        contract_id: str,
        *,
        watched: timedelta,
        now: datetime,
    ) -> Iterator[PlaceRequest]:
        """What such legs may fill, one order for each entry: its two legs cancel each other."""
        asked = self._asked.get((account_id, contract_id), {})
        for intent_id, recorded in list(asked.items()):
            if now - recorded.at > watched:
                del asked[intent_id]
                continue
            request = msgspec.json.decode(recorded.body, type=PlaceRequest)
            order_id = _id_of(ledger, account_id, intent_id, request)
            if order_id is None:
                continue
            entry, filled = ledger.order(order_id), ledger.netting.filled(order_id)
            seen = dict.fromkeys(_legs(request))
            if entry is not None:
                filled = max(filled, entry.filled)
                seen = {leg: leg_of(ledger, entry, leg) for leg in seen}
            rejected = entry is not None and entry.status is OrderStatus.REJECTED
            if None not in seen.values() or rejected:
                del asked[intent_id]  # what was seen once is an order like any other
                continue
            left = filled - sum(map(_covers, seen.values()))
            if left > 0:
                yield PlaceRequest(
                    account_id=account_id,
                    contract_id=contract_id,
                    type=OrderType.MARKET,
                    side=request.side.opposite,
                    size=left,
                )


def _id_of(ledger: Ledger, account_id: int, intent_id: str, request: PlaceRequest) -> int | None:
    """The entry's id, answered or seen; None: neither, and what it may fill is counted instead."""
    intent = ledger.intent(intent_id)
    if intent is not None and intent.order_id is not None:
        return intent.order_id
    tag = request.custom_tag
    seen = ledger.order_by_tag(account_id, tag) if tag is not None else None
    return None if seen is None else seen.id


def _legs(request: PlaceRequest) -> Iterator[Leg]:
    if request.stop_loss_bracket is not None:
        yield "stop"
    if request.take_profit_bracket is not None:
        yield "target"


def _covers(leg: OrderBelief | None) -> int:
    """What an unseen sibling of this leg cannot fill: what the leg did, and what it is counted with."""
    if leg is None:
        return 0
    cancelled = leg.is_terminal and leg.status is not OrderStatus.FILLED
    return leg.filled if cancelled else leg.order.size
