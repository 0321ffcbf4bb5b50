"""A look at what stands between an account and flat."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING

from tests.cards.world import world
from topstepx import Bracket, Market
from topstepx.core.flatten import Flattening
from topstepx.desk.flat_look import FlatLook
from topstepx.sim import fault_kinds as f
from topstepx.sim.gateway import Gateway
from topstepx.sim.switches import Switches
from topstepx.testing.loop import virtual
from topstepx.testing.pair import START
from topstepx.wire.enums import OrderStatus, OrderType, Side
from topstepx.wire.models import PlaceRequest

if TYPE_CHECKING:
    from tests.cards.world import World

END = 60 * 1_000_000_000


def looking(
    w: World, machine: Flattening | None = None, contract_id: str | None = None
) -> FlatLook:
    def concerns(one: str) -> bool:
        return contract_id in {None, one}

    reader, record = w.tsx._trading.reader, w.tsx._record
    return FlatLook(reader, record, machine or Flattening(END), w.account.id, concerns)


@virtual
async def test_it_shows_positions_and_living_orders_of_what_it_concerns() -> None:
    async with world() as w:
        await (await w.buy(1, at=Market())).filled(timeout=5)
        resting = await w.buy(1)
        look = await looking(w).now()
        assert look.positions == {w.contract.id: 1}
        assert [order.id for order in look.orders] == [resting.id]
        other = await looking(w, contract_id="CON.F.US.MES.Z26").now()
        assert not other.positions
        assert not other.orders


@virtual
async def test_an_order_that_was_let_go_is_asked_for_no_more() -> None:
    async with world() as w:
        w.break_("*", f.Visibility("all", 10))
        w.break_("hub/user", f.DropEvents("*"), times=None)
        order = await w.buy(1)
        look = looking(w)
        assert [one.id for one in (await look.now()).orders] == [order.id]
        look.let_go(order.id)
        assert not (await look.now()).orders


@virtual
async def test_fills_known_before_the_first_list_leave_a_doubt_that_two_closes_end() -> None:
    async with world() as w:
        order = await w.buy(1, at=Market(), bracket=Bracket(stop_ticks=40))
        w.break_("*", f.Visibility("positions", 30))
        await order.filled(timeout=5)
        await asyncio.sleep(0.5)
        await w.pair.restart()
        await w.tsx.ready(w.account)
        machine = Flattening(END)
        look = looking(w, machine)
        assert look.doubt(w.contract.id) == (0, 1)
        assert w.contract.id in (await look.now()).positions
        for _ in range(2):
            machine.close_came(w.contract.id, look.doubt(w.contract.id), found=False)
        assert w.contract.id not in (await look.now()).positions


@virtual
async def test_where_one_list_of_orders_shows_nothing_the_other_is_asked() -> None:
    async with world() as w:
        w.break_("*", f.Visibility("query", 20))
        w.break_("hub/user", f.DropEvents("*"), times=None)
        request = PlaceRequest(
            account_id=w.account.id,
            contract_id=w.contract.id,
            type=OrderType.LIMIT,
            side=Side.BUY,
            size=1,
            limit_price=Decimal(w.far_below().price),
        )
        w.others("place", request)
        look = await looking(w).now()
        assert len(look.orders) == 1
        w.break_("Order/searchOpen", f.Answer(500), times=None)
        await w.tsx.flatten(w.account)
        assert not w.working


@virtual
async def test_an_order_whose_cancel_is_pending_is_not_gone() -> None:
    """It may still fill. It was taken for cancelled, because the cancel was accepted, and flat was said."""
    gateway = Gateway.build(at=START, rate=0.1, switches=Switches(cancel_ms=15_000))
    async with world(gateway=gateway) as w:
        w.break_("*", f.Visibility("all", 10))
        order = await w.buy(2)
        flattening = asyncio.create_task(w.tsx.flatten(w.account))
        await asyncio.sleep(5)
        assert order.status is OrderStatus.PENDING_CANCELLATION
        w.fill(order.id, 2, order.limit_price)
        await flattening
        assert (w.net, w.working) == (0, [])
