"""A person's hand on the breakers: shut, opened again, and what trading does meanwhile."""

from __future__ import annotations

import pytest

from tests.support.requests import next_of
from tests.support.trading import PRACTICE_ID, mnq, practice
from topstepx.core.breaker import Scope, State
from topstepx.core.mode import Mode
from topstepx.core.terms import Limit
from topstepx.errors import BreakerOpen, InvalidRequest, ModeRefused
from topstepx.events import BreakerChanged
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair
from topstepx.wire.enums import Side


@virtual
async def test_an_isolated_part_is_left_alone_until_reset() -> None:
    async with Pair() as pair:
        tsx = pair.tsx
        account = await practice(pair)
        async with tsx.events(BreakerChanged) as facts:
            tsx.breakers.isolate("trade_reads", "maintenance")
            fact = await next_of(facts, BreakerChanged)
            assert (fact.scope, fact.state, fact.reason) == (
                "trade reads",
                "isolated",
                "maintenance",
            )
            assert fact.next_probe_at is None
            with pytest.raises(BreakerOpen, match="maintenance") as refused:
                await tsx.positions.open(account)
            assert refused.value.did_it_happen == "no"
            assert "trade reads: shut by hand (maintenance); reset it by hand" in str(tsx.health())
            assert not tsx.health().ok
            tsx.breakers.reset(Scope.TRADE_READ)
            assert (await next_of(facts, BreakerChanged)).state == "closed"
        assert await tsx.positions.open(account) == ()
        assert tsx.health().ok


@virtual
async def test_isolated_trading_lets_only_exits_out() -> None:
    async with Pair() as pair:
        tsx, account, contract = pair.tsx, await practice(pair), await mnq(pair)
        await tsx.ready(account)
        price = contract.floor(str((await tsx.market.bars(contract, "1m", last=1))[0].close - 50))
        order = await tsx.orders.place(account, contract, Side.BUY, 1, at=Limit(price))
        tsx.breakers.isolate("trade mutations", "looking into it")
        assert tsx.health().modes == {PRACTICE_ID: Mode.REDUCE_ONLY}
        with pytest.raises((ModeRefused, BreakerOpen)):
            await tsx.orders.place(account, contract, Side.BUY, 1, at=Limit(price))
        await order.cancel()
        assert not pair.truth.working(PRACTICE_ID)
        tsx.breakers.reset("trade mutations")
        assert tsx.health().modes == {PRACTICE_ID: Mode.ACTIVE}
        await tsx.orders.place(account, contract, Side.BUY, 2, at=Limit(price))


@virtual
async def test_every_part_is_listed_and_an_unknown_one_is_named() -> None:
    async with Pair() as pair:
        states = pair.tsx.breakers.states()
        assert [one.scope for one in states] == list(Scope)
        assert {one.state for one in states} == {State.CLOSED}
        with pytest.raises(InvalidRequest, match="'trade reads'"):
            pair.tsx.breakers.isolate("trading", "x")
        for scope in Scope:
            pair.tsx.breakers.isolate(scope.value, "x")
            pair.tsx.breakers.reset(scope.name)
        assert pair.tsx.health().ok
