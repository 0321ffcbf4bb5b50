"""Accounts: named exactly for anything that trades."""

from __future__ import annotations

from typing import TYPE_CHECKING

from topstepx.core.lanes import Lane
from topstepx.errors import AccountUnknown, AnswerUnusable
from topstepx.events import AccountObserved, ListRead
from topstepx.wire import models, routes
from topstepx.wire.models import AccountModel

if TYPE_CHECKING:
    from topstepx.desk.record import Record
    from topstepx.events import Source
    from topstepx.net.rest import Rest
    from topstepx.settings import Settings

Account = AccountModel
"""One account, as the gateway tells it."""

AccountLike = Account | int | str
"""What is taken for an account: itself, its id or its name."""


class Accounts:
    """`tsx.accounts`."""

    def __init__(self, rest: Rest, record: Record, settings: Settings) -> None:
        self._rest = rest
        self._record = record
        self._settings = settings

    async def all(self, *, only_active: bool = True) -> tuple[Account, ...]:
        """Every account of this login, as the gateway lists them now."""
        return await self._read(only_active=only_active, source="rest", lane=Lane.READ)

    async def read(self, source: Source) -> tuple[Account, ...]:
        """Every account, active or not, into the ledger; `source` says why it was asked."""
        return await self._read(only_active=False, source=source, lane=Lane.RECONCILE)

    async def _read(self, *, only_active: bool, source: Source, lane: Lane) -> tuple[Account, ...]:
        at = self._record.stamp()
        answer = await self._rest.call(
            routes.ACCOUNT_SEARCH,
            models.AccountSearchRequest(only_active_accounts=only_active),
            lane=lane,
            timeout_s=self._settings.timeouts.read_s,
        )
        if not isinstance(answer.accounts, list):
            msg = "Account/search answered without accounts."
            raise AnswerUnusable(msg, route="Account/search", status=200, did_it_happen="no")
        for account in answer.accounts:
            self._record.commit(AccountObserved(at=at, account_model=account, source=source))
        if not only_active:
            self._record.commit(ListRead(at=at, what="accounts", account_id=None, source=source))
        return tuple(answer.accounts)

    async def one(self, name: AccountLike) -> Account:
        """The account with this id, name, or unique part of a name; read from the gateway.

        Raises `AccountUnknown` with near names, also when a part fits several.
        """
        accounts = await self.all()
        return pick(name, accounts)

    async def exact(self, name: AccountLike) -> Account:
        """The account with exactly this id or name: what anything that trades asks for."""
        if isinstance(name, Account):
            return name
        try:
            return self.known(name)
        except AccountUnknown:
            await self._read(only_active=True, source="rest", lane=Lane.RECONCILE)
            return self.known(name)

    def known(self, name: AccountLike) -> Account:
        """As `exact`, from what was read before, without asking the gateway."""
        if isinstance(name, Account):
            return name
        accounts = [belief.account for belief in self._record.ledger.accounts()]
        for account in accounts:
            if name in (account.id, account.name):
                return account
        raise AccountUnknown(
            "account",
            name,
            "no account has exactly this id or name; a part is enough for reading only.",
            near_accounts(str(name), [account.name for account in accounts]),
        )


def pick(name: AccountLike, accounts: tuple[Account, ...]) -> Account:
    """The one account that `name` means among `accounts`."""
    if isinstance(name, Account):
        name = name.id
    for account in accounts:
        if str(name) in {account.name, str(account.id)}:
            return account
    part = str(name).casefold()
    fitting = [account for account in accounts if part and part in account.name.casefold()]
    if len(fitting) == 1:
        return fitting[0]
    names = [account.name for account in accounts]
    if fitting:
        raise AccountUnknown(
            "account", name, f"fits {len(fitting)} accounts.", [account.name for account in fitting]
        )
    raise AccountUnknown("account", name, "no such account.", near_accounts(str(name), names))


def near_accounts(wanted: str, names: list[str]) -> list[str]:
    """Up to five account names, the ones that share most with `wanted` first."""

    def shared(name: str) -> int:
        return sum(part.casefold() in name.casefold() for part in wanted.split("-") if part)

    return sorted(names, key=shared, reverse=True)[:5]
