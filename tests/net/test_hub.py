"""A hub link's shell: where the token travels, how a subscription ends, what a life leaves behind."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.trading import (
    PRACTICE_ID,
    hub_session,
    mnq,
    practice,
    subscribed,
    until_subscribed,
)
from topstepx.core.link import LinkState, Subscription
from topstepx.errors import DeadlinePassed, InvalidRequest, NotSent, TopstepxError
from topstepx.events import AlarmRaised
from topstepx.net.hub import TokenPlace
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair
from topstepx.wire import routes

if TYPE_CHECKING:
    from topstepx.net.hub import HubLink

ORDERS = Subscription(routes.SUBSCRIBE_ORDERS, PRACTICE_ID)
TRADES = Subscription(routes.SUBSCRIBE_TRADES, PRACTICE_ID)
ORDER_EVENTS = ("GatewayUserOrder", str(PRACTICE_ID))
TRADE_EVENTS = ("GatewayUserTrade", str(PRACTICE_ID))


def link(pair: Pair) -> HubLink:
    return pair.tsx._user_hub


# ---------------------------------------------------------------- where the token travels


@virtual
async def test_the_token_goes_in_the_header_and_a_hub_that_takes_it_is_never_told_by_address() -> (
    None
):
    async with Pair() as pair:
        pair.gateway.hubs.policy.auth_in = "header"
        await pair.tsx.ready(await practice(pair))
        assert subscribed(pair, "user")


@virtual
async def test_a_hub_that_wants_it_in_the_address_gets_it_there_once_rest_has_proven_the_token(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with Pair() as pair:
        pair.gateway.hubs.policy.auth_in = "query"
        await pair.tsx.ready(await practice(pair))
        async with pair.tsx.market.quotes(await mnq(pair)) as quotes:
            await anext(quotes)
        token = pair.tsx._keeper.machine.token
        assert token is not None
        logins = [one for one in pair.gateway.limits.arrivals if one.route == "Auth/loginKey"]
        assert len(logins) == 1, "the token was never in doubt"
    warnings = [one for one in caplog.records if one.levelno >= logging.WARNING]
    told = [one.getMessage() for one in warnings if "address" in one.getMessage()]
    assert len(told) == 1, "said once, also with two hubs"
    assert token.value.reveal() not in caplog.text


@virtual
async def test_a_token_that_rest_refuses_too_is_renewed_and_never_put_in_the_address() -> None:
    async with Pair() as pair:
        account = await practice(pair)
        await asyncio.sleep(60)
        pair.gateway.tokens.revoke_all()
        await pair.tsx.ready(account)
        pair.gateway.hubs.policy.auth_in = "header"
        pair.faults.add(Fault(where="hub/user", what=f.CutHub()))
        await asyncio.sleep(1)
        await eventually(lambda: pair.tsx.health().ok, timeout_s=60)
        logins = [one for one in pair.gateway.limits.arrivals if one.route == "Auth/loginKey"]
        assert len(logins) == 2


@pytest.mark.parametrize("forced", ["header", "query"])
def test_a_setting_forces_either_place(forced: str) -> None:
    @virtual
    async def run() -> None:
        other: Any = "query" if forced == "header" else "header"
        same: Any = forced
        async with Pair(settings={"hub_token": forced}) as pair:
            pair.gateway.hubs.policy.auth_in = same
            await pair.tsx.ready(await practice(pair))
        async with Pair(settings={"hub_token": forced}) as pair:
            pair.gateway.hubs.policy.auth_in = other
            with pytest.raises(TopstepxError):
                await pair.tsx.ready(await practice(pair))

    run()


def test_the_place_moves_once_and_only_while_nothing_is_proven() -> None:
    place = TokenPlace("auto")
    assert (place.current, place.may_move) == ("header", True)
    place.move()
    assert (place.current, place.may_move) == ("query", False)
    proven = TokenPlace("auto")
    proven.proven = True
    assert not proven.may_move
    assert [TokenPlace("header").current, TokenPlace("query").current] == ["header", "query"]
    assert not TokenPlace("header").may_move


# ---------------------------------------------------------------- subscriptions


@virtual
async def test_it_stays_subscribed_until_as_many_gave_it_up_as_asked_for_it() -> None:
    async with Pair() as pair:
        await link(pair).subscribe(ORDERS, timeout_s=5)
        await link(pair).subscribe(ORDERS, timeout_s=5)
        link(pair).unsubscribe(ORDERS)
        await asyncio.sleep(1)
        assert subscribed(pair, "user") == {ORDER_EVENTS}
        link(pair).unsubscribe(ORDERS)
        await until_subscribed(pair, "user", set())
        link(pair).unsubscribe(ORDERS)  # once too often harms nobody


@virtual(seeds=[None, 1, 2, 3])
async def test_everything_that_is_wanted_is_subscribed_again_in_every_life() -> None:
    async with Pair() as pair:
        await asyncio.gather(*(link(pair).subscribe(one, timeout_s=5) for one in (ORDERS, TRADES)))
        for _ in range(5):
            session = hub_session(pair, "user")
            pair.faults.add(Fault(where="hub/user", what=f.CutHub()))
            await eventually(lambda old=session: old.closed)  # type: ignore[misc]  # bound now
            await eventually(
                lambda: subscribed(pair, "user") == {ORDER_EVENTS, TRADE_EVENTS}, timeout_s=60
            )


@virtual
async def test_what_is_asked_for_while_the_hub_is_away_comes_with_its_next_life() -> None:
    async with Pair() as pair:
        await link(pair).subscribe(ORDERS, timeout_s=5)
        pair.network.up = False
        pair.network.cut_all()
        asking = asyncio.create_task(link(pair).subscribe(TRADES, timeout_s=30))
        await asyncio.sleep(2)
        pair.network.up = True
        await asking
        assert subscribed(pair, "user") == {ORDER_EVENTS, TRADE_EVENTS}


@virtual
async def test_time_running_out_gives_it_up() -> None:
    async with Pair() as pair:
        ignored = f.IgnoreInvocation(method="SubscribeTrades")
        pair.faults.add(Fault(where="hub/user", what=ignored, times=None))
        await link(pair).subscribe(ORDERS, timeout_s=5)
        with pytest.raises(DeadlinePassed, match="did not confirm SubscribeTrades within 3 s"):
            await link(pair).subscribe(TRADES, timeout_s=3)
        pair.faults.clear()
        await asyncio.sleep(60)
        assert subscribed(pair, "user") == {ORDER_EVENTS}


@virtual(seeds=[None, 1, 2])
async def test_cancelling_gives_it_up_even_if_the_hub_confirms_it_later() -> None:
    async with Pair() as pair:
        await link(pair).subscribe(ORDERS, timeout_s=5)
        pair.network.latency_s = 1.0
        asking = asyncio.create_task(link(pair).subscribe(TRADES, timeout_s=30))
        await asyncio.sleep(1.5)
        asking.cancel()
        await asyncio.sleep(10)
        assert asking.cancelled()
        assert subscribed(pair, "user") == {ORDER_EVENTS}


@virtual
async def test_one_of_two_who_wait_may_give_up() -> None:
    async with Pair() as pair:
        pair.network.latency_s = 0.5
        first = asyncio.create_task(link(pair).subscribe(ORDERS, timeout_s=30))
        second = asyncio.create_task(link(pair).subscribe(ORDERS, timeout_s=30))
        await asyncio.sleep(0.2)
        first.cancel()
        await second
        await asyncio.sleep(5)
        assert subscribed(pair, "user") == {ORDER_EVENTS}


@virtual
async def test_a_refusal_is_for_everybody_who_waits_and_names_the_hubs_words() -> None:
    async with Pair() as pair:
        pair.network.latency_s = 0.2
        refused = f.FailInvocation("You shall not.", method="SubscribeTrades")
        pair.faults.add(Fault(where="hub/user", what=refused, times=None))
        ends = await asyncio.gather(
            *(link(pair).subscribe(TRADES, timeout_s=30) for _ in range(2)), return_exceptions=True
        )
        assert [type(end) for end in ends] == [InvalidRequest] * 2
        assert "You shall not." in str(ends[0])
        pair.faults.clear()
        await link(pair).subscribe(TRADES, timeout_s=30)
        assert subscribed(pair, "user") == {TRADE_EVENTS}


@virtual
async def test_who_still_waits_when_the_client_ends_is_told_at_once() -> None:
    async with Pair() as pair:
        ignored = f.IgnoreInvocation(method="SubscribeTrades")
        pair.faults.add(Fault(where="hub/user", what=ignored, times=None))
        asking = asyncio.create_task(link(pair).subscribe(TRADES, timeout_s=3600))
        await asyncio.sleep(1)
        hub = link(pair)
    async with asyncio.timeout(0.1):
        with pytest.raises(NotSent, match="closed"):
            await asking
        with pytest.raises(NotSent, match="closed"):
            await hub.subscribe(ORDERS, timeout_s=60)


# ---------------------------------------------------------------- lives


@virtual
async def test_a_hub_that_falls_silent_is_left_after_thirty_seconds() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        first = hub_session(pair, "user")
        muted = pair.faults.add(Fault(where="hub/user", what=f.Mute(), times=None))
        await asyncio.sleep(29)
        assert pair.gateway.hubs.of("user") == [first]
        await asyncio.sleep(6)
        pair.faults.remove(muted)
        await eventually(lambda: pair.tsx.health().ok, timeout_s=60)
        assert hub_session(pair, "user") is not first


@virtual
async def test_a_link_lives_for_hours_without_a_word_but_pings() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        first = hub_session(pair, "user")
        await asyncio.sleep(4 * 3600)
        assert hub_session(pair, "user") is first


@virtual
async def test_a_logout_is_an_alarm() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        alarms = pair.tsx.events(AlarmRaised)
        pair.faults.add(Fault(where="hub/user", what=f.Kick()))
        alarm = await anext(alarms)
        assert isinstance(alarm, AlarmRaised)
        assert alarm.name == "gateway_logout"


@virtual
async def test_records_torn_into_single_bytes_are_put_together() -> None:
    async with Pair() as pair:
        pair.faults.add(Fault(where="hub/*", what=f.Slice(1), times=None))
        await pair.tsx.ready(await practice(pair))
        async with pair.tsx.market.quotes(await mnq(pair)) as quotes:
            assert (await anext(quotes)).bid is not None
        assert pair.tsx.health().malformed == 0


@virtual
async def test_two_lines_never_share_a_number_and_a_line_that_recovers_is_not_left_for_another() -> (
    None
):
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        one = link(pair)
        assert one.life == 1
        before = set(pair.network.connections)
        one.move()
        await eventually(lambda: set(pair.network.connections) - before)
        for new in set(pair.network.connections) - before:
            pair.network.connections[new]("the new line was cut")
        pair.network.cut_all()
        await eventually(lambda: one.state is LinkState.RECOVERING, timeout_s=60)
        assert one.life == 3, "2 was the one to move to"
        one.move()
        assert one._next is None, "not while it recovers"
        await eventually(lambda: one.life == 4 and one.state is LinkState.LIVE, timeout_s=60)
