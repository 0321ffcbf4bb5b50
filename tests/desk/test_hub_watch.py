"""Watching a connected hub: looked at often when something is at stake, seldom when nothing is."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal

from tests.cards.test_hubs import Log, elsewhere, mode, once_each, same_as_venue
from tests.support.trading import PRACTICE_ID, mnq, practice
from topstepx.core.mode import Mode
from topstepx.core.terms import Limit
from topstepx.desk.lookout import Seen
from topstepx.events import GapSuspected, HubDegraded
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import VirtualLoop, virtual
from topstepx.testing.pair import Pair
from topstepx.wire.enums import Side

COMBINE = "50KTC-V2-DLL"


def looks(pair: Pair) -> int:
    return sum(one.route == "Position/searchOpen" for one in pair.gateway.limits.arrivals)


@virtual
async def test_every_half_minute_when_flat_every_five_seconds_when_exposed() -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        await pair.tsx.ready(account)
        before = looks(pair)
        await asyncio.sleep(300)
        assert 8 <= looks(pair) - before <= 11
        order = await pair.tsx.desk(account, contract).buy(1, at=Limit("29000"))
        before = looks(pair)
        await asyncio.sleep(60)
        assert 10 <= looks(pair) - before <= 13
        await order.cancel()


@virtual
async def test_found_deaf_twice_within_a_minute_the_connection_is_given_up() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        watch, life = pair.tsx._linkage.watch, pair.tsx._user_hub.life
        watch.looked(PRACTICE_ID, Seen(1, ("trade 7",)))
        assert watch.is_deaf
        watch.looked(PRACTICE_ID, Seen(1, ("trade 8",)))
        assert pair.tsx._user_hub.life == life, "it may be from before the streams were asked again"
        await asyncio.sleep(7)
        watch.looked(PRACTICE_ID, Seen(1, ("trade 9",)))
        assert pair.tsx._user_hub.life is None


@virtual
async def test_after_two_looks_that_agree_it_is_trusted_again() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        watch = pair.tsx._linkage.watch
        watch.looked(PRACTICE_ID, Seen(1, ("trade 7",)))
        assert pair.tsx._linkage.poller.is_on
        await asyncio.sleep(20)
        assert not watch.is_deaf
        assert not pair.tsx._linkage.poller.is_on


@virtual
async def test_a_deaf_hub_is_trusted_again_when_two_looks_at_each_account_agree() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        other = await pair.tsx.accounts.one(COMBINE)
        await pair.tsx.ready(other)
        watch = pair.tsx._linkage.watch
        watch.looked(PRACTICE_ID, Seen(1, ("trade 7",)))
        pair.tsx._linkage.poller.is_paused = True  # who looks here is the test
        await asyncio.sleep(7)
        for _ in range(6):
            watch.looked(PRACTICE_ID, Seen(0, ()))
        assert watch.is_deaf, "nobody could look at the other one"
        watch.looked(other.id, Seen(0, ()))
        watch.looked(other.id, Seen(1, (), ("position MNQ",)))
        watch.looked(other.id, Seen(0, ()))
        assert watch.is_deaf, "two in a row"
        watch.looked(other.id, Seen(0, ()))
        assert not watch.is_deaf


@virtual
async def test_what_a_deaf_hub_kept_to_itself_is_found_however_long_rest_was_away_too() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        log = Log(pair)
        until = pair.world.now() + timedelta(minutes=1)
        pair.faults.add(Fault(where="hub/user", what=f.DropEvents(), times=None, until=until))
        until += timedelta(minutes=12)
        pair.faults.add(Fault(where="Order/*", what=f.Answer(503), times=None, until=until))
        elsewhere(pair)
        elsewhere(pair, Side.SELL)
        await asyncio.sleep(14 * 60)
        same_as_venue(pair)
        once_each(log)


@virtual
async def test_what_our_own_loss_hid_makes_no_hub_deaf_although_the_look_for_it_fails_at_first() -> (
    None
):
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        await asyncio.sleep(40)
        log = Log(pair)
        poison = f.ReplaceEvents("{poison", event="GatewayUserOrder")
        pair.faults.add(Fault(where="hub/user", what=poison))
        pair.faults.add(Fault(where="Order/*", what=f.Answer(503), times=3))
        elsewhere(pair, limit_price=Decimal(20000))
        await asyncio.sleep(20)
        same_as_venue(pair)
        await asyncio.sleep(40)
        assert log.of(GapSuspected)
        assert not log.of(HubDegraded)
        assert mode(pair) is Mode.ACTIVE
        assert pair.tsx.health().ok


@virtual(seeds=[None, 1, 2])
async def test_what_lies_unread_because_we_stood_still_makes_nobody_deaf() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        loop, watch = asyncio.get_running_loop(), pair.tsx._linkage.watch
        assert isinstance(loop, VirtualLoop)
        heard: list[int] = []
        watch.expect(lambda: heard[0] if heard else None, "something", 5.0, 0)
        loop.now_ns += 12_000_000_000
        loop.call_later(0.1, lambda: heard.append(pair.clock.monotonic_ns()))
        await asyncio.sleep(3)
        assert not watch.is_deaf
        watch.expect(lambda: None, "something", 5.0, 0)
        loop.now_ns += 12_000_000_000
        await asyncio.sleep(3)
        assert watch.is_deaf


@virtual(seeds=[None, 1])
async def test_balances_that_could_not_be_read_after_a_reconnect_are_asked_for_until_they_come() -> (
    None
):
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        await asyncio.sleep(30)
        pair.faults.add(Fault(where="hub/user", what=f.CutHub()))
        unread = pair.faults.add(Fault(where="Account/search", what=f.Answer(400), times=None))
        await eventually(lambda: not pair.tsx.health().ok)
        pair.gateway.venue.adjust_balance(PRACTICE_ID, Decimal(7), pair.gateway.now)
        await eventually(lambda: pair.tsx.health().ok, timeout_s=10)
        await asyncio.sleep(1)
        pair.faults.remove(unread)
        assert believed(pair) != pair.truth.balance(PRACTICE_ID)
        await asyncio.sleep(5)
        assert believed(pair) == pair.truth.balance(PRACTICE_ID)
        asked = sum(one.route == "Account/search" for one in pair.gateway.limits.arrivals)
        await asyncio.sleep(18)
        more = sum(one.route == "Account/search" for one in pair.gateway.limits.arrivals) - asked
        assert more <= 1, "and then as always"


def believed(pair: Pair) -> Decimal | None:
    belief = pair.tsx._record.ledger.account(PRACTICE_ID)
    return belief.account.balance if belief is not None else None
