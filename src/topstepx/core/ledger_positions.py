"""What we believe about positions.

Positions carry no version, so the latest word counts, by the moment it speaks of: for a REST list the
moment before it was asked for. What the hub says is a hint until a list confirms it. A contract that
is missing from a complete list is flat; one of which nothing was ever said, in an account whose list
was never read, is *unknown*, and unknown is never flat.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from topstepx.core.contract_names import short_name
from topstepx.core.merge import Aged, Freshness, Told, fresher, heard, later, moment, told
from topstepx.events import PositionObserved, PositionsListed
from topstepx.wire.enums import PositionType

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from topstepx.events import Observation
    from topstepx.wire.models import PositionModel

_SIGN = {PositionType.LONG: 1, PositionType.SHORT: -1}
_HUB, _REST = 0, 1


@dataclass(frozen=True, slots=True)
class PositionBelief(Aged):
    """The position in one contract. Equal beliefs may differ in age and confirmation."""

    account_id: int
    contract_id: str
    net: int | None
    """Contracts, positive for long; None: the gateway named a direction that is not known."""
    average_price: Decimal | None
    """The average entry price; None when flat."""
    position: PositionModel | None = field(compare=False)
    """As last reported; None when flat."""
    unshown: int = field(default=0, compare=False)
    """Contracts, signed, by which the fills that are known say otherwise than the last word on it."""
    freshness: Freshness = field(compare=False, kw_only=True)

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


@dataclass(frozen=True, slots=True)
class PositionChanged:
    """A change of the ledger: the position in one contract; ``before`` None: it was unknown."""

    account_id: int
    contract_id: str
    before: PositionBelief | None
    after: PositionBelief


def _belief(
    account_id: int, contract_id: str, position: PositionModel | None, age: Freshness
) -> PositionBelief:
    if position is None or position.size == 0:
        return PositionBelief(account_id, contract_id, 0, None, None, freshness=age)
    sign = _SIGN.get(position.type)
    net = None if sign is None else sign * position.size
    price = position.average_price
    return PositionBelief(account_id, contract_id, net, price, position, freshness=age)


class AccountPositions:
    """All that was told about one account's positions."""

    def __init__(self, account_id: int) -> None:
        self.account_id = account_id
        self.listed: Freshness | None = None
        self._listed_when: tuple[bool, datetime] | None = None
        self._told: dict[str, Told] = {}
        self._ages: dict[str, Freshness] = {}

    def position(self, contract_id: str) -> PositionBelief | None:
        """What is believed of one contract; None: unknown."""
        age = self._ages.get(contract_id)
        if age is not None and (
            self._listed_when is None or self._listed_when <= self._when(contract_id)
        ):
            position = self._told[contract_id][1]
        elif self.listed is not None:
            position, age = None, self.listed
        else:
            return None
        return _belief(self.account_id, contract_id, position, age)

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
            touched = {event.position.contract_id}
            reported: tuple[PositionModel, ...] = (event.position,)
        else:
            reported = event.positions
            touched = {*self._told, *(position.contract_id for position in reported)}
        before = {contract_id: self.position(contract_id) for contract_id in sorted(touched)}
        for position in reported:
            self._put(event, position, age)
        if isinstance(event, PositionsListed):
            self.listed = fresher(self.listed, age)
            when = moment(event)
            self._listed_when = max(self._listed_when or when, when)
        changes = []
        for contract_id, was in before.items():
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
        key, _ = told(_comparable(position), moment(event), rank)
        old = self._told.get(contract_id)
        if old is None or later(old, (key, position))[1] is position:
            self._told[contract_id] = (key, position)
            self._ages[contract_id] = fresher(
                self._ages.get(contract_id) if old and old[0] == key else None, age
            )

    def _when(self, contract_id: str) -> tuple[bool, datetime]:
        when: tuple[bool, datetime] = self._told[contract_id][0][1]
        return when


def _comparable(position: PositionModel) -> tuple[int, int, Decimal, int, datetime, str]:
    return (
        int(position.type),
        position.size,
        position.average_price,
        position.id,
        position.creation_timestamp,
        position.contract_display_name or "",
    )
