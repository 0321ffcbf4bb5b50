"""What storms found, each told once more in the plainest way, under the seed that found it."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from tests.support.trading import mnq, practice
from topstepx.core.terms import Limit
from topstepx.sim.fault_kinds import DelayEvents, DropEvents
from topstepx.sim.faults import Fault
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


@virtual
async def test_seed_700039_a_balance_that_an_older_one_overtook_is_read_again() -> None:
    async with Pair() as pair:
        account = await practice(pair)
        await pair.tsx.ready(account)
        await asyncio.sleep(10)
        late = DelayEvents(2.0, "GatewayUserAccount")
        pair.faults.add(Fault(where="hub/user", what=late, times=1))
        for amount in (Decimal(-5), Decimal(-2)):  # the first is told last
            pair.gateway.venue.adjust_balance(account.id, amount, pair.world.now())
            pair.gateway.advance(pair.world.now())
            await asyncio.sleep(0.5)

        def level() -> None:
            belief = pair.tsx.state.account(account)
            assert belief is not None
            assert belief.account.balance == pair.truth.balance(account.id)

        await eventually(level, timeout_s=1)
        await asyncio.sleep(2)
        await eventually(level, timeout_s=8)


@virtual
async def test_seed_700036_a_deaf_hub_that_moves_to_a_new_token_is_trusted_again_in_the_end() -> (
    None
):
    async with Pair() as pair:
        account = await practice(pair)
        await pair.tsx.ready(account)
        pair.faults.add(Fault(where="hub/user", what=DropEvents(), times=None))
        order = await pair.tsx.desk(account, await mnq(pair)).buy(1, at=Limit("29000"))
        watch = pair.tsx._linkage.watch
        await eventually(lambda: watch.is_deaf, timeout_s=10)
        pair.faults.clear()
        before = pair.tsx._user_hub.link.generation
        pair.gateway.tokens.revoke_all()
        await eventually(lambda: pair.tsx._user_hub.link.generation > before, timeout_s=10)

        def free() -> None:
            assert not pair.tsx._record.ledger.modes.causes(account.id)
            assert not watch.is_deaf
            assert not pair.tsx._linkage.poller.is_on

        await eventually(free, timeout_s=30)
        await order.cancel()
