"""The gate of entries: each rule by itself."""

from __future__ import annotations

import asyncio

import pytest

from tests.cards.world import PLACE, world
from tests.support.facts import account
from topstepx import Bracket, Market
from topstepx.errors import (
    AccountCannotTrade,
    DuplicateOrder,
    ExitUnavailable,
    LimitRefused,
    ModeRefused,
    OrderRefused,
    TopstepxError,
)
from topstepx.events import AccountObserved, ModeCauseAdded, ModeCauseCleared
from topstepx.settings import Limits
from topstepx.sim import fault_kinds as f
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.wire.enums import Side


@virtual
async def test_a_live_account_is_not_entered() -> None:
    async with world() as w:
        record = w.tsx._record
        model = account(w.account.id, name=w.account.name, simulated=False)
        record.commit(AccountObserved(at=record.stamp(), account_model=model))
        with pytest.raises(ExitUnavailable, match="live account"):
            await w.buy()
        assert w.requests("place") == 0


@virtual
async def test_an_account_that_cannot_trade_is_refused_by_its_own_error() -> None:
    async with world() as w:
        record = w.tsx._record
        model = account(w.account.id, name=w.account.name, can_trade=False)
        record.commit(AccountObserved(at=record.stamp(), account_model=model))
        record.commit(
            ModeCauseCleared(
                at=record.stamp(), account_id=w.account.id, reason="account_cannot_trade"
            )
        )
        with pytest.raises(AccountCannotTrade, match="canTrade=false"):
            await w.buy()


@virtual
async def test_twins_are_told_apart_by_every_term() -> None:
    async with world() as w:
        await w.buy(2)
        await w.buy(1)
        await w.buy(2, at=w.far_below(300))
        await w.buy(2, side=Side.SELL, at=w.far_above())
        with pytest.raises(DuplicateOrder):
            await w.buy(2)
        await asyncio.sleep(2)
        await w.buy(2)


@virtual
async def test_a_refused_order_has_no_twin() -> None:
    async with world() as w:
        w.pair.gateway.venue.faults.reject_next("place")
        with pytest.raises(OrderRefused):
            await w.buy()
        await w.buy()


@virtual
async def test_two_at_once_never_pass_the_limit_together() -> None:
    async with world(limits=Limits(contracts_max=2)) as w:
        ended = await asyncio.gather(
            *(w.buy(2, at=w.far_below(200 + n)) for n in range(5)), return_exceptions=True
        )
        assert sum(isinstance(one, LimitRefused) for one in ended) == 4
        assert len(w.working) == 1


@virtual
async def test_an_order_that_reduces_passes_a_limit_that_is_exceeded() -> None:
    async with world() as free:
        order = await free.buy(5, at=Market())
        await order.filled(timeout=5)
    async with world(limits=Limits(contracts_max=2), gateway=free.pair.gateway) as w:
        with pytest.raises(LimitRefused):
            await w.buy(1)
        less = await w.buy(5, side=Side.SELL, at=Market())
        await less.filled(timeout=5)
        with pytest.raises(LimitRefused):
            await w.buy(3, side=Side.SELL, at=Market())


@virtual
async def test_sleeping_legs_do_not_use_up_the_limit() -> None:
    async with world(limits=Limits(contracts_max=2)) as w:
        await w.buy(2, bracket=Bracket(stop_ticks=40, target_ticks=40))
        await w.buy(2, side=Side.SELL, at=w.far_above())


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        (Limits(order_contracts_max=1), "order_contracts_max"),
        (Limits(open_orders_max=1), "open_orders_max"),
    ],
)
@virtual
async def test_the_other_limits(limits: Limits, name: str) -> None:
    async with world(limits=limits) as w:
        await w.buy(1)
        with pytest.raises(LimitRefused) as caught:
            await w.buy(2)
        assert caught.value.limit == name


@virtual
async def test_the_mode_is_looked_at_again_while_the_disk_takes_its_time() -> None:
    journal = MemoryJournal()
    async with world(journal=journal) as w:
        record = w.tsx._record
        journal.hold()
        placing = asyncio.create_task(w.buy())
        await asyncio.sleep(0.1)
        record.commit(
            ModeCauseAdded(at=record.stamp(), account_id=w.account.id, reason="halted_by_hand")
        )
        journal.release()
        with pytest.raises(ModeRefused):
            await placing
        assert w.requests("place") == 0
        assert w.ledger.intents()[-1].state == "not_sent"


@virtual
async def test_a_presumed_absent_order_is_counted_for_a_day() -> None:
    async with world(limits=Limits(contracts_max=2)) as w:
        w.break_(PLACE, f.LoseRequest())
        await asyncio.gather(w.buy(), return_exceptions=True)
        await asyncio.sleep(200)
        with pytest.raises(LimitRefused, match="1 orders counted"):
            await w.buy(1)
        await asyncio.sleep(25 * 3600)
        await w.buy(1)


@pytest.mark.parametrize("status", [401, 429])
@virtual
async def test_what_the_gateway_denied_and_did_counts_while_the_hub_is_silent(status: int) -> None:
    async with world(limits=Limits(contracts_max=1)) as w:
        w.break_("hub/user", f.DropEvents(), times=None)
        w.break_(PLACE, f.Answer(status, "", when="after"))
        if status == 401:
            w.break_("Auth/*", f.Delay(5), times=None)
        with pytest.raises(TopstepxError) as caught:
            await w.buy(1)
        assert caught.value.did_it_happen == "no"
        w.told.clear()  # it was told "no", and that is the gateway's own word
        assert len(w.working) == 1
        with pytest.raises(LimitRefused, match="may exist"):
            await w.buy(1)
        await eventually(lambda: not w.working, timeout_s=90)  # seen, and cancelled
        assert w.requests("place") == 1


@virtual
async def test_what_the_gateway_denied_and_did_not_do_stops_counting() -> None:
    async with world(limits=Limits(contracts_max=1)) as w:
        w.break_(PLACE, f.Answer(429))
        with pytest.raises(TopstepxError):
            await w.buy(1)
        with pytest.raises(LimitRefused, match="may exist"):
            await w.buy(1, allow_duplicate=True)
        await asyncio.sleep(61)
        await w.buy(1)
