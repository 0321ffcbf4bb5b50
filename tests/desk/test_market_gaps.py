"""From when on a gap of the market hub counts: from what was heard last, not from when that was noticed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.support.trading import mnq
from topstepx.desk.market import TapeGap
from topstepx.events import HubDegraded, HubReconnected, MarketGapped
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair

if TYPE_CHECKING:
    from topstepx.desk.streams import MarketStream
    from topstepx.events import Event
    from topstepx.wire.hub_models import TapeTrade


async def gaps(tape: MarketStream[TapeTrade | TapeGap]) -> list[TapeGap]:
    """The gaps among what lies unread."""
    items = [await anext(tape) for _ in range(tape.waiting)]
    return [item for item in items if isinstance(item, TapeGap)]


def facts(pair: Pair) -> list[Event]:
    told: list[Event] = []
    pair.tsx._record.listen(lambda fact, _: told.append(fact))
    return told


async def back(told: list[Event]) -> tuple[HubReconnected, MarketGapped]:
    def both() -> None:
        assert {HubReconnected, MarketGapped} <= {type(fact) for fact in told}

    await eventually(both, timeout_s=120)
    (hub,) = [fact for fact in told if isinstance(fact, HubReconnected) and fact.hub == "market"]
    (gapped,) = [fact for fact in told if isinstance(fact, MarketGapped)]
    return hub, gapped


@virtual
async def test_a_half_open_socket_is_noticed_late_and_the_gap_counts_from_the_last_word() -> None:
    async with Pair() as pair:
        told = facts(pair)
        async with pair.tsx.market.tape(await mnq(pair)) as tape:
            await asyncio.sleep(20)
            last_word = pair.clock.now()
            pair.faults.add(Fault(where="hub/market", what=f.Mute(), times=None))
            await eventually(
                lambda: any(isinstance(one, HubDegraded) for one in told), timeout_s=40
            )
            assert (pair.clock.now() - last_word).total_seconds() > 29
            pair.faults.clear()
            hub, gapped = await back(told)
            (gap,) = await gaps(tape)
        assert gap.since == gapped.since == hub.since
        assert abs((gap.since - last_word).total_seconds()) < 2
        assert gapped.volume_missed


@virtual
async def test_after_a_sleep_the_gap_counts_from_when_it_began() -> None:
    async with Pair() as pair:
        told = facts(pair)
        async with pair.tsx.market.tape(await mnq(pair)) as tape:
            await asyncio.sleep(20)
            asleep = pair.clock.now()
            pair.clock.suspend(600)
            pair.world.suspended(600)
            hub, gapped = await back(told)
            found = await gaps(tape)
        for since in (hub.since, gapped.since, *(gap.since for gap in found)):
            assert abs((since - asleep).total_seconds()) < 2
        assert found


@virtual
async def test_what_was_blocked_counts_from_when_it_began() -> None:
    async with Pair() as pair, pair.tsx.market.tape(await mnq(pair)) as tape:
        await asyncio.sleep(20)
        pair.tsx._linkage.stalled(12)
        (gap,) = await gaps(tape)
        assert (pair.clock.now() - gap.since).total_seconds() == pytest.approx(12, abs=0.1)


@virtual
async def test_a_wall_clock_that_is_set_is_no_gap_on_the_tape() -> None:
    async with Pair() as pair, pair.tsx.market.tape(await mnq(pair)) as tape:
        await asyncio.sleep(20)
        pair.clock.step_wall(45)
        await asyncio.sleep(10)
        assert not await gaps(tape)
