"""Sightings: what an order that is seen says about our intents."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.cards.world import PLACE, World, world
from topstepx.errors import OrderRefused
from topstepx.events import IntentDoubted, OrderObserved
from topstepx.sim import fault_kinds as f
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.wire.enums import OrderStatus
from topstepx.wire.models import ModifyRequest

if TYPE_CHECKING:
    from topstepx.wire.models import OrderModel


def seen(w: World, model: OrderModel) -> None:
    record = w.tsx._record
    record.commit(OrderObserved(at=record.stamp(), order=model, source="hub"))


@virtual
async def test_a_second_living_order_under_one_tag_halts_once() -> None:
    async with world() as w:
        order = await w.buy()
        for number in (1, 2):
            seen(w, msgspec.structs.replace(order.belief.order, id=order.id + 100 + number))
        await eventually(lambda: "foreign_tag" in w.standing())
        assert len(w.alarms("foreign_tag")) == 1


@virtual
async def test_a_refused_copy_under_the_tag_is_no_second_order() -> None:
    async with world() as w:
        order = await w.buy()
        copy = msgspec.structs.replace(
            order.belief.order, id=order.id + 100, status=OrderStatus.REJECTED
        )
        seen(w, copy)
        assert not w.alarms()


@virtual
async def test_a_size_that_we_changed_is_not_foreign() -> None:
    async with world() as w:
        order = await w.buy(3)
        await order.modify(size=1)
        assert not w.alarms()


@pytest.mark.parametrize("lost", [True, False])
@virtual
async def test_a_size_that_others_changed_before_we_saw_the_order_is_not_foreign(
    lost: bool,
) -> None:
    async with world() as w:
        w.break_("hub/user", f.DropEvents(), times=None)
        if lost:
            w.break_(PLACE, f.DropAnswer(cut=False))
        placing = asyncio.create_task(w.buy(3))
        await asyncio.sleep(0.1)
        order_id = w.working[0].id
        w.others("modify", ModifyRequest(account_id=w.account.id, order_id=order_id, size=2))
        order = await placing
        await eventually(lambda: order.size == 2, timeout_s=60)
        assert not w.alarms("foreign_tag")


@virtual
async def test_an_answered_id_that_is_seen_under_another_tag_is_doubted() -> None:
    async with world() as w:
        w.break_("hub/user", f.DropEvents(), times=None)
        w.break_(PLACE, f.Edit("orderId", "value", 999))
        order = await w.buy(3)
        assert order.id == 999
        model = msgspec.structs.replace(w.working[0], id=999, custom_tag="SOMEBODY")
        seen(w, model)
        assert any(isinstance(fact, IntentDoubted) for fact in w.facts)
        await eventually(lambda: order.id == w.working[0].id)
        w.audited = False


@virtual
async def test_a_refused_order_that_works_after_all_is_cancelled() -> None:
    async with world() as w:
        w.break_("hub/user", f.DelayEvents(5), times=None)
        w.pair.gateway.venue.faults.reject_next("place", code=2, text="No.", executes=True)
        with pytest.raises(OrderRefused, match=r"No\."):
            await w.buy()
        assert len(w.working) == 1  # the refusal was a lie
        await eventually(lambda: not w.working, timeout_s=60)
        w.audited = False
