"""What storms found, each told once more in the plainest way, under the seed that found it."""

from __future__ import annotations

from decimal import Decimal

from tests.support.trading import practice
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair


@virtual
async def test_seed_66_a_balance_that_moved_before_the_first_subscription_is_read_again() -> None:
    async with Pair() as pair:
        account = await practice(pair)
        now = pair.world.now()
        pair.gateway.venue.adjust_balance(account.id, Decimal("41.01"), now)
        await pair.tsx.ready(account)

        def level() -> None:
            belief = pair.tsx.state.account(account)
            assert belief is not None
            assert belief.account.balance == pair.truth.balance(account.id)

        await eventually(level, timeout_s=10)
