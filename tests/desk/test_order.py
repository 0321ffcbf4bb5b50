"""The handle: always as true as the newest fact."""

from __future__ import annotations

import asyncio

import pytest

from tests.cards.world import PLACE, world
from topstepx import Bracket, Market
from topstepx.core.order_life import Stage
from topstepx.errors import InvalidRequest, NotFilled, OrderUnresolved
from topstepx.sim import fault_kinds as f
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.wire.enums import OrderStatus, Side


@virtual
async def test_what_a_handle_says() -> None:
    async with world() as w:
        order = await w.buy(5, key="mine")
        assert (order.side, order.size, order.filled_size, order.remaining) == (Side.BUY, 5, 0, 5)
        assert order.stage.name == "OPEN"
        assert order.key == "mine"
        assert order.looking is None
        assert order.anomalies == ()
        assert order.average_price is None
        assert not order.is_over
        w.fill(order.id, 2, order.limit_price)
        await eventually(lambda: order.stage is Stage.PARTIAL)
        assert (order.filled_size, order.remaining) == (2, 3)
        assert order.average_price == order.limit_price
        assert "MNQZ6" in repr(order)


@virtual
async def test_handles_of_one_order_agree_however_they_were_found() -> None:
    async with world() as w:
        order = await w.buy(key="mine")
        by_key = w.tsx.orders.get(w.account, key="mine")
        by_id = w.tsx.orders.get(w.account, order_id=order.id)
        (working,) = w.tsx.orders.working(w.account)
        assert {order.id, by_key.id, by_id.id, working.id} == {order.id}
        assert by_id.log == order.log
        await order.cancel()
        assert {one.status for one in (by_key, by_id, working)} == {OrderStatus.CANCELLED}


@virtual
async def test_a_leg_that_was_not_asked_for_is_said_at_once() -> None:
    """It was waited for, ten seconds long, and then called ACCEPTED."""
    async with world() as w:
        order = await w.buy(1, bracket=Bracket(target_ticks=80))
        stop = order.stop
        for act in (stop.working, stop.cancel, stop.filled, stop.done):
            with pytest.raises(InvalidRequest, match="was placed without a stop"):
                await act()
        with pytest.raises(InvalidRequest, match=r"Bracket\(stop_ticks=40\)"):
            await stop.move("20000")
        with pytest.raises(InvalidRequest, match="without a stop"):
            await stop.modify(stop="20000")
        await order.target.cancel()


@virtual
async def test_legs_are_handles() -> None:
    async with world() as w:
        order = await w.buy(at=Market(), bracket=Bracket(stop_ticks=400, target_ticks=400))
        await order.stop.working()
        assert order.stop.stop_price < order.average_price < order.target.limit_price
        await order.target.cancel()
        assert order.target.is_done
        assert not order.stop.is_done


@virtual
async def test_waiting_that_ends_without_a_fill() -> None:
    async with world() as w:
        order = await w.buy()
        with pytest.raises(NotFilled, match="is still OPEN"):
            await order.filled(timeout=1)
        with pytest.raises(NotFilled, match="is still OPEN"):
            await order.done(timeout=1)
        waiting = asyncio.create_task(order.filled())
        await order.cancel()
        with pytest.raises(NotFilled, match="ended as CANCELLED"):
            await waiting
        with pytest.raises(NotFilled, match="not working"):
            await order.working()


@virtual
async def test_the_countdown_of_an_order_that_is_looked_for() -> None:
    async with world() as w:
        w.break_(PLACE, f.LoseRequest())
        with pytest.raises(OrderUnresolved) as caught:
            await w.buy()
        order, error = caught.value.order, caught.value
        assert error.evidence == order.looking.evidence
        assert order.status is OrderStatus.NONE
        first = order.looking.absent_in_s
        await asyncio.sleep(30)
        assert order.looking.absent_in_s == pytest.approx(first - 30)
        with pytest.raises(OrderUnresolved, match="looked for and not found"):
            await order.filled()
