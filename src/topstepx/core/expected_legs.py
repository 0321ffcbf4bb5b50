"""Bracket legs that must be at the gateway, though nobody has shown them.

The gateway makes the legs of an entry as orders of their own. Once the entry has filled they work, and can
take back what it filled. A leg that no event and no list shows (yet) can do so as well: it counts as an
order of that size until it was seen once, and goes by its own reports from then on.
"""

from __future__ import annotations

from dataclasses import dataclass
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
    from topstepx.wire.enums import Side

_MEMBERS: Final = ('"stopLossBracket":{', '"takeProfitBracket":{')


@dataclass(frozen=True, slots=True)
class MissingLegs:
    """An entry some of whose legs were never seen, and how much of what it filled they could take back."""

    recorded: IntentRecorded
    side: Side
    order_id: int | None
    left: int


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
        for entry in self.missing(ledger, account_id, contract_id, watched=watched, now=now):
            yield PlaceRequest(
                account_id=account_id,
                contract_id=contract_id,
                type=OrderType.MARKET,
                side=entry.side.opposite,
                size=entry.left,
            )

    def missing(
        self,
        ledger: Ledger,
        account_id: int,
        contract_id: str | None,
        *,
        watched: timedelta,
        now: datetime,
    ) -> Iterator[MissingLegs]:
        """The entries that filled and whose legs were not all seen; None: on every contract."""
        for where, asked in self._asked.items():
            if where[0] != account_id or contract_id not in {None, where[1]}:
                continue
            for intent_id, recorded in list(asked.items()):
                found = None
                if now - recorded.at <= watched:
                    found = _missing(ledger, recorded)
                if found is None:
                    del asked[intent_id]
                elif found.left > 0:
                    yield found


def _missing(ledger: Ledger, recorded: IntentRecorded) -> MissingLegs | None:
    """What is missing of an entry's legs; None: nothing any more, for good."""
    request = msgspec.json.decode(recorded.body, type=PlaceRequest)
    order_id = _id_of(ledger, recorded.account_id, recorded.intent_id, request)
    if order_id is None:
        return MissingLegs(recorded, request.side, None, 0)
    entry, filled = ledger.order(order_id), ledger.netting.filled(order_id)
    seen = dict.fromkeys(_legs(request))
    if entry is not None:
        filled = max(filled, entry.filled)
        seen = {leg: leg_of(ledger, entry, leg) for leg in seen}
    rejected = entry is not None and entry.status is OrderStatus.REJECTED
    if None not in seen.values() or rejected:
        return None  # what was seen once is an order like any other
    left = filled - sum(map(_covers, seen.values()))
    return MissingLegs(recorded, request.side, order_id, left)


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
