"""The resolver: fences, finds, watches, and survives a restart."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from tests.cards.world import PLACE, QUERY, World, world
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


async def _run(w: World, seconds: float, *, down_s: float = 0.0) -> Any:  # noqa: ANN401  an Order whose parts are known
    """Be killed and down for so long, start again, and look for so long."""
    w.pair.process.crash(restart_s=down_s)
    await w.pair.restart()
    await w.tsx.ready(w.account)
    await asyncio.sleep(seconds)
    return w.tsx.orders.get(w.account, key="k")


@virtual
async def test_a_program_that_is_killed_every_minute_presumes_absent_in_the_end() -> None:
    async with world() as w:
        w.break_(PLACE, f.LoseRequest())
        at = w.far_below()
        with pytest.raises(OrderUnresolved) as caught:
            await w.buy(at=at, key="k")
        assert caught.value.order.looking.complete_rounds >= 5
        for _ in range(2):
            order = await _run(w, 50)
            assert order.stage is Stage.UNKNOWN
        order = await _run(w, 50)
        assert order.stage is Stage.PRESUMED_ABSENT, order.looking
        assert "no trace" in order.intent.resolution.evidence[0]
        with pytest.raises(OrderUnresolved, match="used up"):
            await w.buy(at=at, key="k")
        assert w.requests("place") == 0


@virtual
async def test_the_time_in_which_nobody_looked_proves_nothing_and_takes_nothing_away() -> None:
    async with world() as w:
        w.break_(PLACE, f.LoseRequest())
        with pytest.raises(OrderUnresolved) as caught:
            await w.buy(key="k")
        waited_s = caught.value.order.intent.looked.waited_s
        assert 5 < waited_s < 15
        order = await _run(w, 60, down_s=3600)
        assert order.stage is Stage.UNKNOWN
        rounds, looked_s = order.looking.complete_rounds, order.intent.looked.waited_s
        assert waited_s + 45 < looked_s < waited_s + 60
        await asyncio.sleep(120 - looked_s + 15)
        assert order.stage.name == "PRESUMED_ABSENT"
        looked = order.intent.looked
        assert looked.rounds > rounds
        assert 120 <= looked.waited_s < 135
        told = f"{looked.rounds} complete looks over {looked.waited_s:.0f} s found no trace"
        assert order.intent.resolution.evidence == (told,)


@pytest.mark.parametrize("seed", range(3))
@virtual
async def test_whenever_it_is_killed_an_order_that_comes_is_found_and_never_given_up(
    seed: int,
) -> None:
    """It arrives 100 s after it left; what was looked at before that cannot add up to two minutes."""
    async with world() as w:
        w.break_(PLACE, f.Hold(100))
        with pytest.raises(OrderUnresolved):
            await w.buy(key="k")
        chance = random.Random(seed)
        order = w.tsx.orders.get(w.account, key="k")
        for _ in range(12):
            if order.status is OrderStatus.OPEN:
                break
            assert order.stage is Stage.UNKNOWN
            order = await _run(w, chance.uniform(0, 20), down_s=chance.choice([0, 0, 3]))
        await order.working(timeout=30)
        await asyncio.sleep(40)
        assert order.status is OrderStatus.OPEN
