"""Legs that show themselves only after their position was closed."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.cards.world import world
from topstepx import Bracket, Market
from topstepx.events import Flattened
from topstepx.sim import fault_kinds as f
from topstepx.testing.loop import virtual

LEGS = Bracket(400, 400)


@pytest.mark.parametrize("way", ["close", "flatten"])
@virtual
async def test_a_leg_that_shows_itself_late_is_cancelled(way: str) -> None:
    async with world() as w:
        w.break_("*", f.HideLegs(), until=w.pair.world.now() + timedelta(seconds=20))
        order = await w.buy(at=Market(), bracket=LEGS)
        await order.filled(timeout=5)
        if way == "close":
            await w.desk.close()
        else:
            assert isinstance(await w.tsx.flatten(w.account), Flattened)
        assert len(w.working) == 2, "nobody shows them, so nobody can cancel them"
        (alarm,) = w.alarms("legs_unseen")
        assert str(order.id) in alarm.detail
        await w.desk.close()
        assert len(w.alarms("legs_unseen")) == 1, "it is said once"
        await asyncio.sleep(20 + 31)
        assert not w.working


@virtual
async def test_the_legs_of_what_is_opened_afterwards_stay() -> None:
    async with world() as w:
        w.break_("*", f.HideLegs(), until=w.pair.world.now() + timedelta(seconds=20))
        first = await w.buy(at=Market(), bracket=LEGS)
        await first.filled(timeout=5)
        await w.desk.close()
        w.pair.faults.clear()
        second = await w.buy(at=Market(), bracket=LEGS, allow_duplicate=True)
        await second.filled(timeout=5)
        await asyncio.sleep(60)
        assert {one.id for one in w.working} == {second.stop.id, second.target.id}


@virtual
async def test_legs_that_were_seen_are_nothing_to_speak_of() -> None:
    async with world() as w:
        order = await w.buy(at=Market(), bracket=LEGS)
        await order.filled(timeout=5)
        await w.desk.close()
        assert not w.alarms("legs_unseen")
