"""Settling: cancels and modifies whose answer was lost do not stay open for ever."""

from __future__ import annotations

import asyncio

import pytest

from tests.cards.world import CANCEL, MODIFY, World, world
from tests.support.counting import counted
from topstepx.core.asked import modify_of
from topstepx.errors import AnswerLost, GatewayRefused
from topstepx.sim import fault_kinds as f
from topstepx.testing.loop import virtual


def verdicts(w: World) -> list[tuple[str, str]]:
    return [
        (one.recorded.action, one.state)
        for one in w.ledger.intents()
        if one.recorded is not None and one.recorded.action != "place"
    ]


@virtual
async def test_a_lost_cancel_is_settled_by_the_end_of_its_order() -> None:
    async with world() as w:
        order = await w.buy()
        w.break_(CANCEL, f.DropAnswer())
        await order.cancel()
        assert verdicts(w) == [("cancel", "accepted")]


@virtual
async def test_a_lost_modify_is_settled_by_how_its_order_reads() -> None:
    async with world() as w:
        order = await w.buy()
        w.break_(MODIFY, f.DropAnswer())
        await order.modify(limit=w.contract.floor(w.market() - 250))
        assert verdicts(w) == [("modify", "accepted")]


@virtual
async def test_a_modify_that_never_came_is_not_in_force_and_not_open() -> None:
    async with world() as w:
        order = await w.buy()
        w.break_(MODIFY, f.LoseRequest(), times=2)
        with pytest.raises(AnswerLost):
            await order.modify(limit=w.contract.floor(w.market() - 250))
        assert verdicts(w) == [("modify", "presumed_absent")] * 2
        assert not w.ledger.open_intents()


@virtual
async def test_a_cancel_stays_open_while_its_order_works() -> None:
    async with world() as w:
        order = await w.buy()
        w.break_(CANCEL, f.DropAnswer(cut=False))
        w.break_("hub/user", f.DropEvents(), times=None)
        await w.tsx._trading.exits.cancel(w.account.id, order.id, w.contract.id)
        assert [one.state for one in w.ledger.open_intents()] == ["unknown"]
        await w.tsx._trading.reader.order(w.account.id, order.id)
        assert not w.ledger.open_intents()


@virtual
async def test_a_cancel_that_was_heard_and_did_nothing_is_settled_when_the_next_is_refused() -> (
    None
):
    async with world() as w:
        order = await w.buy()
        w.break_("*", f.RefuseNext(verb="cancel", code=5))
        await w.tsx._trading.exits.cancel(w.account.id, order.id, w.contract.id)
        assert [one.state for one in w.ledger.open_intents()] == ["unknown"]
        w.break_("*", f.RefuseNext(verb="cancel", code=3))
        with pytest.raises(GatewayRefused):
            await order.cancel()
        assert verdicts(w) == [("cancel", "presumed_absent"), ("cancel", "refused")]
        assert not w.ledger.open_intents()
        assert w.working, "and it works"


@virtual
async def test_a_lost_cancel_may_still_come_when_the_next_is_refused() -> None:
    async with world() as w:
        order = await w.buy()
        w.break_(CANCEL, f.LoseRequest())
        await w.tsx._trading.exits.cancel(w.account.id, order.id, w.contract.id)
        w.break_("*", f.RefuseNext(verb="cancel", code=3))
        with pytest.raises(GatewayRefused):
            await order.cancel()
        assert [one.state for one in w.ledger.open_intents()] == ["unknown"]
        await order.cancel()


@virtual
async def test_a_lost_change_that_undoes_a_newer_one_is_told() -> None:
    """A stop that had been drawn closer stood further off again, and nothing said so."""
    async with world() as w:
        order = await w.buy()
        far, near = w.contract.floor(w.market() - 250), w.contract.floor(w.market() - 220)
        w.break_(MODIFY, f.Hold(40), times=2)
        with pytest.raises(AnswerLost):
            await order.modify(limit=far)
        await order.modify(limit=near)
        await order.modify(size=1)
        await order.modify(limit=near + 1)
        assert not w.alarms()
        await asyncio.sleep(60)
        assert order.limit_price == far
        (told,) = w.alarms("late_change")
        assert f"limit {far}" in told.detail
        await order.modify(limit=near)
        await order.modify(limit=far)
        assert len(w.alarms()) == 1


@virtual
async def test_after_a_lost_change_the_hundredth_report_of_an_order_costs_what_the_first_did() -> (
    None
):
    """Each read all changes of the order anew: a stop that trails all day cost a quarter of a second each."""
    async with world() as w:
        order = await w.buy()
        near = w.contract.floor(w.market() - 220)
        w.break_(MODIFY, f.LoseRequest(), times=2)
        with pytest.raises(AnswerLost):
            await order.modify(limit=near - 30)
        read = []
        for number in range(1, 31):
            with counted(modify_of.__code__) as calls:
                await order.modify(limit=near + number)
            read.append(len(calls))
        assert read[-1] == read[0] > 0
