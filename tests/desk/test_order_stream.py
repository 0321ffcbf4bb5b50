"""The story of an order: whole, once, and it ends."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from tests.cards.world import world
from tests.support.facts import at
from topstepx import Market
from topstepx.desk.record import STREAM_LIMIT
from topstepx.errors import StreamLagged
from topstepx.events import (
    AlarmRaised,
    Event,
    FactsLeftOut,
    GapSuspected,
    IntentRecorded,
    OrderAnomaly,
    OrderMoved,
    TradeObserved,
)
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


@virtual
async def test_what_happened_while_the_reader_was_busy_is_told_although_it_is_over() -> None:
    async with world() as w:
        order = await w.buy(2)
        story = order.events()
        first = await anext(story)
        w.fill(order.id, 2, order.limit_price)
        await asyncio.sleep(5)
        assert order.is_over
        told = [first, *[event async for event in story]]
        assert [event.id for event in told] == [event.id for event in order.log]
        assert any(isinstance(event, TradeObserved) for event in told)


@virtual
async def test_thousands_of_other_facts_do_not_make_it_lag_but_a_forgotten_log_does() -> None:
    async with world() as w:
        order, record = await w.buy(2), w.tsx._record
        story, late = order.events(), order.events()
        first, *_ = await anext(story), await anext(late)
        for number in range(STREAM_LIMIT + 5):
            record.commit(GapSuspected(at=at(number), hub="user", reason="other"))
        w.fill(order.id, 2, order.limit_price)
        await asyncio.sleep(5)
        assert not [fact for fact in w.facts if isinstance(fact, AlarmRaised)], "nothing is lost"
        told = [first, *[event async for event in story]]
        assert [event.id for event in told] == [event.id for event in order.log]

        w.tsx.orders.lives._logs.clear()
        with pytest.raises(StreamLagged, match="the order's events"):
            [event async for event in late]


@virtual
async def test_a_reader_that_keeps_up_needs_no_log() -> None:
    async with world() as w:
        order = await w.buy(2)
        story = order.events()
        told = [await anext(story) for _ in order.log]
        w.tsx.orders.lives._logs.clear()
        w.fill(order.id, 2, order.limit_price)
        await asyncio.sleep(5)
        w.tsx.orders.lives._logs.clear()
        told += [event async for event in story]
        assert sum(isinstance(event, TradeObserved) for event in told) == 1
        assert len({event.id for event in told}) == len(told)


@virtual
async def test_of_thousands_of_facts_each_reader_hears_how_many_it_missed() -> None:
    async with world() as w:
        order, record = await w.buy(2), w.tsx._record

        def spoken_of(count: int) -> None:
            for _ in range(count):
                record.commit(
                    OrderAnomaly(
                        at=record.stamp(), account_id=w.account.id, order_id=order.id, what="said"
                    )
                )

        async def read(told: list[Event]) -> None:
            told.extend([event async for event in order.events()])

        keeps_up: list[Event] = []
        reading = asyncio.create_task(read(keeps_up))
        slow = order.events()
        early = [await anext(slow) for _ in order.log]
        for _ in range(30):
            spoken_of(100)
            await asyncio.sleep(0.01)
        late = order.events()
        begun = [await anext(late) for _ in order.log]
        assert tuple(begun) == order.log
        early += [await anext(slow) for _ in range(len(begun) - len(early))]
        assert early == begun
        assert [one.left_out for one in begun if isinstance(one, FactsLeftOut)] == [
            order.facts_noted - 1000
        ]
        w.fill(order.id, 2, order.limit_price)
        await asyncio.sleep(5)
        await reading
        assert len({event.id for event in keeps_up}) == len(keeps_up) > 3000
        assert not [one for one in keeps_up if isinstance(one, FactsLeftOut)]
        rest = [event async for event in slow]
        assert [event async for event in late] == rest
        assert not [one for one in rest if isinstance(one, FactsLeftOut)]
        assert any(isinstance(event, TradeObserved) for event in rest)
