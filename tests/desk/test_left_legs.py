"""Legs that outlive their position are told, and nothing else is."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.cards.world import World, world
from topstepx import Bracket, Market, Stop
from topstepx.sim import fault_kinds as f
from topstepx.testing.loop import virtual
from topstepx.wire.enums import Side
from topstepx.wire.models import CancelRequest, CloseContractRequest

BOTH = Bracket(stop_ticks=400, target_ticks=400)


async def held(w: World) -> None:
    await (await w.buy(2, at=Market(), bracket=BOTH)).filled(timeout=5)
    await asyncio.sleep(5)


def close_elsewhere(w: World) -> None:
    request = CloseContractRequest(account_id=w.account.id, contract_id=w.contract.id)
    w.others("close_contract", request)


@virtual
@pytest.mark.parametrize("how", ["elsewhere", "other way", "restart"])
async def test_legs_without_a_position_are_told_once(how: str) -> None:
    async with world() as w:
        await held(w)
        if how == "other way":
            await w.buy(2, side=Side.SELL, at=Market())
        else:
            close_elsewhere(w)
        if how == "restart":
            await asyncio.sleep(1)
            await w.pair.restart()
            w.tsx._record.listen(lambda event, _: w.facts.append(event))
            await w.tsx.ready(w.account)
        await asyncio.sleep(120)
        legs = {order.id for order in w.working}
        assert len(legs) == 2, "nothing is cancelled by itself"
        told = w.alarms("legs_without_position")
        assert len(told) == 1
        assert all(str(order_id) in told[0].detail for order_id in legs)
        (problem,) = w.tsx.health().problems  # it said "All is well." beside them
        assert all(str(order_id) in problem for order_id in legs)
        await w.tsx.positions.close(w.account, w.contract)
        assert not w.working
        assert w.tsx.health().ok


@virtual
async def test_legs_that_wake_when_their_position_is_gone_are_told() -> None:
    """They slept when it went, woke as the rest of their entry was cancelled, and nobody looked again."""
    async with world() as w:
        far = Bracket(stop_ticks=1000, target_ticks=1000)  # beyond the market, which is 800 away
        entry = await w.buy(5, bracket=far)
        w.fill(entry.id, 2, entry.limit_price)
        await asyncio.sleep(3)
        close_elsewhere(w)
        await asyncio.sleep(60)
        await entry.cancel()
        await asyncio.sleep(60)
        assert (w.net, len(w.working)) == (0, 2)
        assert len(w.alarms("legs_without_position")) == 1


@virtual
@pytest.mark.parametrize("how", ["by hand", "by the policy", "restart"])
async def test_a_stop_that_is_no_leg_is_told_as_well(how: str) -> None:
    """One that was sent by hand or by `place_stop` outlived its position without a word."""
    policy = "place_stop" if how == "by the policy" else "alert"
    async with world(settings={"unprotected": policy}) as w:
        entry = await w.buy(2, at=Market(), bracket=BOTH)
        await entry.filled(timeout=5)
        await (await entry.stop.working()).cancel()
        if how != "by the policy":
            price = w.contract.floor(w.market() - 100)
            await w.buy(2, side=Side.SELL, at=Stop(price))
        await asyncio.sleep(10)
        if how == "restart":
            await w.pair.restart()
            w.tsx._record.listen(lambda event, _: w.facts.append(event))
            await w.tsx.ready(w.account)
            entry = w.tsx.orders.get(w.account, order_id=entry.id)
        target = await entry.target.working()
        w.fill(target.id, 2, target.limit_price)
        await asyncio.sleep(30)
        (left,) = w.working
        (told,) = w.alarms("legs_without_position")
        assert str(left.id) in told.detail
        assert w.net == 0


@virtual
async def test_an_order_that_turns_the_position_is_an_entry() -> None:
    async with world() as w:
        await (await w.buy(1, at=Market())).filled(timeout=5)
        await w.buy(2, side=Side.SELL, at=Stop(w.contract.floor(w.market() - 100)))
        close_elsewhere(w)
        await asyncio.sleep(60)
        assert len(w.working) == 1
        assert not w.alarms("legs_without_position")


@virtual
@pytest.mark.parametrize("how", ["close", "stop fills", "back at once"])
async def test_what_ends_as_it_should_is_not_told(how: str) -> None:
    async with world() as w:
        await held(w)
        if how == "close":
            await w.desk.close()
        elif how == "stop fills":
            stop = next(order for order in w.working if order.stop_price is not None)
            w.fill(stop.id, 2, stop.stop_price)
        else:
            close_elsewhere(w)
            await asyncio.sleep(1)
            await (await w.buy(2, at=Market())).filled(timeout=5)
        await asyncio.sleep(120)
        assert not w.alarms("legs_without_position")


@virtual
async def test_a_position_that_a_late_list_hides_keeps_its_legs_unsuspected() -> None:
    async with world() as w:
        until = w.pair.world.now() + timedelta(seconds=14)
        w.break_("*", f.Visibility("positions", 12), until=until)
        await (await w.buy(2, at=Market(), bracket=BOTH)).filled(timeout=5)
        for _ in range(12):
            await w.tsx.positions.open(w.account)
            await asyncio.sleep(2)
        await asyncio.sleep(60)
        assert w.net == 2
        assert not w.alarms("legs_without_position")


@virtual
async def test_a_position_that_came_and_went_unheard_leaves_no_silent_legs() -> None:
    async with world() as w:
        until = w.pair.world.now() + timedelta(seconds=6)
        w.break_("hub/user", f.Mute(), until=until)
        await w.buy(2, at=Market(), bracket=BOTH)
        await w.buy(2, side=Side.SELL, at=Market())
        await asyncio.sleep(120)
        assert w.net == 0
        assert len(w.working) == 2
        assert len(w.alarms("legs_without_position")) == 1


@virtual
async def test_a_position_that_stands_is_not_read_for_its_legs() -> None:
    async with world() as w:
        await (await w.buy(2, at=Market(), bracket=BOTH)).filled(timeout=5)
        await asyncio.sleep(12)
        assert not w.tsx._trading.left_legs._watching


@virtual
@pytest.mark.parametrize("gone", [True, False], ids=["cancelled meanwhile", "still there"])
async def test_readings_that_failed_show_nothing_and_are_made_up_for(gone: bool) -> None:
    async with world() as w:
        await held(w)
        legs = [order.id for order in w.working]
        close_elsewhere(w)
        await asyncio.sleep(1)
        until = w.pair.world.now() + timedelta(seconds=90)
        w.break_("hub/user", f.Mute(), until=until)
        for where in ("Order/searchOpen", "Order/search", "Order/v2/query", "Position/searchOpen"):
            w.break_(where, f.LoseRequest(), times=None, until=until)
        for order_id in legs if gone else ():
            w.others("cancel", CancelRequest(account_id=w.account.id, order_id=order_id))
        await asyncio.sleep(85)
        assert not w.alarms("legs_without_position")
        await asyncio.sleep(120)
        assert len(w.alarms("legs_without_position")) == (0 if gone else 1)
