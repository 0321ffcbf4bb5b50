"""A leg that fills in the very moment of a close or a reduction: what it opens is closed, and nothing is left.

The venue's own books judge. Latency is 50 ms one way; the leg fills at each moment of the way: before the
close arrives, between its being taken and its fill, after it, and while the legs are being taken off. A
request that vanishes is noticed after four seconds (`timeouts.exit_s`).
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import pytest

from tests.cards.world import CANCEL, CLOSE, MODIFY, PARTIAL, world
from topstepx import Bracket, Limits, Market
from topstepx.errors import AnswerLost, GatewayRefused, NotFlat
from topstepx.sim import fault_kinds as f
from topstepx.sim.gateway import Gateway
from topstepx.sim.switches import Switches
from topstepx.testing.loop import virtual
from topstepx.testing.pair import START
from topstepx.wire.enums import Side

if TYPE_CHECKING:
    from decimal import Decimal

    from tests.cards.world import World

WAY_S = 0.05
MOMENTS_S = [0.0, 0.04, 0.052, 0.055, 0.07, 0.09, 0.108, 0.12, 0.15, 0.2, 0.3, 0.5, 1.0]
BRACKET = Bracket(stop_ticks=400, target_ticks=400)


async def held(w: World, size: int, side: Side = Side.BUY) -> Any:  # noqa: ANN401  tests look into it freely
    order = await w.buy(size, at=Market(), side=side, bracket=BRACKET)
    await order.filled(timeout=5)
    await order.stop.working()
    w.pair.network.latency_s = WAY_S
    return order


def strikes(w: World, leg: Any, after_s: float) -> None:  # noqa: ANN401  see above
    """The market fills a leg, if it still lives by then."""

    def strike() -> None:
        model = w.pair.truth.order(leg.id)
        if model.status.is_working:
            price: Decimal | None = model.stop_price or model.limit_price
            w.fill(leg.id, model.size - model.fill_volume, price)
            on_change = w.pair.gateway.on_change
            assert on_change is not None
            on_change()

    asyncio.get_running_loop().call_later(after_s, strike)


def turned_s(w: World, side: Side) -> float:
    """For how long the venue held the opposite of what the trader had."""
    versions = w.pair.truth.position_versions[w.account.id, w.contract.id]
    sign = {1: 1, 2: -1}
    total_s, since = 0.0, None
    for at, model in versions:
        wrong = bool(model.size) and sign[int(model.type)] == -side.sign
        if wrong and since is None:
            since = at
        elif not wrong and since is not None:
            total_s, since = total_s + (at - since).total_seconds(), None
    assert since is None, "it is turned for good"
    return total_s


def furthest(w: World) -> int:
    versions = w.pair.truth.position_versions[w.account.id, w.contract.id]
    return max(model.size for _, model in versions)


@pytest.mark.parametrize("leg", ["stop", "target"])
@pytest.mark.parametrize("after_s", MOMENTS_S)
@virtual
async def test_a_leg_that_fills_beside_a_close(after_s: float, leg: str) -> None:
    async with world(limits=Limits(contracts_max=3)) as w:
        order = await held(w, 3)
        strikes(w, getattr(order, leg), after_s)
        closed = await w.desk.close()
        assert closed.position.is_flat
        assert (w.net, w.working) == (0, [])
        assert turned_s(w, Side.BUY) <= 1.5
        assert furthest(w) <= 3
        await asyncio.sleep(30)
        assert (w.net, w.working) == (0, [])


@pytest.mark.parametrize("leg", ["stop", "target"])
@pytest.mark.parametrize("after_s", MOMENTS_S)
@virtual
async def test_a_leg_that_fills_beside_a_reduction(after_s: float, leg: str) -> None:
    async with world(limits=Limits(contracts_max=3)) as w:
        order = await held(w, 3, Side.SELL)
        strikes(w, getattr(order, leg), after_s)
        reduced = await w.desk.reduce_to(1)
        await asyncio.sleep(3)
        assert w.net in {0, -1}
        assert reduced.position.net == w.net or after_s >= 0.5
        assert turned_s(w, Side.SELL) <= 1.5
        assert furthest(w) <= 3
        left = sum(one.size - one.fill_volume for one in w.working if one.stop_price is not None)
        assert left == abs(w.net), "what is left protects what is left and no more"


@pytest.mark.parametrize("what", [f.DropAnswer(cut=False), f.LoseRequest(), f.Hold(2.0)])
@pytest.mark.parametrize("where", [CLOSE, PARTIAL, CANCEL, MODIFY])
@virtual
async def test_with_an_answer_that_is_lost_it_lasts_no_longer_than_that_answer(
    where: str,
    what: Any,  # noqa: ANN401  any kind of fault
) -> None:
    async with world(limits=Limits(contracts_max=3)) as w:
        order = await held(w, 3)
        w.break_(where, what)
        strikes(w, order.stop, 0.27)
        try:
            await (w.desk.close() if where in {CLOSE, CANCEL} else w.desk.reduce_to(1))
        except AnswerLost:
            assert where == PARTIAL
        await asyncio.sleep(40)
        assert turned_s(w, Side.BUY) <= 5
        assert w.net == 0
        assert furthest(w) <= 3


@virtual
async def test_what_may_open_the_other_side_goes_before_the_close_and_the_legs_after() -> None:
    async with world(limits=Limits(contracts_max=2)) as w:
        order = await held(w, 2)
        target = await w.desk.sell(2, at=w.far_above())
        closed = await w.desk.close()
        sent = [getattr(one.request, "order_id", one.verb) for one in w.pair.truth.requests]
        assert sent[2:4] == [target.id, "close"]
        assert set(sent[4:]) == {order.stop.id, order.target.id}
        assert {one.id for one in closed.cancelled} == {target.id, order.stop.id, order.target.id}


@pytest.mark.parametrize("after_s", [0.2, 0.26, 0.34, 0.36, 0.4, 0.45, 0.5])
@virtual
async def test_all_at_once_stays_within_the_limit(after_s: float) -> None:
    async with world(limits=Limits(contracts_max=2)) as w:
        order = await held(w, 2)
        target = await w.desk.sell(2, at=w.far_above())
        strikes(w, target, after_s)  # with a leg and the close it would make four short
        strikes(w, order.stop, after_s + 0.002)
        await w.desk.close()
        assert (w.net, w.working) == (0, [])
        assert furthest(w) <= 2
        assert turned_s(w, Side.BUY) <= 1.5


@virtual
async def test_a_close_that_is_refused_leaves_the_stops_where_they_are() -> None:
    async with world() as w:
        order = await held(w, 2)
        w.pair.gateway.venue.set_session(w.contract.id, False, w.pair.world.now())
        with pytest.raises(NotFlat):
            await w.desk.close()
        assert {one.id for one in w.working} == {order.stop.id, order.target.id}
        with pytest.raises(GatewayRefused):
            await w.desk.reduce_to(1)
        assert [one.size for one in w.working] == [2, 2]


@pytest.mark.parametrize("exit_cancels_legs", ["never", "when_flat"])
@pytest.mark.parametrize("oco_on_partial", ["reduce", "keep"])
@virtual
async def test_stops_and_targets_become_as_small_as_the_position(
    exit_cancels_legs: Literal["never", "when_flat"], oco_on_partial: Literal["reduce", "keep"]
) -> None:
    switches = Switches(exit_cancels_legs=exit_cancels_legs, oco_on_partial=oco_on_partial)
    gateway = Gateway.build(at=START, seed=1, limited=False, rate=0.1, switches=switches)
    async with world(gateway=gateway) as w:
        order = await held(w, 5)
        reduced = await w.desk.reduce_to(2)
        assert {one.id for one in reduced.resized} == {order.stop.id, order.target.id}
        assert [one.size for one in w.working] == [2, 2]
        assert (await w.desk.close(1)).position.net == 1
        assert [one.size for one in w.working] == [1, 1]
        w.fill(order.stop.id, 1, order.stop.belief.order.stop_price)
        await asyncio.sleep(1)
        assert (w.net, w.working) == (0, [])


@virtual
async def test_a_list_that_is_late_does_not_hide_what_is_held() -> None:
    async with world() as w:
        await held(w, 2)
        await asyncio.sleep(3)
        w.pair.gateway.venue.faults.visibility_positions = timedelta(seconds=1)
        await (await w.buy(1, at=Market(), bracket=BRACKET)).filled(timeout=5)
        await w.desk.reduce_to(2)
        await asyncio.sleep(3)
        assert w.net == 2
        assert sum(one.size for one in w.working if one.stop_price is not None) == 2


@virtual
async def test_an_order_that_cannot_be_made_smaller_is_told() -> None:
    async with world() as w:
        order = await held(w, 3)
        w.pair.gateway.venue.faults.reject_next("modify", code=3)
        reduced = await w.desk.reduce_to(1)
        assert reduced.position.net == 1
        assert len(reduced.resized) == 1
        (alarm,) = w.alarms("exit_too_large")
        too_large = {order.stop.id, order.target.id} - {one.id for one in reduced.resized}
        assert all(f"order {one} " in alarm.detail for one in too_large)


@virtual
async def test_a_caller_that_gives_up_leaves_nothing_half_done() -> None:
    async with world() as w:
        await held(w, 3)
        for after_s in (0.05, 0.12, 0.22, 0.3):
            reducing = asyncio.create_task(w.desk.close(1) if w.net > 1 else w.desk.reduce_to(1))
            await asyncio.sleep(after_s)
            reducing.cancel()
            await asyncio.sleep(3)
            assert [one.size for one in w.working] == [w.net, w.net]
        assert w.net == 1


@virtual
async def test_it_is_told_that_a_position_turned() -> None:
    async with world() as w:
        order = await held(w, 2)
        strikes(w, order.stop, 0.27)
        await w.desk.close()
        assert [alarm.name for alarm in w.alarms()] == ["position_turned"]
        assert "-2" in w.alarms()[0].detail
