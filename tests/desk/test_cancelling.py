"""Cancelling: repeated until the order is over, and not a moment longer."""

from __future__ import annotations

import asyncio

import pytest

from tests.cards.world import CANCEL, world
from topstepx.errors import GatewayRefused
from topstepx.sim import fault_kinds as f
from topstepx.testing.loop import virtual
from topstepx.wire.enums import OrderStatus


@virtual
async def test_the_effort_outlives_whoever_asked_for_it() -> None:
    async with world() as w:
        order = await w.buy()
        w.break_(CANCEL, f.LoseRequest(), times=3)
        asking = asyncio.create_task(order.cancel())
        await asyncio.sleep(0.1)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await order.done(timeout=40)
        assert order.status is OrderStatus.CANCELLED


@virtual
async def test_a_definite_no_for_an_order_that_works_is_told() -> None:
    async with world() as w:
        order = await w.buy()
        w.pair.gateway.venue.faults.reject_next("cancel", code=3, text="Not now.")
        with pytest.raises(GatewayRefused, match=r"Not now\."):
            await order.cancel()
        assert order.status is OrderStatus.OPEN
        await order.cancel()


@virtual
async def test_an_order_that_is_not_there_again_and_again_is_given_up() -> None:
    async with world() as w:
        effort = w.tsx._trading.cancelling.insist(w.account.id, 999, w.contract.id)
        with pytest.raises(GatewayRefused) as caught:
            await effort
        assert caught.value.name == "OrderNotFound"
        assert w.requests("cancel") == 3


@virtual
async def test_a_cancel_that_was_taken_and_had_no_effect_is_repeated() -> None:
    async with world() as w:
        order = await w.buy()
        w.break_(CANCEL, f.Answer(200, '{"success":true,"errorCode":0,"errorMessage":null}'))
        await order.cancel()
        assert order.status is OrderStatus.CANCELLED
        assert w.requests("cancel") == 1
