"""Differential audit: what a consumer is told through everything is what happened, once each.

Hubs flap, lose, repeat, swap and delay events while we and another program trade. At the end the facts
a consumer was told are held against the venue's own books: each trade exactly once; of each order its
placing, each fill and its end exactly once, in order; and nothing that did not happen. (Several fills of
one instant may be told as one step: see `last_of_each_moment`.)
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pytest

from tests.support.trading import PRACTICE_ID, mnq, practice
from topstepx.core.ledger import Ledger
from topstepx.core.terms import Limit, Market
from topstepx.errors import TopstepxError
from topstepx.events import Observation, OrderObserved, TradeObserved
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import run_virtual
from topstepx.testing.pair import Pair
from topstepx.wire.enums import OrderStatus, OrderType, Side
from topstepx.wire.models import CancelRequest, PlaceRequest

if TYPE_CHECKING:
    from topstepx.desk.desk import Desk

MNQ = "CON.F.US.MNQ.Z26"
_ENDS = {OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED, OrderStatus.EXPIRED}


def trouble(pair: Pair, chance: random.Random) -> None:
    """Every kind of event trouble, all the time."""
    for what, often in (
        (f.DropEvents(), 0.05),
        (f.DuplicateEvents(), 0.2),
        (f.ReorderEvents(), 0.2),
        (f.DelayEvents(chance.uniform(0.2, 2.5)), 0.1),
    ):
        pair.faults.add(Fault(where="hub/user", what=what, times=None, chance=often))


async def flap(pair: Pair, chance: random.Random) -> None:
    """Lose the user hub again and again, in every way."""
    while True:
        await asyncio.sleep(chance.uniform(5, 60))
        ways: list[f.What] = [f.CutHub(), f.CloseHub(allow_reconnect=True), f.Say("{]")]
        what = chance.choice(ways)
        pair.faults.add(Fault(where="hub/user", what=what))


async def others(pair: Pair, chance: random.Random) -> None:
    """Another program trades on the same account."""
    while True:
        await asyncio.sleep(chance.uniform(1, 12))
        side = chance.choice([Side.BUY, Side.SELL])
        kind = chance.choice([OrderType.MARKET, OrderType.LIMIT])
        limit = Decimal(29000) if side is Side.BUY else Decimal(29900)
        request = PlaceRequest(
            account_id=PRACTICE_ID,
            contract_id=MNQ,
            type=kind,
            side=side,
            size=chance.randint(1, 3),
            limit_price=limit if kind is OrderType.LIMIT else None,
        )
        answer = pair.gateway.venue.place(request, pair.world.now(), origin="other")
        pair.gateway.advance(pair.world.now())
        order_id = getattr(answer, "order_id", None)
        if kind is OrderType.LIMIT and order_id:
            await asyncio.sleep(chance.uniform(0.5, 20))
            gone = CancelRequest(account_id=PRACTICE_ID, order_id=order_id)
            pair.gateway.venue.cancel(gone, pair.world.now(), origin="other")
            pair.gateway.advance(pair.world.now())


async def ours(desk: Desk, chance: random.Random) -> None:
    """We trade as often as we are let."""
    while True:
        await asyncio.sleep(chance.uniform(1, 12))
        try:
            if chance.random() < 0.5:
                way = desk.buy if chance.random() < 0.5 else desk.sell
                await way(chance.randint(1, 3), at=Market(), allow_duplicate=True)
            else:
                order = await desk.buy(1, at=Limit("29000"), allow_duplicate=True)
                await asyncio.sleep(chance.uniform(0.2, 10))
                await order.cancel()
        except TopstepxError:
            continue  # refused while recovering, or not known: that is what is being audited


class Told:
    """What a consumer was told, collected as it comes."""

    def __init__(self, pair: Pair) -> None:
        self.steps: dict[int, list[tuple[OrderStatus, int]]] = defaultdict(list)
        self.trades: list[int] = []
        pair.tsx._record.listen(self._on_fact)

    def _on_fact(self, event: Any, _changes: object) -> None:  # noqa: ANN401  any fact
        if isinstance(event, OrderObserved):
            self.steps[event.order.id].append((event.order.status, event.order.fill_volume))
        elif isinstance(event, TradeObserved):
            self.trades.append(event.trade.id)


def last_of_each_moment(pair: Pair, order_id: int) -> set[int]:
    """The fills that must be told: the last of each moment.

    The venue sometimes reports two fills of one instant as two steps and sometimes as one. Where both
    reports are lost, nothing that is left to read tells the two apart; each trade is told all the same.
    """
    moments = {step.at: step.fill_volume for step in pair.truth.history(order_id)}
    return set(moments.values()) - {0}


def audit(pair: Pair, told: Told) -> int:
    """Hold one against the other; how many steps were compared."""
    truth = pair.truth
    happened: dict[int, list[tuple[OrderStatus, int]]] = defaultdict(list)
    for step in truth.transitions:
        happened[step.order_id].append((step.after, step.fill_volume))
    trades = [one.id for one in truth.trades(PRACTICE_ID)]
    assert sorted(told.trades) == sorted(trades), "each trade exactly once"
    assert set(told.steps) == {order.id for order in truth.orders(PRACTICE_ID)}
    for order_id, steps in told.steps.items():
        fills = [filled for _, filled in steps]
        assert fills == sorted(fills), (order_id, steps)
        assert steps[-1] == happened[order_id][-1], (order_id, steps)
        ends = [step for step in steps if step[0] in _ENDS]
        assert len(ends) == (happened[order_id][-1][0] in _ENDS), (order_id, steps)
        real = set(happened[order_id])
        made_up = [step for step in steps if step not in real]
        assert not made_up, (order_id, made_up, happened[order_id])
        grown = [b for a, b in zip([0, *fills], fills, strict=False) if b > a]
        assert len(grown) == len(set(grown))
        missing = last_of_each_moment(pair, order_id) - set(grown)
        assert not missing, (order_id, steps, happened[order_id])
    return sum(len(steps) for steps in told.steps.values())


class Day(NamedTuple):
    """How many steps were compared, and how soon after the last fault the ledger was the venue's books."""

    steps: int
    level_s: float


async def day(seed: int, minutes: float) -> Day:
    chance = random.Random(seed)
    async with Pair(seed=seed) as pair:
        account, contract = await practice(pair), await mnq(pair)
        desk = pair.tsx.desk(account, contract)
        pair.gateway.market.start(MNQ, pair.world.now())
        await pair.tsx.ready(account)
        told = Told(pair)
        trouble(pair, chance)
        pair.network.latency_s, pair.network.jitter_s = 0.01, 0.05
        pair.network.chance = chance.random
        parts = (flap(pair, chance), others(pair, chance), ours(desk, chance))
        tasks = [asyncio.create_task(part) for part in parts]
        await asyncio.sleep(minutes * 60)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        pair.faults.clear()
        pair.faults.add(
            Fault(where="hub/user", what=f.CutHub())
        )  # the last fault, and a trade in it
        await asyncio.sleep(0.1)
        pair.faults.clear()
        request = PlaceRequest(
            account_id=PRACTICE_ID, contract_id=MNQ, type=OrderType.MARKET, side=Side.BUY, size=1
        )
        pair.gateway.venue.place(request, pair.world.now(), origin="other")
        pair.gateway.advance(pair.world.now())

        def same() -> None:
            assert {b.id: (b.status, b.filled) for b in pair.tsx.state.orders(account)} == {
                o.id: (o.status, o.fill_volume) for o in pair.truth.orders(PRACTICE_ID)
            }
            held = sum(b.net or 0 for b in pair.tsx.state.positions(account))
            assert held == pair.truth.net_size(PRACTICE_ID, MNQ)

        began_s = asyncio.get_running_loop().time()
        await eventually(same, timeout_s=10)  # the promise: level within ten seconds
        level_s = asyncio.get_running_loop().time() - began_s
        await asyncio.sleep(60)
        replayed = Ledger()
        for row in pair.journal.committed:  # type: ignore[attr-defined]  # in memory
            event = row.event()
            if isinstance(event, Observation):
                event = msgspec.structs.replace(event, origin="replayed")
            replayed.apply(event)
        assert replayed.state() == pair.tsx._record.ledger.state(), "the journal tells it again"
        return Day(audit(pair, told), level_s)


@pytest.mark.parametrize("seed", range(2))
def test_five_minutes_of_trouble_are_told_as_they_happened(seed: int) -> None:
    assert run_virtual(lambda: day(seed, 5), seed=seed).steps > 50


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 120))
def test_half_hours_of_trouble_are_told_as_they_happened(seed: int) -> None:
    assert run_virtual(lambda: day(seed, 30), seed=seed).steps > 300
