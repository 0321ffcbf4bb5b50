"""Synchronous views of what is believed, each with its age and source.

The age of a belief is how long nothing could have contradicted it. While the user hub is trusted it
would tell every change, so the age is that of the hub's last sign of life (the gateway gives one at
least every 15 s); while it is not, it is that of the last poll or list that told it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from topstepx.clock import NANOSECONDS
from topstepx.core.given import check_time
from topstepx.core.ledger_orders import OrderBelief
from topstepx.core.ledger_positions import PositionBelief
from topstepx.core.ledger_trades import TradeBelief
from topstepx.desk.accounts import Account
from topstepx.desk.contracts import known_contract
from topstepx.errors import NotReady, StaleData

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.core.ledger import Ledger
    from topstepx.core.ledger_accounts import AccountBelief
    from topstepx.core.merge import Freshness
    from topstepx.core.mode import ActiveCause, Mode
    from topstepx.desk.accounts import AccountLike, Accounts
    from topstepx.desk.contracts import Contract
    from topstepx.desk.record import Record
    from topstepx.events import ListName

    Belief = OrderBelief | TradeBelief | PositionBelief | AccountBelief


class State:
    """`tsx.state`. Nothing here asks the gateway.

    Every belief has `source` ("hub", "rest", "poll", "reconciled", "journal") and `age_s(belief)` says
    how old it is. With `max_age_s` a view refuses what is older with `StaleData`, and what is unknown
    as well; the hub may be silent for 15 s while all is well, so 20 s is the least that makes sense.
    """

    def __init__(
        self,
        record: Record,
        accounts: Accounts,
        *,
        kept_ns: Callable[[int], int | None] = lambda _: None,
    ) -> None:
        """`kept_ns`: when a trusted hub last gave a sign of life for an account; None: none is trusted."""
        self._record = record
        self._accounts = accounts
        self._kept_ns = kept_ns

    def _id(self, account: AccountLike) -> int:
        return account.id if isinstance(account, Account) else self._accounts.known(account).id

    # -- ages

    def age_s(self, belief: Belief) -> float | None:
        """For how many seconds nothing could have contradicted it; None: not heard in this run."""
        return self._age_s(_account_of(belief), belief.freshness)

    def _age_s(self, account_id: int, freshness: Freshness | None) -> float | None:
        if freshness is None or freshness.heard_ns is None:
            return None
        kept_ns = self._kept_ns(account_id) or 0
        return max(0, self._record.now_ns() - max(freshness.heard_ns, kept_ns)) / NANOSECONDS

    def _check(
        self, what: str, account_id: int, freshness: Freshness | None, max_age_s: float | None
    ) -> None:
        if max_age_s is None:
            return
        check_time("max_age_s", max_age_s)
        age_s = self._age_s(account_id, freshness)
        if age_s is None or age_s > max_age_s:
            source = "nobody" if freshness is None else freshness.source
            raise StaleData(what, age_s, max_age_s, source)

    def _check_list(self, what: ListName, account_id: int, max_age_s: float | None) -> None:
        freshness = self._record.ledger.list_age(what, account_id)
        self._check(f"the list of {what} of account {account_id}", account_id, freshness, max_age_s)

    # -- views

    def account(
        self, account: AccountLike, *, max_age_s: float | None = None
    ) -> AccountBelief | None:
        """Balance and flags as last heard."""
        account_id = self._id(account)
        belief = self._record.ledger.account(account_id)
        age = None if belief is None else belief.freshness
        self._check(f"account {account_id}", account_id, age, max_age_s)
        return belief

    def position(
        self, account: AccountLike, contract: Contract, *, max_age_s: float | None = None
    ) -> PositionBelief | None:
        """The position in one contract; None: unknown, which is not flat."""
        account_id, contract = self._id(account), known_contract(contract)
        belief = self._record.ledger.position(account_id, contract.id)
        age = None if belief is None else belief.freshness
        self._check(f"the position in {contract.name}", account_id, age, max_age_s)
        return belief

    def positions(
        self, account: AccountLike, *, max_age_s: float | None = None
    ) -> tuple[PositionBelief, ...]:
        """Every known position that is not flat."""
        account_id = self._id(account)
        self._check_list("positions", account_id, max_age_s)
        return self._record.ledger.positions(account_id)

    def orders(
        self, account: AccountLike, *, max_age_s: float | None = None
    ) -> tuple[OrderBelief, ...]:
        """Every order seen, oldest first."""
        account_id = self._id(account)
        self._check_list("orders", account_id, max_age_s)
        return self._record.ledger.orders(account_id)

    def working(
        self, account: AccountLike, *, max_age_s: float | None = None
    ) -> tuple[OrderBelief, ...]:
        """Every order that may still do something; `NotReady` before the account was read."""
        account_id = self._id(account)
        self._check_list("orders", account_id, max_age_s)
        check_read(self._record.ledger, account_id)
        return self._record.ledger.working(account_id)

    def trades(
        self, account: AccountLike, *, max_age_s: float | None = None
    ) -> tuple[TradeBelief, ...]:
        """Every trade seen, oldest first."""
        account_id = self._id(account)
        self._check_list("trades", account_id, max_age_s)
        return self._record.ledger.trades(account_id)

    def mode(self, account: AccountLike, contract: Contract | None = None) -> Mode:
        """What may be done on the account, or on one contract of it, which may be restricted alone."""
        contract_id = known_contract(contract).id if contract is not None else None
        return self._record.ledger.modes.mode(self._id(account), contract_id)

    def causes(
        self, account: AccountLike, contract: Contract | None = None
    ) -> tuple[ActiveCause, ...]:
        """Everything that restricts the account, those of single contracts too; empty: nothing does.

        With a contract, what restricts that one. A cause says in `contract_id` which contract it is about
        (None: the whole account), in `rule` what it means and how it ends.
        """
        contract_id = known_contract(contract).id if contract is not None else None
        modes = self._record.ledger.modes
        return modes.causes(self._id(account), contract_id, everything=contract is None)


def _account_of(belief: Belief) -> int:
    match belief:
        case OrderBelief():
            return belief.order.account_id
        case TradeBelief():
            return belief.trade.account_id
        case PositionBelief():
            return belief.account_id
        case _:
            return belief.id


def check_read(ledger: Ledger, account_id: int) -> None:
    """Raise `NotReady` unless the account's orders were read in this run."""
    age = ledger.list_age("orders", account_id)
    if age is None or age.heard_ns is None:
        msg = (
            f"The orders of account {account_id} were not read yet, so it is not known which work."
        )
        raise NotReady(msg, next_step="Await ready(account) first.")
