"""Cards of our picture of the account: one fault each of the catalogue's table N, and what must follow."""

# ruff: noqa: N802  a card is named by its row in the catalogue, capital and all

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from tests.cards import audit
from tests.cards.world import QUERY, world
from topstepx import Bracket, Market
from topstepx.core.mode import Mode
from topstepx.errors import AccountCannotTrade, AnswerUnusable, LimitRefused, ModeRefused
from topstepx.events import OrderAnomaly, OrderObserved, TradeObserved, TradeVoided
from topstepx.settings import Limits
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.sim.gateway import Gateway
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.testing.pair import START, Pair
from topstepx.wire.enums import OrderStatus, OrderType, Side
from topstepx.wire.models import PlaceRequest

POSITIONS = "Position/searchOpen"


@virtual
async def test_N01_a_failed_positions_read_is_not_flat() -> None:
    async with world() as w:
        order = await w.buy(at=Market())
        await order.filled(timeout=5)
        w.break_(POSITIONS, f.Answer(500), times=None)
        with pytest.raises(AnswerUnusable):
            await w.tsx.positions.open(w.account)
        assert w.tsx.state.position(w.account, w.contract).net == 2


@virtual
async def test_N02_an_answer_without_positions_is_not_flat() -> None:
    async with world() as w:
        order = await w.buy(at=Market())
        await order.filled(timeout=5)
        w.break_(POSITIONS, f.Edit("positions"), times=None)
        with pytest.raises(AnswerUnusable):
            await w.tsx.positions.open(w.account)
        assert w.tsx.state.position(w.account, w.contract).net == 2


@virtual
async def test_N03_a_manual_trade_is_external_and_counts_in_the_limits() -> None:
    async with world(limits=Limits(contracts_max=2)) as w:
        theirs = PlaceRequest(
            account_id=w.account.id,
            contract_id=w.contract.id,
            type=OrderType.MARKET,
            side=Side.BUY,
            size=2,
        )
        w.others("place", theirs)
        await eventually(lambda: w.ledger.trades(w.account.id))
        orders = [fact for fact in w.facts if isinstance(fact, OrderObserved)]
        trades = [fact for fact in w.facts if isinstance(fact, TradeObserved)]
        assert {fact.origin for fact in (*orders, *trades)} == {"external"}
        with pytest.raises(LimitRefused):
            await w.buy(1)
        ours = await w.buy(1, side=Side.SELL, at=Market())
        await ours.filled(timeout=5)
        assert {fact.origin for fact in ours.log if isinstance(fact, OrderObserved)} == {"live"}


@virtual
async def test_N04_the_firm_liquidates() -> None:
    async with world() as w:
        order = await w.buy(at=Market(), bracket=Bracket(stop_ticks=400))
        await order.filled(timeout=5)
        resting = await w.buy(1)
        w.pair.gateway.venue.liquidate(w.account.id, w.pair.world.now())
        await eventually(lambda: resting.status is OrderStatus.CANCELLED)
        await eventually(lambda: w.tsx.state.position(w.account, w.contract).is_flat)
        assert w.tsx.state.mode(w.account) is Mode.HALTED
        assert w.alarms("account_cannot_trade")
        await asyncio.sleep(5)
        audit.pictures(w.ledger, w.pair.truth, w.account.id)


@virtual
async def test_N05_the_account_cannot_trade_any_more_and_exits_still_go() -> None:
    async with world() as w:
        resting = await w.buy()
        w.pair.gateway.venue.set_can_trade(w.account.id, False, w.pair.world.now())
        await eventually(lambda: w.tsx.state.mode(w.account) is Mode.HALTED)
        with pytest.raises((ModeRefused, AccountCannotTrade)):
            await w.buy(1)
        await resting.cancel()
        w.pair.gateway.venue.set_can_trade(w.account.id, True, w.pair.world.now())
        await eventually(lambda: w.tsx.state.mode(w.account) is Mode.ACTIVE)
        await w.buy(1)


@virtual
async def test_N06_a_second_page_that_fails_discards_the_whole_read() -> None:
    async with world() as w:
        for number in range(101):
            await w.buy(1, at=w.far_below(200 + number), allow_duplicate=True)
        w.break_(QUERY, f.Answer(500), after=1, times=4)
        with pytest.raises(AnswerUnusable):
            await w.tsx._trading.reader.live_orders(w.account.id)
        assert len(await w.tsx._trading.reader.live_orders(w.account.id)) == 101


@virtual
async def test_N07_a_count_that_disagrees_is_read_again() -> None:
    async with world() as w:
        await w.buy()
        w.break_(QUERY, f.Edit("totalCount", "value", 5), times=2)
        assert len(await w.tsx._trading.reader.live_orders(w.account.id)) == 1
        w.break_(QUERY, f.Edit("totalCount", "value", 5), times=3)
        with pytest.raises(AnswerUnusable, match="as it counts"):
            await w.tsx._trading.reader.live_orders(w.account.id)


@virtual
async def test_N08_suspended_legs_are_seen_though_the_open_list_omits_them() -> None:
    async with world() as w:
        w.break_("hub/user", f.DropEvents(), times=None)
        order = await w.buy(bracket=Bracket(stop_ticks=40, target_ticks=40))
        await w.tsx._trading.reader.live_orders(w.account.id)
        assert order.stop.status is OrderStatus.SUSPENDED
        assert order.target.status is OrderStatus.SUSPENDED


@virtual
async def test_N09_an_overfill_is_an_anomaly() -> None:
    async with world() as w:
        order = await w.buy(5)
        now = w.pair.world.now()
        w.pair.gateway.venue.fill(order.id, 6, order.limit_price, now, beyond_size=True)
        await eventually(lambda: "overfilled" in order.anomalies)
        told = [fact for fact in w.facts if isinstance(fact, OrderAnomaly)]
        assert [fact.what for fact in told] == ["overfilled"]
        assert sum(one.trade.size for one in order.trades) == 6
        assert w.tsx.state.position(w.account, w.contract).net == 6


@virtual
async def test_N10_a_trade_that_is_voided_is_a_reversal() -> None:
    async with world() as w:
        order = await w.buy(2, at=Market())
        await order.filled(timeout=5)
        (trade,) = order.trades
        w.pair.gateway.venue.void_trade(trade.id, w.pair.world.now())
        await eventually(lambda: order.trades[0].is_void)
        assert sum(isinstance(fact, TradeVoided) for fact in w.facts) == 1
        await eventually(
            lambda: any(isinstance(fact, OrderAnomaly) for fact in order.log), timeout_s=15
        )
        await order.done(timeout=1)
        await eventually(lambda: w.tsx.state.position(w.account, w.contract).is_flat)


@virtual
async def test_N11_an_account_that_is_no_longer_listed_is_halted_alone() -> None:
    async with world() as w:
        w.pair.gateway.venue.faults.hidden_accounts = {w.account.id}
        others = list(await w.tsx.accounts.all(only_active=False))
        assert w.account.id not in {one.id for one in others}
        assert w.tsx.state.mode(w.account) is Mode.HALTED
        assert w.alarms("account_gone")
        combine = await w.tsx.accounts.one("50KTC-V2-DLL")
        await w.tsx.ready(combine)
        assert w.tsx.state.mode(combine) is Mode.ACTIVE
        w.pair.gateway.venue.faults.hidden_accounts = set()
        await w.tsx.accounts.all(only_active=False)
        assert w.tsx.state.mode(w.account) is Mode.ACTIVE


@virtual
async def test_N12_a_position_in_another_contract_is_kept_apart() -> None:
    async with world() as w:
        es = await w.tsx.contracts.front("MES")
        for contract in (w.contract, es):
            order = await w.tsx.orders.place(w.account, contract, Side.BUY, 1, at=Market())
            await order.filled(timeout=5)
        await w.desk.close()
        assert w.tsx.state.position(w.account, w.contract).is_flat
        assert w.tsx.state.position(w.account, es).net == 1
        await w.tsx.flatten(w.account)
        assert not w.pair.truth.positions(w.account.id)


@virtual
async def test_N13_a_start_with_five_hundred_old_orders() -> None:
    gateway = Gateway.build(at=START, seed=1, limited=True, rate=0.1)
    async with world(gateway=Gateway.build(at=START, seed=1, limited=False, rate=0.1)) as w:
        gateway = w.pair.gateway
        for number in range(500):
            request = PlaceRequest(
                account_id=w.account.id,
                contract_id=w.contract.id,
                type=OrderType.LIMIT,
                side=Side.BUY,
                size=1,
                limit_price=w.contract.floor(w.market() - 200 - number),
            )
            gateway.venue.place(request, w.pair.world.now(), origin="other")
        async with w.pair.client() as second:
            before = len(gateway.limits.arrivals)
            report = await second.ready(w.account)
            assert len(report.working) == len(report.external) == 500
            assert len(gateway.limits.arrivals) - before < 20


@virtual
async def test_N14_an_account_whose_trades_cannot_be_read_does_not_open() -> None:
    async with Pair() as pair:
        account = await pair.tsx.accounts.one("PRAC")
        pair.faults.add(_fault("Trade/search", f.Answer(500)))
        with pytest.raises(AnswerUnusable):
            await pair.tsx.ready(account)
        assert pair.tsx.state.mode(account) is Mode.SYNCING
        pair.faults.clear()
        await pair.tsx.ready(account)
        assert pair.tsx.state.mode(account) is Mode.ACTIVE


@virtual
async def test_N15_two_accounts_in_one_contract_do_not_mix() -> None:
    async with world(limits=Limits(contracts_max=2)) as w:
        combine = await w.tsx.accounts.one("50KTC-V2-DLL")
        await w.tsx.ready(combine)
        mine = await w.buy(2, at=Market())
        theirs = await w.tsx.orders.place(combine, w.contract, Side.SELL, 2, at=Market())
        await asyncio.gather(mine.filled(timeout=5), theirs.filled(timeout=5))
        assert w.tsx.state.position(w.account, w.contract).net == 2
        assert w.tsx.state.position(combine, w.contract).net == -2
        await w.tsx.flatten(combine)
        assert w.tsx.state.position(w.account, w.contract).net == 2
        assert w.tsx.state.position(combine, w.contract).is_flat
        assert Decimal(mine.average_price) > 0


def _fault(where: str, what: f.RequestFault) -> Fault:
    return Fault(where=where, what=what, times=None)
