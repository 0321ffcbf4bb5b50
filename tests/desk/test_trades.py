"""Trades as the gateway lists them."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import pytest

from tests.support.trading import PRACTICE, mnq, practice
from topstepx.core.terms import Market
from topstepx.errors import AccountUnknown, AnswerUnusable, InvalidRequest
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.testing.loop import virtual
from topstepx.testing.pair import START, Pair


@virtual
async def test_both_half_turns_oldest_first_and_equal_to_the_venues() -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        desk = pair.tsx.desk(account, contract)
        order = await desk.buy(2, at=Market())
        await order.filled(timeout=5)
        await asyncio.sleep(1)
        await desk.close()
        await asyncio.sleep(1)
        trades = await pair.tsx.trades.search(account, start=START)
        assert list(trades) == sorted(trades, key=lambda one: one.creation_timestamp)
        assert {one.id: one.price for one in trades} == {
            one.id: one.price for one in pair.truth.trades(account.id)
        }
        assert trades[0].profit_and_loss is None, "an opening trade has no result"
        assert isinstance(trades[-1].profit_and_loss, Decimal)
        middle = START + timedelta(milliseconds=900)
        before = await pair.tsx.trades.search(PRACTICE, start=START, end=middle)
        after = await pair.tsx.trades.search(account.id, start=middle)
        assert before + after == trades
        assert before
        assert after


@virtual
async def test_no_trades_is_an_empty_list() -> None:
    async with Pair() as pair:
        assert await pair.tsx.trades.search(PRACTICE, start=START) == ()


@pytest.mark.parametrize("op", ["drop", "null"])
def test_an_answer_without_its_list_is_an_error(op: Literal["drop", "null"]) -> None:
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            pair.faults.add(Fault(where="Trade/search", what=f.Edit("trades", op), times=None))
            with pytest.raises(AnswerUnusable, match="trades") as unusable:
                await pair.tsx.trades.search(PRACTICE, start=START)
            assert unusable.value.did_it_happen == "no"

    run()


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ({"start": datetime(2026, 11, 23)}, "start"),  # noqa: DTZ001  that is the point
        ({"start": "2026-11-23"}, "start"),
        ({"start": None}, "start"),
        ({"start": START, "end": datetime(2026, 11, 24)}, "end"),  # noqa: DTZ001  as above
        ({"start": START, "end": 5}, "end"),
    ],
)
def test_times_without_a_zone_are_refused_before_anything_is_asked(
    parts: dict[str, Any], field: str
) -> None:
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            with pytest.raises(InvalidRequest, match=r"no time zone|no datetime") as refused:
                await pair.tsx.trades.search(PRACTICE, **parts)
            assert refused.value.field == field

    run()


@virtual
async def test_the_account_is_named_exactly() -> None:
    async with Pair() as pair:
        with pytest.raises(AccountUnknown):
            await pair.tsx.trades.search("PRAC", start=START)
