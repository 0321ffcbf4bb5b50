"""A reduction leaves no order behind that could pass the limit, and no entry crosses it."""

from __future__ import annotations

import asyncio

import pytest

from tests.cards.world import CANCEL, PARTIAL, world
from topstepx import Limits, Market
from topstepx.errors import ModeRefused
from topstepx.sim import fault_kinds as f
from topstepx.testing.loop import virtual
from topstepx.wire.enums import OrderStatus


@virtual
async def test_an_order_that_the_smaller_position_has_no_room_for_is_cancelled_first() -> None:
    async with world(limits=Limits(contracts_max=2)) as w:
        await (await w.buy(2, at=Market())).filled(10)
        turns = await w.desk.sell(4, at=w.far_above())  # to two short, which the limit allows
        closed = await w.desk.close(1)
        assert [one.id for one in closed.cancelled] == [turns.id]
        assert turns.status is OrderStatus.CANCELLED
        assert (w.net, w.working) == (1, [])
        stays = await w.desk.sell(2, at=w.far_above())
        assert (await w.desk.close(1)).cancelled == ()
        assert [one.id for one in w.working] == [stays.id]
        assert w.net == 0


@virtual
async def test_without_a_limit_orders_stay() -> None:
    async with world() as w:
        await (await w.buy(2, at=Market())).filled(10)
        await w.desk.sell(4, at=w.far_above())
        assert (await w.desk.reduce_to(1)).cancelled == ()
        assert [one.size for one in w.working] == [4]


@virtual
async def test_no_entry_crosses_a_reduction() -> None:
    async with world(limits=Limits(contracts_max=3)) as w:
        await (await w.buy(3, at=Market())).filled(10)
        w.break_(PARTIAL, f.Hold(1.5))
        reducing = asyncio.create_task(w.desk.close(1))
        await asyncio.sleep(0.3)
        with pytest.raises(ModeRefused, match="reducing"):
            await w.desk.sell(6, at=w.far_above())
        await reducing
        await w.desk.sell(5, at=w.far_above())
        assert w.net == 2


@virtual
async def test_an_order_under_way_lands_before_the_size_is_counted() -> None:
    async with world() as w:
        await (await w.buy(1, at=Market())).filled(10)
        w.break_("Order/place", f.Delay(0.4))
        selling = asyncio.create_task(w.desk.sell(1, at=Market()))
        await asyncio.sleep(0.05)
        await w.desk.close(1)
        await selling
        await asyncio.sleep(5)
        assert w.net == 0  # and not turned


@virtual
async def test_a_cancel_that_does_not_come_through_does_not_stop_the_way_out() -> None:
    async with world(limits=Limits(contracts_max=2)) as w:
        await (await w.buy(2, at=Market())).filled(10)
        turns = await w.desk.sell(4, at=w.far_above())
        w.break_(CANCEL, f.LoseRequest(), times=2)
        begun = asyncio.get_running_loop().time()
        await w.desk.close(1)
        assert asyncio.get_running_loop().time() - begun < 4
        assert w.net == 1
        await turns.done(timeout=60)  # it goes on
        assert turns.status is OrderStatus.CANCELLED
