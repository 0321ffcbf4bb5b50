"""The account's own flags: one that cannot trade any more, or is gone, is halted while that lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from topstepx.core.ledger_accounts import AccountChanged
from topstepx.events import (
    AccountObserved,
    AlarmRaised,
    ListRead,
    ModeCauseAdded,
    ModeCauseCleared,
)

if TYPE_CHECKING:
    from topstepx.core.ledger import Change
    from topstepx.desk.record import Record
    from topstepx.events import Event


class AccountWatch:
    """Listens for what the gateway says about accounts."""

    def __init__(self, record: Record) -> None:
        self._record = record
        record.listen(self._on_fact, AccountObserved, ListRead)

    def _on_fact(self, event: Event, changes: tuple[Change, ...]) -> None:
        for change in changes:
            if isinstance(change, AccountChanged):
                self._flags(change)
        if isinstance(event, ListRead) and event.what == "accounts":
            self.listed()

    def _flags(self, change: AccountChanged) -> None:
        account, before = change.after.account, change.before
        if account.can_trade:
            if self._record.ledger.modes.stands("account_cannot_trade", account.id):
                self._cause(account.id, "account_cannot_trade", stands=False)
            return
        self._cause(account.id, "account_cannot_trade", stands=True)
        if before is not None and before.account.can_trade:
            self._alarm(
                account.id,
                "account_cannot_trade",
                f"{account.name} may not trade any more: a loss limit, a rule or the firm. Look at "
                "its orders and positions on the platform.",
            )

    def listed(self) -> None:
        """The list of accounts was read whole: those that are missing from it are gone."""
        ledger = self._record.ledger
        listed_at = ledger.listed_at("accounts")
        for belief in ledger.accounts():
            gone = listed_at is not None and belief.as_of < listed_at and belief.source != "journal"
            stands = any(cause.reason == "account_gone" for cause in ledger.modes.causes(belief.id))
            if gone == stands:
                continue
            self._cause(belief.id, "account_gone", stands=gone)
            if gone:
                self._alarm(
                    belief.id,
                    "account_gone",
                    f"{belief.account.name} is no longer listed. Nothing new is placed on it.",
                )

    def _cause(self, account_id: int, reason: str, *, stands: bool) -> None:
        kind = ModeCauseAdded if stands else ModeCauseCleared
        self._record.commit(kind(at=self._record.stamp(), account_id=account_id, reason=reason))

    def _alarm(self, account_id: int, name: str, detail: str) -> None:
        self._record.commit(
            AlarmRaised(at=self._record.stamp(), name=name, detail=detail, account_id=account_id)
        )
