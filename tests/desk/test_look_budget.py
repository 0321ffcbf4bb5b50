"""What is kept for looks at the accounts, and how they are spread."""

from __future__ import annotations

import pytest

from topstepx.core.lanes import Lane
from topstepx.desk.look_budget import PAUSE_MAX_S, RECOVERY_EACH, LookBudget, kept_for
from topstepx.net.limiter import RateLimiter
from topstepx.testing.loop import LoopClock, virtual

LONG_NS = 10**15


@virtual
async def test_alone_looks_come_as_often_as_they_want_and_beside_a_greedy_user_slower() -> None:
    limiter = RateLimiter(LoopClock(), lambda: 0.0)
    budget = LookBudget(limiter)
    budget.keep(1)
    assert budget.pause_s(5, 5.0) == 5.0
    assert 3.0 <= budget.pause_s(5, 3.0) < 3.3
    for _ in range(60):
        await limiter.permit(Lane.READ, deadline_ns=LONG_NS)
    assert 6 < budget.pause_s(5, 3.0) < 9
    for _ in range(46):  # outages close to each other
        await limiter.permit(Lane.RECONCILE, deadline_ns=LONG_NS)
    assert budget.pause_s(5, 3.0) == PAUSE_MAX_S
    for _ in range(50):  # orders and exits may take all of it: they go before
        await limiter.permit(Lane.EXIT, deadline_ns=LONG_NS)
    assert budget.pause_s(5, 3.0) == PAUSE_MAX_S
    await limiter.close()


@pytest.mark.parametrize("accounts", range(8))
def test_more_accounts_keep_more_and_reads_are_never_shut_out(accounts: int) -> None:
    kept = kept_for(accounts)
    assert kept_for(0) == 0
    assert kept <= 90
    assert not 1 <= accounts <= 3 or kept >= 3 * RECOVERY_EACH * accounts / 2
