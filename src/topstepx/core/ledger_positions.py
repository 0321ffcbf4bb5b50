"""What we believe about positions.

Positions carry no version, so the latest word counts, by the moment it speaks of: for a REST list the
moment before it was asked for. What the hub says is a hint until a list confirms it. A contract that
is missing from a complete list is flat; one of which nothing was ever said, in an account whose list
was never read, is *unknown*, and unknown is never flat.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from topstepx.core.contract_names import short_name
from topstepx.core.merge import Aged, Freshness, fresher, heard, moment
from topstepx.events import PositionObserved, PositionsListed
from topstepx.wire.enums import PositionType
from topstepx.wire.models import PositionModel

if TYPE_CHECKING:
    from datetime import datetime

    from topstepx.events import Observation

_SIGN = {PositionType.LONG: 1, PositionType.SHORT: -1}
_HUB, _REST = 0, 1


class PositionBelief(Aged, msgspec.Struct, frozen=True, gc=False, eq=False):
    """The position in one contract. Equal beliefs may differ in age and confirmation."""

    account_id: int
    contract_id: str
    net: int | None
    """Contracts, positive for long; None: the gateway named a direction that is not known."""
    average_price: Decimal | None
    """The average entry price; None when flat."""
    position: PositionModel | None
    """As last reported; None when flat."""
    freshness: Freshness
    unshown: int = 0
    """Contracts, signed, by which the fills that are known say otherwise than the last word on it."""

    def _said(self) -> tuple[int, str, int | None, Decimal | None]:
        return self.account_id, self.contract_id, self.net, self.average_price

    @property
    def is_flat(self) -> bool:
        """Whether nothing is held: by the last word, and no known fill says otherwise."""
        return self.net == 0 and not self.unshown

    def __str__(self) -> str:
        """One line: "CON.F.US.MNQ.Z26 LONG 2 at 29093.75"."""
        more = f" ({self.unshown:+d} filled, not shown yet)" if self.unshown else ""
        if self.net is None:
            return f"{self._name()} in a direction that is not known{more}"
        if self.net == 0:
            return f"{self._name()} flat{more}"
        price = "" if self.average_price is None else f" at {self.average_price:.9g}"
        return f"{self._name()} {'LONG' if self.net > 0 else 'SHORT'} {abs(self.net)}{price}{more}"

    def _name(self) -> str:
        """The contract as people say it, "MNQZ6": the display name, else made from the id."""
        shown = self.position.contract_display_name if self.position is not None else None
        return shown or short_name(self.contract_id)

    @property
    def confirmed(self) -> bool:
        """Whether REST said so in this run; the hub's word alone is a hint."""
        return self.freshness.is_asked


class PositionChanged(msgspec.Struct, frozen=True, gc=False):
    """A change of the ledger: the position in one contract; ``before`` None: it was unknown."""

    account_id: int
    contract_id: str
    before: PositionBelief | None
    after: PositionBelief


def _belief(
    account_id: int, contract_id: str, position: PositionModel | None, age: Freshness
) -> PositionBelief:
    if position is None or position.size == 0:
        return PositionBelief(account_id, contract_id, 0, None, None, age)
    sign = _SIGN.get(position.type)
    net = None if sign is None else sign * position.size
    price = position.average_price
    return PositionBelief(account_id, contract_id, net, price, position, age)


_When = tuple[bool, "datetime"]


class AccountPositions:
    """All that was told about one account's positions."""

    def __init__(self, account_id: int) -> None:
        self.account_id = account_id
        self.listed: Freshness | None = None
        self._listed_when: _When | None = None
        self._told: dict[str, tuple[_When, int, PositionModel]] = {}
        self._ages: dict[str, Freshness] = {}
        self._beliefs: dict[str, PositionBelief | None] = {}
        """What follows from all that was told, for each contract that was asked for since."""

    def position(self, contract_id: str) -> PositionBelief | None:
        """What is believed of one contract; None: unknown."""
        try:
            return self._beliefs[contract_id]
        except KeyError:
            belief = self._beliefs[contract_id] = self._believed(contract_id)
            return belief

    def _believed(self, contract_id: str) -> PositionBelief | None:
        told = self._told.get(contract_id)
        if told is not None and (self._listed_when is None or self._listed_when <= told[0]):
            return _belief(self.account_id, contract_id, told[2], self._ages[contract_id])
        if self.listed is not None:
            return _belief(self.account_id, contract_id, None, self.listed)
        return None

    @property
    def contracts(self) -> frozenset[str]:
        """Every contract that a report named."""
        return frozenset(self._told)

    def apply(
        self, event: PositionObserved | PositionsListed, now_ns: int | None
    ) -> tuple[PositionChanged, ...]:
        """Merge one report; empty when it says nothing new about any contract."""
        age = heard(event, now_ns)
        if isinstance(event, PositionObserved):
            touched = [event.position.contract_id]
            reported: tuple[PositionModel, ...] = (event.position,)
        else:
            reported = event.positions
            touched = sorted({*self._told, *(position.contract_id for position in reported)})
        before = [self.position(contract_id) for contract_id in touched]
        for position in reported:
            self._put(event, position, age)
        if isinstance(event, PositionsListed):
            self.listed = fresher(self.listed, age)
            when = moment(event)
            self._listed_when = max(self._listed_when or when, when)
            self._beliefs.clear()
        changes = []
        for contract_id, was in zip(touched, before, strict=True):
            now = self.position(contract_id)
            if now is not None and now != was:
                changes.append(PositionChanged(self.account_id, contract_id, was, now))
        return tuple(changes)

    def state(self) -> object:
        """Everything believed here, for comparing two ledgers."""
        known = [self.position(contract_id) for contract_id in sorted(self._told)]
        listed = self.listed is not None
        return [belief for belief in known if belief and not (listed and belief.is_flat)], listed

    def _put(self, event: Observation, position: PositionModel, age: Freshness) -> None:
        contract_id = position.contract_id
        rank = _HUB if event.source == "hub" else _REST
        when, old = moment(event), self._told.get(contract_id)
        if old is not None and (when, rank) <= old[:2]:
            if (when, rank) < old[:2]:
                return
            # Of two words of one moment the values decide, so that their order makes no difference.
            if _comparable(position) <= _comparable(old[2]):
                return
        self._told[contract_id] = when, rank, position
        self._ages[contract_id] = age
        self._beliefs.pop(contract_id, None)


def _comparable(position: PositionModel) -> tuple[int, int, Decimal, int, datetime, str]:
    return (
        int(position.type),
        position.size,
        position.average_price,
        position.id,
        position.creation_timestamp,
        position.contract_display_name or "",
    )
