"""Orders made to fit what is left: what is sent, what is told, and what is not touched."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.cards.world import MODIFY, world
from topstepx import Bracket, Market, Stop
from topstepx.desk.fitting import GIVE_UP_S
from topstepx.errors import RateLimited
from topstepx.sim import fault_kinds as f
from topstepx.sim.gateway import Gateway
from topstepx.sim.switches import Switches
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.testing.pair import START
from topstepx.wire.enums import OrderType, Side
from topstepx.wire.models import PlaceRequest


@virtual
async def test_a_stop_and_a_limit_of_your_own_shrink_and_what_others_sent_stays() -> None:
    async with world() as w:
        await (await w.buy(3, at=Market())).filled(10)
        stop = await w.desk.sell(3, at=Stop(w.far_below().price))
        limit = await w.desk.sell(2, at=w.far_above())
        theirs = PlaceRequest(
            account_id=w.account.id,
            contract_id=w.contract.id,
            type=OrderType.LIMIT,
            side=Side.SELL,
            size=3,
            limit_price=w.contract.ceil(w.market() + 100),
        )
        w.others("place", theirs)
        await asyncio.sleep(1)
        reduced = await w.desk.reduce_to(1)
        assert [one.id for one in reduced.resized] == [stop.id, limit.id]
        assert [one.id for one in reduced.too_large] == [w.working[-1].id]
        assert "other software" in w.alarms("exit_too_large")[0].detail
        assert [one.size for one in w.working] == [1, 1, 3]


@virtual
async def test_those_for_which_nothing_is_left_go() -> None:
    async with world() as w:
        first = await w.buy(1, at=Market(), bracket=Bracket(stop_ticks=400))
        await first.filled(10)
        second = await w.buy(2, at=Market(), bracket=Bracket(stop_ticks=400))
        await second.filled(10)
        reduced = await w.desk.reduce_to(1)
        assert [one.id for one in reduced.cancelled] == [second.stop.id]
        assert [one.id for one in w.working] == [first.stop.id]
        closed = await w.desk.close(1)
        assert [one.id for one in closed.cancelled] == [first.stop.id]
        assert (w.net, w.working) == (0, [])


@virtual
async def test_a_stop_is_not_given_up_for_a_target_that_has_none() -> None:
    """The older entry kept its part, a target; the stop of the younger one went, and nothing was protected."""
    async with world() as w:
        first = await w.buy(1, at=Market(), bracket=Bracket(target_ticks=400))
        await first.filled(10)
        second = await w.buy(1, at=Market(), bracket=Bracket(stop_ticks=400), allow_duplicate=True)
        await second.filled(10)
        reduced = await w.desk.reduce_to(1)
        assert [one.id for one in reduced.cancelled] == [first.target.id]
        assert [one.id for one in w.working] == [second.stop.id]
        await asyncio.sleep(15)
        assert not w.alarms()


@virtual
async def test_a_leg_that_filled_in_part_is_left_and_told() -> None:
    async with world() as w:
        order = await w.buy(4, at=Market(), bracket=Bracket(target_ticks=400))
        await order.filled(10)
        await order.target.working()
        w.fill(order.target.id, 1, order.target.belief.order.limit_price)
        await asyncio.sleep(1)
        await w.desk.reduce_to(1)
        assert w.net == 1
        (alarm,) = w.alarms("exit_too_large")
        assert f"order {order.target.id}" in alarm.detail


@virtual
async def test_a_change_without_any_answer_is_given_up_and_told() -> None:
    async with world() as w:
        await (await w.buy(3, at=Market(), bracket=Bracket(stop_ticks=400))).filled(10)
        w.break_(MODIFY, f.LoseRequest(), times=None)
        begun = asyncio.get_running_loop().time()
        reduced = await w.desk.reduce_to(1)
        assert asyncio.get_running_loop().time() - begun < GIVE_UP_S + 5
        assert reduced.position.net == 1
        assert reduced.resized == ()
        assert w.alarms("exit_too_large")


@virtual
async def test_a_leg_that_is_about_to_wake_is_waited_for_and_one_that_never_does_is_not() -> None:
    gateway = Gateway.build(at=START, rate=0.1, switches=Switches(bracket_wake_ms=600))
    async with world(gateway=gateway) as w:
        order = await w.buy(3, at=Market(), bracket=Bracket(stop_ticks=400))
        await order.filled(10)
        reduced = await w.desk.reduce_to(1)
        assert [one.size for one in reduced.resized] == [1]
    gateway = Gateway.build(at=START, rate=0.1, switches=Switches(bracket_wake_ms=99_000))
    async with world(gateway=gateway) as w:
        order = await w.buy(3, at=Market(), bracket=Bracket(stop_ticks=400))
        await order.filled(10)
        begun = asyncio.get_running_loop().time()
        assert (await w.desk.reduce_to(1)).resized == ()
        assert asyncio.get_running_loop().time() - begun < 5


@virtual
async def test_legs_that_sleep_are_waited_for_without_using_up_the_request_budget() -> None:
    gateway = Gateway.build(at=START, rate=0.1, switches=Switches(bracket_wake_ms=99_000))
    async with world(gateway=gateway) as w:
        order = await w.buy(2, at=Market(), bracket=Bracket(400, 400))
        await order.filled(timeout=5)
        asked, answer = [], gateway.request

        def request(method: str, path: str, *rest: Any) -> Any:  # noqa: ANN401  as the gateway takes and gives it
            asked.append(path)
            return answer(method, path, *rest)

        gateway.request = request  # type: ignore[assignment, method-assign]  # it counts
        began_s = asyncio.get_running_loop().time()
        await w.desk.reduce_to(1)
        assert asyncio.get_running_loop().time() - began_s < 3
        assert len(asked) < 30


@virtual
async def test_what_may_not_be_changed_yet_is_changed_a_little_later() -> None:
    """A look for missed events lasts seconds, and stops that were larger than the position stayed."""
    async with world() as w:
        await (await w.buy(3, at=Market(), bracket=Bracket(400, 400))).filled(10)
        await asyncio.sleep(2)
        w.break_("Order/v2/query", f.Delay(3))
        w.break_("hub/user", f.CutHub())
        await eventually(lambda: "recovering" in w.standing(), timeout_s=10)
        reduced = await w.desk.reduce_to(1)
        assert (w.net, [one.size for one in w.working]) == (1, [1, 1])
        assert len(reduced.resized) == 2
        assert not w.alarms("exit_too_large")


@pytest.mark.soak
@virtual
async def test_nor_is_a_change_given_up_for_want_of_budget() -> None:
    async with world(limited=True) as w:
        await (await w.buy(3, at=Market(), bracket=Bracket(400, 400))).filled(10)
        await asyncio.sleep(2)
        with pytest.raises(RateLimited):
            await w.use_up()
        await asyncio.sleep(50)
        reduced = await w.desk.reduce_to(1)
        assert len(reduced.resized) == 2
        assert not w.alarms("exit_too_large")
