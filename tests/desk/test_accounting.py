"""Accounting: fills and trades agree, or it is said that they do not."""

from __future__ import annotations

import asyncio

from tests.cards.world import world
from topstepx import Market
from topstepx.events import OrderAnomaly
from topstepx.sim import fault_kinds as f
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.wire.enums import OrderStatus


@virtual
async def test_trades_that_the_hub_lost_are_asked_for() -> None:
    async with world() as w:
        w.break_("hub/user", f.DropEvents("GatewayUserTrade"), times=None)
        order = await w.buy(at=Market())
        await order.filled(timeout=5)
        assert sum(one.trade.size for one in order.trades) == 2


@virtual
async def test_trades_that_never_come_are_flagged_and_not_waited_for() -> None:
    async with world() as w:
        w.break_("hub/user", f.DropEvents("GatewayUserTrade"), times=None)
        w.break_("Trade/search", f.Edit("trades", "value", []), times=None)
        order = await w.buy(at=Market())
        begun = asyncio.get_running_loop().time()
        await order.filled(timeout=60)
        assert 10 <= asyncio.get_running_loop().time() - begun <= 14
        (told,) = [fact for fact in w.facts if isinstance(fact, OrderAnomaly)]
        assert told.order_id == order.id
        assert "2 filled, trades for 0" in told.detail


@virtual
async def test_a_cancelled_order_without_fills_is_settled_at_once() -> None:
    async with world() as w:
        order = await w.buy()
        await order.cancel()
        assert order.is_over
        await asyncio.sleep(20)
        assert not any(isinstance(fact, OrderAnomaly) for fact in w.facts)


@virtual
async def test_a_partial_fill_of_a_cancelled_order_is_accounted_for() -> None:
    async with world() as w:
        order = await w.buy(5)
        w.fill(order.id, 2, order.limit_price)
        await eventually(lambda: order.filled_size == 2)
        await order.cancel()
        await order.done(timeout=5)
        assert order.status is OrderStatus.CANCELLED
        assert order.average_price == order.limit_price
