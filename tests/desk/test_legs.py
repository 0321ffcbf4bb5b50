"""Legs given as prices stand at them, whatever the entry slipped."""

from __future__ import annotations

import asyncio

from tests.cards.world import MODIFY, World, world
from topstepx import Bracket, Limit
from topstepx.sim import fault_kinds as f
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual


async def slipped(w: World, points: int = 5) -> tuple[object, Bracket]:
    """An entry that fills better than its price, with legs given as prices."""
    entry = w.contract.ceil(w.market() + points)
    bracket = Bracket(stop=entry - 50, target=entry + 60)
    order = await w.buy(1, at=Limit(entry), bracket=bracket)
    return order, bracket


@virtual
async def test_both_legs_are_moved_to_their_prices() -> None:
    async with world() as w:
        order, bracket = await slipped(w)
        await order.filled(timeout=5)  # type: ignore[attr-defined]  # an order
        assert order.average_price != order.limit_price  # type: ignore[attr-defined]  # an order
        await eventually(lambda: order.stop.stop_price == bracket.stop)  # type: ignore[attr-defined]  # an order
        await eventually(lambda: order.target.limit_price == bracket.target)  # type: ignore[attr-defined]  # an order
        await asyncio.sleep(10)
        assert w.requests("modify") == 2


@virtual
async def test_a_correction_that_fails_is_an_alarm() -> None:
    async with world() as w:
        w.break_(MODIFY, f.Answer(400, "{}"), times=None)
        await slipped(w)
        await eventually(lambda: len(w.alarms("leg_not_corrected")) == 2)


@virtual
async def test_legs_given_in_ticks_are_left_where_they_wake() -> None:
    async with world() as w:
        order = await w.buy(1, at=w.far_above(5), bracket=Bracket(stop_ticks=40))
        await order.filled(timeout=5)
        await order.stop.working()
        await asyncio.sleep(5)
        assert w.requests("modify") == 0
