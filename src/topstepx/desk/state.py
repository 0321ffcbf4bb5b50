"""Synchronous views of what is believed, each with its age and source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from topstepx.desk.accounts import Account

if TYPE_CHECKING:
    from topstepx.core.ledger_accounts import AccountBelief
    from topstepx.core.ledger_orders import OrderBelief
    from topstepx.core.ledger_positions import PositionBelief
    from topstepx.core.ledger_trades import TradeBelief
    from topstepx.core.mode import ActiveCause, Mode
    from topstepx.desk.accounts import AccountLike, Accounts
    from topstepx.desk.contracts import Contract
    from topstepx.desk.record import Record


class State:
    """`tsx.state`. Nothing here asks the gateway; `age_s` of a belief says how old it is."""

    def __init__(self, record: Record, accounts: Accounts) -> None:
        self._record = record
        self._accounts = accounts

    def _id(self, account: AccountLike) -> int:
        return account.id if isinstance(account, Account) else self._accounts.known(account).id

    def account(self, account: AccountLike) -> AccountBelief | None:
        """Balance and flags as last heard."""
        return self._record.ledger.account(self._id(account))

    def position(self, account: AccountLike, contract: Contract) -> PositionBelief | None:
        """The position in one contract; None: unknown, which is not flat."""
        return self._record.ledger.position(self._id(account), contract.id)

    def positions(self, account: AccountLike) -> tuple[PositionBelief, ...]:
        """Every known position that is not flat."""
        return self._record.ledger.positions(self._id(account))

    def orders(self, account: AccountLike) -> tuple[OrderBelief, ...]:
        """Every order seen, oldest first."""
        return self._record.ledger.orders(self._id(account))

    def working(self, account: AccountLike) -> tuple[OrderBelief, ...]:
        """Every order that may still do something."""
        return self._record.ledger.working(self._id(account))

    def trades(self, account: AccountLike) -> tuple[TradeBelief, ...]:
        """Every trade seen, oldest first."""
        return self._record.ledger.trades(self._id(account))

    def mode(self, account: AccountLike, contract: Contract | None = None) -> Mode:
        """What may be done on the account, or on one contract of it."""
        contract_id = contract.id if contract is not None else None
        return self._record.ledger.modes.mode(self._id(account), contract_id)

    def causes(
        self, account: AccountLike, contract: Contract | None = None
    ) -> tuple[ActiveCause, ...]:
        """Why the mode is what it is; empty while ACTIVE."""
        contract_id = contract.id if contract is not None else None
        return self._record.ledger.modes.causes(self._id(account), contract_id)
