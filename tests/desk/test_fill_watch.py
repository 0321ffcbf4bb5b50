"""What the hub owes after a fill, and positions that do not agree with the fills."""

from __future__ import annotations

import asyncio

import pytest

from tests.cards.world import world
from topstepx import Bracket, Market
from topstepx.errors import LimitRefused, ModeRefused
from topstepx.settings import Limits
from topstepx.sim import fault_kinds as f
from topstepx.testing.loop import virtual
from topstepx.wire.enums import OrderStatus, OrderType, Side
from topstepx.wire.models import PlaceRequest

POSITIONS, TRADES, ORDERS = "GatewayUserPosition", "GatewayUserTrade", "GatewayUserOrder"
ONE = Limits(contracts_max=1)


@virtual
async def test_without_position_events_fills_still_count_and_the_position_is_read() -> None:
    async with world(limits=ONE) as w:
        w.break_("hub/user", f.DropEvents(POSITIONS), times=None)
        await (await w.buy(1, at=Market())).filled(5)
        held = w.desk.position
        assert (held.net, held.unshown, held.is_flat) == (0, 1, False)
        with pytest.raises(LimitRefused, match="could reach 2"):
            await w.buy(1, at=Market(), allow_duplicate=True)
        await asyncio.sleep(1.5)
        assert (w.desk.position.net, w.desk.position.unshown) == (1, 0)
        with pytest.raises(LimitRefused, match="could reach 2"):
            await w.buy(1, at=Market(), allow_duplicate=True)
        assert w.net == 1


@virtual
async def test_a_hub_that_does_not_tell_the_position_is_deaf() -> None:
    async with world() as w:
        w.break_("hub/user", f.DropEvents(POSITIONS), times=None)
        await (await w.buy(1, at=Market())).filled(5)
        await asyncio.sleep(5.2)
        assert "hub_deaf" in w.standing()
        assert w.tsx._linkage.poller.is_on
        with pytest.raises(ModeRefused, match="did not tell the position after a fill"):
            await w.buy(1)


@virtual
@pytest.mark.parametrize("dropped", [TRADES, ORDERS, "*"])
async def test_what_a_wait_read_by_rest_does_not_hide_that_the_hub_is_deaf(dropped: str) -> None:
    async with world() as w:
        await asyncio.sleep(10)
        resting = await w.buy(2)
        await resting.working(5)
        await asyncio.sleep(3)
        w.break_("hub/user", f.DropEvents(dropped), times=None)
        w.fill(resting.id, 2, resting.limit_price)
        await resting.filled(20)
        assert "hub_deaf" not in w.standing()
        await asyncio.sleep(6)
        assert "hub_deaf" in w.standing()


@virtual
async def test_a_hub_that_tells_everything_owes_nothing() -> None:
    async with world() as w:
        for size in (1, 2, 1):
            order = await w.buy(size, at=Market(), bracket=Bracket(stop_ticks=40, target_ticks=80))
            await order.filled(5)
            await asyncio.sleep(3)
        other = PlaceRequest(
            account_id=w.account.id,
            contract_id=w.contract.id,
            type=OrderType.MARKET,
            side=Side.SELL,
            size=6,
        )
        w.others("place", other)
        await asyncio.sleep(10)
        await w.desk.close()
        await asyncio.sleep(10)
        assert not w.causes() & {"hub_deaf", "hub_down", "recovering"}
        assert not list(w.ledger.netting.unsettled(w.account.id))
        assert (w.net, w.desk.position.net) == (0, 0)


@virtual
async def test_an_order_that_nobody_waits_for_is_looked_at_although_the_hub_is_silent() -> None:
    async with world() as w:
        w.break_("hub/user", f.DropEvents(), times=None)
        order = await w.buy(1)
        assert order.status is OrderStatus.NONE
        await asyncio.sleep(10)
        assert w.status(order) is OrderStatus.OPEN


@virtual
async def test_the_fills_of_an_order_found_by_the_resolver_count_too() -> None:
    async with world(limits=ONE) as w:
        w.break_("hub/user", f.DropEvents(), times=None)
        w.break_("Order/place", f.DropAnswer())
        await w.buy(1, at=Market())
        for _ in range(3):
            with pytest.raises((LimitRefused, ModeRefused)):
                await w.buy(1, at=Market(), allow_duplicate=True)
            await asyncio.sleep(0.7)
        assert w.net == 1
