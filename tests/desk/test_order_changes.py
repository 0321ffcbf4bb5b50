"""Changes: one at a time, read back, and conflicts are told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.cards.world import MODIFY, world
from topstepx import Bracket, Limit, Limits, Market
from topstepx.errors import (
    AnswerLost,
    GatewayRefused,
    InvalidRequest,
    LimitRefused,
    ModeRefused,
    PriceOffGrid,
)
from topstepx.events import ModeCauseAdded
from topstepx.sim import fault_kinds as f
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair

if TYPE_CHECKING:
    from decimal import Decimal

    from tests.cards.world import World


@virtual
async def test_bad_changes_are_refused_before_anything_leaves() -> None:
    async with world() as w:
        order = await w.buy()
        with pytest.raises(InvalidRequest, match="nothing is to be changed"):
            await order.modify()
        with pytest.raises(PriceOffGrid):
            await order.modify(limit="100.10")
        with pytest.raises(InvalidRequest):
            await order.modify(size=0)
        await order.cancel()
        with pytest.raises(InvalidRequest, match="is over"):
            await order.modify(size=1)
        assert w.requests("modify") == 0


@virtual
async def test_what_an_order_has_not_is_not_changed() -> None:
    async with world() as w:
        order = await w.buy(2, at=Market(), bracket=Bracket(stop_ticks=400, target_ticks=400))
        await order.filled(5)
        await order.target.working()
        with pytest.raises(InvalidRequest, match="a LIMIT order has no stop"):
            await order.target.modify(stop=order.stop.stop_price)
        with pytest.raises(InvalidRequest, match="a STOP order has no limit"):
            await order.stop.modify(limit=order.target.limit_price)
        with pytest.raises(InvalidRequest, match="more than the entry's 2"):
            await order.target.modify(size=5)
        assert w.requests("modify") == 0


@virtual
async def test_a_refused_change_leaves_the_order_as_it_was() -> None:
    async with world() as w:
        order = await w.buy()
        before = order.limit_price
        w.pair.gateway.venue.faults.reject_next("modify", code=3, text="No.")
        with pytest.raises(GatewayRefused):
            await order.modify(limit=w.contract.floor(w.market() - 250))
        assert order.limit_price == before


@virtual
async def test_only_what_lowers_the_risk_passes_reduce_only() -> None:
    async with world() as w:
        order = await w.buy(at=Market(), bracket=Bracket(stop_ticks=400))
        await order.stop.working()
        resting = await w.buy(3)
        record = w.tsx._record
        record.commit(
            ModeCauseAdded(at=record.stamp(), account_id=w.account.id, reason="market_stale")
        )
        closer = order.stop.stop_price + 10
        await order.stop.modify(stop=closer)
        await resting.modify(size=1)
        with pytest.raises(ModeRefused):
            await order.stop.modify(stop=closer - 20)
        with pytest.raises(ModeRefused):
            await resting.modify(size=4)


@virtual
async def test_a_stop_is_only_tightened_when_that_is_asked_for() -> None:
    async with world() as w:
        order = await w.buy(at=Market(), bracket=Bracket(stop_ticks=400))
        await order.stop.working()
        start = order.stop.stop_price
        await order.stop.move(start - 10, tighten_only=True)
        assert order.stop.stop_price == start
        await order.stop.move(start + 10, tighten_only=True)
        assert order.stop.stop_price == start + 10
        await order.stop.move(start + 10)
        assert w.requests("modify") == 1


@pytest.mark.parametrize("between_s", [0, 0.05])
@virtual
async def test_moves_that_may_only_tighten_do_not_loosen_each_other(between_s: float) -> None:
    async with world() as w:
        order = await w.buy(at=Market(), bracket=Bracket(stop_ticks=400))
        await order.stop.working()
        w.pair.network.latency_s = 0.1
        start = order.stop.stop_price
        moving = []
        for points in (20, 10, 30, 15):
            moving.append(asyncio.create_task(order.stop.move(start + points, tighten_only=True)))
            await asyncio.sleep(between_s)
        await asyncio.gather(*moving)
        stops = [
            getattr(one.request, "stop_price", None)
            for one in w.pair.truth.requests
            if one.verb == "modify"
        ]
        assert stops == [start + 20, start + 30]


def stops_sent(w: World) -> list[Decimal | None]:
    """The stop of every change that reached the venue, in its order."""
    sent = [one.request for one in w.pair.truth.requests if one.verb == "modify"]
    return [getattr(request, "stop_price", None) for request in sent]


@pytest.mark.parametrize("between_s", [0.01, 0.05])
@virtual(seeds=[None, 1])
async def test_a_move_that_may_only_tighten_does_not_loosen_what_a_modify_is_about_to_set(
    between_s: float,
) -> None:
    async with world() as w:
        order = await w.buy(at=Market(), bracket=Bracket(stop_ticks=400))
        await order.stop.working()
        w.pair.network.latency_s = 0.1
        start = order.stop.stop_price
        changing = asyncio.create_task(order.stop.modify(stop=start + 20))
        await asyncio.sleep(between_s)
        await asyncio.gather(
            order.stop.move(start + 10, tighten_only=True),
            order.stop.move(start + 15, tighten_only=True),
            changing,
        )
        assert stops_sent(w) == [start + 20]
        changing = asyncio.create_task(order.stop.modify(stop=start))
        await asyncio.sleep(between_s)
        await order.stop.move(start + 10, tighten_only=True)
        await changing
        assert stops_sent(w) == [start + 20, start, start + 10], "from where it is going to be"


@virtual(seeds=[None, 1])
async def test_nor_what_a_modify_may_yet_set_whose_caller_has_left() -> None:
    async with world() as w:
        order = await w.buy(at=Market(), bracket=Bracket(stop_ticks=400))
        await order.stop.working()
        w.pair.network.latency_s = 0.1
        start = order.stop.stop_price
        changing = asyncio.create_task(order.stop.modify(stop=start + 20))
        await asyncio.sleep(0.05)
        changing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await changing
        await order.stop.move(start + 10, tighten_only=True)
        await asyncio.sleep(5)
        assert stops_sent(w) == [start + 20]
        assert w.pair.truth.order(order.stop.id).stop_price == start + 20


@virtual
async def test_a_move_that_waits_does_not_undo_a_modify_that_came_after_it() -> None:
    async with world() as w:
        order = await w.buy(at=Market(), bracket=Bracket(stop_ticks=400))
        await order.stop.working()
        start = order.stop.stop_price
        await order.stop.move(start + 10)
        waiting = asyncio.create_task(order.stop.move(start + 20))
        await asyncio.sleep(0.1)
        await order.stop.modify(stop=start + 5)
        await asyncio.wait_for(waiting, 1)
        await asyncio.sleep(3)
        assert stops_sent(w) == [start + 10, start + 5], "the last word counts"


@virtual
async def test_a_modify_that_is_refused_leaves_the_move_that_waits() -> None:
    async with world() as w:
        order = await w.buy(at=Market(), bracket=Bracket(stop_ticks=400))
        await order.stop.working()
        start = order.stop.stop_price
        await order.stop.move(start + 10)
        waiting = asyncio.create_task(order.stop.move(start + 20))
        await asyncio.sleep(0.1)
        with pytest.raises(InvalidRequest, match="has no limit"):
            await order.stop.modify(limit=start)
        await asyncio.sleep(2)
        assert waiting.done()
        assert stops_sent(w) == [start + 10, start + 20]


@virtual
async def test_a_move_back_is_not_lost_beside_a_modify_that_is_on_its_way() -> None:
    async with world() as w:
        order = await w.buy(at=Market(), bracket=Bracket(stop_ticks=400))
        await order.stop.working()
        w.pair.network.latency_s = 0.1
        start = order.stop.stop_price
        changing = asyncio.create_task(order.stop.modify(stop=start + 10))
        await asyncio.sleep(0.05)
        await order.stop.move(start)
        await changing
        assert w.pair.truth.order(order.stop.id).stop_price == start


@virtual
async def test_a_move_back_is_not_lost_beside_the_one_that_it_takes_back() -> None:
    async with world() as w:
        order = await w.buy(at=Market(), bracket=Bracket(stop_ticks=400))
        await order.stop.working()
        w.pair.network.latency_s = 0.1
        start = order.stop.stop_price
        moving = asyncio.create_task(order.stop.move(start + 10))
        await asyncio.sleep(0.05)
        await order.stop.move(start)
        await moving
        assert w.pair.truth.order(order.stop.id).stop_price == start


@virtual
async def test_trailing_at_every_tick_costs_a_change_a_second() -> None:
    async with world() as w:
        order = await w.buy(at=Market(), bracket=Bracket(stop_ticks=400))
        await order.stop.working()
        start = order.stop.stop_price
        moving = []
        for number in range(1, 41):
            price = start + number * w.contract.tick_size
            moving.append(asyncio.create_task(order.stop.move(price)))
            await asyncio.sleep(0.1)
        await asyncio.gather(*moving)
        assert order.stop.stop_price == start + 10
        assert w.requests("modify") <= 6


@virtual
async def test_moving_what_has_no_price_is_refused() -> None:
    async with world() as w:
        w.pair.gateway.venue.faults.frozen_contracts.add(w.contract.id)
        order = await w.buy(at=Market())
        moving = asyncio.create_task(order.move("100"))
        await asyncio.sleep(11)
        assert isinstance(moving.exception(), Exception)


@virtual
async def test_a_change_that_the_gateway_only_says_it_made_is_a_conflict() -> None:
    async with world() as w:
        order = await w.buy()
        wanted = w.contract.floor(w.market() - 250)
        w.break_(MODIFY, f.Answer(200, '{"success":true,"errorCode":0,"errorMessage":null}'))
        with pytest.raises(Exception, match="not in force"):
            await order.modify(limit=wanted)


@virtual
async def test_a_change_goes_to_its_end_without_its_caller() -> None:
    """Nobody read it back then: it stayed open for as long as its order worked."""
    async with world() as w:
        order = await w.buy()
        w.break_(MODIFY, f.LoseRequest(), times=None)
        changing = asyncio.create_task(order.modify(limit=order.limit_price - 50))
        await asyncio.sleep(1)
        later = asyncio.create_task(order.modify(limit=order.limit_price - 60))
        await asyncio.sleep(1)
        changing.cancel()
        later.cancel()
        await asyncio.sleep(1)
        assert w.ledger.open_intents()
        await asyncio.sleep(30)
        assert not w.ledger.open_intents()
        w.pair.faults.clear()
        await order.modify(limit=order.limit_price - 70)
        assert w.requests("modify") == 1, "what waited for its turn went with its caller"


@virtual
async def test_a_fill_that_beats_the_change_is_told() -> None:
    async with world() as w:
        order = await w.buy()
        w.break_(MODIFY, f.LoseRequest())
        changing = asyncio.create_task(order.modify(limit=w.contract.floor(w.market() - 250)))
        await asyncio.sleep(1)
        w.fill(order.id, 2, order.limit_price)
        with pytest.raises(Exception, match="ended as FILLED first"):
            await changing
        await eventually(lambda: order.is_over)


@virtual
async def test_an_order_grows_only_within_the_limits() -> None:
    async with Pair(limits=Limits(contracts_max=2, order_contracts_max=3)) as pair:
        account = await pair.tsx.accounts.one("PRAC")
        contract = await pair.tsx.contracts.front("MNQ")
        async with pair.tsx.market.quotes(contract) as quotes:
            bid = (await anext(quotes)).bid
        assert bid is not None
        desk = pair.tsx.desk(account, contract)
        order = await desk.buy(1, at=Limit(contract.floor(bid - 100)))
        for size in (3, 4):
            with pytest.raises(LimitRefused):
                await order.modify(size=size)
        assert pair.truth.order(order.id or 0).size == 1
        await order.modify(size=2)
        assert pair.truth.order(order.id or 0).size == 2
        await order.modify(size=1)
        assert pair.truth.order(order.id or 0).size == 1


@virtual
async def test_a_growing_order_counts_while_nobody_knows_whether_it_grew() -> None:
    async with world(limits=Limits(contracts_max=2)) as w:
        order = await w.buy(1)
        w.break_(MODIFY, f.Hold(40), times=2)
        growing = asyncio.create_task(order.modify(size=2))
        await asyncio.sleep(1)
        with pytest.raises(LimitRefused):
            await w.desk.buy(1, at=w.far_below(100))  # in flight
        with pytest.raises(AnswerLost):
            await growing
        with pytest.raises(LimitRefused):
            await w.desk.buy(1, at=w.far_below(101))  # given up, and yet it may arrive
        await asyncio.sleep(60)
        assert [one.size for one in w.working] == [2]
        await order.cancel()
        await w.buy(2)  # what is over cannot grow


@virtual
async def test_two_orders_that_grow_at_once_meet_the_limit_together() -> None:
    async with world(limits=Limits(contracts_max=3)) as w:
        first, second = await w.buy(1), await w.buy(1, at=w.far_below(100))
        both = await asyncio.gather(
            first.modify(size=2), second.modify(size=2), return_exceptions=True
        )
        assert sorted(type(one).__name__ for one in both) == ["LimitRefused", "Order"]
        assert sum(one.size for one in w.working) == 3
