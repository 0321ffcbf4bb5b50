"""The account watch: flags that end trading, and that it comes back."""

from __future__ import annotations

from tests.cards.world import world
from tests.support.facts import account
from topstepx.core.mode import Mode
from topstepx.events import AccountObserved
from topstepx.testing.loop import virtual


@virtual
async def test_an_account_that_may_not_trade_halts_and_says_so_once() -> None:
    async with world() as w:
        record = w.tsx._record
        for can_trade in (False, False, True):
            model = account(w.account.id, name=w.account.name, can_trade=can_trade)
            record.commit(AccountObserved(at=record.stamp(), account_model=model))
            mode = Mode.ACTIVE if can_trade else Mode.HALTED
            assert w.tsx.state.mode(w.account) is mode
        assert len(w.alarms("account_cannot_trade")) == 1


@virtual
async def test_only_the_account_that_is_missing_from_the_list_is_halted() -> None:
    async with world() as w:
        w.pair.gateway.venue.faults.hidden_accounts = {w.account.id}
        await w.tsx.accounts.all(only_active=False)
        await w.tsx.accounts.all(only_active=False)
        assert w.standing() == {"account_gone"}
        assert len(w.alarms("account_gone")) == 1
