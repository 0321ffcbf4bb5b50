"""What the hubs say: every shape is taken, what cannot be read is counted and told, nothing ends."""

from __future__ import annotations

import asyncio
import json
import logging
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import pytest

from tests.cards.test_hubs import elsewhere
from tests.cards.world import world
from tests.support.trading import hub_session, mnq, practice
from topstepx.core.mode import Mode
from topstepx.core.terms import Bracket, Market
from topstepx.events import AlarmRaised, PayloadMalformed, TradeObserved
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair
from topstepx.wire.enums import OrderStatus, Side

if TYPE_CHECKING:
    from topstepx.desk.event_stream import EventStream

POISON = [
    '{"type":1,"target":"GatewayUserOrder","arguments":[{"action":1,"data":',
    '{"type":1,"target":"GatewayUserOrder","arguments":[]}',
    '{"type":1,"target":"GatewayUserOrder","arguments":[7]}',
    '{"type":1,"target":"GatewayUserOrder","arguments":[{"action":1,"data":{}}]}',
    '{"type":1,"target":"GatewayUserOrder","arguments":[{"action":1,"data":{"id":"x"}}]}',
    '{"type":1,"target":"GatewayUserTrade","arguments":[{"data":null}]}',
    '{"type":1,"target":"GatewayUserPosition","arguments":["nothing"]}',
    '{"type":1,"target":"GatewayUserAccount","arguments":[[[[]]]]}',
    '{"type":1,"target":"GatewayUserOrder","arguments":"no list"}',
    '{"type":1,"target":5,"arguments":[]}',
    "not JSON at all",
    "[]",
    '"\\ud800"',
]


def drained(stream: EventStream) -> list[Any]:
    """What lies unread in it."""
    return [stream._queue.popleft() for _ in range(len(stream._queue))]


# ---------------------------------------------------------------- shapes


@pytest.mark.parametrize("user_events", ["wrapped", "flat", "mixed"])
@pytest.mark.parametrize("ids_as_text", ["never", "orders", "all"])
def test_the_whole_job_runs_on_every_shape_of_user_event(
    user_events: Literal["wrapped", "flat", "mixed"], ids_as_text: Literal["never", "orders", "all"]
) -> None:
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            pair.gateway.hubs.policy.user_events = user_events
            pair.gateway.hubs.policy.ids_as_text = ids_as_text
            desk = pair.tsx.desk(await practice(pair), await mnq(pair))
            await pair.tsx.ready(desk.account)
            for route in ("Order/v2/query", "Order/search", "Trade/search", "Position/searchOpen"):
                pair.faults.add(Fault(where=route, what=f.Answer(503), times=None))
            bracket = Bracket(stop_ticks=40, target_ticks=80)
            order = await desk.buy(2, at=Market(), bracket=bracket)
            await order.filled(timeout=2)
            await eventually(lambda: len(desk.working) == 2)
            assert isinstance(order.id, int)
            assert [one.trade.price for one in order.trades] == [
                one.price for one in pair.truth.trades(desk.account.id)
            ]
            assert desk.position is not None
            assert (desk.position.net, desk.position.source) == (2, "hub")
            assert pair.tsx.health().malformed == 0

    run()


@pytest.mark.parametrize("market_lists", [True, False])
def test_tape_and_depth_come_as_lists_or_one_by_one(market_lists: bool) -> None:
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            pair.gateway.hubs.policy.market_lists = market_lists
            contract = await mnq(pair)
            async with (
                pair.tsx.market.trades(contract) as tape,
                pair.tsx.market.depth(contract) as depth,
                asyncio.timeout(60),
            ):
                for _ in range(20):
                    trade = await anext(tape)
                    assert isinstance(trade.price, Decimal)
                    assert (await anext(depth)).contract_id == contract.id
            assert pair.tsx.health().malformed == 0

    run()


# ---------------------------------------------------------------- what cannot be read


@virtual
async def test_poison_is_counted_and_told_and_the_stream_goes_on() -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        await pair.tsx.ready(account)
        session = hub_session(pair, "user")
        told, alarms = pair.tsx.events(PayloadMalformed), pair.tsx.events(AlarmRaised)
        for text in POISON:
            pair.faults.add(Fault(where="hub/user", what=f.Say(text)))
        await asyncio.sleep(1)
        facts = drained(told)
        assert len(facts) == pair.tsx.health().malformed
        assert len(facts) >= len(POISON) - 2, "a few shapes are no event and say nothing"
        assert all(fact.reason for fact in facts)
        assert {fact.where.partition(",")[0] for fact in facts} == {"user hub"}
        order = await pair.tsx.desk(account, contract).buy(1, at=Market())
        await order.filled(timeout=5)
        assert hub_session(pair, "user") is session, "the connection was never given up"
        assert pair.tsx.state.mode(account) is Mode.ACTIVE
        assert drained(alarms) == []


@virtual
async def test_a_poisoned_quote_costs_itself_only() -> None:
    async with Pair() as pair:
        contract = await mnq(pair)
        async with pair.tsx.market.quotes(contract) as quotes:
            first = await anext(quotes)
            text = json.dumps(
                {"type": 1, "target": "GatewayQuote", "arguments": [contract.id, {"bestBid": "x"}]}
            )
            spoilt = pair.faults.add(
                Fault(where="hub/market", what=f.ReplaceEvents(text, "GatewayQuote"), times=3)
            )
            await eventually(lambda: spoilt.spent)
            await asyncio.sleep(1)
            quote = await anext(quotes)
            assert quote.at is not None
            assert first.at is not None
            assert quote.at > first.at
        assert pair.tsx.health().malformed == 3


@virtual
async def test_no_secret_and_no_payload_is_in_what_is_told() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        told = pair.tsx.events(PayloadMalformed)
        text = '{"type":1,"target":"GatewayUserOrder","arguments":[{"data":{"id":"canary-4711"}}]}'
        pair.faults.add(Fault(where="hub/user", what=f.Say(text)))
        await asyncio.sleep(1)
        (fact,) = drained(told)
        assert "canary-4711" not in repr(fact)


# ---------------------------------------------------------------- what is not known, and logouts


@virtual
async def test_an_unknown_event_is_named_once_and_harms_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        for _ in range(3):
            text = '{"type":1,"target":"GatewayNews","arguments":[{"headline":"x"}]}'
            pair.faults.add(Fault(where="hub/user", what=f.Say(text)))
        await asyncio.sleep(1)
        assert pair.tsx.health().malformed == 0
        assert pair.tsx.health().ok
        assert pair.tsx._intake.unknown == {"GatewayNews": 3}
        for number in range(500):
            text = f'{{"type":1,"target":"Gateway{number}","arguments":[]}}'
            pair.faults.add(Fault(where="hub/user", what=f.Say(text)))
        await asyncio.sleep(1)
        assert len(pair.tsx._intake.unknown) == 100, "a flood of names does not fill the memory"
    named = [record.getMessage() for record in caplog.records if "GatewayNews" in record.message]
    assert len(named) == 1


@pytest.mark.parametrize("arguments", [(), ("Another session has logged in.",), (7,), ({},)])
def test_a_logout_is_an_alarm_and_the_hub_comes_back(arguments: tuple[Any, ...]) -> None:
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            account = await practice(pair)
            await pair.tsx.ready(account)
            alarms = pair.tsx.events(AlarmRaised)
            first = hub_session(pair, "user")
            pair.faults.add(Fault(where="hub/user", what=f.Kick(arguments)))
            await eventually(lambda: first.closed)
            heard = [fact.detail for fact in drained(alarms) if fact.name == "gateway_logout"]
            assert len(heard) == 1
            assert "another program logged in" in heard[0]
            assert ("Another session has logged in." in heard[0]) == (
                arguments == ("Another session has logged in.",)
            )
            await eventually(lambda: pair.tsx.state.mode(account) is Mode.ACTIVE, timeout_s=60)

    run()


@virtual
async def test_events_twice_late_and_out_of_order_change_nothing() -> None:
    async with Pair() as pair:
        for what in (f.DuplicateEvents(), f.ReorderEvents("GatewayUserOrder")):
            pair.faults.add(Fault(where="hub/user", what=what, times=None, chance=0.5))
        pair.faults.add(
            Fault(where="hub/user", what=f.DelayEvents(2.0, "GatewayUserTrade"), times=None)
        )
        desk = pair.tsx.desk(await practice(pair), await mnq(pair))
        orders = []
        for _ in range(5):
            orders.append(await desk.buy(1, at=Market()))
            await asyncio.sleep(2.5)  # twice the same within two seconds is taken for a slip
        await asyncio.sleep(5)
        assert all(order.status is OrderStatus.FILLED for order in orders)
        assert desk.position is not None
        assert desk.position.net == 5
        assert [len(order.trades) for order in orders] == [1] * 5
        assert [one.trade.id for one in pair.tsx.state.trades(desk.account)] == [
            one.id for one in pair.truth.trades(desk.account.id)
        ]


@virtual
async def test_what_waits_for_its_order_is_told_before_the_client_is_closed() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        stream = pair.tsx.events(TradeObserved)
        pair.faults.add(Fault(where="hub/user", what=f.DropEvents("GatewayUserOrder"), times=None))
        elsewhere(pair)
        await asyncio.sleep(0.1)
        assert not drained(stream), "a trade waits for its order's report"
        await pair.tsx._close("left")
        assert [type(one) async for one in stream] == [TradeObserved]


@virtual
async def test_nothing_runs_on_that_a_fact_began_which_was_told_at_the_very_end() -> None:
    """A fill whose trades never came was told when the client closed, and began tasks that outlived it."""
    async with world() as w:
        await w.buy(5, at=Market(), bracket=Bracket(stop_ticks=900, target_ticks=900))
        way_out = await w.buy(3, side=Side.SELL, at=w.far_above(20))
        await asyncio.sleep(3)
        for event in ("GatewayUserTrade", "GatewayUserPosition"):
            w.break_("hub/user", f.DropEvents(event=event), times=None)
        w.break_("Trade/search", f.Hold(10), times=None)
        w.fill(way_out.id, 3, way_out.limit_price)
        await asyncio.sleep(0.1)
        assert w.status(way_out) is OrderStatus.OPEN, "its trades are waited for"
        w.audited = False  # the audit asks for the trades
    assert w.status(way_out) is OrderStatus.FILLED
    assert [task.get_name() for task in asyncio.all_tasks() - {asyncio.current_task()}] == []
