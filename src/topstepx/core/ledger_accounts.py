"""What we believe about accounts: the latest word, by the moment it speaks of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from topstepx.core.merge import Aged, Freshness, fresher, heard, moment
from topstepx.wire.models import AccountModel

if TYPE_CHECKING:
    from datetime import datetime

    from topstepx.events import AccountObserved


class AccountBelief(Aged, msgspec.Struct, frozen=True, gc=False, eq=False):
    """One account. Equal beliefs may differ in age."""

    account: AccountModel
    freshness: Freshness

    def _said(self) -> AccountModel:
        return self.account

    @property
    def id(self) -> int:
        """The gateway's id."""
        return self.account.id


class AccountChanged(msgspec.Struct, frozen=True, gc=False):
    """A change of the ledger: an account is new, or its balance or flags are."""

    before: AccountBelief | None
    after: AccountBelief


class AccountEntry:
    """All that was told about one account."""

    def __init__(self) -> None:
        self._when: tuple[tuple[bool, datetime], bool] | None = None
        self.belief: AccountBelief | None = None

    def apply(self, event: AccountObserved, now_ns: int | None) -> AccountChanged | None:
        """Merge one report; None when it says nothing new."""
        account, before = event.account_model, self.belief
        when = moment(event), event.source != "hub"
        age = fresher(before.freshness if before else None, heard(event, now_ns))
        if before is not None and self._when is not None and when <= self._when:
            # Of two words of one moment the values decide, so that their order makes no difference.
            if when < self._when or _values(account) <= _values(before.account):
                account = before.account
        else:
            self._when = when
        self.belief = AccountBelief(account, age)
        return None if before == self.belief else AccountChanged(before, self.belief)


def _values(account: AccountModel) -> tuple[object, ...]:
    return msgspec.structs.astuple(account)
