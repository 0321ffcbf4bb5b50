"""Cards of placing: one fault each of the catalogue's table O, and what must follow."""

# ruff: noqa: N802  a card is named by its row in the catalogue, capital and all
from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import msgspec
import pytest

from tests.cards.world import PLACE, QUERY, World, world
from tests.support.cards import lasting
from topstepx import Bracket, Market
from topstepx.core.mode import Mode
from topstepx.core.order_life import Stage
from topstepx.core.tags import canonical
from topstepx.errors import (
    DeadlinePassed,
    DuplicateOrder,
    LimitRefused,
    ModeRefused,
    NotSent,
    OrderRefused,
    OrderUnresolved,
    RateLimited,
)
from topstepx.events import IntentDoubted, IntentSent, OrderMoved
from topstepx.settings import Limits
from topstepx.sim import fault_kinds as f
from topstepx.sim.gateway import Gateway
from topstepx.sim.switches import Switches
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.testing.memory import Network
from topstepx.testing.pair import START
from topstepx.wire.enums import OrderStatus, Side
from topstepx.wire.models import PlaceRequest


def elapsed_s(since: float) -> float:
    return asyncio.get_running_loop().time() - since


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def found_by_tag(w: World) -> None:
    """The order that was just asked for exists once and its handle knows it."""
    order = await w.buy()
    assert order.status is OrderStatus.OPEN
    assert order.id is not None
    assert len(w.working) == 1
    assert "unresolved_intent" in w.causes()
    assert "unresolved_intent" not in w.standing()


@virtual
async def test_O01_answer_lost_after_execution() -> None:
    async with world() as w:
        w.break_(PLACE, f.DropAnswer())
        begun = now_s()
        await found_by_tag(w)
        assert elapsed_s(begun) <= 2


@virtual
async def test_O02_request_lost() -> None:
    async with world(limits=Limits(contracts_max=2)) as w:
        w.break_(PLACE, f.LoseRequest())
        with pytest.raises(OrderUnresolved) as caught:
            await w.buy()
        order = caught.value.order
        assert order.looking.absent_in_s > 100
        with pytest.raises(ModeRefused):
            await w.buy(1)
        await asyncio.sleep(100)
        assert str(order.stage) == str(Stage.UNKNOWN)
        await eventually(lambda: order.stage is Stage.PRESUMED_ABSENT, timeout_s=40)
        assert order.looking.complete_rounds >= 5
        with pytest.raises(LimitRefused):  # its exposure stays counted
            await w.buy(1)
        with pytest.raises(OrderUnresolved):
            await order.done()


@virtual
async def test_O03_request_arrives_late() -> None:
    async with world() as w:
        w.break_(PLACE, f.Hold(30))
        with pytest.raises(OrderUnresolved) as caught:
            await w.buy()
        await caught.value.order.working(timeout=60)
        assert len(w.working) == 1


@virtual
async def test_O04_later_than_the_quarantine_and_working() -> None:
    async with world() as w:
        w.break_(PLACE, f.Hold(180))
        with pytest.raises(OrderUnresolved) as caught:
            await w.buy()
        order = caught.value.order
        await eventually(lambda: order.stage is Stage.PRESUMED_ABSENT, timeout_s=150)
        await eventually(lambda: order.status is OrderStatus.CANCELLED, timeout_s=120)
        assert not w.working
        assert not w.alarms("unexpected_fill")


@virtual
async def test_O04_later_than_the_quarantine_and_filled() -> None:
    async with world() as w:
        w.break_(PLACE, f.Hold(180))
        with pytest.raises(OrderUnresolved) as caught:
            await w.buy(at=Market())
        order = caught.value.order
        await eventually(lambda: order.status is OrderStatus.FILLED, timeout_s=300)
        await eventually(lambda: "unexpected_fill" in w.standing())
        assert len(w.alarms("unexpected_fill")) == 1
        assert w.tsx.state.mode(w.account) is Mode.REDUCE_ONLY
        assert w.net == 2
        await w.tsx.resume(w.account, released_by="test")
        assert w.tsx.state.mode(w.account) is Mode.ACTIVE


@virtual
async def test_O05_reset_before_headers() -> None:
    async with world() as w:
        w.pair.network.next_request("cut_after")
        await found_by_tag(w)


@virtual
async def test_O06_connection_refused() -> None:
    async with world() as w:
        w.pair.network.up = False
        with pytest.raises(NotSent):
            await w.buy()
        assert "unresolved_intent" not in w.causes()
        w.pair.network.up = True
        await w.buy()


@virtual
async def test_O09_a_502_after_execution() -> None:
    async with world() as w:
        w.break_(PLACE, f.Answer(502, "<html>bad gateway</html>", when="after"))
        await found_by_tag(w)


@virtual
async def test_O10_a_503_before_execution() -> None:
    async with world() as w:
        w.break_(PLACE, f.Answer(503))
        with pytest.raises(OrderUnresolved) as caught:
            await w.buy()
        await eventually(lambda: caught.value.order.stage is Stage.PRESUMED_ABSENT, timeout_s=150)


@virtual
async def test_O11_a_504_and_execution_later() -> None:
    async with world() as w:
        w.break_(PLACE, f.Hold(20))
        w.break_(PLACE, f.Answer(504))
        w.break_(PLACE, f.Delay(4))
        with pytest.raises(OrderUnresolved) as caught:
            await w.buy()
        await caught.value.order.working(timeout=60)
        assert len(w.working) == 1


@virtual
async def test_O12_a_redirect_is_not_followed() -> None:
    async with world() as w:
        elsewhere = {"location": "https://evil.example/api/Order/place"}
        w.break_(PLACE, f.Answer(307, headers=elsewhere, when="after"))
        before = w.requests("place")
        await found_by_tag(w)
        assert w.requests("place") == before + 1


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(f.Answer(200, "", when="after"), id="O13"),
        pytest.param(f.Answer(200, "<html>hello</html>", when="after"), id="O14"),
        pytest.param(f.Cut(20), id="O15"),
        pytest.param(f.Edit("errorCode", "value", 2), id="O16"),
        pytest.param(f.Edit("orderId", "null"), id="O17-null"),
        pytest.param(f.Edit("orderId", "value", 0), id="O17-zero"),
        pytest.param(f.Edit("orderId", "value", -1), id="O17-negative"),
    ],
)
@virtual
async def test_O13_to_O17_an_answer_that_says_nothing(fault: f.RequestFault) -> None:
    async with world() as w:
        w.break_(PLACE, fault)
        await found_by_tag(w)


@pytest.mark.parametrize("code", [pytest.param(6, id="O18"), pytest.param(7, id="O19")])
@virtual
async def test_O18_O19_a_code_that_says_it_is_not_known(code: int) -> None:
    async with world() as w:
        w.pair.gateway.venue.faults.reject_next("place", code=code, executes=True)
        await found_by_tag(w)


@virtual
async def test_O20_an_unknown_code() -> None:
    async with world() as w:
        w.pair.gateway.venue.faults.reject_next("place", code=99)
        with pytest.raises(OrderUnresolved):
            await w.buy()
        assert "unresolved_intent" in w.standing()


@virtual
async def test_O21_a_refusal_with_an_id_is_a_refusal() -> None:
    async with world() as w:
        w.pair.gateway.venue.faults.reject_next("place", code=2, text="No.")
        with pytest.raises(OrderRefused) as caught:
            await w.buy()
        assert caught.value.order_id is not None
        assert "unresolved_intent" not in w.causes()
        order = w.tsx.orders.get(w.account, order_id=caught.value.order_id)
        assert order.status is OrderStatus.REJECTED
        assert order.is_done
        again = await w.buy(allow_duplicate=True)
        assert canonical(again.tag or "") != canonical(order.tag)


@virtual
async def test_O22_custom_tag_already_in_use_is_no_refusal() -> None:
    async with world() as w:
        told = {
            "success": False,
            "errorCode": 2,
            "errorMessage": "Specified custom tag is already in use",
            "orderId": None,
        }
        w.break_(PLACE, f.Answer(200, json.dumps(told), when="after"))
        await found_by_tag(w)


@virtual
async def test_O23_rejected_and_the_answer_lost() -> None:
    async with world() as w:
        w.pair.gateway.venue.faults.reject_next("place", code=2, text="No.")
        w.break_(PLACE, f.DropAnswer())
        with pytest.raises(OrderRefused):
            await w.buy()
        assert "unresolved_intent" not in w.standing()


@virtual
async def test_O24_a_refusal_in_any_words_yields_to_an_order_that_was_seen() -> None:
    async with world() as w:
        told = {"success": False, "errorCode": 2, "errorMessage": "Tag was used.", "orderId": None}
        w.pair.network.latency_s = 0.01
        w.break_(PLACE, f.Answer(200, json.dumps(told), when="after"))
        w.break_(PLACE, f.Delay(0.5))
        await found_by_tag(w)


@virtual
async def test_O25_lists_without_tags_and_one_candidate() -> None:
    async with world() as w:
        lasting(w, f.Edit("orders[*].customTag"), f.EditEvents("[0].data.customTag"))
        known = await w.buy(1)  # shows that these lists show no tags
        assert known.id is not None
        w.break_(PLACE, f.DropAnswer())
        order = await w.buy(3)
        assert order.id is not None
        assert order.id != known.id
        assert "no tags shown" in order.intent.resolution.evidence[0]


@virtual
async def test_O26_lists_without_tags_and_two_equal_orders() -> None:
    async with world() as w:
        lasting(w, f.Edit("orders[*].customTag"), f.EditEvents("[0].data.customTag"))
        await w.buy(1)
        w.break_(PLACE, f.DropAnswer(), times=2)
        both = await asyncio.gather(
            w.buy(3), w.buy(3, allow_duplicate=True), return_exceptions=True
        )
        assert all(isinstance(one, OrderUnresolved | ModeRefused) for one in both)
        assert any(isinstance(one, OrderUnresolved) for one in both)
        await asyncio.sleep(200)
        ids = [one.order_id for one in w.ledger.intents() if one.order_id is not None]
        assert len(ids) == len(set(ids))


@virtual
async def test_O27_a_market_order_is_never_in_the_open_list() -> None:
    async with world() as w:
        w.break_(PLACE, f.DropAnswer())
        w.break_("hub/user", f.DropEvents(), times=None)
        w.break_(QUERY, f.Answer(404), times=None)
        order = await w.buy(at=Market())
        assert order.status is OrderStatus.FILLED
        assert w.net == 2


@virtual
async def test_O28_an_order_that_becomes_visible_after_twelve_seconds() -> None:
    async with world() as w:
        faults = w.pair.gateway.venue.faults
        faults.visibility_orders = faults.visibility_query = timedelta(seconds=12)
        faults.visibility_open_orders = faults.visibility_by_id = timedelta(seconds=12)
        w.break_("hub/user", f.DropEvents(), times=None)
        w.break_(PLACE, f.DropAnswer())
        with pytest.raises(OrderUnresolved) as caught:
            await w.buy()
        order = caught.value.order
        await eventually(lambda: order.stage is Stage.OPEN, timeout_s=20)


@virtual
async def test_O29_its_trades_are_visible_before_the_order() -> None:
    async with world() as w:
        faults = w.pair.gateway.venue.faults
        faults.visibility_orders = faults.visibility_query = timedelta(seconds=8)
        faults.visibility_open_orders = faults.visibility_by_id = timedelta(seconds=8)
        w.break_("hub/user", f.DropEvents(), times=None)
        w.break_(PLACE, f.DropAnswer())
        with pytest.raises(OrderUnresolved) as caught:
            await w.buy(at=Market())
        looking = caught.value.order.looking
        assert looking.complete_rounds == 0
        assert "not explained" in looking.evidence[0]
        await caught.value.order.filled(timeout=10)


@virtual
async def test_O29_a_trade_leads_to_its_order() -> None:
    async with world() as w:
        faults = w.pair.gateway.venue.faults
        faults.visibility_orders = faults.visibility_query = timedelta(seconds=60)
        w.break_("hub/user", f.DropEvents(), times=None)
        w.break_(PLACE, f.DropAnswer())
        order = await w.buy(at=Market())
        assert order.status is OrderStatus.FILLED


@virtual
async def test_O30_a_partial_fill_while_unknown() -> None:
    async with world() as w:
        w.break_("hub/user", f.DropEvents(), times=None)
        w.break_(PLACE, f.DropAnswer(cut=False))
        placing = asyncio.create_task(w.buy(5))
        await asyncio.sleep(1)
        (resting,) = w.working
        w.fill(resting.id, 2, resting.limit_price)
        order = await placing
        assert order.stage is Stage.PARTIAL
        assert (order.filled_size, order.remaining) == (2, 3)


@virtual
async def test_O31_a_cancel_while_unknown_of_an_order_that_works() -> None:
    async with world() as w:
        w.break_(PLACE, f.Hold(40))
        with pytest.raises(OrderUnresolved) as caught:
            await w.buy()
        order = caught.value.order
        with pytest.raises(OrderUnresolved):
            await order.cancel()
        assert order.intent.cancel_wanted
        await order.done(timeout=60)
        assert order.status is OrderStatus.CANCELLED
        assert not w.working


@virtual
async def test_O32_a_cancel_while_unknown_of_an_order_that_filled() -> None:
    async with world() as w:
        w.break_(PLACE, f.Hold(20))
        with pytest.raises(OrderUnresolved) as caught:
            await w.buy(at=Market())
        order = caught.value.order
        cancelling = asyncio.create_task(order.cancel())
        await order.filled(timeout=60)
        assert (await asyncio.gather(cancelling, return_exceptions=True))[0] is not None
        assert order.status is OrderStatus.FILLED
        assert w.net == 2


@virtual
async def test_O33_the_caller_is_cancelled_at_each_step() -> None:
    for steps in range(40):
        async with world() as w:
            w.pair.network.latency_s = 0.001
            placing = asyncio.create_task(w.buy(key="mine"))
            for _ in range(steps):
                await asyncio.sleep(0)
            placing.cancel()
            await asyncio.gather(placing, return_exceptions=True)
            await asyncio.sleep(5)
            order = w.tsx.orders.get(w.account, key="mine")
            assert len(w.working) == (0 if order is None else 1)
            if order is not None:
                assert order.status is OrderStatus.OPEN


@virtual
async def test_O33_the_caller_is_cancelled_while_it_is_being_looked_for() -> None:
    for moment in range(24):
        async with world() as w:
            w.pair.network.latency_s = 0.02
            w.break_("hub/user", f.DropEvents(), times=None)
            w.break_(PLACE, f.DropAnswer())
            placing = asyncio.create_task(w.buy(key="mine"))
            await asyncio.sleep(0.019 * moment)
            placing.cancel()
            await asyncio.gather(placing, return_exceptions=True)
            await asyncio.sleep(20)
            order = w.tsx.orders.get(w.account, key="mine")
            assert len(w.working) == (0 if order is None else 1)
            assert order is None or order.status is OrderStatus.OPEN
            assert not w.ledger.open_intents()


@virtual
async def test_O34_no_room_in_the_budget() -> None:
    gateway = Gateway.build(at=START, seed=1, rate=0.1)
    async with world(gateway=gateway) as w:
        with pytest.raises(RateLimited):
            await w.use_up()
        last = w.ledger.intents()[-1]
        assert last.state == "not_sent"
        assert not any(
            isinstance(fact, IntentSent) and fact.intent_id == last.intent_id for fact in w.facts
        )


@virtual
async def test_O35_the_deadline_passes_while_a_token_is_waited_for() -> None:
    async with world() as w:
        w.pair.gateway.tokens.revoke_all()
        w.break_("Auth/*", f.Delay(5), times=None)
        with pytest.raises(DeadlinePassed):
            await w.buy()
        await asyncio.sleep(30)
        assert w.requests("place") == 0


@virtual
async def test_O36_the_legs_of_a_filled_entry_stay_invisible() -> None:
    async with world() as w:
        w.pair.gateway.venue.faults.hide_legs = True
        order = await w.buy(at=Market(), bracket=Bracket(stop_ticks=400))
        await order.filled(timeout=5)
        await eventually(lambda: w.alarms("unprotected"), timeout_s=10)
        assert "unprotected" in w.standing()
        await w.desk.close()
        assert "unprotected" not in w.standing()


@virtual
async def test_O37_the_account_does_not_allow_brackets() -> None:
    async with world() as w:
        w.pair.gateway.venue._floor.accounts[w.account.id].bracket_mode = "position"
        with pytest.raises(OrderRefused, match="Auto OCO Brackets") as caught:
            await w.buy(bracket=Bracket(stop_ticks=40))
        assert caught.value.order_id is not None
        assert "platform" in str(caught.value)


@virtual
async def test_O38_the_same_signal_twice() -> None:
    async with world() as w:
        order = await w.buy()
        await asyncio.sleep(0.1)
        with pytest.raises(DuplicateOrder) as caught:
            await w.buy()
        assert caught.value.order.id == order.id
        assert len(w.working) == 1
        await w.buy(allow_duplicate=True)
        await asyncio.sleep(2)
        await w.buy()
        assert len(w.working) == 3


@virtual
async def test_O39_the_venue_executes_one_request_twice() -> None:
    switches = Switches(tags_unique=False)
    gateway = Gateway.build(at=START, seed=1, limited=False, switches=switches, rate=0.1)
    async with world(gateway=gateway) as w:
        w.at_most = 2
        w.break_(PLACE, f.Duplicate(0.05))
        await w.buy()
        await eventually(lambda: "foreign_tag" in w.standing())
        assert w.tsx.state.mode(w.account) is Mode.HALTED
        assert w.alarms("foreign_tag")
        await w.tsx.flatten(w.account)
        assert not w.working


@virtual
async def test_O40_the_contract_expired_meanwhile() -> None:
    async with world() as w:
        w.pair.gateway.venue.faults.reject_next("place", code=9)
        with pytest.raises(OrderRefused) as caught:
            await w.buy()
        assert caught.value.name == "ContractNotActive"


# ---- edge cases of the algorithm that have no row of their own


@virtual
async def test_the_answered_id_belongs_to_another_order() -> None:
    async with world() as w:
        other = await w.buy(1)
        w.break_(PLACE, f.Edit("orderId", "value", other.id))
        order = await w.buy(3)
        assert order.id != other.id
        assert order.size == 3


@virtual
async def test_the_answered_id_turns_out_to_be_anothers() -> None:
    async with world() as w:
        w.break_("hub/user", f.DropEvents(), times=None)
        w.break_(PLACE, f.Edit("orderId", "value", 999))
        order = await w.buy(3)
        assert order.id == 999
        doubted = IntentDoubted(
            at=w.tsx._record.stamp(),
            intent_id=order.intent.intent_id,
            account_id=w.account.id,
            order_id=999,
        )
        w.tsx._record.commit(doubted)
        w.tsx._trading.resolver.start(order.intent.intent_id, w.tsx._record.now_ns())
        await eventually(lambda: order.id not in {None, 999})


@virtual
async def test_a_tag_with_other_terms_halts_and_is_released_by_hand() -> None:
    async with world() as w:
        w.audited = False
        w.break_("hub/user", f.EditEvents("[0].data.size", "value", 7), times=None)
        w.break_(QUERY, f.Edit("orders[*].size", "value", 7), times=None)
        w.break_(PLACE, f.DropAnswer())
        with pytest.raises(OrderUnresolved):
            await w.buy()
        assert {"foreign_tag", "unresolved_intent"} <= w.standing()
        assert w.tsx.state.mode(w.account) is Mode.HALTED
        w.pair.faults.clear()
        await w.tsx.resume(w.account, released_by="test")
        assert not w.standing()


@virtual
async def test_an_order_of_others_is_never_taken_for_a_lost_one() -> None:
    async with world() as w:
        w.break_(PLACE, f.LoseRequest())
        with pytest.raises(OrderUnresolved) as caught:
            await w.buy()
        request = caught.value.order.intent.recorded.body
        theirs = msgspec.structs.replace(
            msgspec.json.decode(request, type=PlaceRequest), custom_tag=None
        )
        w.others("place", theirs)
        order = caught.value.order
        await eventually(lambda: order.stage is Stage.PRESUMED_ABSENT, timeout_s=150)
        assert order.id is None


@virtual
async def test_a_place_that_is_refused_here_leaves_no_trace_at_the_venue() -> None:
    async with world(limits=Limits(contracts_max=2)) as w:
        await w.buy(2)
        with pytest.raises(LimitRefused):
            await w.buy(1)
        await w.buy(2, side=Side.SELL, at=w.far_above())
        assert w.requests("place") == 2


@virtual
async def test_the_story_of_an_order_is_told_in_order() -> None:
    async with world() as w:
        w.break_(PLACE, f.DropAnswer())
        order = await w.buy(at=Market())
        told = [event async for event in order.events()]
        steps = [event.after for event in told if isinstance(event, OrderMoved)]
        assert steps[0] == "RECORDED"
        assert steps[-1] == "FILLED"
        assert steps.index("SENT") < steps.index("FILLED")
        assert tuple(told) == order.log
        assert len({event.id for event in told}) == len(told)


@virtual
async def test_a_network_that_loses_everything_for_a_while() -> None:
    async with world(network=Network(latency_s=0.02)) as w:
        w.pair.network.lose_down = True
        with pytest.raises(OrderUnresolved) as caught:
            await w.buy()
        w.pair.network.lose_down = False
        await caught.value.order.working(timeout=40)
        assert len(w.working) == 1
