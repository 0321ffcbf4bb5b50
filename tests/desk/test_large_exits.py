"""Stops and targets that stand larger than their position are told, and nothing else is."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.cards.world import MODIFY, World, world
from tests.support.counting import counted
from topstepx import Bracket, Market, Stop
from topstepx.core.fitting import fits
from topstepx.sim import fault_kinds as f
from topstepx.testing.loop import virtual
from topstepx.wire.enums import OrderType, Side
from topstepx.wire.models import CancelRequest, PartialCloseRequest, PlaceRequest

BOTH = Bracket(stop_ticks=400, target_ticks=400)
NAME = "exit_too_large"


async def held(w: World, size: int = 2) -> None:
    await (await w.buy(size, at=Market(), bracket=BOTH)).filled(timeout=5)
    await asyncio.sleep(5)


def reduce_elsewhere(w: World, size: int = 1) -> None:
    request = PartialCloseRequest(account_id=w.account.id, contract_id=w.contract.id, size=size)
    w.others("partial_close", request)


async def sold(w: World, size: int = 1) -> None:
    await (await w.buy(size, side=Side.SELL, at=Market(), allow_duplicate=True)).filled(timeout=5)


async def again(w: World) -> None:
    await w.pair.restart()
    w.tsx._record.listen(lambda event, _: w.facts.append(event))
    await w.tsx.ready(w.account)


def problems(w: World) -> list[str]:
    return [problem for problem in w.tsx.health().problems if w.contract.id in problem]


@virtual
@pytest.mark.parametrize("how", ["an order", "elsewhere", "restart", "deaf"])
async def test_legs_that_are_larger_than_the_position_are_told_once(how: str) -> None:
    async with world() as w:
        await held(w)
        if how == "deaf":
            until = w.pair.world.now() + timedelta(seconds=40)
            w.break_("hub/user", f.Mute(), until=until)
        if how == "elsewhere":
            reduce_elsewhere(w)
        else:
            await w.buy(1, side=Side.SELL, at=Market())
        if how == "restart":
            await asyncio.sleep(1)
            await again(w)
        await asyncio.sleep(90)
        legs = {order.id for order in w.working}
        assert [order.size for order in w.working] == [2, 2], "nothing is changed by itself"
        (told,) = w.alarms(NAME)
        assert all(str(order_id) in told.detail for order_id in legs)
        assert "reduce_to(1) makes your legs fit" in told.detail
        (problem,) = problems(w)  # it said "All is well." beside them
        assert all(str(order_id) in problem for order_id in legs)
        await w.tsx.positions.reduce_to(w.account, w.contract, 1)
        assert [order.size for order in w.working] == [1, 1]
        assert not problems(w)
        assert len(w.alarms(NAME)) == 1


@virtual
@pytest.mark.parametrize("how", ["by hand", "by others", "replaced", "before its position"])
async def test_a_stop_that_is_no_leg_is_told_as_well(how: str) -> None:
    async with world() as w:
        low = w.contract.floor(w.market() - 100)
        if how == "before its position":
            await w.buy(2, side=Side.SELL, at=Stop(low))
        await (await w.buy(2, at=Market())).filled(timeout=5)
        if how == "by others":
            stop = PlaceRequest(
                account_id=w.account.id,
                contract_id=w.contract.id,
                type=OrderType.STOP,
                side=Side.SELL,
                size=2,
                stop_price=low,
            )
            w.others("place", stop)
        elif how != "before its position":
            first = await w.buy(2, side=Side.SELL, at=Stop(low))
            if how == "replaced":
                await w.buy(2, side=Side.SELL, at=Stop(low - 10))
                await first.cancel()
        await asyncio.sleep(30)
        assert not w.alarms(NAME)
        await sold(w)
        await asyncio.sleep(30)
        (left,) = w.working
        (told,) = w.alarms(NAME)
        assert str(left.id) in told.detail
        assert ("other software" in told.detail) is (how == "by others")
        assert "reduce_to" not in told.detail, "it makes legs of ours fit and nothing else"


@virtual
async def test_what_fits_again_and_is_too_large_again_is_told_again() -> None:
    async with world() as w:
        await held(w)
        await sold(w)
        await asyncio.sleep(30)
        await (await w.buy(1, at=Market())).filled(timeout=5)
        await asyncio.sleep(5)
        assert w.tsx.health().ok
        await sold(w)
        await asyncio.sleep(30)
        assert len(w.alarms(NAME)) == 2


@virtual
async def test_each_time_has_its_own_grace() -> None:
    async with world() as w:
        await held(w)
        await sold(w)
        await asyncio.sleep(3)
        await (await w.buy(1, at=Market())).filled(timeout=5)
        await asyncio.sleep(4)
        await sold(w)
        await asyncio.sleep(12)
        assert not w.alarms(NAME)
        await asyncio.sleep(8)
        assert w.alarms(NAME)


@virtual
@pytest.mark.parametrize("how", ["reduced", "two pairs", "a moment", "asleep", "turns", "grid"])
async def test_what_is_as_it_should_be_is_not_told(how: str) -> None:
    async with world() as w:
        if how == "reduced":
            await held(w, 3)
            await w.tsx.positions.reduce_to(w.account, w.contract, 1)
        elif how == "two pairs":
            await held(w, 1)
            await held(w, 2)
        elif how == "a moment":
            await held(w)
            await sold(w)
            await asyncio.sleep(3)
            await (await w.buy(1, at=Market())).filled(timeout=5)
        elif how == "asleep":
            entry = await w.buy(5, bracket=Bracket(stop_ticks=1000, target_ticks=1000))
            w.fill(entry.id, 2, entry.limit_price)
        elif how == "turns":
            await held(w, 1)
            await w.buy(2, side=Side.SELL, at=Stop(w.contract.floor(w.market() - 100)))
            await w.buy(1, side=Side.SELL, at=Stop(w.contract.floor(w.market() - 90)))
        else:
            await (await w.buy(2, at=Market())).filled(timeout=5)
            grid = [
                await w.buy(1, side=Side.SELL, at=w.far_above(points)) for points in (120, 110, 100)
            ]
            w.fill(grid[-1].id, 1, grid[-1].limit_price)
        await asyncio.sleep(120)
        assert not w.alarms(NAME)
        assert not [problem for problem in problems(w) if "larger" in problem]


@virtual
async def test_a_list_that_is_late_makes_nothing_too_large() -> None:
    async with world() as w:
        await held(w)
        until = w.pair.world.now() + timedelta(seconds=30)
        w.break_("*", f.Visibility("positions", 10), until=until)
        w.break_("hub/user", f.DropEvents("GatewayUserPosition"), until=until)
        await (await w.buy(1, at=Market(), bracket=BOTH)).filled(timeout=5)
        for _ in range(15):
            await w.tsx.positions.open(w.account)
            await asyncio.sleep(2)
        await asyncio.sleep(60)
        assert not w.alarms(NAME)


@virtual
async def test_what_a_reduction_told_is_not_told_again_and_stays_a_problem() -> None:
    async with world() as w:
        await held(w, 3)
        w.break_(MODIFY, f.LoseRequest(), times=None)
        await w.tsx.positions.reduce_to(w.account, w.contract, 1)
        await asyncio.sleep(60)
        assert len(w.alarms(NAME)) == 1
        assert problems(w)


@virtual
async def test_exits_that_fit_are_not_watched() -> None:
    async with world() as w:
        await held(w)
        await asyncio.sleep(12)
        assert not w.tsx._trading.large_exits._watching


@virtual
async def test_what_the_alarm_advises_is_what_a_reduction_does() -> None:
    """It promised that `reduce_to` makes a stop fit that a reduction takes for an entry and leaves alone."""
    async with world() as w:
        await (await w.buy(2, at=Market())).filled(timeout=5)
        stop = await w.buy(2, side=Side.SELL, at=Stop(w.contract.floor(w.market() - 500)))
        await asyncio.sleep(5)
        reduce_elsewhere(w)
        await asyncio.sleep(60)
        (told,) = w.alarms(NAME)
        assert "reduce_to" not in told.detail
        await w.desk.reduce_to(1)
        assert stop.remaining == 2, "it is no leg"
        await stop.modify(size=1)
        assert not any("larger" in problem for problem in problems(w))


@virtual
async def test_readings_that_failed_show_nothing() -> None:
    async with world() as w:
        await held(w)
        await sold(w)
        legs = [order.id for order in w.working]
        until = w.pair.world.now() + timedelta(seconds=150)
        w.break_("hub/user", f.Mute(), until=until)
        for where in ("Order/searchOpen", "Order/search", "Order/v2/query", "Position/searchOpen"):
            w.break_(where, f.LoseRequest(), times=None, until=until)
        for order_id in legs:
            w.others("cancel", CancelRequest(account_id=w.account.id, order_id=order_id))
        await asyncio.sleep(300)
        assert not w.alarms(NAME), "they were gone"


@virtual
async def test_a_hundred_orders_are_not_compared_with_each_other_at_each_report() -> None:
    """A user event took two milliseconds where 75 orders worked."""
    async with world() as w:
        await held(w)
        with counted(fits.__code__) as calls:
            for number in range(100):
                request = PlaceRequest(
                    account_id=w.account.id,
                    contract_id=w.contract.id,
                    type=OrderType.LIMIT,
                    side=Side.BUY,
                    size=1,
                    limit_price=w.contract.floor(w.market() - 200 - number),
                )
                w.others("place", request)
                await asyncio.sleep(0.02)
        assert len(w.working) == 102
        assert len(calls) < 10 * 102
