"""The resolver: fences, finds, watches, and survives a restart."""

from __future__ import annotations

import asyncio

import pytest

from tests.cards.world import PLACE, QUERY, world
from topstepx import Market
from topstepx.core.order_life import Stage
from topstepx.errors import ModeRefused, OrderUnresolved
from topstepx.events import IntentResolved
from topstepx.sim import fault_kinds as f
from topstepx.sim.gateway import Gateway
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.testing.pair import START
from topstepx.wire.enums import OrderStatus, Side


@virtual
async def test_only_the_contract_is_fenced_and_exits_pass() -> None:
    async with world() as w:
        held = await w.buy(at=Market())
        await held.filled(timeout=5)
        w.break_(PLACE, f.LoseRequest())
        placing = asyncio.create_task(w.buy(1))
        await eventually(lambda: "unresolved_intent" in w.standing(), timeout_s=10)
        with pytest.raises(ModeRefused):
            await w.buy(3)
        other = await w.tsx.contracts.front("MES")
        await w.tsx.orders.place(w.account, other, Side.BUY, 1, at=Market())
        await w.desk.close()
        assert w.net == 0
        await asyncio.gather(placing, return_exceptions=True)


@virtual(seeds=[None, *range(5)])
async def test_the_hub_is_faster_than_the_lists() -> None:
    async with world() as w:
        w.break_(QUERY, f.Answer(500), times=None)
        w.break_("Order/search*", f.Answer(500), times=None)
        w.break_(PLACE, f.DropAnswer())
        order = await w.buy()
        assert order.status is OrderStatus.OPEN


@virtual
async def test_reads_that_fail_for_minutes_prove_nothing() -> None:
    async with world() as w:
        w.break_(QUERY, f.Answer(500), times=None)
        w.break_(PLACE, f.LoseRequest())
        with pytest.raises(OrderUnresolved) as caught:
            await w.buy()
        await asyncio.sleep(600)
        assert caught.value.order.stage.name == "UNKNOWN"
        w.pair.faults.clear()
        await eventually(lambda: caught.value.order.stage is Stage.PRESUMED_ABSENT, timeout_s=120)


@virtual
async def test_a_clock_that_is_hours_wrong_hides_nothing() -> None:
    async with world() as w:
        w.pair.clock.step_wall(3 * 3600)
        w.break_("hub/user", f.DropEvents(), times=None)
        w.break_(PLACE, f.DropAnswer())
        order = await w.buy()
        assert order.id is not None


@virtual
async def test_a_restart_goes_on_looking_and_cancels_what_was_to_be_cancelled() -> None:
    journal = MemoryJournal()
    gateway = Gateway.build(at=START, seed=1, limited=False, rate=0.1)
    async with world(gateway=gateway, journal=journal) as w:
        w.audited = False
        w.break_(PLACE, f.Hold(60))
        with pytest.raises(OrderUnresolved) as caught:
            await w.buy(key="k")
        with pytest.raises(OrderUnresolved):
            await caught.value.order.cancel()
    async with world(gateway=gateway, journal=journal.crash(), seed=2) as w:
        order = w.tsx.orders.get(w.account, key="k")
        assert "unresolved_intent" in w.standing()
        await eventually(lambda: order.status is OrderStatus.CANCELLED, timeout_s=90)
        assert not w.working
        verdicts = [fact.verdict for fact in w.facts if isinstance(fact, IntentResolved)]
        assert verdicts == ["accepted"]


@virtual
async def test_an_unresolved_order_asks_little_of_the_budget() -> None:
    gateway = Gateway.build(at=START, seed=1, rate=0.1)
    async with world(gateway=gateway) as w:
        w.break_(PLACE, f.LoseRequest())
        with pytest.raises(OrderUnresolved):
            await w.buy()
        before = len(gateway.limits.arrivals)
        await asyncio.sleep(60)
        # The watch over an exposed account included, less than half of what a minute has room for.
        assert len(gateway.limits.arrivals) - before <= 90


@virtual
async def test_looks_of_the_first_seconds_do_not_speak_for_the_minutes_after_them() -> None:
    """The gateway holds the order back, and from then on nothing can be read for two minutes."""
    async with world() as w:
        w.break_(PLACE, f.Hold(60))
        with pytest.raises(OrderUnresolved) as caught:
            await w.buy()
        order = caught.value.order
        assert order.looking.complete_rounds >= 5
        w.break_("hub/user", f.DropEvents(), times=None)
        w.break_(QUERY, f.Answer(500), times=None)
        w.break_("Order/search*", f.Answer(500), times=None)
        await asyncio.sleep(170)
        assert order.stage is Stage.UNKNOWN, "nothing was seen since the order came"
        w.pair.faults.clear()
        await order.working(timeout=60)
        await asyncio.sleep(60)
        assert order.status is OrderStatus.OPEN, "it is no order that was given up"
