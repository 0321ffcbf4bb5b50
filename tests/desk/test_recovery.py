"""Start is recovery: subscribe, read, merge, and only then trade. What was not read whole is unknown."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.support.trading import PRACTICE_ID, hub_session, mnq, practice, subscribed
from topstepx.core.mode import Mode
from topstepx.core.terms import Bracket, Limit, Market
from topstepx.errors import (
    AnswerLost,
    AnswerUnusable,
    DeadlinePassed,
    InvalidRequest,
    ModeRefused,
    OrderUnresolved,
    TopstepxError,
)
from topstepx.events import AlarmRaised, ModeChanged, OrderObserved, TradeObserved
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair
from topstepx.wire.enums import OrderStatus, OrderType, Side
from topstepx.wire.models import CancelRequest, PlaceAnswer, PlaceRequest

if TYPE_CHECKING:
    from topstepx.desk.order import Order
    from topstepx.events import Event


MNQ = "CON.F.US.MNQ.Z26"
USER_SUBSCRIPTIONS = {
    ("GatewayUserAccount", ""),
    ("GatewayUserOrder", str(PRACTICE_ID)),
    ("GatewayUserPosition", str(PRACTICE_ID)),
    ("GatewayUserTrade", str(PRACTICE_ID)),
}
READS = {
    "Order/v2/query": "orders",
    "Order/search": "orders",
    "Trade/search": "trades",
    "Position/searchOpen": "positions",
}


def asked(pair: Pair, *routes: str) -> list[str]:
    """The routes of these that the gateway was asked, in order."""
    return [one.route for one in pair.gateway.limits.arrivals if one.route in (routes or READS)]


def elsewhere(pair: Pair, side: Side, size: int, **parts: object) -> int:
    """An order that another program places on the practice account; its id."""
    request = PlaceRequest(
        account_id=PRACTICE_ID,
        contract_id=MNQ,
        type=OrderType.LIMIT if "limit_price" in parts else OrderType.MARKET,
        side=side,
        size=size,
        **parts,  # type: ignore[arg-type]  # prices of the request
    )
    pair.gateway.market.start(MNQ, pair.world.now())
    answer = pair.gateway.venue.place(request, pair.world.now(), origin="other")
    assert isinstance(answer, PlaceAnswer)
    assert answer.order_id
    pair.gateway.advance(pair.world.now())
    return answer.order_id


def causes(pair: Pair, account_id: int = PRACTICE_ID) -> set[str]:
    return {cause.reason for cause in pair.tsx.state.causes(account_id)}


def mode(pair: Pair, account_id: int = PRACTICE_ID) -> Mode:
    return pair.tsx.state.mode(account_id)


def status_of(order: Order) -> OrderStatus | None:
    """Asked anew each time."""
    return order.status


async def until_active(pair: Pair) -> None:
    await eventually(lambda: mode(pair) is Mode.ACTIVE, timeout_s=30)


# ---------------------------------------------------------------- becoming ready


@virtual(seeds=[None, 1, 2, 3])
async def test_ready_subscribes_reads_everything_and_opens_the_account() -> None:
    async with Pair() as pair:
        account = await practice(pair)
        ready = await pair.tsx.ready(account)
        assert ready.account == account
        assert (ready.positions, ready.working, ready.external) == ((), (), ())
        assert (ready.unresolved, ready.unprotected) == ((), ())
        assert subscribed(pair, "user") == USER_SUBSCRIPTIONS
        assert sorted(asked(pair)) == sorted(READS)
        assert mode(pair) is Mode.ACTIVE
        await pair.tsx.ready(account)
        assert len(asked(pair)) == len(READS), "quick when done before"


@virtual
async def test_nothing_is_read_before_every_subscription_is_confirmed() -> None:
    async with Pair() as pair:
        account = await practice(pair)
        refused = f.FailInvocation("No.", method="SubscribeTrades")
        pair.faults.add(Fault(where="hub/user", what=refused))
        with pytest.raises(InvalidRequest, match="refused it"):
            await pair.tsx.ready(account)
        assert asked(pair) == []
        assert mode(pair) is Mode.SYNCING
        await pair.tsx.ready(account)
        assert subscribed(pair, "user") == USER_SUBSCRIPTIONS
        assert mode(pair) is Mode.ACTIVE


@virtual
async def test_a_hub_that_cannot_be_reached_is_a_plain_error_in_time() -> None:
    async with Pair() as pair:
        account = await practice(pair)
        pair.faults.add(Fault(where="hub/user", what=f.RefuseUpgrade(503), times=None))
        began_s = asyncio.get_running_loop().time()
        with pytest.raises(DeadlinePassed, match="user hub did not confirm"):
            await pair.tsx.ready(account)
        assert asyncio.get_running_loop().time() - began_s <= 20.1
        assert mode(pair) is Mode.SYNCING
        with pytest.raises(TopstepxError):
            await pair.tsx.desk(account, await mnq(pair)).buy(1, at=Market())
        assert pair.truth.orders(account.id) == []


@pytest.mark.parametrize("route", READS)
@pytest.mark.parametrize("how", ["drop", "null", "lost", "502"])
def test_a_list_that_did_not_come_leaves_the_account_syncing(route: str, how: str) -> None:
    what: f.What = f.Edit(READS[route], "null")
    if how == "drop":
        what = f.Edit(READS[route], "drop")
    elif how == "lost":
        what = f.DropAnswer()
    elif how == "502":
        what = f.Answer(502, "<html>Bad gateway</html>")

    @virtual
    async def run() -> None:
        async with Pair() as pair:
            account = await practice(pair)
            contract = await mnq(pair)
            planned = pair.faults.add(Fault(where=route, what=what, times=None))
            with pytest.raises((AnswerUnusable, AnswerLost)) as failed:
                await pair.tsx.ready(account)
            assert failed.value.did_it_happen == "no"
            assert (mode(pair), causes(pair)) == (Mode.SYNCING, {"syncing"})
            with pytest.raises(TopstepxError):
                await pair.tsx.desk(account, contract).buy(1, at=Market())
            assert pair.truth.orders(account.id) == []
            pair.faults.remove(planned)
            await asyncio.sleep(60)
            await pair.tsx.ready(account)
            assert mode(pair) is Mode.ACTIVE

    run()


@virtual
async def test_a_list_shorter_than_its_own_total_is_not_believed() -> None:
    async with Pair() as pair:
        account = await practice(pair)
        edit = f.Edit("totalCount", "value", 1)
        pair.faults.add(Fault(where="Order/v2/query", what=edit))
        with pytest.raises(AnswerUnusable, match="without 1 of its 1 orders"):
            await pair.tsx.ready(account)
        assert mode(pair) is Mode.SYNCING


@virtual
async def test_more_live_orders_than_a_page_are_all_read() -> None:
    async with Pair() as pair:
        await mnq(pair)
        ids = {elsewhere(pair, Side.BUY, 1, limit_price=Decimal(29000)) for _ in range(230)}
        ready = await pair.tsx.ready(await practice(pair))
        assert {belief.id for belief in ready.working} == ids
        assert asked(pair, "Order/v2/query") == ["Order/v2/query"] * 3


@virtual(seeds=[None, 1, 2, 3, 4])
async def test_many_who_ask_at_once_read_once() -> None:
    async with Pair() as pair:
        pair.network.latency_s = 0.05
        account = await practice(pair)
        await asyncio.gather(*(pair.tsx.ready(account) for _ in range(5)))
        assert sorted(asked(pair)) == sorted(READS)
        assert mode(pair) is Mode.ACTIVE


@virtual
async def test_who_gives_up_waiting_takes_nothing_from_the_others() -> None:
    async with Pair() as pair:
        pair.network.latency_s = 0.5
        account = await practice(pair)
        first = asyncio.create_task(pair.tsx.ready(account))
        second = asyncio.create_task(pair.tsx.ready(account))
        await asyncio.sleep(2.5)
        first.cancel()
        await second
        assert first.cancelled()
        assert mode(pair) is Mode.ACTIVE


# ---------------------------------------------------------------- what is found


@virtual
async def test_the_report_names_what_is_not_ours_and_what_has_no_stop() -> None:
    async with Pair() as pair:
        await mnq(pair)
        resting = elsewhere(pair, Side.BUY, 1, limit_price=Decimal(29000))
        elsewhere(pair, Side.BUY, 3)
        await asyncio.sleep(1)
        account = await practice(pair)
        ready = await pair.tsx.ready(account)
        assert [belief.id for belief in ready.external] == [resting]
        assert [belief.id for belief in ready.working] == [resting]
        (position,) = ready.positions
        assert (position.contract_id, position.net) == (MNQ, 3)
        assert ready.unprotected == (position,)

        desk = pair.tsx.desk(account, await mnq(pair))
        assert desk.position is not None
        assert desk.position.net == 3


@virtual
async def test_a_bracket_protects_and_its_legs_are_ours() -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        desk = pair.tsx.desk(account, contract)
        order = await desk.buy(2, at=Market(), bracket=Bracket(stop_ticks=40, target_ticks=80))
        await order.filled(timeout=5)
        await asyncio.sleep(1)
        ready = await pair.tsx.ready(account)
        assert len(ready.working) == 2
        assert (ready.external, ready.unprotected) == ((), ())
        await order.stop.cancel()
        ready = await pair.tsx.ready(account)
        assert [one.net for one in ready.unprotected] == [2]
        elsewhere(pair, Side.SELL, 1, limit_price=contract.price("29500"))
        await asyncio.sleep(1)
        ready = await pair.tsx.ready(account)
        assert [one.net for one in ready.unprotected] == [2], "a limit is no stop"


@virtual
async def test_a_restart_finds_what_was_left_and_knows_it_as_its_own() -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        desk = pair.tsx.desk(account, contract)
        order = await desk.buy(2, at=Limit("29000"), key="left")
        async with Pair(gateway=pair.gateway, journal=pair.journal.crash()) as again:  # type: ignore[attr-defined]  # the twin
            ready = await again.tsx.ready(account)
            assert [belief.id for belief in ready.working] == [order.id]
            assert ready.external == ()
            found = again.tsx.orders.get(account, key="left")
            assert found is not None
            assert found.id == order.id


# ---------------------------------------------------------------- the user hub goes and comes back


@virtual(seeds=[None, 1, 2])
async def test_a_lost_hub_closes_entries_and_what_was_missed_is_found_afterwards() -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        desk = pair.tsx.desk(account, contract)
        order = await desk.buy(1, at=Limit("29000"))
        await order.working()  # the hub has told it
        heard: list[Event] = []
        stream = pair.tsx.events(OrderObserved, TradeObserved, ModeChanged)
        pair.network.up = False
        pair.network.cut_all()
        await eventually(lambda: mode(pair) is Mode.REDUCE_ONLY)
        assert causes(pair) == {"hub_down"}
        with pytest.raises(ModeRefused, match="hub is not connected"):
            await desk.buy(1, at=Market())
        gone = CancelRequest(account_id=account.id, order_id=order.id or 0)
        pair.gateway.venue.cancel(gone, pair.world.now(), origin="other")
        missed = elsewhere(pair, Side.BUY, 2)
        await asyncio.sleep(60)
        assert status_of(order) is OrderStatus.OPEN, "nobody could know"
        pair.network.up = True
        await until_active(pair)
        assert status_of(order) is OrderStatus.CANCELLED
        belief = next(one for one in pair.tsx.state.orders(account) if one.id == missed)
        assert belief.status is OrderStatus.FILLED
        assert desk.position is not None
        assert desk.position.net == 2
        await pair.tsx.events().aclose()
        await asyncio.sleep(0)
        heard = [stream._queue.popleft() for _ in range(len(stream._queue))]
        late = [fact for fact in heard if isinstance(fact, OrderObserved | TradeObserved)]
        assert late
        assert {fact.origin for fact in late} == {"reconciled", "external"}
        assert [fact.after for fact in heard if isinstance(fact, ModeChanged)][-1] == "ACTIVE"
        assert subscribed(pair, "user") == USER_SUBSCRIPTIONS


@virtual
async def test_reads_that_fail_after_a_reconnect_are_repeated_until_they_succeed() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        planned = pair.faults.add(
            Fault(where="Position/searchOpen", what=f.Answer(500), times=None)
        )
        pair.faults.add(Fault(where="hub/user", what=f.CutHub()))
        await asyncio.sleep(20)
        assert mode(pair) is Mode.REDUCE_ONLY
        assert "recovering" in causes(pair)
        pair.faults.remove(planned)
        await until_active(pair)


@virtual
async def test_one_account_that_cannot_be_read_does_not_close_the_others() -> None:
    async with Pair() as pair:
        accounts = [one for one in await pair.tsx.accounts.all() if one.can_trade][:2]
        for account in accounts:
            await pair.tsx.ready(account)
        refusal = '{"success":false,"errorCode":1,"errorMessage":null,"positions":null}'
        first, second = (account.id for account in accounts)
        pair.network.latency_s = 0.05
        pair.faults.add(Fault(where="hub/user", what=f.CutHub()))
        await eventually(lambda: "recovering" in causes(pair, first))  # polling read before that
        pair.faults.add(Fault(where="Position/searchOpen", what=f.Answer(200, refusal)))
        await eventually(lambda: mode(pair, second) is Mode.REDUCE_ONLY)
        await eventually(lambda: mode(pair, second) is Mode.ACTIVE)
        assert causes(pair, first) >= {"recovering"}
        await eventually(lambda: mode(pair, first) is Mode.ACTIVE, timeout_s=30)


@virtual
async def test_a_hub_lost_again_while_reading_keeps_the_account_closed() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        pair.faults.add(Fault(where="Position/searchOpen", what=f.Delay(3), times=1))
        pair.faults.add(Fault(where="hub/user", what=f.CutHub()))
        await eventually(lambda: "recovering" in causes(pair))
        moves = pair.tsx.events(ModeChanged)
        pair.faults.add(Fault(where="hub/user", what=f.RefuseUpgrade(503), times=None))
        pair.faults.add(Fault(where="hub/user", what=f.CutHub()))
        await asyncio.sleep(10)
        assert mode(pair) is Mode.REDUCE_ONLY
        assert "hub_down" in causes(pair)
        assert not moves._queue, "not open for a moment either"
        pair.faults.clear()
        await until_active(pair)


@virtual(seeds=[None, 1, 2])
async def test_a_hub_lost_while_an_account_becomes_ready_leaves_it_closed_until_it_is_back() -> (
    None
):
    async with Pair() as pair:
        account = await practice(pair)
        pair.faults.add(Fault(where="Position/searchOpen", what=f.Delay(3)))
        making = asyncio.create_task(pair.tsx.ready(account))
        await eventually(lambda: asked(pair, "Position/searchOpen"))
        pair.faults.add(Fault(where="hub/user", what=f.RefuseUpgrade(503), times=None))
        pair.faults.add(Fault(where="hub/user", what=f.CutHub()))
        await making
        assert (mode(pair), causes(pair)) == (Mode.REDUCE_ONLY, {"hub_down"})
        missed = elsewhere(pair, Side.BUY, 1)
        pair.faults.clear()
        await until_active(pair)
        assert missed in {belief.id for belief in pair.tsx.state.orders(account)}


@virtual
async def test_an_account_that_becomes_ready_without_its_hub_is_polled_however_long_that_is_away() -> (
    None
):
    async with Pair() as pair:
        account = await practice(pair)
        pair.network.latency_s = 0.5
        ready = asyncio.create_task(pair.tsx.ready(account))
        await eventually(lambda: pair.tsx._user_hub.life is not None)
        for _ in range(2):  # another program fights for the session: nothing is opened any more
            pair.tsx._keeper.evicted("user")
        pair.faults.add(Fault(where="hub/user", what=f.Kick()))
        await ready
        assert mode(pair) is Mode.REDUCE_ONLY
        await asyncio.sleep(60)
        assert any("REST is asked every 3 s" in line for line in pair.tsx.health().problems)
        assert pair.tsx.state.positions(account, max_age_s=10) == ()


@virtual
async def test_a_hub_that_came_back_while_an_account_became_ready_makes_it_read_again() -> None:
    async with Pair() as pair:
        account = await practice(pair)
        pair.faults.add(Fault(where="Position/searchOpen", what=f.Delay(3)))
        making = asyncio.create_task(pair.tsx.ready(account))
        await eventually(lambda: asked(pair, "Position/searchOpen"))
        lost = hub_session(pair, "user")
        pair.faults.add(Fault(where="hub/user", what=f.CutHub()))
        await eventually(lambda: lost.closed)
        missed = elsewhere(pair, Side.BUY, 1, limit_price=Decimal(29000))
        await making
        assert missed in {belief.id for belief in pair.tsx.state.working(account)}
        assert mode(pair) is Mode.ACTIVE


# ---------------------------------------------------------------- orders that vanished


@virtual
async def test_an_order_that_is_in_no_list_is_asked_for_by_its_id() -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        order = await pair.tsx.desk(account, contract).buy(1, at=Limit("29000"))
        pair.gateway.venue.faults.visibility_orders = timedelta(hours=1)
        pair.faults.add(Fault(where="hub/user", what=f.CutHub()))
        pair.gateway.advance(pair.world.now())
        gone = CancelRequest(account_id=account.id, order_id=order.id or 0)
        pair.gateway.venue.cancel(gone, pair.world.now(), origin="other")
        pair.gateway.venue.take_events()
        await asyncio.sleep(5)
        await until_active(pair)
        assert asked(pair, "Order/searchById")
        assert status_of(order) is OrderStatus.CANCELLED


@virtual
async def test_an_order_that_the_gateway_does_not_know_any_more_does_not_close_the_account() -> (
    None
):
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        order = await pair.tsx.desk(account, contract).buy(1, at=Limit("29000"))
        pair.gateway.venue.faults.visibility_orders = timedelta(hours=1)
        unknown = '{"success":false,"errorCode":1,"errorMessage":null,"order":null}'
        pair.faults.add(Fault(where="Order/searchById", what=f.Answer(200, unknown), times=None))
        pair.faults.add(Fault(where="hub/user", what=f.CutHub()))
        pair.gateway.advance(pair.world.now())
        gone = CancelRequest(account_id=account.id, order_id=order.id or 0)
        pair.gateway.venue.cancel(gone, pair.world.now(), origin="other")
        pair.gateway.venue.take_events()
        alarms = pair.tsx.events(AlarmRaised)
        await asyncio.sleep(5)
        await until_active(pair)
        alarm = await anext(alarms)
        assert isinstance(alarm, AlarmRaised)
        assert (alarm.name, alarm.account_id) == ("order_vanished", account.id)
        assert str(order.id) in alarm.detail
        assert [belief.id for belief in pair.tsx.state.working(account)] == [order.id]


@virtual
async def test_an_intent_nobody_knows_the_fate_of_is_in_the_report() -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        await pair.tsx.ready(account)
        pair.faults.add(Fault(where="Order/place", what=f.DropAnswer()))
        pair.faults.add(Fault(where="hub/user", what=f.DropEvents(), times=None))
        for route in ("Order/v2/query", "Order/search", "Order/searchOpen", "Trade/search"):
            pair.faults.add(Fault(where=route, what=f.DropAnswer(), times=None))
        with pytest.raises(OrderUnresolved):
            await pair.tsx.desk(account, contract).buy(1, at=Limit("29000"))
        ready = await pair.tsx.ready(account)
        assert len(ready.unresolved) == 1
