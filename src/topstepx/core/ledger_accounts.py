"""What we believe about accounts: the latest word, by the moment it speaks of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from topstepx.core.merge import NOTHING, Aged, Freshness, Told, fresher, heard, later, moment, told

if TYPE_CHECKING:
    from topstepx.events import AccountObserved
    from topstepx.wire.models import AccountModel


@dataclass(frozen=True, slots=True)
class AccountBelief(Aged):
    """One account. Equal beliefs may differ in age."""

    account: AccountModel
    freshness: Freshness = field(compare=False, kw_only=True)

    @property
    def id(self) -> int:
        """The gateway's id."""
        return self.account.id


@dataclass(frozen=True, slots=True)
class AccountChanged:
    """A change of the ledger: an account is new, or its balance or flags are."""

    before: AccountBelief | None
    after: AccountBelief


class AccountEntry:
    """All that was told about one account."""

    def __init__(self) -> None:
        self._told: Told = NOTHING
        self.belief: AccountBelief | None = None

    def apply(self, event: AccountObserved, now_ns: int | None) -> AccountChanged | None:
        """Merge one report; None when it says nothing new."""
        model = event.account_model
        comparable = tuple(getattr(model, name) for name in model.__struct_fields__)
        key, _ = told(comparable, moment(event), event.source != "hub")
        self._told = later(self._told, (key, model))
        before = self.belief
        age = fresher(before.freshness if before else None, heard(event, now_ns))
        self.belief = AccountBelief(self._told[1], freshness=age)
        return None if before == self.belief else AccountChanged(before, self.belief)
