"""Quotes put together: the gateway sends only what changed, a trader wants the whole."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

if TYPE_CHECKING:
    from topstepx.wire.hub_events import Quote as SparseQuote


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """The newest quote of a contract. A member is None until the gateway has said it once.

    `at` is the exchange's time of the newest part, `merged` how many messages are in it that you did
    not see one by one (1: none missed).
    """

    contract_id: str
    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None
    change: Decimal | None = None
    change_percent: Decimal | None = None
    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    volume: int | None = None
    at: datetime | None = None
    updated_at: datetime | None = None
    merged: int = 1

    @property
    def mid(self) -> Decimal | None:
        """Half way between bid and ask; None while either is unknown."""
        return None if self.bid is None or self.ask is None else (self.bid + self.ask) / 2

    @property
    def spread(self) -> Decimal | None:
        """Ask minus bid; None while either is unknown."""
        return None if self.bid is None or self.ask is None else self.ask - self.bid


_MEMBERS = (
    ("bid", "best_bid"),
    ("ask", "best_ask"),
    ("last", "last_price"),
    ("change", "change"),
    ("change_percent", "change_percent"),
    ("open", "open"),
    ("high", "high"),
    ("low", "low"),
    ("volume", "volume"),
    ("at", "timestamp"),
    ("updated_at", "last_updated"),
)


def merged(before: Quote | None, contract_id: str, update: SparseQuote, *, count: int = 1) -> Quote:
    """The whole quote after `update`. Absent and null both mean "not said", never zero (observed live)."""
    values = {}
    for ours, theirs in _MEMBERS:
        value = getattr(update, theirs)
        if value is UNSET or value is None:
            value = getattr(before, ours) if before is not None else None
        values[ours] = value
    return Quote(contract_id=contract_id, merged=count, **values)
