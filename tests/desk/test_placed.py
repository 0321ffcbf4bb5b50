"""The same key again: the order while there is one, else the same error as the first time."""

from __future__ import annotations

import asyncio

import pytest

from tests.cards.world import PLACE, world
from topstepx import Limit
from topstepx.errors import (
    DeadlinePassed,
    GatewayBusy,
    InvalidRequest,
    NotFilled,
    OrderRefused,
    OrderUnresolved,
)
from topstepx.settings import Limits
from topstepx.sim import fault_kinds as f
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.loop import virtual
from topstepx.wire.enums import OrderStatus


@virtual
async def test_a_key_whose_order_met_a_busy_gateway_is_used_up() -> None:
    async with world() as w:
        at = w.far_below()
        w.break_(PLACE, f.Answer(429, ""))
        with pytest.raises(GatewayBusy, match="The key 'a' is used up"):
            await w.buy(1, at=at, key="a")
        await asyncio.sleep(70)
        with pytest.raises(GatewayBusy, match="The key 'a' is used up"):
            await w.buy(1, at=at, key="a")
        assert w.requests("place") == 0
        await w.buy(1, at=at, key="b")


@virtual
async def test_a_key_whose_order_was_refused_refuses_again_also_after_a_restart() -> None:
    journal = MemoryJournal()
    async with world(journal=journal) as w:
        for _ in range(2):
            with pytest.raises(OrderRefused, match="used up") as caught:
                await w.buy(1, at=Limit("5"), key="b")
            assert caught.value.code == 2
        gateway = w.pair.gateway
    async with world(journal=journal.crash(), gateway=gateway) as w:
        with pytest.raises(OrderRefused, match="used up") as caught:
            await w.buy(1, at=Limit("5"), key="b")
        assert (caught.value.code, caught.value.order_id is not None) == (2, True)


@virtual
async def test_an_unresolved_order_is_unresolved_again_until_it_is_found() -> None:
    async with world() as w:
        at = w.far_below()
        w.break_(PLACE, f.Hold(30))
        for _ in range(2):
            with pytest.raises(OrderUnresolved, match="Do not send it again"):
                await w.buy(1, at=at, key="u")
        await asyncio.sleep(30)
        assert (await w.buy(1, at=at, key="u")).status is OrderStatus.OPEN
        assert w.requests("place") == 1


@virtual
async def test_what_was_presumed_absent_stays_unresolved_for_its_key() -> None:
    async with world() as w:
        at = w.far_below()
        w.break_(PLACE, f.LoseRequest())
        with pytest.raises(OrderUnresolved):
            await w.buy(1, at=at, key="p")
        await asyncio.sleep(200)
        with pytest.raises(OrderUnresolved, match="The key 'p' is used up"):
            await w.buy(1, at=at, key="p")


@virtual
async def test_everybody_who_asks_with_one_key_at_once_hears_the_same() -> None:
    async with world() as w:
        at = w.far_below()
        w.pair.network.latency_s = 0.2
        orders = await asyncio.gather(*(w.buy(1, at=at, key="k") for _ in range(5)))
        assert len({order.id for order in orders}) == 1
        w.pair.gateway.venue.faults.reject_next("place", code=2, text="No.")
        ended = await asyncio.gather(
            *(w.buy(1, at=at, key="n", allow_duplicate=True) for _ in range(5)),
            return_exceptions=True,
        )
        assert {type(one) for one in ended} == {OrderRefused}


@virtual
async def test_a_dead_handle_answers_at_once() -> None:
    async with world() as w:
        w.break_(PLACE, f.Answer(429, ""))
        with pytest.raises(GatewayBusy):
            await w.buy(1, key="a")
        order = w.tsx.orders.get(w.account, key="a")
        began = asyncio.get_running_loop().time()
        assert (await order.cancel()).is_done
        with pytest.raises(NotFilled, match="NOT_SENT"):
            await order.filled()
        with pytest.raises(NotFilled, match="NOT_SENT"):
            await order.move("29000")
        with pytest.raises(InvalidRequest, match="is not sent"):
            await order.modify(limit="29000")
        assert asyncio.get_running_loop().time() == began
        assert repr(order) == "<Order BUY 1 MNQZ6 id unknown NOT_SENT filled 0>"


@virtual
@pytest.mark.parametrize("status", [401, 429])
async def test_a_no_that_the_hub_contradicts_is_no_no(status: int) -> None:
    async with world(limits=Limits(contracts_max=1)) as w:
        w.break_(PLACE, f.Answer(status, "", when="after"))
        order = await w.buy(1, key="x")
        assert order.status is OrderStatus.OPEN
        assert len(w.working) == 1
        await order.cancel()


@virtual
async def test_a_slow_disk_ends_in_the_deadline_and_not_in_the_budget() -> None:
    journal = MemoryJournal()
    async with world(journal=journal) as w:
        journal.hold()
        buying = asyncio.ensure_future(w.buy(1, key="slow"))
        await asyncio.sleep(3)
        journal.release()
        with pytest.raises(DeadlinePassed, match="Writing it down took longer"):
            await buying
        with pytest.raises(DeadlinePassed, match="used up"):
            await w.buy(1, at=w.far_below(), key="slow")
        assert w.requests("place") == 0


@virtual
async def test_what_an_earlier_run_sent_is_not_waited_for_as_if_it_were_under_way() -> None:
    journal = MemoryJournal()
    async with world(journal=journal) as w:
        w.audited = False
        at = w.far_below()
        w.break_(PLACE, f.LoseRequest())
        placing = asyncio.create_task(w.buy(1, at=at, key="c"))
        await asyncio.sleep(1)
        crashed, gateway = journal.crash(), w.pair.gateway
        placing.cancel()
    async with world(journal=crashed, gateway=gateway) as w:
        begun = asyncio.get_running_loop().time()
        with pytest.raises(OrderUnresolved):
            await w.buy(1, at=at, key="c")
        assert asyncio.get_running_loop().time() - begun < 10.5
