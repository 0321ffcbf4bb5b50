"""Flattening: the shell around the plan."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.cards.world import CLOSE, world
from topstepx import Bracket, Limit, Market
from topstepx.errors import OrderUnresolved
from topstepx.events import Flattened, FlattenFailed, FlattenStarted
from topstepx.sim import fault_kinds as f
from topstepx.testing.loop import virtual
from topstepx.wire.enums import OrderStatus, Side
from topstepx.wire.models import CancelRequest


@virtual
async def test_already_flat_is_shown_too() -> None:
    async with world() as w:
        result = await w.tsx.flatten(w.account)
        assert isinstance(result, Flattened)
        assert (result.closed, result.cancelled, result.rounds) == ((), (), 2)
        assert w.requests("close") == 0


@virtual
async def test_it_is_told_from_start_to_end() -> None:
    async with world() as w:
        held = await w.buy(at=Market())
        await held.filled(timeout=5)
        resting = await w.buy(1)
        result = await w.tsx.flatten(w.account)
        kinds = [type(fact) for fact in w.facts]
        assert kinds.index(FlattenStarted) < kinds.index(Flattened)
        assert result.closed == (w.contract.id,)
        assert result.cancelled == (resting.id,)
        assert not w.standing()


@virtual
async def test_a_second_call_joins_the_first_and_a_cancelled_one_stops_nothing() -> None:
    async with world() as w:
        held = await w.buy(at=Market())
        await held.filled(timeout=5)
        first = asyncio.create_task(w.tsx.flatten(w.account))
        second = asyncio.create_task(w.tsx.flatten(w.account))
        await asyncio.sleep(0.01)
        first.cancel()
        assert isinstance(await second, Flattened)
        assert sum(isinstance(fact, FlattenStarted) for fact in w.facts) == 1
        assert w.net == 0


@virtual
async def test_one_contract_is_flattened_and_the_others_stay() -> None:
    async with world() as w:
        other = await w.tsx.contracts.front("MES")
        for contract in (w.contract, other):
            order = await w.tsx.orders.place(w.account, contract, Side.BUY, 1, at=Market())
            await order.filled(timeout=5)
        await w.tsx._trading.flattener.flatten(w.account.id, other.id)
        assert w.net == 1
        assert w.pair.truth.net_size(w.account.id, other.id) == 0


@virtual
@pytest.mark.parametrize("route", ["Order/v2/query", "Position/searchOpen"])
async def test_entries_are_cancelled_also_where_the_gateway_cannot_be_read(route: str) -> None:
    """They went on working for a whole minute, and could have filled in it."""
    async with world() as w:
        held = await w.buy(2, at=Market(), bracket=Bracket(400, 400))
        await held.filled(timeout=5)
        other = await w.tsx.contracts.front("MES")
        gateway = w.pair.gateway
        gateway.market.start(other.id, w.pair.world.now())
        entry = await w.buy(1)
        bid = gateway.feed.top(other.id).bid
        assert bid is not None
        there = await w.tsx.orders.place(
            w.account, other, Side.BUY, 1, at=Limit(other.floor(bid - 50))
        )
        w.break_(route, f.Answer(503), times=None)
        w.break_(CLOSE, f.Answer(503), times=None)
        flattening = asyncio.create_task(w.tsx.flatten(w.account))
        await asyncio.sleep(3)
        legs = {held.stop.id, held.target.id}
        assert {one.id for one in w.working} == legs, "they protect what stands"
        w.pair.faults.clear()
        result = await flattening
        assert isinstance(result, Flattened)
        assert {entry.id, there.id} <= set(result.cancelled)


@virtual
async def test_a_read_that_fails_to_the_end_says_that_it_is_not_known() -> None:
    async with world() as w:
        w.break_("Position/searchOpen", f.Answer(500), times=None)
        w.break_(CLOSE, f.Answer(503), times=None)
        result = await w.tsx.flatten(w.account, timeout_s=5)
        assert isinstance(result, FlattenFailed)
        assert "Position/searchOpen" in result.remaining[0].reason
        assert "flattening" not in w.standing()


@virtual
async def test_without_a_hub_legs_do_not_outlive_the_position() -> None:
    async with world() as w:
        order = await w.buy(at=Market(), bracket=Bracket(stop_ticks=400, target_ticks=400))
        await order.filled(timeout=5)
        w.break_("hub/user", f.DropEvents(), times=None)
        await w.desk.close()
        (closed,) = [one for one in w.pair.truth.trades(w.account.id) if one.side is Side.SELL]
        ends = [w.pair.truth.history(one.id)[-1].at for one in (order.stop, order.target)]
        assert all((end - closed.creation_timestamp).total_seconds() < 1 for end in ends)


@pytest.mark.parametrize("hub", [f.DropEvents("*"), f.DelayEvents(2.0, "*")])
@virtual
async def test_legs_do_not_outlive_a_position_that_is_seconds_old(hub: object) -> None:
    async with world() as w:
        w.break_("hub/user", hub, times=None)
        w.pair.network.latency_s = 0.05
        await w.buy(at=Market(), bracket=Bracket(400, 400))
        await asyncio.sleep(0.3)
        began = w.pair.world.now()
        await w.desk.close()
        ends = [one.at for one in w.pair.truth.requests if one.verb == "cancel"]
        assert len(ends) == 2
        assert (max(ends) - began).total_seconds() < 2


@virtual
async def test_legs_stay_while_nobody_has_told_that_the_position_is_closed() -> None:
    async with world() as w:
        w.break_("hub/user", f.DropEvents("*"), times=None)
        w.pair.gateway.venue.faults.visibility_trades = timedelta(seconds=60)
        w.pair.network.latency_s = 0.05
        order = await w.buy(at=Market(), bracket=Bracket(400, 400))
        w.break_("*", f.RefuseNext(verb="close", code=5, count=9))
        w.break_("Order/searchById", f.Answer(503), times=None)
        closing = asyncio.create_task(w.desk.close())
        await asyncio.sleep(3)
        assert w.net == 2
        assert order.stop.status is OrderStatus.OPEN
        asked = [getattr(one.request, "order_id", None) for one in w.pair.truth.requests]
        assert not {order.stop.id, order.target.id} & set(asked)
        closing.cancel()


@virtual
async def test_a_program_that_starts_right_after_a_fill_is_flat_within_seconds() -> None:
    """Whether its first list has the fill is open for fifteen seconds; what closes find is not."""
    async with world() as w:
        await (await w.buy(at=Market())).filled(timeout=5)
        tsx = await w.pair.restart()
        begun = w.pair.world.now()
        assert isinstance(await tsx.flatten(w.account), Flattened)
        assert w.net == 0
        assert (w.pair.world.now() - begun).total_seconds() < 6


@virtual
async def test_a_list_older_than_the_fill_ends_nothing_after_a_restart() -> None:
    """Fills that were known before the first list of a run may be news to it: legs stay until it is closed."""
    async with world() as w:
        order = await w.buy(at=Market(), bracket=Bracket(stop_ticks=40, target_ticks=40))
        w.break_("*", f.Visibility("positions", 6))
        await order.filled(timeout=5)
        await asyncio.sleep(0.5)
        legs = {leg.id for leg in w.working}
        assert len(legs) == 2
        tsx = await w.pair.restart()
        flattening = asyncio.create_task(tsx.flatten(w.account))
        while not flattening.done():
            held, left = w.net, {leg.id for leg in w.working}
            assert not held or legs == left, "a leg went before its position"
            await asyncio.sleep(0.05)
        assert isinstance(flattening.result(), Flattened)
        assert w.net == 0, "flat was said, and it was not"
        assert not w.working


@virtual
async def test_an_order_that_the_late_list_does_not_show_yet_is_cancelled() -> None:
    async with world() as w:
        w.break_("*", f.Visibility("all", 10))
        order = await w.buy(2)
        closed = await w.desk.close()
        assert not w.working
        assert [one.id for one in closed.cancelled] == [order.id]


@virtual
async def test_an_order_that_nobody_has_shown_is_cancelled_as_well() -> None:
    async with world() as w:
        w.break_("*", f.Visibility("all", 10))
        w.break_("hub/user", f.DropEvents("*"), times=None)
        order = await w.buy(2)
        assert isinstance(await w.tsx.flatten(w.account), Flattened)
        assert not w.working
        assert w.pair.truth.order(order.id).status is OrderStatus.CANCELLED


@virtual
async def test_an_order_that_ended_unheard_does_not_keep_an_account_from_being_flat() -> None:
    async with world() as w:
        order = await w.buy(2)
        w.break_("hub/user", f.DropEvents("*"), times=None)
        w.others("cancel", CancelRequest(account_id=w.account.id, order_id=order.id))
        asked = w.requests("cancel")
        result = await w.tsx.flatten(w.account)
        assert isinstance(result, Flattened)
        assert w.requests("cancel") == asked


@virtual
async def test_an_entry_that_arrives_after_all_is_cancelled_and_not_left_to_open_anything() -> None:
    async with world() as w:
        w.break_("Order/place", f.Hold(20))
        placing = asyncio.create_task(w.buy(2))
        await asyncio.sleep(6)
        closed = await w.desk.close()
        assert closed.position is not None
        assert closed.position.is_flat
        with pytest.raises(OrderUnresolved):
            await placing
        await asyncio.sleep(40)
        assert len(w.pair.truth.orders(w.account.id)) == 1  # it came
        assert not w.working


@virtual
async def test_an_entry_whose_answer_is_under_way_goes_too_and_other_contracts_stay() -> None:
    async with world() as w:
        other = await w.tsx.contracts.front("MES")
        w.pair.gateway.market.start(other.id, w.pair.world.now())
        far = other.floor(w.pair.gateway.feed.top(other.id).bid * 9 / 10)
        w.break_("Order/place", f.Hold(20), times=2)
        placing = asyncio.create_task(w.buy(2))
        beside = asyncio.create_task(
            w.tsx.orders.place(w.account, other, Side.BUY, 1, at=Limit(far))
        )
        await asyncio.sleep(1)
        await w.desk.close()
        await asyncio.gather(placing, beside, return_exceptions=True)
        await asyncio.sleep(40)
        assert [one.contract_id for one in w.working] == [other.id]
