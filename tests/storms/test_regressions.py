"""What storms found, each told once more in the plainest way, under the seed that found it."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from decimal import Decimal

import msgspec

from tests.support.trading import mnq, practice
from topstepx.core.lanes import Lane
from topstepx.core.ledger import Ledger
from topstepx.core.terms import Limit, Market
from topstepx.errors import TopstepxError
from topstepx.events import Flattened, Observation
from topstepx.sim.fault_kinds import DelayEvents, DropEvents
from topstepx.sim.faults import Fault
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import LoopClock, virtual
from topstepx.testing.pair import START, Pair
from topstepx.testing.storm.options import Options
from topstepx.testing.storm.run import run_storm


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


@virtual
async def test_seed_702078_a_wall_clock_set_back_between_two_runs_loses_no_account() -> None:
    async with Pair() as first:
        account = await practice(first)
        await first.tsx.ready(account)
    async with Pair(gateway=first.gateway, journal=first.journal.crash()) as second:  # type: ignore[attr-defined]  # the one in memory
        await second.tsx.ready(account)
    journal = second.journal.crash()  # type: ignore[attr-defined]  # the same
    clock = LoopClock(start=START - timedelta(hours=1))
    async with Pair(gateway=first.gateway, journal=journal, clock=clock) as third:
        await third.tsx.ready(account)
        assert not third.tsx._record.ledger.modes.causes(account.id)
        now = third.world.now()
        third.gateway.venue.adjust_balance(account.id, Decimal(-9), now)
        third.gateway.advance(now)
        await asyncio.sleep(1)
    replayed = Ledger()
    for row in await journal.rows(limit=10_000):
        event = row.event()
        if isinstance(event, Observation):
            event = msgspec.structs.replace(event, origin="replayed")
        replayed.apply(event)
    belief = replayed.account(account.id)
    assert belief is not None
    assert belief.account.balance == first.truth.balance(account.id)


@virtual
async def test_seed_701450_a_wall_clock_that_is_ahead_keeps_nobody_from_getting_flat() -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        await pair.tsx.ready(account)
        desk = pair.tsx.desk(account, contract)
        pair.clock.step_wall(3600)
        await desk.buy(1, at=Market())
        await eventually(lambda: desk.position is not None and desk.position.net == 1)
        await asyncio.sleep(1)  # fills show in the list a moment later
        late = await pair.tsx._trading.reader.late_trades(
            account.id, timedelta(seconds=60), lane=Lane.EXIT
        )
        assert [one.size for one in late] == [1], "asked for by the gateway's clock"
        result = await pair.tsx.flatten(account)
        assert isinstance(result, Flattened), result
        assert not pair.truth.positions(account.id)


@virtual
async def test_seed_710333_a_lock_that_the_hub_never_told_is_known_within_half_a_minute() -> None:
    async with Pair() as pair:
        account = await practice(pair)
        await pair.tsx.ready(account)
        pair.faults.add(Fault(where="hub/user", what=DropEvents(), times=None))
        for may_trade in (False, True):
            pair.gateway.venue.set_can_trade(account.id, may_trade, pair.world.now())
            await asyncio.sleep(28)
            belief = pair.tsx.state.account(account)
            assert belief is not None
            assert belief.account.can_trade == may_trade


@virtual
async def test_seed_721315_an_exit_without_token_and_network_does_not_try_without_a_pause() -> None:
    async with Pair() as pair:
        account = await practice(pair)
        await pair.tsx.ready(account)
        desk = pair.tsx.desk(account, await mnq(pair))
        await desk.buy(1, at=Market())
        pair.network.up = False
        pair.network.cut_all()
        pair.clock.suspend(25 * 3600)  # the token has died of age
        before = pair.network.refused
        closing = asyncio.create_task(desk.close())
        await asyncio.sleep(8)
        assert 3 < pair.network.refused - before < 60
        pair.network.up = True
        with contextlib.suppress(TopstepxError):
            await closing
        await eventually(lambda: pair.tsx.health().ok, timeout_s=90)
        await desk.close()
        assert pair.truth.net_size(account.id, desk.contract.id) == 0


def test_seed_721908_a_close_that_cannot_leave_is_not_tried_without_a_pause() -> None:
    """No token is good, nothing can be read, and fills have told a flatten flat: it waits all the same."""
    options = Options(
        seed=721908,
        storm_s=60.0,
        latency_s=0.1,
        jitter_s=0.1,
        pace_s=2.0,
        limited=False,
        contracts_max=8,
        write_s=0.0005,
        troubles={
            "answers lost": 2.198277431763218,
            "requests held": 1.4227818574751276,
            "answers late": 1.522699766806013,
            "too many requests": 0.44400824217460544,
            "unauthorized": 1.514151429513361,
            "hubs cut": 0.364349423475659,
            "hubs mute": 0.12619919086450831,
            "hubs deaf": 0.27428302813455485,
            "handshakes refused": 0.5513371305274581,
            "outages": 0.1315061186508009,
            "connections reset": 0.6999992138984519,
            "slow minutes": 0.25067925108434747,
            "late lists": 0.3665747095703996,
            "chopped fills": 0.7537580335791192,
            "trades voided": 0.399350200698099,
            "another program": 0.5080941871400253,
            "legs hidden": 0.38061058681307247,
            "wall clock set": 0.16672111291528388,
            "restarts": 0.2135373037728179,
        },
        habits={
            "market": 3.357467182449667,
            "rest": 9.258860309531013,
            "trailing": 1.1059590698045014,
            "join": 0.2908531567266415,
            "cancel": 8.279602931547359,
            "move": 1.5783817261792517,
            "await fill": 0.5897280789715263,
            "close": 3.228215853699867,
            "close part": 3.276244225906919,
            "flatten": 0.179630420510441,
            "read": 3.5943160725711403,
            "bars": 1.070597986209332,
            "burst": 0.8788040641381654,
        },
    )
    assert not run_storm(options).findings
