"""What an earlier run had begun with its orders goes on in the next."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.cards.world import CANCEL, MODIFY, PLACE, World, world
from topstepx import Bracket, CancelRest, Limit, Market, OrderStatus
from topstepx.errors import OrderUnresolved
from topstepx.sim import fault_kinds as f
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.loop import virtual
from topstepx.wire.models import CancelRequest

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager


def next_run(w: World, journal: MemoryJournal) -> AbstractAsyncContextManager[World]:
    """The program again, on what the disk had."""
    w.pair.faults.clear()
    return world(journal=journal, gateway=w.pair.gateway)


async def with_legs(w: World, **legs: Any) -> Any:  # noqa: ANN401  an order; prices by name
    """Two bought at a limit that rests, ten points better than asked."""
    order = await w.buy(2, at=w.far_below(20), bracket=Bracket(**legs))
    w.fill(order.id, 2, order.limit_price + 10)
    return await order.filled(timeout=5)


@virtual
async def test_the_rest_of_a_partial_fill_is_cancelled() -> None:
    journal = MemoryJournal()
    async with world(journal=journal) as w:
        order = await w.buy(4, remainder=CancelRest(after_s=5))
        w.fill(order.id, 1, order.limit_price)
        await asyncio.sleep(1)
        disk = journal.crash()
    async with next_run(w, disk) as again:
        await asyncio.sleep(8)
        assert again.working == []


@virtual
async def test_a_cancel_that_was_wanted_is_done() -> None:
    journal = MemoryJournal()
    async with world(journal=journal) as w:
        w.audited = False
        w.break_(PLACE, f.Hold(20))
        w.break_(CANCEL, f.LoseRequest(), times=None)
        with pytest.raises(OrderUnresolved) as unresolved:
            await w.buy(2, key="wanted gone")
        wish = asyncio.create_task(unresolved.value.order.cancel())
        await asyncio.sleep(25)
        assert w.working
        disk = journal.crash()
        wish.cancel()
    async with next_run(w, disk) as again:
        await asyncio.sleep(5)
        assert again.working == []


@virtual
async def test_a_stop_that_went_meanwhile_is_missed() -> None:
    journal = MemoryJournal()
    async with world(journal=journal) as w:
        order = await w.buy(2, at=Market(), bracket=Bracket(stop_ticks=400))
        await order.filled(timeout=5)
        await order.stop.working()
        stop_id, disk = order.stop.id, journal.crash()
    w.pair.gateway.venue.cancel(
        CancelRequest(account_id=w.account.id, order_id=stop_id), w.pair.gateway.now, origin="other"
    )
    async with next_run(w, disk) as again:
        await asyncio.sleep(15)
        assert again.alarms("unprotected")


@virtual
async def test_a_position_that_never_had_a_stop_is_not_missed_one() -> None:
    journal = MemoryJournal()
    async with world(journal=journal) as w:
        guarded = await w.buy(2, at=Market(), bracket=Bracket(stop_ticks=400))
        await guarded.filled(timeout=5)
        await w.desk.close()
        await asyncio.sleep(5)
        plain = await w.buy(1, at=Market())
        await plain.filled(timeout=5)
        disk = journal.crash()
    async with next_run(w, disk) as again:
        await asyncio.sleep(15)
        assert not again.alarms("unprotected")


@virtual
async def test_a_leg_still_goes_to_its_price() -> None:
    journal = MemoryJournal()
    async with world(journal=journal) as w:
        w.audited = False
        wanted = w.far_below(120).price
        w.break_(MODIFY, f.LoseRequest(), times=None)
        order = await with_legs(w, stop=wanted)
        await order.stop.working()
        await asyncio.sleep(1)
        assert order.stop.stop_price != wanted
        stop_id, disk = order.stop.id, journal.crash()
    async with next_run(w, disk) as again:
        await asyncio.sleep(8)
        assert again.pair.truth.order(stop_id).stop_price == wanted


@virtual
async def test_a_stop_that_was_trailed_is_never_put_back() -> None:
    journal = MemoryJournal()
    async with world(journal=journal) as w:
        order = await with_legs(w, stop=w.far_below(120).price)
        await asyncio.sleep(3)
        trailed = w.far_below(60).price
        await order.stop.move(trailed)
        stop_id, disk = order.stop.id, journal.crash()
    async with next_run(w, disk) as again:
        await asyncio.sleep(10)
        assert again.pair.truth.order(stop_id).stop_price == trailed
        stop = again.tsx.orders.get(again.account, order_id=stop_id)
        closer = Limit(again.far_below(50).price).price
        await stop.move(closer)
        await asyncio.sleep(10)
        assert again.pair.truth.order(stop_id).stop_price == closer
        assert stop.status is OrderStatus.OPEN
