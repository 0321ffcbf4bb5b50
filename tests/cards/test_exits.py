"""Cards of getting out: one fault each of the catalogue's table C, and what must follow."""

# ruff: noqa: N802  a card is named by its row in the catalogue, capital and all
from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.cards.world import CANCEL, CLOSE, MODIFY, PARTIAL, PLACE, World, world
from topstepx import Bracket, Limit, Market
from topstepx.errors import (
    AnswerLost,
    GatewayRefused,
    InvalidRequest,
    ModeRefused,
    ModifyConflict,
    NotFlat,
    RateLimited,
    TopstepxError,
)
from topstepx.events import Flattened, FlattenFailed, OrderEdited
from topstepx.sim import fault_kinds as f
from topstepx.sim.gateway import Gateway
from topstepx.sim.switches import Switches
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import LoopClock, virtual
from topstepx.testing.pair import START
from topstepx.wire.enums import OrderStatus, Side
from topstepx.wire.models import CancelRequest, CloseContractRequest, ModifyRequest


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def long(w: World, size: int = 2, **parts: object) -> None:
    """A position."""
    order = await w.buy(size, at=Market(), **parts)
    await order.filled(timeout=10)


@virtual
async def test_C01_the_answer_of_a_cancel_is_lost() -> None:
    async with world() as w:
        order = await w.buy()
        w.break_(CANCEL, f.DropAnswer())
        await order.cancel()
        assert order.status is OrderStatus.CANCELLED


@virtual
async def test_C01_the_cancel_itself_is_lost_twice() -> None:
    async with world() as w:
        order = await w.buy()
        w.break_(CANCEL, f.LoseRequest(), times=2)
        await order.cancel()
        assert order.status is OrderStatus.CANCELLED
        assert w.requests("cancel") == 1


@virtual
async def test_C02_a_cancel_races_a_fill() -> None:
    async with world() as w:
        order = await w.buy()
        w.break_("hub/user", f.DropEvents(), times=None)
        w.fill(order.id, 2, order.limit_price)
        assert w.status(order) is OrderStatus.OPEN  # nobody told us
        await order.cancel()
        assert order.status is OrderStatus.FILLED
        assert order.filled_size == 2


@virtual
async def test_C03_pending_cancellation_for_twenty_seconds_and_then_a_fill() -> None:
    switches = Switches(cancel_ms=30_000)
    gateway = Gateway.build(at=START, seed=1, limited=False, switches=switches, rate=0.1)
    async with world(gateway=gateway) as w:
        order = await w.buy()
        cancelling = asyncio.create_task(order.cancel())
        await asyncio.sleep(20)
        assert not cancelling.done()
        assert w.status(order) is OrderStatus.PENDING_CANCELLATION
        w.fill(order.id, 2, order.limit_price)
        await cancelling
        assert order.status is OrderStatus.FILLED
        assert w.requests("cancel") == 1


@pytest.mark.parametrize("code", [4, 5])
@virtual
async def test_C04_codes_of_a_cancel_that_say_nothing(code: int) -> None:
    async with world() as w:
        order = await w.buy()
        w.pair.gateway.venue.faults.reject_next("cancel", code=code, count=3)
        await order.cancel()
        assert order.status is OrderStatus.CANCELLED
        assert w.requests("cancel") == 4


@virtual
async def test_C05_the_account_may_not_cancel() -> None:
    async with world() as w:
        order = await w.buy()
        w.pair.gateway.venue._floor.accounts[w.account.id].follower = True
        with pytest.raises(GatewayRefused) as caught:
            await order.cancel()
        assert caught.value.name == "AccountRejected"
        assert "exit_unavailable" in w.standing()
        assert len(w.alarms("exit_unavailable")) == 1
        with pytest.raises(ModeRefused):
            await w.buy(1)
        w.pair.gateway.venue._floor.accounts[w.account.id].follower = False
        await order.cancel()
        await w.tsx.resume(w.account, released_by="test")
        await w.buy(1)


@virtual
async def test_C06_a_cancel_passes_an_open_breaker() -> None:
    async with world() as w:
        order = await w.buy()
        w.break_(PLACE, f.Answer(503), times=None)
        others = (await w.tsx.contracts.available())[:10]
        placing = (w.tsx.orders.place(w.account, one, Side.BUY, 1, at=Market()) for one in others)
        all_placed = asyncio.gather(*placing, return_exceptions=True)
        await eventually(lambda: "breaker_open" in w.standing(), timeout_s=2)
        begun = now_s()
        await order.cancel()
        assert now_s() - begun <= 0.05
        assert all(isinstance(one, TopstepxError) for one in await all_placed)


@virtual
async def test_C07_a_cancel_passes_a_full_budget() -> None:
    gateway = Gateway.build(at=START, seed=1, rate=0.1)
    async with world(gateway=gateway) as w:
        order = await w.buy(1, at=w.far_below(150))
        with pytest.raises(RateLimited):
            await w.use_up()
        begun = now_s()
        await order.cancel()
        assert now_s() - begun <= 0.05
        assert order.status is OrderStatus.CANCELLED


@virtual
async def test_C08_a_cancel_with_a_token_that_ended() -> None:
    async with world() as w:
        order = await w.buy()
        await asyncio.sleep(10)
        w.pair.gateway.tokens.revoke_all()
        begun = now_s()
        await order.cancel()
        assert now_s() - begun <= 2
        assert order.status is OrderStatus.CANCELLED


@virtual
async def test_C09_a_cancel_meets_429_again_and_again() -> None:
    async with world() as w:
        order = await w.buy()
        w.break_(CANCEL, f.Answer(429), times=3)
        begun = now_s()
        await order.cancel()
        assert order.status is OrderStatus.CANCELLED
        assert 6 <= now_s() - begun <= 8


@virtual
async def test_C10_the_answer_of_a_modify_is_lost() -> None:
    async with world() as w:
        order = await w.buy()
        wanted = w.contract.floor(w.market() - 250)
        w.break_(MODIFY, f.DropAnswer())
        await order.modify(limit=wanted)
        assert order.limit_price == wanted
        assert w.requests("modify") == 1


@virtual
async def test_C10_the_modify_itself_is_lost() -> None:
    async with world() as w:
        order = await w.buy()
        wanted = w.contract.floor(w.market() - 250)
        w.break_(MODIFY, f.LoseRequest())
        await order.modify(limit=wanted)
        assert order.limit_price == wanted
        assert w.requests("modify") == 1


@virtual
async def test_C11_a_new_size_after_a_partial_fill_is_not_guessed() -> None:
    async with world() as w:
        order = await w.buy(5)
        w.fill(order.id, 3, order.limit_price)
        await eventually(lambda: order.filled_size == 3)
        with pytest.raises(InvalidRequest, match="filled already"):
            await order.modify(size=4)


@virtual
async def test_C11_a_modify_that_meets_a_change_of_others_is_a_conflict() -> None:
    async with world() as w:
        order = await w.buy()
        wanted = w.contract.floor(w.market() - 250)
        theirs = w.contract.floor(w.market() - 260)
        w.break_(MODIFY, f.LoseRequest())
        changing = asyncio.create_task(order.modify(limit=wanted))
        await asyncio.sleep(1)
        request = ModifyRequest(account_id=w.account.id, order_id=order.id, limit_price=theirs)
        w.others("modify", request)
        with pytest.raises(ModifyConflict):
            await changing
        assert order.limit_price == theirs
        edits = [fact for fact in w.facts if isinstance(fact, OrderEdited)]
        assert len(edits) == 1
        assert edits[0].origin == "external"


@virtual
async def test_C12_two_modifies_at_once() -> None:
    async with world() as w:
        order = await w.buy()
        prices = [w.contract.floor(w.market() - 250 - number) for number in range(5)]
        await asyncio.gather(*(order.modify(limit=price) for price in prices))
        assert order.limit_price == prices[-1]
        assert w.pair.truth.order(order.id).limit_price == prices[-1]


@virtual
async def test_C13_the_answer_of_a_close_is_lost() -> None:
    async with world() as w:
        await long(w)
        w.break_(CLOSE, f.DropAnswer())
        await w.desk.close()
        assert w.net == 0
        await eventually(lambda: not w.standing(), timeout_s=10)


@virtual
async def test_C14_a_late_close_finds_no_new_position() -> None:
    async with world() as w:
        await long(w)
        w.break_(CLOSE, f.Hold(20))
        closing = asyncio.create_task(w.desk.close())
        await asyncio.sleep(10)
        with pytest.raises(ModeRefused):
            await w.buy(1, at=Market())
        await closing
        assert w.net == 0
        while now_s() < 25:
            with pytest.raises(ModeRefused):
                await w.buy(1, at=Market())
            await asyncio.sleep(1)
        assert w.net == 0
        await eventually(lambda: not w.standing(), timeout_s=150)


@virtual
async def test_closes_that_met_each_other_leave_nothing_open() -> None:
    async with world() as w:
        await long(w, 3)
        three = (w.desk.close(2), w.desk.close(2), w.desk.close())
        await asyncio.gather(*three, return_exceptions=True)
        await eventually(lambda: not w.standing(), timeout_s=5)
        assert w.net == 0
        assert not w.ledger.open_intents()
        await w.buy(1, at=Market())


@virtual
@pytest.mark.parametrize("lost", [f.LoseRequest(), f.Answer(503, "")], ids=["lost", "503"])
async def test_a_lost_close_of_what_is_flat_fences_for_half_a_minute_and_leaves_nothing_open(
    lost: Any,  # noqa: ANN401  any fault
) -> None:
    journal = MemoryJournal()
    async with world(journal=journal) as w:
        await long(w)
        w.break_(CLOSE, lost)
        await w.desk.close()
        assert w.net == 0
        (cause,) = w.tsx.state.causes(w.account)
        assert (cause.reason, cause.contract_id) == ("unresolved_intent", w.contract.id)
        assert cause.detail.startswith("a close of")
        with pytest.raises(ModeRefused, match=r"what became of a request \(a close of"):
            await w.buy(1)
        await asyncio.sleep(12)
        gateway, began = w.pair.gateway, now_s()
    assert w.tsx.left_open == ()
    assert now_s() - began < 1
    later = LoopClock(start=w.pair.clock.now() + timedelta(seconds=40))
    async with world(journal=journal.crash(), gateway=gateway, clock=later) as w:
        assert not w.standing()
        assert not w.ledger.open_intents()
        await w.buy(1, at=Market(), key="after the restart")


@virtual
async def test_a_lost_close_ends_by_itself_after_half_a_minute() -> None:
    async with world() as w:
        await long(w)
        w.break_(CLOSE, f.LoseRequest())
        await w.desk.close()
        await eventually(lambda: not w.standing(), timeout_s=32)
        await w.buy(1, at=Market())


@virtual
async def test_C15_the_answer_of_a_partial_close_is_lost() -> None:
    async with world() as w:
        await long(w, 3)
        w.break_(PARTIAL, f.DropAnswer())
        closed = await w.desk.close(1)
        assert closed.position.net == 2
        assert w.net == 2
        assert w.requests("partial_close") == 1


@virtual
async def test_C15_a_partial_close_that_is_lost_is_not_repeated() -> None:
    async with world() as w:
        await long(w, 3)
        w.break_(PARTIAL, f.LoseRequest())
        with pytest.raises(AnswerLost):
            await w.desk.close(1)
        assert w.net == 3
        assert w.requests("partial_close") == 0
        with pytest.raises(ModeRefused):
            await w.buy(1)
        await eventually(lambda: not w.standing(), timeout_s=150)
        await w.desk.close(1)
        assert w.net == 2


@virtual
async def test_C16_somebody_else_reduced_meanwhile() -> None:
    async with world() as w:
        await long(w, 5)
        w.pair.gateway.venue.faults.reject_next("partial_close", code=5)
        await w.tsx.positions.reduce_to(w.account, w.contract, 2)
        assert w.net == 2
        await w.tsx.positions.reduce_to(w.account, w.contract, 4)
        assert w.net == 2


@virtual
async def test_C17_a_stop_fills_while_it_is_being_flattened() -> None:
    async with world() as w:
        await long(w, 2, bracket=Bracket(stop_ticks=400, target_ticks=400))
        await eventually(lambda: any(order.stop_price is not None for order in w.working))
        (stop,) = [order for order in w.working if order.stop_price is not None]
        w.break_(CLOSE, f.Hold(1))
        closing = asyncio.create_task(w.tsx.flatten(w.account))
        await asyncio.sleep(0.5)
        w.fill(stop.id, 2, stop.stop_price)
        result = await closing
        assert isinstance(result, Flattened)
        assert w.net == 0
        assert not w.working


@virtual
async def test_C18_orphan_legs_are_found_and_cancelled() -> None:
    async with world() as w:
        await long(w, 2, bracket=Bracket(stop_ticks=400, target_ticks=400))
        await eventually(lambda: len(w.working) == 2)
        request = CloseContractRequest(account_id=w.account.id, contract_id=w.contract.id)
        w.others("close_contract", request)
        await eventually(lambda: w.net == 0)
        assert len(w.working) == 2
        closed = await w.desk.close()
        assert len(closed.cancelled) == 2
        assert not w.working


@virtual
async def test_C19_a_close_outside_hours_is_refused_and_not_tried_again_by_itself() -> None:
    async with world() as w:
        await long(w)
        w.pair.gateway.venue.set_session(w.contract.id, False, w.pair.world.now())
        with pytest.raises(NotFlat) as caught:
            await w.desk.close()
        assert caught.value.remaining[0].net == 2
        assert w.alarms("flatten_failed")
        sent = w.requests("close")
        w.pair.gateway.venue.set_session(w.contract.id, True, w.pair.world.now())
        await asyncio.sleep(120)
        assert w.requests("close") == sent
        await w.desk.close()
        assert w.net == 0


@virtual
async def test_C20_flatten_with_thirty_orders() -> None:
    gateway = Gateway.build(at=START, seed=1, rate=0.1)
    async with world(gateway=gateway) as w:
        for number in range(30):
            await w.buy(1, at=w.far_below(200 + number))
        await long(w)
        begun = now_s()
        result = await w.tsx.flatten(w.account)
        assert isinstance(result, Flattened)
        assert len(result.cancelled) == 30
        assert now_s() - begun < 10
        assert not gateway.limits.refused


# ---- flatten when everything else is broken


@virtual
async def test_flatten_with_the_hub_down_the_breaker_open_and_the_budget_used() -> None:
    gateway = Gateway.build(at=START, seed=1, rate=0.1)
    async with world(gateway=gateway) as w:
        await long(w, 2, bracket=Bracket(stop_ticks=400, target_ticks=400))
        await w.buy(1)
        w.break_("hub/*", f.RefuseUpgrade(503), times=None)
        w.break_("hub/*", f.CutHub())
        planned = w.break_(PLACE, f.Answer(503), times=None)
        for number in range(200):
            try:
                await w.buy(1, at=w.far_below(300 + number))
            except TopstepxError:
                continue
        w.pair.faults.remove(planned)
        result = await w.tsx.flatten(w.account)
        assert isinstance(result, Flattened)
        assert w.net == 0
        assert not w.working
        w.audited = False


@virtual
async def test_flatten_that_cannot_succeed_says_what_remains() -> None:
    async with world() as w:
        await long(w)
        w.break_(CLOSE, f.Answer(503), times=None)
        result = await w.tsx.flatten(w.account, timeout_s=30)
        assert isinstance(result, FlattenFailed)
        assert [(one.contract_id, one.net) for one in result.remaining] == [(w.contract.id, 2)]
        assert w.alarms("flatten_failed")
        w.pair.faults.clear()
        assert isinstance(await w.tsx.flatten(w.account), Flattened)
        assert w.net == 0


@virtual
async def test_flatten_while_nothing_can_be_read() -> None:
    async with world() as w:
        await long(w)
        w.break_("Order/v2/query", f.Answer(500), times=None, until=START + timedelta(seconds=40))
        w.break_("Position/*Open", f.Answer(500), times=None, until=START + timedelta(seconds=40))
        flattening = asyncio.create_task(w.tsx.flatten(w.account))
        await eventually(lambda: w.net == 0, timeout_s=30)
        assert isinstance(await flattening, Flattened)


@virtual
async def test_entries_are_refused_while_it_is_flattened_and_allowed_after() -> None:
    async with world() as w:
        await long(w)
        flattening = asyncio.create_task(w.tsx.flatten(w.account))
        await asyncio.sleep(0.01)
        with pytest.raises(ModeRefused, match="flattening"):
            await w.buy(1)
        await flattening
        await w.buy(1)


@virtual
async def test_a_short_position_is_closed_and_never_turned() -> None:
    async with world() as w:
        order = await w.buy(3, side=Side.SELL, at=Market())
        await order.filled(timeout=5)
        await w.tsx.positions.reduce_to(w.account, w.contract, 1)
        assert w.net == -1
        with pytest.raises(InvalidRequest):
            await w.desk.close(2)
        await w.desk.close()
        assert w.net == 0


@virtual
async def test_cancelling_by_two_is_one_effort() -> None:
    async with world() as w:
        order = await w.buy()
        w.pair.network.latency_s = 0.05
        await asyncio.gather(order.cancel(), order.cancel(), order.cancel())
        assert w.requests("cancel") == 1


@virtual
async def test_what_others_cancel_is_over_for_us_too() -> None:
    async with world() as w:
        order = await w.buy()
        request = CancelRequest(account_id=w.account.id, order_id=order.id)
        w.others("cancel", request)
        await order.done(timeout=5)
        assert (await order.cancel()).status is OrderStatus.CANCELLED
        assert w.requests("cancel") == 0


@virtual
async def test_a_resting_entry_does_not_fill_behind_a_close() -> None:
    async with world() as w:
        await long(w)
        resting = await w.buy(1, at=Limit(w.contract.floor(w.market() - 100)))
        await w.desk.close()
        assert resting.status is OrderStatus.CANCELLED
        assert not w.working
