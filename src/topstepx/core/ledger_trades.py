"""What we believe about trades: by id, and voiding goes one way."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

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


class TradeBelief(Aged, msgspec.Struct, frozen=True, gc=False, eq=False):
    """One half-turn. Equal beliefs may differ in age."""

    trade: TradeModel
    freshness: Freshness

    def _said(self) -> TradeModel:
        return self.trade

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


class TradeChanged(msgspec.Struct, frozen=True, gc=False):
    """A change of the ledger: a trade is new, was completed, or was voided."""

    before: TradeBelief | None
    after: TradeBelief


class TradeEntry:
    """All that was told about one trade."""

    def __init__(self) -> None:
        self._first: TradeObserved | TradeVoided | None = None
        """The only report so far: it is the belief. None: `_parts` says what won."""
        self._parts: dict[str, Told] = {}
        self._voided = False
        self.belief: TradeBelief | None = None

    def apply(self, event: TradeObserved | TradeVoided, now_ns: int | None) -> TradeChanged | None:
        """Merge one report; None when it says nothing new."""
        trade, before = event.trade, self.belief
        self._voided |= trade.voided or isinstance(event, TradeVoided)
        age = fresher(before.freshness if before else None, heard(event, now_ns))
        if before is None and trade.voided is self._voided:
            self._first = event
            self.belief = TradeBelief(trade, age)
            return TradeChanged(None, self.belief)
        if self._first is not None:
            self._merge(self._first)
            self._first = None
        self._merge(event)
        parts: dict[str, Any] = {name: value for name, (_, value) in self._parts.items()}
        self.belief = TradeBelief(TradeModel(id=trade.id, voided=self._voided, **parts), age)
        return None if before == self.belief else TradeChanged(before, self.belief)

    def _merge(self, event: TradeObserved | TradeVoided) -> None:
        for name in _PARTS:
            new = told(getattr(event.trade, name), moment(event))
            self._parts[name] = later(self._parts.get(name, NOTHING), new)
        created = earliest(self._parts.get("creation_timestamp"), event.trade.creation_timestamp)
        self._parts["creation_timestamp"] = created


class Trades:
    """All that was told about all trades."""

    def __init__(self) -> None:
        self._entries: dict[int, TradeEntry] = {}
        self._of: dict[int, set[int]] = {}

    def apply(self, event: TradeObserved | TradeVoided, now_ns: int | None) -> TradeChanged | None:
        """Merge one report; None when it says nothing new."""
        trade = event.trade
        entry = self._entries.get(trade.id)
        if entry is None:
            entry = self._entries[trade.id] = TradeEntry()
        self._of.setdefault(trade.order_id, set()).add(trade.id)
        return entry.apply(event, now_ns)

    def all(self, account_id: int | None) -> tuple[TradeBelief, ...]:
        """Every trade seen (of one account), oldest first."""
        beliefs = (entry.belief for entry in self._entries.values())
        found = (b for b in beliefs if b is not None and account_id in {None, b.trade.account_id})
        return tuple(sorted(found, key=lambda belief: belief.sort_key))

    def of(self, order_id: int) -> tuple[TradeBelief, ...]:
        """The trades of one order, oldest first."""
        numbers = self._of.get(order_id)
        if numbers is None:
            return ()
        beliefs = (self._entries[number].belief for number in numbers)
        found = (belief for belief in beliefs if belief is not None)
        return tuple(sorted(found, key=lambda belief: belief.sort_key))

    @property
    def count(self) -> int:
        """How many were seen."""
        return len(self._entries)

    def first(self, count: int) -> frozenset[int]:
        """The ids of the trades that were seen first: those that were known when `count` was read."""
        return frozenset(islice(self._entries, count))
