"""What we believe about trades: by id, and voiding goes one way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from topstepx.core.contract_names import short_name
from topstepx.core.merge import (
    NOTHING,
    Aged,
    Freshness,
    Told,
    earliest,
    fresher,
    heard,
    later,
    moment,
    told,
)
from topstepx.events import TradeObserved, TradeVoided
from topstepx.wire.models import TradeModel

if TYPE_CHECKING:
    from datetime import datetime

_OWN_RULE = {"id", "voided", "creation_timestamp"}
_PARTS = tuple(name for name in TradeModel.__struct_fields__ if name not in _OWN_RULE)


@dataclass(frozen=True, slots=True)
class TradeBelief(Aged):
    """One half-turn. Equal beliefs may differ in age."""

    trade: TradeModel
    freshness: Freshness = field(compare=False, kw_only=True)

    @property
    def id(self) -> int:
        """The gateway's id."""
        return self.trade.id

    @property
    def is_void(self) -> bool:
        """Whether the exchange took it back."""
        return self.trade.voided

    def __str__(self) -> str:
        """One line: "MNQZ6 BUY 2 at 29093.75, order 3400000000"."""
        trade = self.trade
        void = ", taken back" if self.is_void else ""
        name = short_name(trade.contract_id)
        return (
            f"{name} {trade.side.name} {trade.size} at {trade.price}, order {trade.order_id}{void}"
        )

    @property
    def sort_key(self) -> tuple[datetime, int]:
        """Oldest first."""
        return self.trade.creation_timestamp, self.trade.id


@dataclass(frozen=True, slots=True)
class TradeChanged:
    """A change of the ledger: a trade is new, was completed, or was voided."""

    before: TradeBelief | None
    after: TradeBelief


class TradeEntry:
    """All that was told about one trade."""

    def __init__(self) -> None:
        self._parts: dict[str, Told] = {}
        self._voided = False
        self.belief: TradeBelief | None = None

    def apply(self, event: TradeObserved | TradeVoided, now_ns: int | None) -> TradeChanged | None:
        """Merge one report; None when it says nothing new."""
        for name in _PARTS:
            new = told(getattr(event.trade, name), moment(event))
            self._parts[name] = later(self._parts.get(name, NOTHING), new)
        created = earliest(self._parts.get("creation_timestamp"), event.trade.creation_timestamp)
        self._parts["creation_timestamp"] = created
        self._voided |= event.trade.voided or isinstance(event, TradeVoided)
        parts: dict[str, Any] = {name: value for name, (_, value) in self._parts.items()}
        before = self.belief
        age = fresher(before.freshness if before else None, heard(event, now_ns))
        trade = TradeModel(id=event.trade.id, voided=self._voided, **parts)
        self.belief = TradeBelief(trade, freshness=age)
        return None if before == self.belief else TradeChanged(before, self.belief)
