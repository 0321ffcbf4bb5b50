"""Cards of the session: one trouble each, and the exact sequence of facts that must follow."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.support.sessions import HOUR_S, START, SessionWorld
from topstepx.core.lanes import Lane
from topstepx.core.mode import Mode
from topstepx.core.terms import Limit
from topstepx.core.token import Session
from topstepx.errors import AuthBroken, DeadlinePassed, LoginRefused
from topstepx.events import LinkDown, OrderObserved
from topstepx.sim import fault_kinds as f
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.wire.enums import OrderStatus

if TYPE_CHECKING:
    from topstepx.desk.contracts import Contract

LOGIN, VALIDATE, BARS = "Auth/loginKey", "Auth/validate", "History/retrieveBars"


async def far_below(world: SessionWorld, contract: Contract) -> Limit:
    """A price at which a buy rests for a while."""
    bars = await world.tsx.market.bars(contract, "1m", last=1)
    return Limit(contract.floor(bars[-1].close - 200))


async def first_validate(world: SessionWorld) -> None:
    for _ in range(14 * 60):
        if world.calls(VALIDATE):
            return
        await asyncio.sleep(60)
    raise AssertionError


@virtual
async def test_a_day_of_peace() -> None:
    async with SessionWorld() as world:
        await asyncio.sleep(26 * HOUR_S)
        assert world.told == ["refreshed 1", "refreshed 2", "refreshed 3"]
        assert (world.calls(LOGIN), world.calls(VALIDATE)) == (1, 2)
        assert await world.read() == 4


@virtual(seeds=[None, *range(10)])
async def test_a_hundred_401_at_once_cause_one_renewal() -> None:
    async with SessionWorld(limited=False) as world:
        world.gateway.tokens.revoke_all()
        world.world.network.latency_s = 0.02
        # The exit lane: the only one in which a hundred requests may leave at once.
        found = await asyncio.gather(*(world.read(lane=Lane.EXIT) for _ in range(100)))
        assert found == [4] * 100
        assert world.calls(LOGIN) == 2
        assert world.calls(VALIDATE) == 0
        assert world.told == [
            "refreshed 1",
            "suspect 1: the gateway refused it (HTTP 401)",
            "alarm token_suspect",
            "refreshed 2",
        ]


@virtual
async def test_revoked_token() -> None:
    async with SessionWorld() as world:
        world.gateway.tokens.revoke_all()
        assert await world.read() == 4
        assert world.told == [
            "refreshed 1",
            "suspect 1: the gateway refused it (HTTP 401)",
            "alarm token_suspect",
            "refreshed 2",
        ]


@virtual
async def test_validate_down_for_twenty_minutes() -> None:
    async with SessionWorld() as world:
        since = START + timedelta(hours=11)
        world.break_(
            VALIDATE, f.Answer(503), times=None, since=since, until=since + timedelta(hours=3)
        )
        await asyncio.sleep(14 * HOUR_S)
        assert world.told == [
            "refreshed 1",
            "suspect 1: Auth/validate: HTTP 503.",
            "alarm token_suspect",
            "refreshed 2",
        ]
        assert (world.calls(LOGIN), world.calls(VALIDATE)) == (2, 1)
        assert await world.read() == 4


@virtual
async def test_validate_and_login_down_for_twenty_minutes() -> None:
    """Nothing can renew: the old token goes on working, and the tries thin out."""
    async with SessionWorld() as world:
        since = START + timedelta(hours=11)
        until = since + timedelta(hours=2, minutes=20)
        world.break_("Auth/*", f.Answer(503), times=None, since=since, until=until)
        for _ in range(14 * 6):
            await asyncio.sleep(600)
            assert await world.read() == 4
        assert world.told[0] == "refreshed 1"
        assert world.told[1:3] == ["suspect 1: Auth/validate: HTTP 503.", "alarm token_suspect"]
        assert world.told[-1] == "refreshed 2"
        assert world.told.count("alarm token_suspect") == 1
        assert world.calls(LOGIN) + world.calls(VALIDATE) <= 60
        assert world.tsx._keeper.machine.session is Session.GOOD


@virtual
async def test_login_refused_while_the_old_token_lives() -> None:
    """One attempt, LOCKED, and the token that still works stays the way out."""
    async with SessionWorld() as world:
        world.gateway.users[world.gateway.user_name].login_code = 9
        world.break_(VALIDATE, f.Answer(500), times=None)
        await asyncio.sleep(14 * HOUR_S)
        assert world.told == [
            "refreshed 1",
            "suspect 1: Auth/validate: HTTP 500.",
            "alarm token_suspect",
            "locked",
            "restricted session_locked",
            "alarm session_locked",
        ]
        assert world.calls(LOGIN) == 2
        assert await world.read(lane=Lane.EXIT) == 4
        account = (await world.tsx.accounts.all())[0]
        assert world.tsx._record.ledger.modes.mode(account.id) is Mode.HALTED

        world.gateway.tokens.revoke_all()
        with pytest.raises(LoginRefused) as caught:
            await world.read()
        assert caught.value.name == "ApiSubscriptionNotFound"
        assert caught.value.next_step
        await asyncio.sleep(HOUR_S)
        assert world.calls(LOGIN) == 2


@virtual
async def test_login_refused_at_the_start() -> None:
    world = SessionWorld()
    world.gateway.users[world.gateway.user_name].login_code = 3
    with pytest.raises(LoginRefused, match="InvalidCredentials"):
        async with world:
            raise AssertionError
    assert world.calls(LOGIN) == 1
    assert world.told == ["locked", "restricted session_locked", "alarm session_locked"]


@virtual(seeds=[None, 0, 1])
@pytest.mark.parametrize("hours", [3, -3, 26, -26])
async def test_the_wall_clock_is_set(hours: int) -> None:
    """Suspect, asked about at once, and in use meanwhile; nothing opens until all is read again."""
    async with SessionWorld() as world:
        account = await world.tsx.accounts.one("PRAC")
        await world.tsx.ready(account)
        # Half a second beside the keeper's own look, which comes once a minute: were it due in the same
        # instant as the clock watch, which looks every second, chance would say who is first.
        await asyncio.sleep(HOUR_S + 0.5)
        world.world.network.latency_s = 0.05
        world.clock.step_wall(hours * HOUR_S)
        assert await world.read() == 4
        modes = world.tsx._record.ledger.modes
        await eventually(lambda: modes.mode(account.id) is Mode.REDUCE_ONLY)
        await asyncio.sleep(120)
        assert modes.mode(account.id) is Mode.ACTIVE
        assert world.told == [
            "refreshed 1",
            "restricted clock_jumped",
            "alarm clock_jumped",
            "suspect 1: the wall clock was set, or the computer slept unnoticed",
            "alarm token_suspect",
            "refreshed 2",
            "free clock_jumped",
        ]
        assert (world.calls(LOGIN), world.calls(VALIDATE)) == (1, 1)


@virtual
@pytest.mark.parametrize("hours", [3, -3, 26, -26])
async def test_a_set_wall_clock_moves_no_renewal(hours: int) -> None:
    """The new token is renewed neither early nor late."""
    async with SessionWorld() as world:
        await asyncio.sleep(HOUR_S + 0.5)
        world.clock.step_wall(hours * HOUR_S)
        await asyncio.sleep(120)
        assert (world.calls(LOGIN), world.calls(VALIDATE)) == (1, 1)
        await asyncio.sleep(11 * HOUR_S)
        assert world.calls(VALIDATE) == 1
        await asyncio.sleep(2 * HOUR_S)
        assert world.calls(VALIDATE) == 2


@virtual
@pytest.mark.parametrize("hours", [3, -3, 20_000])
async def test_the_wall_clock_was_always_wrong(hours: int) -> None:
    """Only the gateway's own clock counts for what its token claims."""
    async with SessionWorld(starts=START + timedelta(hours=hours)) as world:
        await asyncio.sleep(11 * HOUR_S)
        assert world.told == ["refreshed 1"]
        await asyncio.sleep(2 * HOUR_S)
        assert world.told == ["refreshed 1", "refreshed 2"]
        assert (world.calls(LOGIN), world.calls(VALIDATE)) == (1, 1)


@virtual
async def test_suspend_over_the_expiry() -> None:
    async with SessionWorld() as world:
        world.clock.suspend(30 * HOUR_S)
        world.world.suspended(30 * HOUR_S)
        assert await world.read() == 4
        assert world.told == [
            "refreshed 1",
            "restricted token_expiring",
            "refreshed 2",
            "free token_expiring",
        ]
        assert (world.calls(LOGIN), world.calls(VALIDATE)) == (2, 0)
        # The very first request carried the new token: the old one was not even tried.
        assert [path for _, path, _ in world.rest.sent][-2:] == [
            "/api/Auth/loginKey",
            "/api/Account/search",
        ]


@virtual
async def test_opaque_tokens_live_for_a_day() -> None:
    world = SessionWorld()
    world.gateway.tokens.policy.opaque = True
    async with world:
        await asyncio.sleep(11 * HOUR_S)
        assert world.told == ["refreshed 1"]
        await asyncio.sleep(2 * HOUR_S)
        assert world.told == ["refreshed 1", "refreshed 2"]
        assert world.calls(LOGIN) == 1


@virtual
@pytest.mark.parametrize(
    ("rotation", "reason"),
    [
        ("null", "Auth/validate: success without new_token."),
        ("other", "validate answered somebody else's token"),
    ],
)
async def test_validate_answers_nonsense(rotation: str, reason: str) -> None:
    """The old token stays, a login follows at once, and somebody else's token is never sent."""
    world = SessionWorld()
    world.gateway.tokens.policy.rotation = rotation  # type: ignore[assignment]  # one of its words
    async with world:
        old = world.tsx._keeper.machine.token
        world.break_(LOGIN, f.Answer(503), times=3)
        await first_validate(world)
        assert world.tsx._keeper.machine.token is old
        assert await world.read() == 4
        assert world.told[:4] == [
            "refreshed 1",
            f"suspect 1: {reason}",
            "alarm token_suspect",
            f"suspect 1: {LOGIN}: HTTP 503.",
        ]
        world.gateway.tokens.policy.rotation = "new"
        await asyncio.sleep(HOUR_S)
        assert world.told[-1] == "refreshed 2"


@virtual
async def test_validate_gives_the_same_token_back() -> None:
    """It lives no longer for that: a login comes before its end."""
    world = SessionWorld()
    world.gateway.tokens.policy.rotation = "same"
    world.gateway.tokens.policy.life_s = 4 * HOUR_S
    async with world:
        for _ in range(10):
            await asyncio.sleep(HOUR_S / 2)
            assert await world.read() == 4
        assert world.told == ["refreshed 1", "refreshed 2"]
        assert world.calls(LOGIN) == 2
        assert world.calls(VALIDATE) <= 8


@virtual
async def test_a_validate_that_kills_the_old_token_costs_nobody_a_request() -> None:
    world = SessionWorld()
    world.gateway.tokens.policy.rotation_kills = True
    async with world:
        world.world.network.latency_s = 0.5
        for _ in range(26):
            await asyncio.sleep(HOUR_S / 2)
            assert await world.read() == 4
        assert world.calls(LOGIN) == 1


@virtual
async def test_login_hangs_and_each_waiter_has_its_own_deadline() -> None:
    async with SessionWorld() as world:
        world.gateway.tokens.revoke_all()
        world.break_(LOGIN, f.LoseRequest(cut=False), times=1)
        started = world.clock.monotonic_ns()

        async def wait(timeout_s: float) -> float:
            with pytest.raises(DeadlinePassed):
                await world.read(timeout_s=timeout_s)
            return (world.clock.monotonic_ns() - started) / 1e9

        patient = asyncio.create_task(world.read(timeout_s=60))
        assert list(await asyncio.gather(wait(1), wait(2), wait(5))) == [1, 2, 5]
        assert await patient == 4


@virtual
async def test_a_waiter_that_gives_up_cancels_nothing() -> None:
    async with SessionWorld() as world:
        world.gateway.tokens.revoke_all()
        world.world.network.latency_s = 1.0
        waiting = [asyncio.create_task(world.read(timeout_s=30)) for _ in range(5)]
        await eventually(lambda: world.calls(LOGIN) == 2)
        for task in waiting[:4]:
            task.cancel()
        assert await waiting[4] == 4
        assert world.calls(LOGIN) == 2


@virtual
async def test_a_fresh_login_that_is_refused_is_an_error_not_a_loop() -> None:
    async with SessionWorld() as world:
        world.break_("Account/search", f.Answer(401), times=None)
        with pytest.raises(AuthBroken):
            await world.read()
        for _ in range(20):
            with pytest.raises(AuthBroken):
                await world.read()
        assert world.calls(LOGIN) == 2
        assert world.tsx.health().session is Session.BROKEN
        assert world.told[-2:] == [
            "suspect 2: a fresh login was refused as well",
            "alarm token_broken",
        ]
        await asyncio.sleep(250)
        assert world.calls(LOGIN) == 2
        world.gateway.faults.clear()
        await asyncio.sleep(60)
        assert await world.read() == 4
        assert world.tsx.health().session is Session.GOOD


@virtual
async def test_403_is_no_reason_to_log_in() -> None:
    async with SessionWorld() as world:
        world.break_("Account/search", f.Answer(403), times=None)
        for _ in range(5):
            with pytest.raises(Exception, match="403"):
                await world.read()
        assert world.calls(LOGIN) == 1


@virtual
async def test_the_server_forgets_a_token_before_its_end() -> None:
    world = SessionWorld()
    world.gateway.tokens.policy.server_life_s = 20 * 60
    async with world:
        for _ in range(59):
            await asyncio.sleep(60)
            assert await world.read() == 4
        assert world.calls(LOGIN) == 3


@virtual
async def test_two_evictions_are_a_fight() -> None:
    async with SessionWorld() as world:
        account = await world.tsx.accounts.one("PRAC")
        await world.tsx.ready(account)
        world.told.clear()
        kick = f.Kick(close=True)
        world.break_("hub/user", kick)
        await asyncio.sleep(60)
        assert world.told == [
            "alarm gateway_logout",
            "suspect 1: the gateway logged a hub out",
            "alarm token_suspect",
            "refreshed 2",
        ]
        world.break_("hub/user", kick)
        await asyncio.sleep(60)
        assert world.told[4:] == [
            "alarm gateway_logout",
            "restricted session_contested",
            "alarm session_contested",
            "refreshed 3",
        ]
        assert world.tsx.health().session is Session.CONTESTED
        assert world.tsx._record.ledger.modes.mode(account.id) is Mode.REDUCE_ONLY
        assert await world.read() == 4

        # The token dies: nobody logs in again but an exit, and that once.
        world.gateway.tokens.revoke_all()
        with pytest.raises(AuthBroken, match="web platform"):
            await world.read()
        await asyncio.sleep(HOUR_S)
        assert world.calls(LOGIN) == 1
        assert await world.read(lane=Lane.EXIT) == 4
        assert world.calls(LOGIN) == 2

        await world.tsx.resume(account, released_by="the tester")
        assert world.told[-1] == "free session_contested"
        await asyncio.sleep(15)  # the hub comes back by itself
        assert world.tsx._record.ledger.modes.mode(account.id) is Mode.ACTIVE
        world.gateway.tokens.revoke_all()
        assert await world.read() == 4


@virtual
async def test_one_eviction_told_on_both_hubs_is_one() -> None:
    async with SessionWorld() as world:
        for hub in ("user", "market"):
            world.tsx._keeper.evicted(hub)
            await asyncio.sleep(1)
        assert world.tsx._keeper.machine.contested == ""
        await asyncio.sleep(297)
        world.tsx._keeper.evicted("market")
        assert world.tsx._keeper.machine.contested


@virtual
async def test_logins_are_bounded_and_the_last_one_is_the_exits() -> None:
    """A gateway that drops every token at once: five logins in ten minutes, never more."""
    async with SessionWorld() as world:
        refused = 0
        for _ in range(60):
            world.gateway.tokens.revoke_all()
            try:
                await world.read(timeout_s=8)
            except (DeadlinePassed, AuthBroken):
                refused += 1
            await asyncio.sleep(2)
        assert refused
        assert world.calls(LOGIN) == 4
        world.gateway.tokens.revoke_all()
        assert await world.read(lane=Lane.EXIT, timeout_s=60) == 4
        assert world.calls(LOGIN) == 5


@virtual
async def test_logout_ends_the_session_here_and_there() -> None:
    async with SessionWorld() as world:
        await world.tsx.logout()
        assert world.gateway.tokens.live(world.world.now()) == []
        with pytest.raises(AuthBroken, match="logged out"):
            await world.read()
        await asyncio.sleep(HOUR_S)
        assert world.calls(LOGIN) == 1


@virtual
async def test_leaving_logs_out_only_if_asked() -> None:
    async with SessionWorld() as world:
        pass
    assert len(world.gateway.tokens.live(world.gateway.now)) == 1
    async with SessionWorld(logout_on_exit=True) as world:
        pass
    assert world.gateway.tokens.live(world.gateway.now) == []


@virtual
async def test_logout_during_a_login_ends_that_one_too() -> None:
    async with SessionWorld() as world:
        world.world.network.latency_s = 2.0
        world.gateway.tokens.revoke_all()
        asking = asyncio.create_task(world.read(timeout_s=30))
        await eventually(lambda: world.calls(LOGIN) == 2, timeout_s=20)
        await world.tsx.logout()
        with pytest.raises(AuthBroken, match="logged out"):
            await asking
        await asyncio.sleep(30)
        assert world.gateway.tokens.live(world.world.now()) == []


@virtual
async def test_a_token_that_dies_inside_a_download_costs_one_page() -> None:
    async def download(*, dies: bool) -> tuple[list[object], int]:
        async with SessionWorld() as world:
            contract = await world.tsx.contracts.front("MNQ")
            world.world.network.latency_s = 0.1
            reading = asyncio.create_task(world.tsx.market.bars(contract, "1m", last=45_000))
            if dies:
                await eventually(lambda: world.calls(BARS) == 2)
                world.gateway.tokens.revoke_all()
            return [*await reading], world.calls(BARS)

    whole, calls = await download(dies=False)
    resumed, calls_with_401 = await download(dies=True)
    assert len(whole) == 45_000
    assert resumed == whole
    assert calls_with_401 == calls + 1


@virtual
async def test_an_order_meets_a_401_and_is_placed_once() -> None:
    async with SessionWorld() as world:
        account = await world.tsx.accounts.one("PRAC")
        contract = await world.tsx.contracts.front("MNQ")
        await world.tsx.ready(account)
        await asyncio.sleep(10)  # two logins are never less than five seconds apart
        price = await far_below(world, contract)
        world.gateway.tokens.revoke_all()
        order = await world.tsx.desk(account, contract).buy(1, at=price)
        bodies = [body for _, path, body in world.rest.sent if path == "/api/Order/place"]
        assert len(bodies) == 2
        assert bodies[0] == bodies[1]
        assert [one.id for one in world.gateway.venue.truth.orders(account.id)] == [order.id]


@pytest.mark.parametrize(
    ("hours", "chance"), [(8, 0.2), pytest.param(72, 0.05, marks=pytest.mark.soak)]
)
@virtual
async def test_short_tokens_and_failing_validates_lose_nothing(hours: int, chance: float) -> None:
    """Every five minutes a read, every two hours an order that the hub must tell about.

    The three days of requests alone are in tests/net/test_auth.py, in every run.
    """
    world = SessionWorld(seed=7, market_step_s=600.0)
    world.gateway.tokens.policy.life_s = HOUR_S
    world.break_(VALIDATE, f.Answer(500), times=None, chance=chance)
    async with world:
        account = await world.tsx.accounts.one("PRAC")
        contract = await world.tsx.contracts.front("MNQ")
        await world.tsx.ready(account)
        desk, placed = world.tsx.desk(account, contract), []
        for turn in range(hours * 12):
            await asyncio.sleep(300)
            assert await world.read() == 4
            if turn % 24 == 0:
                order = await desk.buy(1, at=await far_below(world, contract))
                placed.append(order.id)
                await order.cancel()
        await asyncio.sleep(5)
        validates, logins = world.calls(VALIDATE), world.calls(LOGIN)
        assert validates > 1.8 * hours
        failed = world.gateway.faults.struck
        assert 2 <= len(failed) <= 4 * chance * hours
        assert logins == 1 + len(failed)
        assert [one for one in world.told if one.startswith("refreshed")] == [
            f"refreshed {generation}" for generation in range(1, validates + 2)
        ]
        assert len(placed) == hours / 2
        heard: dict[int, list[OrderStatus]] = {}
        for fact in world.facts:
            if isinstance(fact, OrderObserved) and fact.source == "hub":
                heard.setdefault(fact.order.id, []).append(OrderStatus(fact.order.status))
        assert {order_id: statuses[-1] for order_id, statuses in heard.items()} == dict.fromkeys(
            placed, OrderStatus.CANCELLED
        )
        assert all(OrderStatus.OPEN in statuses for statuses in heard.values())
        assert not [fact for fact in world.facts if isinstance(fact, LinkDown)]


@virtual
async def test_an_exit_does_not_wait_out_the_pause_after_a_fresh_token_was_refused() -> None:
    async with SessionWorld() as world:
        world.break_("Account/search", f.Answer(401), times=None)
        with pytest.raises(AuthBroken):
            await world.read()
        assert world.tsx.health().session is Session.BROKEN
        with pytest.raises(AuthBroken):
            await world.read(lane=Lane.EXIT, timeout_s=4)
        world.gateway.faults.clear()
        await asyncio.sleep(25)
        with pytest.raises(AuthBroken):
            await world.read(timeout_s=8)
        assert await world.read(lane=Lane.EXIT, timeout_s=8) == 4
        assert world.calls(LOGIN) == 3
        assert world.tsx.health().session is Session.GOOD
