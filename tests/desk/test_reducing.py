"""One way down: the size from what is known best, and the end only after a look."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from tests.cards.world import CANCEL, PARTIAL, world
from topstepx import Bracket, Limits, Market
from topstepx.errors import AnswerLost, GatewayRefused, NotFilled
from topstepx.sim import fault_kinds as f
from topstepx.testing.loop import virtual
from topstepx.wire.enums import Side
from topstepx.wire.models import CloseContractRequest


@virtual
async def test_closing_by_the_whole_size_leaves_entries_and_no_orphan() -> None:
    async with world() as w:
        order = await w.buy(2, at=Market(), bracket=Bracket(stop_ticks=400, target_ticks=400))
        await order.filled(10)
        resting = await w.buy(1)
        turns = await w.desk.sell(3, at=w.far_above())
        closed = await w.desk.close(2)
        assert closed.position.is_flat
        assert {one.id for one in closed.cancelled} == {order.stop.id, order.target.id}
        assert {one.id for one in w.working} == {resting.id, turns.id}


@virtual
async def test_fills_that_no_position_tells_are_counted() -> None:
    async with world() as w:
        order = await w.buy(4, at=Market(), bracket=Bracket(stop_ticks=400))
        await order.filled(10)
        w.break_("hub/user", f.DropEvents("GatewayUserPosition"), times=None)
        begun = asyncio.get_running_loop().time()
        await w.desk.reduce_to(1)
        assert asyncio.get_running_loop().time() - begun < 2, "the fill itself says so"
        assert (w.net, [one.size for one in w.working]) == (1, [1])


@virtual
async def test_a_turn_is_not_waited_with_while_a_lost_reduction_is_looked_for() -> None:
    async with world() as w:
        order = await w.buy(3, at=Market(), bracket=Bracket(stop_ticks=400))
        await order.filled(10)
        w.break_(PARTIAL, f.DropAnswer())
        w.break_("Order/v2/query", f.Answer(503), times=None)  # so nothing is found
        reducing = asyncio.create_task(w.desk.reduce_to(1))
        await asyncio.sleep(0.1)
        w.fill(order.stop.id, 3, order.stop.belief.order.stop_price)
        await asyncio.sleep(2)
        assert w.net == 0
        w.pair.faults.clear()
        assert (await reducing).position.is_flat
        assert w.alarms("position_turned")


@virtual
async def test_a_lost_one_is_not_repeated_and_a_turned_one_that_may_not_close_is_told() -> None:
    async with world() as w:
        order = await w.buy(3, at=Market(), bracket=Bracket(stop_ticks=400))
        await order.filled(10)
        w.break_(PARTIAL, f.LoseRequest())
        with pytest.raises(AnswerLost):
            await w.desk.reduce_to(1)
        assert w.requests("partial_close") == 0
        await asyncio.sleep(200)
        assert w.net == 3
        w.pair.gateway.venue.faults.reject_next("close", code=5)
        w.pair.network.latency_s = 0.05
        reducing = asyncio.create_task(w.desk.reduce_to(1))
        await asyncio.sleep(0.24)
        w.fill(order.stop.id, 3, order.stop.belief.order.stop_price)
        w.pair.gateway.advance(w.pair.world.now())
        with pytest.raises(GatewayRefused):
            await reducing
        assert w.net == -2


@virtual
async def test_what_is_gone_already_is_not_closed_again_and_again_while_lists_are_late() -> None:
    async with world() as w:
        await (await w.buy(2, at=Market())).filled(10)
        await asyncio.sleep(2)
        w.break_("hub/user", f.DropEvents("*"), times=None)
        w.break_("*", f.Visibility("all", 8))
        w.others(
            "close_contract",
            CloseContractRequest(account_id=w.account.id, contract_id=w.contract.id),
        )
        before = len(w.pair.truth.requests)
        closed = await w.desk.close(2)
        assert closed.position.is_flat
        assert w.net == 0
        assert 1 < len(w.pair.truth.requests) - before < 7, "a pause after each that finds nothing"


@virtual
async def test_only_so_many_go_although_an_order_fills_while_it_is_looked() -> None:
    async with world() as w:
        await (await w.buy(3, at=Market())).filled(10)
        resting = await w.buy(2)
        w.pair.world.network.latency_s = 0.5
        closing = asyncio.create_task(w.desk.close(1))
        await asyncio.sleep(0.7)
        w.fill(resting.id, 2, resting.limit_price)
        with contextlib.suppress(NotFilled):  # it cannot be told from what filled beside it
            await closing
        assert w.net == 4
        sent = [one.request for one in w.pair.truth.requests if one.verb == "partial_close"]
        assert [getattr(request, "size", None) for request in sent] == [1]


@virtual
@pytest.mark.parametrize("how", ["", "refused", "lost"])
async def test_legs_of_several_entries_fit_before_a_reduction_is_sent(how: str) -> None:
    """They reached further than the limit for a round trip, by as much as was taken."""
    async with world(limits=Limits(contracts_max=2)) as w:
        both = Bracket(stop_ticks=400, target_ticks=400)
        old = await w.buy(2, at=Market(), bracket=both)
        await old.filled(10)
        await (await w.buy(2, side=Side.SELL, at=Market())).filled(10)
        young = await w.buy(1, at=Market(), bracket=both)
        await young.filled(10)
        await asyncio.sleep(3)
        await (await w.buy(1, at=Market(), bracket=both)).filled(10)
        await asyncio.sleep(1)
        note = w.pair.truth.note_request

        def note_request(verb: str, *rest: Any) -> None:  # noqa: ANN401  as the venue gives it
            if verb == "partial_close":
                stops = [one.size for one in w.working if one.stop_price is not None]
                reached.append(w.net - 1 - sum(stops))
            note(verb, *rest)

        reached: list[int] = []
        w.pair.truth.note_request = note_request  # type: ignore[assignment, method-assign]  # it looks on
        if how == "refused":
            w.pair.gateway.venue.faults.reject_next("cancel", code=5)
        elif how == "lost":
            w.break_(CANCEL, f.LoseRequest(), times=3)
        begun = asyncio.get_running_loop().time()
        closed = await w.desk.close(1)
        assert asyncio.get_running_loop().time() - begun < 8
        assert (w.net, [one.size for one in w.working]) == (1, [1, 1])
        assert [one.id for one in closed.resized] == [old.stop.id, old.target.id]
        assert young.stop.id in {one.id for one in closed.cancelled}
        if not how:
            assert reached == [-1], "one is left, and no more than two may be sold"
        assert not w.alarms()
