"""Storms over the order path: seeded faults, a trader who trades on, then calm, and the books agree."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from tests.cards import audit
from tests.cards.world import CANCEL, CLOSE, MODIFY, PARTIAL, PLACE, QUERY, World, world
from topstepx import Bracket, Market
from topstepx.errors import TopstepxError
from topstepx.events import Flattened
from topstepx.sim import fault_kinds as f
from topstepx.sim.gateway import Gateway
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import run_virtual
from topstepx.testing.pair import START
from topstepx.wire.enums import Side

if TYPE_CHECKING:
    from collections.abc import Awaitable

ROUTES = (
    PLACE,
    PLACE,
    CANCEL,
    CLOSE,
    PARTIAL,
    MODIFY,
    QUERY,
    "Trade/search",
    "Position/searchOpen",
)
STEPS = 12
_HTML = "<html>bad gateway</html>"


def a_fault(chance: random.Random) -> f.RequestFault:
    return chance.choice(
        (
            f.DropAnswer(),
            f.DropAnswer(cut=False),
            f.LoseRequest(),
            f.Hold(chance.choice((1, 8, 25))),
            f.Answer(502, _HTML, when="after"),
            f.Answer(503),
            f.Answer(429),
            f.Cut(10),
            f.Delay(3),
            f.Edit("errorCode", "value", 7),
        )
    )


async def an_act(w: World, chance: random.Random) -> None:
    """Something that a trader does; what it raises is no surprise, as long as it is ours."""
    acts: list[Awaitable[object]] = []
    orders = w.tsx.orders.working(w.account)
    choice = chance.random()
    if choice < 0.3:
        acts.append(w.buy(chance.randint(1, 3), at=Market(), side=chance.choice((*Side,))))
    elif choice < 0.5:
        bracket = Bracket(stop_ticks=400, target_ticks=400) if chance.random() < 0.5 else None
        acts.append(w.buy(chance.randint(1, 3), at=w.far_below(), bracket=bracket))
    elif choice < 0.7 and orders:
        acts.append(chance.choice(orders).cancel())
    elif choice < 0.8 and orders:
        order = chance.choice(orders)
        if order.limit_price is not None:
            acts.append(order.move(order.limit_price - w.contract.tick_size))
    elif choice < 0.9:
        acts.append(w.desk.close(1))
    else:
        acts.append(w.desk.close())
    for act in acts:
        try:
            await act
        except TopstepxError:
            continue


async def storm(seed: int) -> None:
    chance = random.Random(seed)
    gateway = Gateway.build(at=START, seed=seed, limited=False, rate=0.1)
    async with world(gateway=gateway, seed=seed) as w:
        w.pair.network.latency_s = chance.choice((0.0, 0.02, 0.2))
        running = []
        for _ in range(STEPS):
            if chance.random() < 0.6:
                route, fault = chance.choice(ROUTES), a_fault(chance)
                if route != PLACE or fault != f.Answer(429):  # with a Hold it would be a lie
                    w.break_(route, fault)
            if chance.random() < 0.1:
                w.break_("hub/user", f.CutHub())
            running.append(asyncio.create_task(an_act(w, chance)))
            await asyncio.sleep(chance.choice((0.0, 0.5, 3.0)))
        await asyncio.gather(*running)
        w.pair.faults.clear()
        await asyncio.sleep(200)  # everything that was held has come, everything open is decided
        assert not w.ledger.open_intents()
        if "unexpected_fill" in w.standing():
            await w.tsx.resume(w.account, released_by="test")
        result = await w.tsx.flatten(w.account)
        assert isinstance(result, Flattened)
        assert w.net == 0
        assert not w.working
        await eventually(lambda: not w.standing(), timeout_s=30)
        await asyncio.sleep(10)
        audit.pictures(w.ledger, w.pair.truth, w.account.id)


@pytest.mark.parametrize("seed", range(15))
def test_a_storm_and_then_calm(seed: int) -> None:
    run_virtual(lambda: storm(seed), seed=seed)


@pytest.mark.soak
def test_many_storms() -> None:
    for seed in range(1000, 3000):
        run_virtual(lambda seed=seed: storm(seed), seed=seed)  # type: ignore[misc]  # bound at once
