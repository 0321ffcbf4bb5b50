"""The story of an order: whole, once, and it ends."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from tests.cards.world import world
from topstepx import Market
from topstepx.events import IntentRecorded, OrderMoved, TradeObserved
from topstepx.testing.loop import virtual


@virtual(seeds=[None, *range(10)])
async def test_live_and_afterwards_it_is_the_same_story() -> None:
    async with world() as w:
        order = await w.buy(5)

        async def read() -> list[str]:
            return [event.id async for event in order.events()]

        reading = asyncio.create_task(read())
        await asyncio.sleep(0.1)
        for size in (2, 3):
            w.fill(order.id, size, order.limit_price)
            await asyncio.sleep(0.1)
        live = await reading
        assert live == await read()
        assert live == [event.id for event in order.log]


@virtual
async def test_it_has_the_intent_the_steps_and_the_trades() -> None:
    async with world() as w:
        order = await w.buy(at=Market())
        kinds = [type(event) async for event in order.events()]
        assert kinds[0] is IntentRecorded
        assert {OrderMoved, TradeObserved} <= set(kinds)


@virtual
async def test_other_orders_are_not_in_it() -> None:
    async with world() as w:
        first, second = await w.buy(1), await w.buy(2)
        await first.cancel()
        await second.cancel()
        ids = {getattr(event, "order_id", None) for event in first.log}
        assert second.id not in ids


@virtual
async def test_it_can_be_left_early_and_ends_with_the_client() -> None:
    async with world() as w:
        order = await w.buy()
        async with aclosing(order.events()) as story:
            async for _ in story:
                break

        async def read() -> int:
            return len([event async for event in order.events()])

        reading = asyncio.create_task(read())
        await asyncio.sleep(1)
    assert await reading > 0
