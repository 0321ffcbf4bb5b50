"""Evidence: a complete look, and what it leaves unexplained."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.cards.world import QUERY, world
from topstepx import Market
from topstepx.desk.evidence import Baseline, baseline_of
from topstepx.sim import fault_kinds as f
from topstepx.testing.loop import virtual

HOUR = timedelta(hours=1)


@virtual
async def test_one_look_sees_orders_trades_and_position() -> None:
    async with world() as w:
        order = await w.buy(at=Market())
        await order.filled(timeout=5)
        evidence = w.tsx._trading.resolver._evidence
        seen = await evidence.look(w.account.id, w.contract.id, w.pair.world.now() - HOUR)
        assert seen.complete
        assert seen.tags_shown
        assert not seen.unexplained
        assert [one.id for one in seen.orders] == [order.id]


@pytest.mark.parametrize("route", [QUERY, "Trade/search", "Position/searchOpen"])
@virtual
async def test_what_cannot_be_read_makes_it_incomplete_and_says_so(route: str) -> None:
    async with world() as w:
        w.break_(route, f.Answer(500), times=None)
        evidence = w.tsx._trading.resolver._evidence
        seen = await evidence.look(w.account.id, w.contract.id, w.pair.world.now() - HOUR)
        assert not seen.complete
        assert route in seen.problem


@virtual
async def test_a_position_that_moved_without_trades_is_unexplained() -> None:
    async with world() as w:
        order = await w.buy(at=Market())
        await order.filled(timeout=5)
        await asyncio.sleep(1)  # until the lists show the trade
        evidence, now = w.tsx._trading.resolver._evidence, w.pair.world.now()
        account_id, contract_id = w.account.id, w.contract.id
        before = Baseline(0, 0, now - HOUR)
        seen = await evidence.look(account_id, contract_id, now - HOUR, baseline=before)
        assert not seen.unexplained  # the trade explains it
        hidden = Baseline(0, len(order.trades), now + HOUR)
        seen = await evidence.look(account_id, contract_id, now - HOUR, baseline=hidden)
        assert seen.unexplained
        same = baseline_of(w.ledger, account_id, contract_id, now)
        seen = await evidence.look(account_id, contract_id, now - HOUR, baseline=same)
        assert not seen.unexplained
