"""Positions: reduced from a fresh look, closed to the end."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.cards.world import PARTIAL, World, world
from topstepx import Market
from topstepx.errors import GatewayRefused, InvalidRequest, NotFilled, NotSent
from topstepx.sim import fault_kinds as f
from topstepx.testing.loop import virtual
from topstepx.wire.enums import OrderType, Side
from topstepx.wire.models import PlaceRequest


async def held(w: World, size: int) -> None:
    order = await w.buy(abs(size), at=Market(), side=Side.BUY if size > 0 else Side.SELL)
    await order.filled(timeout=5)


@pytest.mark.parametrize("start", [5, -5])
@pytest.mark.parametrize("target", [0, 1, 4, 5, 9])
@virtual
async def test_reducing_never_turns_and_never_enlarges(start: int, target: int) -> None:
    async with world() as w:
        await held(w, start)
        await w.tsx.positions.reduce_to(w.account, w.contract, target)
        assert abs(w.net) == min(5, target)
        assert w.net * start >= 0


@pytest.mark.parametrize("target", [-1, True, 1.5, "2", None])
@virtual
async def test_targets_that_are_none(target: object) -> None:
    async with world() as w:
        with pytest.raises(InvalidRequest):
            await w.tsx.positions.reduce_to(w.account, w.contract, target)


@virtual
async def test_closing_a_part_leaves_orders_alone() -> None:
    async with world() as w:
        await held(w, 3)
        resting = await w.buy(1)
        closed = await w.desk.close(2)
        assert closed.position.net == 1
        assert closed.cancelled == ()
        assert not resting.is_done


@pytest.mark.parametrize("hub", [True, False])
@virtual
async def test_a_list_of_positions_that_is_late_takes_no_more_than_was_asked(
    hub: bool,
) -> None:
    async with world() as w:
        await held(w, 4)
        await asyncio.sleep(10)
        w.pair.gateway.venue.faults.visibility_positions = timedelta(seconds=4)
        if not hub:
            w.break_("hub/user", f.DropEvents(), times=None)
        closed = await w.desk.close(1)
        assert (w.net, closed.position.net) == (3, 3)
        assert w.requests("partial_close") == 1
        await w.desk.reduce_to(2)
        assert w.net == 2


@virtual
async def test_a_close_does_not_hurry_after_a_list_that_is_late() -> None:
    async with world() as w:
        await held(w, 4)
        await asyncio.sleep(10)
        w.pair.gateway.venue.faults.visibility_positions = timedelta(seconds=4)
        await w.desk.close()
        assert w.net == 0
        assert w.requests("close") <= 6, "each look costs four requests of the budget for exits"


@virtual
async def test_a_reduction_that_was_seen_is_not_undone_by_a_late_list() -> None:
    async with world() as w:
        await held(w, 3)
        await asyncio.sleep(10)
        w.pair.gateway.venue.faults.visibility_positions = timedelta(seconds=4)
        w.break_("hub/user", f.DropEvents("GatewayUserTrade"), times=None)
        w.break_("hub/user", f.DelayEvents(0.3, "GatewayUserOrder"), times=None)
        await w.desk.close(1)
        assert w.net == 2
        assert w.requests("partial_close") == 1


@virtual
async def test_a_reduction_that_was_taken_and_does_not_show_is_not_sent_again() -> None:
    async with world() as w:
        await held(w, 4)
        w.pair.gateway.venue.faults.frozen_contracts = {w.contract.id}
        with pytest.raises(NotFilled, match="took a reduction"):
            await w.desk.close(1)
        assert w.requests("partial_close") == 1
        assert w.working  # it may still fill
        w.pair.gateway.venue.faults.frozen_contracts = set()
        await asyncio.sleep(5)
        w.pair.gateway.market.start(w.contract.id, w.pair.world.now())


@virtual
async def test_closing_a_part_of_nothing_is_nothing() -> None:
    async with world() as w:
        closed = await w.desk.close(2)
        assert closed.position is None or closed.position.is_flat
        assert w.requests("partial_close") == 0


@virtual
async def test_a_size_is_computed_from_the_gateway_and_not_from_memory() -> None:
    async with world() as w:
        await held(w, 5)
        w.break_("hub/user", f.DropEvents(), times=None)
        theirs = PlaceRequest(
            account_id=w.account.id,
            contract_id=w.contract.id,
            type=OrderType.MARKET,
            side=Side.SELL,
            size=3,
        )
        w.others("place", theirs)
        w.pair.gateway.advance(w.pair.world.now())
        await asyncio.sleep(1)
        assert w.tsx.state.position(w.account, w.contract).net == 5  # nobody told us
        await w.tsx.positions.reduce_to(w.account, w.contract, 1)
        assert w.net == 1


@virtual
async def test_a_definite_no_and_no_network_are_told_at_once() -> None:
    async with world() as w:
        await held(w, 3)
        w.pair.gateway.venue.faults.reject_next("partial_close", code=6)
        with pytest.raises(GatewayRefused):
            await w.desk.close(1)
        w.break_(PARTIAL, f.Answer(429))
        with pytest.raises(GatewayRefused):
            await w.desk.close(1)
        w.pair.network.up = False
        with pytest.raises(NotSent):
            await w.desk.close(1)
        w.pair.network.up = True
        assert w.net == 3
