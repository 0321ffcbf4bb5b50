"""The rest of a partial fill: it stays, or it is cancelled in time."""

from __future__ import annotations

import asyncio

from tests.cards.world import world
from topstepx.core.terms import CancelRest
from topstepx.sim import fault_kinds as f
from topstepx.sim.gateway import Gateway
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.testing.pair import START
from topstepx.wire.enums import OrderStatus


@virtual
async def test_the_rest_is_cancelled_after_the_seconds_given() -> None:
    async with world() as w:
        order = await w.buy(5, remainder=CancelRest(10))
        await asyncio.sleep(60)
        assert w.status(order) is OrderStatus.OPEN  # nothing filled, so nothing ends
        w.fill(order.id, 2, order.limit_price)
        await asyncio.sleep(5)
        w.fill(order.id, 1, order.limit_price)
        await asyncio.sleep(4)
        assert not order.is_done
        await asyncio.sleep(2)
        assert order.status is OrderStatus.CANCELLED
        assert order.filled_size == 3


@virtual
async def test_an_order_that_fills_in_time_is_left_alone() -> None:
    async with world() as w:
        order = await w.buy(5, remainder=CancelRest(10))
        w.fill(order.id, 2, order.limit_price)
        await asyncio.sleep(1)
        w.fill(order.id, 3, order.limit_price)
        await asyncio.sleep(20)
        assert order.status is OrderStatus.FILLED
        assert w.requests("cancel") == 0


@virtual
async def test_without_a_wish_the_rest_stays() -> None:
    async with world() as w:
        order = await w.buy(5)
        w.fill(order.id, 2, order.limit_price)
        await asyncio.sleep(600)
        assert order.remaining == 3


@virtual
async def test_the_wish_survives_a_restart() -> None:
    journal = MemoryJournal()
    gateway = Gateway.build(at=START, seed=1, limited=False, rate=0.1)
    async with world(gateway=gateway, journal=journal) as w:
        order = await w.buy(5, remainder=CancelRest(10))
        order_id, price = order.id, order.limit_price
    async with world(gateway=gateway, journal=journal.crash(), seed=2) as w:
        w.fill(order_id, 2, price)
        again = w.tsx.orders.get(w.account, order_id=order_id)
        await eventually(lambda: again.status is OrderStatus.CANCELLED, timeout_s=20)


@virtual
async def test_a_restart_does_not_begin_the_seconds_anew() -> None:
    """A program that was started again each minute never cancelled the rest."""
    async with world() as w:
        order = await w.buy(5, remainder=CancelRest(60))
        w.fill(order.id, 2, order.limit_price)
        for _ in range(2):
            await asyncio.sleep(25)
            assert w.working
            await w.pair.restart()
            await w.tsx.ready(w.account)
        await asyncio.sleep(8)
        assert w.working
        await asyncio.sleep(5)
        assert not w.working


@virtual
async def test_a_cancel_that_is_refused_for_good_is_tried_again_now_and_then() -> None:
    async with world() as w:
        w.break_("*", f.RefuseNext("cancel", code=6, count=2))
        order = await w.buy(5, remainder=CancelRest(1))
        w.fill(order.id, 2, order.limit_price)
        await asyncio.sleep(20)
        assert w.status(order) is OrderStatus.OPEN
        await asyncio.sleep(60)
        assert w.status(order) is OrderStatus.CANCELLED
        assert w.requests("cancel") == 3
