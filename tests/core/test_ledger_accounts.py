"""Accounts: the latest word counts."""

from __future__ import annotations

from decimal import Decimal

from tests.support.facts import account, at
from topstepx import events
from topstepx.core.ledger_accounts import AccountEntry


def test_the_latest_word_counts_and_repetition_is_no_news() -> None:
    entry = AccountEntry()
    poorer = account(balance=Decimal(49000), can_trade=False)
    assert entry.apply(events.AccountObserved(account_model=poorer, at=at(5)), None) is not None
    assert entry.apply(events.AccountObserved(account_model=account(), at=at(1)), None) is None
    assert entry.belief is not None
    assert entry.belief.account == poorer
    assert entry.apply(events.AccountObserved(account_model=poorer, at=at(9)), None) is None
    assert entry.belief.as_of == at(9)
