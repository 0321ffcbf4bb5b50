"""Protection: a stop that was ordered is there, or it is said and done."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.cards.world import World, world
from topstepx import Bracket, Limit, Market, Stop
from topstepx.errors import ModeRefused
from topstepx.sim import fault_kinds as f
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.wire.enums import OrderStatus, OrderType, Side
from topstepx.wire.models import CancelRequest

STOP = Bracket(stop_ticks=400)


async def filled(w: World, **parts: object) -> object:
    order = await w.buy(2, at=Market(), bracket=STOP, **parts)
    await order.filled(timeout=5)
    return order


@virtual
async def test_a_stop_that_works_keeps_it_quiet() -> None:
    async with world() as w:
        await filled(w)
        await asyncio.sleep(60)
        assert not w.alarms()
        await w.desk.close()
        assert not w.alarms()


@virtual
async def test_a_position_without_an_ordered_stop_is_the_traders_own_affair() -> None:
    async with world() as w:
        order = await w.buy(2, at=Market())
        await order.filled(timeout=5)
        await asyncio.sleep(60)
        assert not w.alarms()


@virtual
async def test_a_stop_that_somebody_cancels_is_missed_within_the_grace() -> None:
    async with world() as w:
        order = await filled(w)
        await order.stop.working()  # type: ignore[attr-defined]  # an order
        stop_id = order.stop.id  # type: ignore[attr-defined]  # an order
        w.others("cancel", CancelRequest(account_id=w.account.id, order_id=stop_id))
        await eventually(lambda: w.alarms("unprotected"), timeout_s=10)
        assert "unprotected" in w.standing()
        assert len(w.alarms("unprotected")) == 1
        await w.desk.close()
        assert not w.standing()


@virtual
@pytest.mark.parametrize("how", ["cancelled", "unseen", "restart"])
async def test_the_stop_that_is_missing_may_be_placed(how: str) -> None:
    """The cause said "Place a stop, or close it" and refused every stop."""
    async with world() as w:
        if how == "unseen":
            w.pair.gateway.venue.faults.hide_legs = True
        order: Any = await filled(w)
        if how != "unseen":
            await (await order.stop.working()).cancel()
        await eventually(lambda: "unprotected" in w.standing(), timeout_s=15)
        if how == "restart":
            await w.pair.restart()
            await w.tsx.ready(w.account)
        low, high = w.contract.floor(w.market() - 100), w.contract.ceil(w.market() + 100)
        await eventually(lambda: "unprotected" in w.standing(), timeout_s=15)
        for size, side, at in (
            (3, Side.SELL, Stop(low)),  # would open one
            (2, Side.BUY, Stop(high)),
            (1, Side.SELL, Limit(high)),
            (1, Side.BUY, Market()),
        ):
            with pytest.raises(ModeRefused):
                await w.buy(size, side=side, at=at)
        with pytest.raises(ModeRefused):
            await w.buy(2, side=Side.SELL, at=Stop(low), bracket=STOP)
        sending = [w.buy(2, side=Side.SELL, at=Stop(low), allow_duplicate=True) for _ in range(2)]
        told: list[Any] = await asyncio.gather(*sending, return_exceptions=True)
        stop, second = told
        assert isinstance(second, ModeRefused), "the first is on its way"
        await eventually(lambda: stop.status is OrderStatus.OPEN, timeout_s=5)
        await eventually(lambda: not w.standing(), timeout_s=5)
        await asyncio.sleep(30)
        assert not w.standing()


@virtual
@pytest.mark.parametrize("how", ["leg", "by hand", "restart"])
async def test_a_stop_may_be_made_larger_up_to_what_has_none(how: str) -> None:
    """A new stop passed and a larger one did not, so two stood where one would do."""
    async with world() as w:
        order: Any = await filled(w)
        stop = await order.stop.working()
        low = w.contract.floor(w.market() - 100)
        if how == "leg":
            await stop.modify(size=1)
        else:
            await stop.cancel()
            stop = await w.buy(1, side=Side.SELL, at=Stop(low))
        await eventually(lambda: "unprotected" in w.standing(), timeout_s=15)
        if how == "restart":
            await w.pair.restart()
            w.contract = await w.tsx.contracts.front("MNQ")
            await w.tsx.ready(w.account)
            await eventually(lambda: "unprotected" in w.standing(), timeout_s=15)
            stop = w.tsx.orders.get(w.account, order_id=stop.id)
        before = w.requests("modify")
        refused: list[dict[str, Any]] = [{"stop": low - 1}, {"size": 2, "stop": low - 1}]
        if how != "leg":  # that is never made larger than its entry
            refused.append({"size": 3})
        for parts in refused:
            with pytest.raises(ModeRefused, match="unprotected"):
                await stop.modify(**parts)
        assert w.requests("modify") == before
        if how == "by hand":
            new = w.buy(1, side=Side.SELL, at=Stop(low))
            told: Any = await asyncio.gather(stop.modify(size=2), new, return_exceptions=True)
            assert isinstance(told[1], ModeRefused), "the first is on its way"
        else:
            await stop.modify(size=2)
        await eventually(lambda: not w.standing(), timeout_s=5)
        await asyncio.sleep(30)
        assert sum(one.size for one in w.working if one.stop_price is not None) == 2
        assert not w.standing()


@virtual
async def test_what_a_larger_stop_must_not_be() -> None:
    async with world() as w:
        order: Any = await filled(w)
        limit = await w.buy(1, side=Side.SELL, at=w.far_above())
        other = await w.buy(1, side=Side.BUY, at=Stop(w.contract.ceil(w.market() + 100)))
        await (await order.stop.working()).cancel()
        await eventually(lambda: "unprotected" in w.standing(), timeout_s=15)
        for wrong in (limit, other):
            with pytest.raises(ModeRefused, match="unprotected"):
                await wrong.modify(size=2)


@virtual
async def test_with_another_cause_a_stop_waits_as_well() -> None:
    async with world() as w:
        order: Any = await filled(w)
        await (await order.stop.working()).cancel()
        await eventually(lambda: "unprotected" in w.standing(), timeout_s=15)
        w.break_("hub/user", f.CutHub())
        await eventually(lambda: "hub_down" in w.standing(), timeout_s=5)
        low = Stop(w.contract.floor(w.market() - 100))
        with pytest.raises(ModeRefused, match="hub_down"):
            await w.buy(2, side=Side.SELL, at=low)
        await eventually(lambda: w.standing() == {"unprotected"}, timeout_s=30)
        async with w.tsx.market.quotes(w.contract) as quotes:
            await anext(quotes)
            until = w.pair.world.now() + timedelta(seconds=60)
            w.break_("hub/market", f.HubDown(), until=until)
            await eventually(lambda: "market_stale" in w.standing(), timeout_s=30)
            await w.buy(2, side=Side.SELL, at=low)  # missing quotes say nothing against it


@virtual
async def test_the_policy_that_places_a_stop() -> None:
    async with world(settings={"unprotected": "place_stop"}) as w:
        w.pair.gateway.venue.faults.hide_legs = True
        order = await filled(w)
        await eventually(
            lambda: [one for one in w.tsx.orders.working(w.account) if one.size == 2], timeout_s=10
        )
        (stop,) = w.tsx.orders.working(w.account)
        assert stop.belief.order.type is OrderType.STOP
        assert stop.stop_price == order.average_price - 100  # type: ignore[attr-defined]  # an order
        assert w.alarms("unprotected")
        assert "unprotected" not in w.standing()


@virtual
async def test_the_policy_that_flattens() -> None:
    async with world(settings={"unprotected": "flatten"}) as w:
        w.pair.gateway.venue.faults.hide_legs = True
        await filled(w)
        await eventually(lambda: w.net == 0, timeout_s=20)
        assert w.alarms("unprotected")


@virtual
async def test_a_policy_that_fails_leaves_the_cause_standing() -> None:
    async with world(settings={"unprotected": "place_stop"}) as w:
        w.pair.gateway.venue.faults.hide_legs = True
        await filled(w)
        w.pair.gateway.venue.faults.reject_next("place", code=2, text="No.")
        await eventually(lambda: w.alarms("unprotected_policy_failed"), timeout_s=10)
        assert "unprotected" in w.standing()


@pytest.mark.parametrize("size", [1, 2])
@virtual
async def test_what_is_missing_shrinks_with_the_position(size: int) -> None:
    async with world() as w:
        w.pair.gateway.venue.faults.hide_legs = True
        await filled(w)
        await w.tsx.positions.reduce_to(w.account, w.contract, size)
        assert w.tsx._trading.protection.missing(w.account.id, w.contract.id) == size


@virtual
@pytest.mark.parametrize("restarts", [False, True])
async def test_a_list_that_is_late_does_not_end_the_watch(*, restarts: bool) -> None:
    async with world() as w:
        w.break_("*", f.Visibility("positions", 6))
        order = await w.buy(2, at=Market(), bracket=STOP)
        await order.filled(timeout=5)
        await asyncio.sleep(0.5)
        stop = order.stop.id
        if restarts:
            await w.pair.restart()
            w.tsx._record.listen(lambda event, _: w.facts.append(event))
            await w.tsx.ready(w.account)
        else:
            assert not await w.tsx.positions.open(w.account)
        await asyncio.sleep(30)
        assert not w.alarms("unprotected")
        w.others("cancel", CancelRequest(account_id=w.account.id, order_id=stop))
        await asyncio.sleep(20)
        assert w.alarms("unprotected")
