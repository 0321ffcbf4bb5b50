"""No hub and no list, however late, doubled, lost or silent, gets a position past its limit."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.cards.world import PLACE, world
from topstepx import Bracket, Market
from topstepx.core.exposure import exposure
from topstepx.errors import LimitRefused, TopstepxError
from topstepx.settings import Limits
from topstepx.sim import fault_kinds as f
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.loop import run_virtual, virtual
from topstepx.wire.enums import Side

if TYPE_CHECKING:
    from tests.cards.world import World

MOST = 2
EVENTS = ("GatewayUserPosition", "GatewayUserTrade", "GatewayUserOrder", "*")


def troubles(chance: random.Random) -> list[tuple[str, Any]]:
    """What goes wrong in one run."""
    about = chance.choice(EVENTS[:2] if chance.random() < 0.5 else EVENTS)
    hub = [
        f.DropEvents(about),
        f.DelayEvents(chance.choice([0.3, 2.0, 6.0]), about),
        f.ReorderEvents(about),
        f.DuplicateEvents(about),
        f.Mute(),
    ]
    place = [
        f.DropAnswer(),
        f.Hold(3),
        f.Answer(503, "", when="after"),
        f.Answer(429, "", when="after"),
    ]
    found: list[tuple[str, Any]] = [("hub/user", chance.choice(hub))]
    return found if chance.random() < 0.5 else [*found, (PLACE, chance.choice(place))]


async def trade(w: World, chance: random.Random) -> int:
    """One thing that a trader in a hurry does; how many orders it made."""
    side, size = chance.choice([Side.BUY, Side.SELL]), chance.randint(1, MOST)
    at: Any = Market()
    if chance.random() < 0.3:
        at = w.far_below() if side is Side.BUY else w.far_above()
    bracket = Bracket(stop_ticks=400, target_ticks=400) if chance.random() < 0.3 else None
    try:
        if chance.random() < 0.15:
            await w.desk.close()
            return 0
        order = await w.buy(size, side=side, at=at, bracket=bracket, allow_duplicate=True)
        if chance.random() < 0.5:
            await order.filled(chance.choice([0.5, 3.0]))
    except TopstepxError as error:
        return int(error.did_it_happen == "unknown")
    return 1


def check(w: World) -> None:
    """The venue's own books: never further than the limit on either side."""
    mine = [one for one in w.working if one.contract_id == w.contract.id]
    reach = exposure(w.net, mine, [])
    assert -MOST <= w.net <= MOST
    assert max(0, reach.long) <= MOST
    assert max(0, -reach.short) <= MOST


async def _run(seed: int) -> int:
    chance, journal, placed = random.Random(seed), MemoryJournal(), 0
    gateway = None
    for run in range(2):  # the second one starts where the first one left everything
        limits = Limits(contracts_max=MOST)
        parts: dict[str, Any] = {} if gateway is None else {"gateway": gateway}
        async with world(limits=limits, journal=journal, seed=seed * 2 + run, **parts) as w:
            w.audited = False
            w._asked = 1000 * run
            for where, what in troubles(chance):
                w.break_(where, what, times=None, chance=chance.choice([0.3, 1.0]))
            lag_s = chance.choice([0, 0, 4])
            w.pair.gateway.venue.faults.visibility_positions = timedelta(seconds=lag_s)
            for _ in range(12):
                placed += await trade(w, chance)
                check(w)
                await asyncio.sleep(chance.choice([0.0, 0.0, 0.2, 0.2, 2.0, 7.0]))
                check(w)
            gateway = w.pair.gateway
            gateway.faults.clear()
        journal = journal.crash()
    return placed


@pytest.mark.parametrize(
    "bracket",
    [Bracket(target_ticks=400), Bracket(stop_ticks=400, target_ticks=400)],
    ids=["target", "both"],
)
@virtual
async def test_legs_that_nobody_shows_count(bracket: Bracket) -> None:
    async with world(limits=Limits(contracts_max=MOST)) as w:
        w.pair.gateway.venue.faults.hide_legs = True
        order = await w.buy(2, at=Market(), bracket=bracket)
        await order.filled(timeout=5)
        with pytest.raises(LimitRefused, match="may exist"):
            await w.buy(4, side=Side.SELL, at=w.far_above())
        w.pair.gateway.venue.faults.hide_legs = False
        await w.tsx.orders.open(w.account)  # now they are shown, and count as what they are
        with pytest.raises(
            LimitRefused, match=r"could reach 4 contracts with this SELL of 4, [^;]*$"
        ):
            await w.buy(4, side=Side.SELL, at=w.far_above())
        check(w)


@pytest.mark.parametrize("seed", [7, 8, 3])  # 7 and 8 pass the limit if only what is told counts
def test_the_limit_holds_whatever_is_told(seed: int) -> None:
    assert run_virtual(_run(seed)) >= 2, "a run that does nothing shows nothing"


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(300))
def test_the_limit_holds_whatever_is_told_in_many_runs(seed: int) -> None:
    run_virtual(_run(seed))
