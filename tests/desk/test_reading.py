"""Complete reads: whole or not at all."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.cards.world import QUERY, world
from topstepx import Bracket, Market
from topstepx.core.lanes import Lane
from topstepx.errors import AnswerUnusable, BreakerOpen
from topstepx.sim import fault_kinds as f
from topstepx.testing.loop import virtual
from topstepx.wire.enums import OrderStatus, OrderType, Side
from topstepx.wire.models import PlaceRequest


@virtual
async def test_all_pages_are_read() -> None:
    async with world() as w:
        for number in range(230):
            request = PlaceRequest(
                account_id=w.account.id,
                contract_id=w.contract.id,
                type=OrderType.LIMIT,
                side=Side.BUY,
                size=1,
                limit_price=w.contract.floor(w.market() - 200 - number),
            )
            w.others("place", request)
        reader = w.tsx._trading.reader
        assert len(await reader.live_orders(w.account.id)) == 230
        since = w.pair.world.now() - timedelta(hours=1)
        assert len(await reader.orders_since(w.account.id, since)) == 230


@virtual
async def test_without_the_query_the_two_older_lists_serve() -> None:
    async with world() as w:
        w.break_(QUERY, f.Answer(404), times=None)
        resting = await w.buy(1)
        gone = await w.buy(2)
        await gone.cancel()
        reader = w.tsx._trading.reader
        since = w.pair.world.now() - timedelta(hours=1)
        found = await reader.orders_since(w.account.id, since)
        assert {one.id for one in found} == {resting.id, gone.id}
        assert [one.id for one in await reader.live_orders(w.account.id)] == [resting.id]


@pytest.mark.parametrize("status", [500, 503])
@virtual
async def test_a_query_that_fails_is_not_a_query_that_is_missing(status: int) -> None:
    async with world() as w:
        w.break_(QUERY, f.Answer(status), times=None)
        with pytest.raises(AnswerUnusable):
            await w.tsx._trading.reader.live_orders(w.account.id, lane=Lane.RECONCILE)


@pytest.mark.parametrize("op", ["drop", "null"])
@virtual
async def test_an_answer_without_its_list_is_no_empty_list(op: str) -> None:
    async with world() as w:
        reader, since = w.tsx._trading.reader, w.pair.world.now() - timedelta(hours=1)
        for route, member in (
            (QUERY, "orders"),
            ("Trade/search", "trades"),
            ("Position/searchOpen", "positions"),
        ):
            w.break_(route, f.Edit(member, op), times=None)  # type: ignore[arg-type]  # one of its words
        ended = (AnswerUnusable, BreakerOpen)  # many such answers in a row open the breaker
        with pytest.raises(ended):
            await reader.orders_since(w.account.id, since, lane=Lane.EXIT)
        with pytest.raises(ended):
            await reader.trades_since(w.account.id, since)
        with pytest.raises(ended):
            await reader.positions(w.account.id)


@virtual
async def test_one_order_by_its_id() -> None:
    async with world() as w:
        order = await w.buy(bracket=Bracket(stop_ticks=40))
        reader = w.tsx._trading.reader
        found = await reader.order(w.account.id, order.id)
        assert found.status is OrderStatus.OPEN
        assert await reader.order(w.account.id, 1) is None
        w.break_("Order/searchById", f.Edit("order", "null"), times=None)
        with pytest.raises(AnswerUnusable):
            await reader.order(w.account.id, order.id)


@virtual
async def test_what_is_read_is_believed() -> None:
    async with world() as w:
        w.break_("hub/user", f.DropEvents(), times=None)
        order = await w.buy(at=Market())
        reader, since = w.tsx._trading.reader, w.pair.world.now() - timedelta(hours=1)
        await asyncio.sleep(1)
        await reader.orders_since(w.account.id, since)
        (trade,) = await reader.trades_since(w.account.id, since)
        await reader.positions(w.account.id)
        assert order.status is OrderStatus.FILLED
        assert order.trades[0].id == trade.id
        assert w.tsx.state.position(w.account, w.contract).net == 2
