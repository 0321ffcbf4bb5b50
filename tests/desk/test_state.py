"""What is believed, without asking: unknown is not flat, and every belief has an age."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from tests.support.trading import PRACTICE, PRACTICE_ID, mnq, practice
from topstepx.core.mode import Mode
from topstepx.core.terms import Bracket, Limit, Market
from topstepx.errors import AccountUnknown, InvalidRequest, NotReady, StaleData
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair


@virtual
async def test_before_anything_was_read_the_position_is_unknown_and_afterwards_flat() -> None:
    async with Pair() as pair:
        account, contract, state = await practice(pair), await mnq(pair), pair.tsx.state
        assert state.position(account, contract) is None
        assert state.mode(account) is Mode.STARTING
        await pair.tsx.ready(account)
        position = state.position(account, contract)
        assert position is None or position.is_flat
        assert state.positions(account) == ()
        assert state.mode(account) is Mode.ACTIVE
        assert state.causes(account) == ()


@virtual
async def test_it_follows_what_happens_and_says_how_old_it_is() -> None:
    async with Pair() as pair:
        account, contract, state = await practice(pair), await mnq(pair), pair.tsx.state
        desk = pair.tsx.desk(account, contract)
        order = await desk.buy(
            2, at=Market(), bracket=Bracket(stop_ticks=40, target_ticks=80), key="a"
        )
        await order.filled(timeout=5)
        await asyncio.sleep(1)
        for name in (account, PRACTICE, PRACTICE_ID):
            position = state.position(name, contract)
            assert position is not None
            assert position.net == 2 == pair.truth.net_size(account.id, contract.id)
            assert [one.contract_id for one in state.positions(name)] == [contract.id]
            working = {belief.id for belief in state.working(name)}
            assert working == {one.id for one in pair.truth.working(account.id)}
            assert len(working) == 2
            assert {belief.id for belief in state.orders(name)} == {
                one.id for one in pair.truth.orders(account.id)
            }
            assert [one.trade.id for one in state.trades(name)] == [
                one.id for one in pair.truth.trades(account.id)
            ]
        belief = state.orders(account)[0]
        age_s = belief.age_s(pair.clock.monotonic_ns())
        await asyncio.sleep(10)
        later_s = belief.age_s(pair.clock.monotonic_ns())
        assert age_s is not None
        assert later_s is not None
        assert later_s - age_s == pytest.approx(10)


@virtual
async def test_balance_follows_the_hub() -> None:
    async with Pair() as pair:
        account = await practice(pair)
        await pair.tsx.ready(account)
        pair.gateway.venue.adjust_balance(account.id, Decimal(100), pair.world.now())
        pair.gateway.advance(pair.world.now())

        def heard() -> None:
            belief = pair.tsx.state.account(account)
            assert belief is not None
            assert belief.account.balance == pair.truth.balance(account.id)
            assert belief.account.balance == account.balance + 100
            assert belief.source == "hub"

        await eventually(heard)


@virtual
async def test_a_mode_of_one_contract_is_that_contracts() -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        es = await pair.tsx.contracts.front("ES")
        desk = pair.tsx.desk(account, contract)
        order = await desk.buy(1, at=Limit("29000"))
        await order.cancel()
        assert pair.tsx.state.mode(account, contract) is Mode.ACTIVE
        assert pair.tsx.state.causes(account, es) == ()


@virtual
async def test_an_unknown_account_is_an_error_and_not_an_empty_answer() -> None:
    async with Pair() as pair:
        state = pair.tsx.state
        for ask in (state.account, state.positions, state.orders, state.working, state.trades):
            with pytest.raises(AccountUnknown):
                ask("PRAC")
        with pytest.raises(AccountUnknown):
            state.mode(1)


@virtual
async def test_while_the_hub_is_trusted_nothing_is_old_and_without_it_polls_say_how_old() -> None:
    async with Pair() as pair:
        account, contract, state = await practice(pair), await mnq(pair), pair.tsx.state
        await pair.tsx.ready(account)
        await asyncio.sleep(100)
        position = state.position(account, contract, max_age_s=20)
        assert position is not None
        assert position.source == "reconciled", "the comparison of every half minute"
        age_s = state.age_s(position)
        assert age_s is not None
        assert age_s <= 16
        assert state.working(account, max_age_s=20) == ()
        pair.faults.add(Fault(where="hub/user", what=f.RefuseUpgrade(503), times=None))
        pair.faults.add(Fault(where="hub/user", what=f.CutHub()))
        await asyncio.sleep(30)
        for belief in (state.position(account, contract), state.account(account)):
            assert belief is not None
            assert belief.source == "poll"
            age_s = state.age_s(belief)
            assert age_s is not None
            assert age_s <= 8
        assert state.positions(account, max_age_s=8) == ()


@virtual
async def test_what_is_too_old_or_unknown_is_refused() -> None:
    async with Pair() as pair:
        account, contract, state = await practice(pair), await mnq(pair), pair.tsx.state
        with pytest.raises(StaleData, match="not heard in this run"):
            state.position(account, contract, max_age_s=1e9)
        with pytest.raises(StaleData, match="list of orders"):
            state.working(account, max_age_s=1e9)
        with pytest.raises(NotReady):
            state.working(account)
        await pair.tsx.ready(account)
        assert state.working(account) == ()
        pair.network.up = False
        pair.network.cut_all()
        await asyncio.sleep(60)
        for view in (state.positions, state.orders, state.working, state.trades, state.account):
            with pytest.raises(StaleData) as refused:
                view(account, max_age_s=20)
            assert refused.value.age_s is not None
            assert 50 <= refused.value.age_s <= 70
            assert view(account) is not None, "without a limit it is served"


@virtual
async def test_slips_are_named_and_never_an_answer() -> None:
    async with Pair() as pair:
        account, contract, state = await practice(pair), await mnq(pair), pair.tsx.state
        await pair.tsx.ready(account)
        given: tuple[Any, ...] = ("5", float("nan"), True)
        for age in given:  # NaN is less than nothing: the oldest position passed
            with pytest.raises(InvalidRequest, match="max_age_s"):
                state.position(account, contract, max_age_s=age)
            with pytest.raises(InvalidRequest, match="max_age_s"):
                pair.tsx.market.newest(contract, max_age_s=age)
            with pytest.raises(InvalidRequest, match="timeout_s"):
                await pair.tsx.flatten(account, timeout_s=age)
        name: Any = "MNQ"
        for look in (state.mode, state.causes, state.position):
            with pytest.raises(InvalidRequest, match=r"contracts\.front"):
                look(account, name)
        with pytest.raises(InvalidRequest, match="must be the record of an order"):
            pair.tsx.orders.handle(name)
