# ruff: noqa: N802  the numbers are the fault catalogue's
"""Cards of the hubs: one trouble each on a whole client, and what must follow from it."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.trading import PRACTICE_ID, hub_session, mnq, practice
from topstepx.clock import NANOSECONDS
from topstepx.core.link import LinkState
from topstepx.core.mode import Mode
from topstepx.core.terms import Limit, Market
from topstepx.errors import ModeRefused, StaleData, StreamLagged
from topstepx.events import (
    AlarmRaised,
    GapSuspected,
    HubContested,
    HubDegraded,
    HubReconnected,
    HubReconnecting,
    OrderObserved,
    PayloadMalformed,
    PollingStarted,
    PollingStopped,
    PositionAnomaly,
    StreamHeard,
    StreamSilenced,
    TradeObserved,
)
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import VirtualLoop, virtual
from topstepx.testing.pair import Pair
from topstepx.wire.enums import OrderStatus, OrderType, Side
from topstepx.wire.models import PlaceAnswer, PlaceRequest

if TYPE_CHECKING:
    from topstepx.events import Event

MNQ = "CON.F.US.MNQ.Z26"


class Log:
    """Every fact a consumer is told, from here on."""

    def __init__(self, pair: Pair) -> None:
        self._stream = pair.tsx.events()
        self.facts: list[Any] = []

    def of(self, *kinds: type[Event]) -> list[Any]:
        queue = self._stream._queue
        self.facts += [queue.popleft() for _ in range(len(queue))]
        return [fact for fact in self.facts if isinstance(fact, kinds)]


def elsewhere(
    pair: Pair,
    side: Side = Side.BUY,
    size: int = 1,
    **parts: Any,  # noqa: ANN401  prices of the request
) -> int:
    """An order of another program on the practice account; its id."""
    request = PlaceRequest(
        account_id=PRACTICE_ID,
        contract_id=MNQ,
        type=OrderType.LIMIT if "limit_price" in parts else OrderType.MARKET,
        side=side,
        size=size,
        **parts,
    )
    pair.gateway.market.start(MNQ, pair.world.now())
    answer = pair.gateway.venue.place(request, pair.world.now(), origin="other")
    assert isinstance(answer, PlaceAnswer)
    pair.gateway.advance(pair.world.now())
    assert answer.order_id
    return answer.order_id


def mode(pair: Pair) -> Mode:
    return pair.tsx.state.mode(PRACTICE_ID)


def causes(pair: Pair) -> set[str]:
    return {cause.reason for cause in pair.tsx.state.causes(PRACTICE_ID)}


def same_as_venue(pair: Pair) -> None:
    """The ledger is the venue's books."""
    ledger, truth = pair.tsx.state, pair.truth
    assert {b.id: (b.status, b.filled) for b in ledger.orders(PRACTICE_ID)} == {
        o.id: (o.status, o.fill_volume) for o in truth.orders(PRACTICE_ID)
    }
    assert [b.id for b in ledger.trades(PRACTICE_ID)] == [
        one.id
        for one in sorted(truth.trades(PRACTICE_ID), key=lambda t: (t.creation_timestamp, t.id))
    ]
    held = sum(b.net or 0 for b in ledger.positions(PRACTICE_ID) if b.contract_id == MNQ)
    assert held == truth.net_size(PRACTICE_ID, MNQ)


async def until_level(pair: Pair, timeout_s: float = 30) -> None:
    await eventually(lambda: mode(pair) is Mode.ACTIVE, timeout_s=timeout_s)
    await until_same(pair)


async def until_same(pair: Pair) -> None:
    def same() -> None:
        same_as_venue(pair)

    await eventually(same, timeout_s=10)


async def until_down(pair: Pair) -> None:
    await eventually(lambda: mode(pair) is Mode.REDUCE_ONLY, timeout_s=60)


def once_each(log: Log) -> None:
    """No trade and no step of an order is told twice."""
    trades = [fact.trade.id for fact in log.of(TradeObserved)]
    assert len(trades) == len(set(trades))
    steps = [
        (fact.order.id, fact.order.status, fact.order.fill_volume) for fact in log.of(OrderObserved)
    ]
    assert len(steps) == len(set(steps))


def stand_still(seconds: float) -> None:
    """A callback that blocks the loop: time passes and nothing runs."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.now_ns += round(seconds * NANOSECONDS)


async def gap(pair: Pair, *how: f.What) -> None:
    for what in how:
        pair.faults.add(Fault(where="hub/user", what=what))


@pytest.mark.parametrize("what", [f.CloseHub(allow_reconnect=True), f.CutHub()], ids=["S01", "S02"])
def test_S01_S02_S09_closed_or_reset_with_a_fill_in_the_gap(what: f.What) -> None:
    @virtual(seeds=[None, 1, 2])
    async def run() -> None:
        async with Pair() as pair:
            await pair.tsx.ready(await practice(pair))
            log, first = Log(pair), hub_session(pair, "user")
            await gap(pair, what)
            await eventually(lambda: first.closed)
            bought = elsewhere(pair, Side.BUY, 2)
            elsewhere(pair, Side.SELL, 2)  # a round trip: the position is what it was
            await until_level(pair)
            once_each(log)
            found = log.of(OrderObserved, TradeObserved)
            assert {fact.origin for fact in found} <= {"reconciled", "external"}
            mine = [o for o in log.of(OrderObserved) if o.order.id == bought]
            assert mine[0].order.fill_volume == 0, "placed before filled"
            assert mine[-1].order.status is OrderStatus.FILLED
            told = [type(one) for one in log.of(HubDegraded, HubReconnecting, HubReconnected)]
            assert told == [HubDegraded, HubReconnecting, HubReconnected]
            assert [type(one) for one in log.of(PollingStarted, PollingStopped)] == [
                PollingStarted,
                PollingStopped,
            ]

    run()


@virtual
async def test_S03_S04_a_half_open_or_mute_hub_is_given_up_after_thirty_seconds() -> None:
    for half_open in (True, False):
        async with Pair() as pair:
            await pair.tsx.ready(await practice(pair))
            began = asyncio.get_running_loop().time()
            if half_open:
                pair.network.lose_down = True
            else:
                pair.faults.add(Fault(where="hub/user", what=f.Mute(), times=None))
            await until_down(pair)
            assert asyncio.get_running_loop().time() - began <= 46
            pair.network.lose_down = False
            pair.faults.clear()
            await until_level(pair, 60)


@virtual
async def test_S05_a_deaf_hub_is_found_by_our_own_order_and_by_comparison() -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        await pair.tsx.ready(account)
        log = Log(pair)
        lost = pair.faults.add(Fault(where="hub/user", what=f.DropEvents(), times=None))
        await pair.tsx.desk(account, contract).buy(1, at=Limit("29000"))
        await eventually(lambda: "hub_deaf" in causes(pair), timeout_s=6)
        assert mode(pair) is Mode.REDUCE_ONLY
        await asyncio.sleep(8)  # the streams were asked for again, and that did not help
        elsewhere(pair)
        await eventually(lambda: log.of(HubReconnecting), timeout_s=30)
        assert "deaf" in log.of(HubReconnecting)[0].reason
        pair.faults.remove(lost)
        await until_level(pair)
        once_each(log)


@virtual
async def test_S05_a_quiet_hub_is_not_dead() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        first = hub_session(pair, "user")
        await asyncio.sleep(1800)
        assert not first.closed
        assert mode(pair) is Mode.ACTIVE


@virtual
async def test_S06_one_contract_goes_silent_while_its_neighbours_speak() -> None:
    async with Pair() as pair:
        contract, other = await mnq(pair), await pair.tsx.contracts.front("MES")
        log = Log(pair)
        async with pair.tsx.market.quotes(contract) as quotes, pair.tsx.market.quotes(other):
            await anext(quotes)
            await asyncio.sleep(60)
            lost = f.DropEvents(about=MNQ)
            fault = pair.faults.add(Fault(where="hub/market", what=lost, times=None))
            await eventually(lambda: log.of(StreamSilenced), timeout_s=40)
            (silenced,) = log.of(StreamSilenced)
            assert (silenced.contract_id, silenced.method) == (MNQ, "SubscribeContractQuotes")
            assert any(
                MNQ in problem and "quotes have not come" in problem
                for problem in pair.tsx.health().problems
            )
            with pytest.raises(StaleData):
                pair.tsx.market.newest(contract, max_age_s=20)
            pair.faults.remove(fault)
            await eventually(lambda: log.of(StreamHeard), timeout_s=40)
            assert pair.tsx.health().ok
            assert not log.of(HubReconnecting), "the others went on"


@virtual
async def test_S06_no_entry_on_a_contract_that_is_streamed_and_not_heard() -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        other = await pair.tsx.contracts.front("MES")
        desk, blind = pair.tsx.desk(account, other), pair.tsx.desk(account, contract)
        pair.gateway.market.start(other.id, pair.world.now())
        held = await blind.buy(1, at=Market())
        await held.filled(timeout=10)
        async with pair.tsx.market.quotes(contract) as quotes:
            await anext(quotes)
            away = Fault(where="hub/market", what=f.RefuseUpgrade(503), times=None)
            refusal = pair.faults.add(away)
            pair.faults.add(Fault(where="hub/market", what=f.CutHub()))
            await asyncio.sleep(3)
            assert mode(pair) is Mode.ACTIVE, "the account trades what it does not stream"
            await desk.buy(1, at=Market())
            with pytest.raises(ModeRefused, match="market data is missing"):
                await blind.buy(1, at=Market(), allow_duplicate=True)
            assert any("market hub" in line and MNQ in line for line in pair.tsx.health().lines)
            await blind.close()
            pair.faults.remove(refusal)
            await pair.tsx.resume()
            await asyncio.sleep(3)
            await blind.buy(1, at=Market(), allow_duplicate=True)
            pair.faults.add(away)
            pair.faults.add(Fault(where="hub/market", what=f.CutHub()))
            await asyncio.sleep(3)
        await asyncio.sleep(3)
        await blind.sell(1, at=Market())


@virtual
async def test_S07_S08_a_stream_that_is_refused_or_not_confirmed_again_is_never_live() -> None:
    for what in (
        f.FailInvocation("busy", method="SubscribeTrades"),
        f.IgnoreInvocation(method="SubscribeTrades"),
    ):
        async with Pair() as pair:
            await pair.tsx.ready(await practice(pair))
            pair.faults.add(Fault(where="hub/user", what=what, times=None))
            await gap(pair, f.CutHub())
            await asyncio.sleep(60)
            assert mode(pair) is Mode.REDUCE_ONLY
            assert pair.tsx.health().user_hub is not LinkState.LIVE
            pair.faults.clear()
            await until_level(pair, 60)


@virtual(seeds=[None, 1, 2])
async def test_S10_a_fill_between_subscribing_and_the_snapshot_is_one_event() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        log = Log(pair)
        pair.network.latency_s = 0.1
        await gap(pair, f.CutHub())
        await eventually(lambda: "recovering" in causes(pair))
        elsewhere(pair, Side.BUY, 3)
        pair.network.latency_s = 0.0
        await until_level(pair)
        once_each(log)


@virtual(seeds=[None, 1, 2])
async def test_S11_S12_S13_twice_swapped_and_late_is_told_once_in_causal_order() -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        desk = pair.tsx.desk(account, contract)
        await pair.tsx.ready(account)
        log = Log(pair)
        for what in (f.DuplicateEvents(), f.ReorderEvents()):
            pair.faults.add(Fault(where="hub/user", what=what, times=None, chance=0.5))
        late = f.DelayEvents(1.0, "GatewayUserOrder")
        pair.faults.add(Fault(where="hub/user", what=late, times=None, chance=0.3))
        for _ in range(6):
            await desk.buy(2, at=Market(), allow_duplicate=True)
            await asyncio.sleep(3)
        pair.faults.clear()
        await until_level(pair, 60)
        once_each(log)
        filled: dict[int, int] = {}
        for fact in log.of(OrderObserved, TradeObserved):
            if isinstance(fact, OrderObserved):
                assert fact.order.fill_volume >= filled.get(fact.order.id, 0), "no step back"
                filled[fact.order.id] = fact.order.fill_volume
            else:
                assert filled.get(fact.trade.order_id, 0) >= fact.trade.size, "order before trade"


@virtual
async def test_S14_nothing_that_an_older_life_says_counts() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        line = pair.tsx._user_hub._line
        older = line.link.generation
        elsewhere(pair, limit_price=Decimal(29000))
        await asyncio.sleep(1)
        (order,) = pair.truth.working(PRACTICE_ID)
        await gap(pair, f.CutHub())
        await until_down(pair)
        await until_level(pair)
        log = Log(pair)
        ghost = {"action": 1, "data": {"id": order.id + 7, "accountId": PRACTICE_ID, "orderId": 1}}
        said = {"type": 1, "target": "GatewayUserTrade", "arguments": [ghost]}
        line.on_data(older, json.dumps(said).encode() + b"\x1e")
        line.on_closed(older, "late news of the old socket")
        await asyncio.sleep(1)
        assert pair.tsx._user_hub._line.link.generation > older
        assert not log.of(PayloadMalformed, GapSuspected, HubDegraded)
        same_as_venue(pair)


@virtual
async def test_S15_a_position_of_the_hub_that_contradicts_the_list_gives_way() -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        desk, log = pair.tsx.desk(account, contract), Log(pair)
        lie = f.EditEvents("[0].data.size", "value", 9, "GatewayUserPosition")
        pair.faults.add(Fault(where="hub/user", what=lie, times=None))
        await desk.buy(1, at=Market())
        await asyncio.sleep(12)
        assert desk.position is not None
        assert (desk.position.net, desk.position.confirmed) == (1, True)
        (anomaly,) = log.of(PositionAnomaly)
        assert (anomaly.told, anomaly.listed) == (9, 1)
        pair.faults.clear()
        late = f.DelayEvents(3.0, "GatewayUserPosition")
        pair.faults.add(Fault(where="hub/user", what=late, times=None))
        for _ in range(3):
            await desk.buy(1, at=Market(), allow_duplicate=True)
            await asyncio.sleep(2)
        await asyncio.sleep(12)
        assert desk.position.net == 4
        assert len(log.of(PositionAnomaly)) == 1, "what is late is no contradiction"


@virtual
async def test_S16_a_status_nobody_knows_is_kept_and_lives() -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        await pair.tsx.ready(account)
        odd = f.EditEvents("[0].data.status", "value", 42, "GatewayUserOrder")
        pair.faults.add(Fault(where="hub/user", what=odd))
        order = await pair.tsx.desk(account, contract).buy(1, at=Limit("29000"))
        assert order.id in {belief.id for belief in pair.tsx.state.working(account)}


@pytest.mark.parametrize(
    ("where", "what"),
    [
        ("S18", f.RefuseHandshake("The protocol 'json' is not supported.")),
        ("S20", f.RefuseUpgrade(401)),
    ],
)
def test_S18_S20_a_refusal_is_retried_and_the_hub_comes_back(where: str, what: f.What) -> None:
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            await pair.tsx.ready(await practice(pair))
            log = Log(pair)
            pair.faults.add(Fault(where="hub/user", what=what))
            await gap(pair, f.CutHub())
            await until_down(pair)
            await until_level(pair, 60)
            reasons = [fact.reason for fact in log.of(HubReconnecting)]
            assert any(("protocol" if where == "S18" else "401") in one for one in reasons)
            assert len(reasons) == 2

    run()


@virtual
async def test_S19_a_final_close_renews_the_token_first_and_comes_back_slowly() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        generation = pair.tsx._keeper.machine.token.generation  # type: ignore[union-attr]  # it is there
        log = Log(pair)
        await gap(pair, f.CloseHub(allow_reconnect=False))
        await until_down(pair)
        await until_level(pair, 60)
        (only,) = log.of(HubReconnecting)
        assert 15 <= only.wait_s <= 30
        token = pair.tsx._keeper.machine.token
        assert token is not None
        assert token.generation == generation + 1


@virtual(seeds=[None, 1])
async def test_S21_S22_a_book_of_300_kilobytes_and_records_torn_anywhere_are_whole() -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        for hub in ("hub/user", "hub/market"):
            pair.faults.add(Fault(where=hub, what=f.Slice(61), times=None))
        await pair.tsx.ready(account)
        async with pair.tsx.market.depth(contract) as depth:
            await anext(depth)
            row = {"price": 29000.25, "volume": 3, "currentVolume": 3, "type": 4}
            rows = [{**row, "timestamp": "2026-11-23T15:00:00.1234567Z"}] * 3000
            pair.gateway.hubs.tell_market("GatewayDepth", MNQ, rows, pair.world.now())
            order = await pair.tsx.desk(account, contract).buy(1, at=Market())
            await eventually(lambda: order.status is OrderStatus.FILLED, timeout_s=5)
            sizes = [len((await anext(depth)).rows) for _ in range(depth.waiting)]
            assert 3000 in sizes
        assert pair.tsx.health().malformed == 0
        same_as_venue(pair)


@virtual
async def test_S23_a_poisoned_record_is_a_gap_that_is_looked_up_at_once() -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        desk = pair.tsx.desk(account, contract)
        await pair.tsx.ready(account)
        log = Log(pair)
        poison = f.ReplaceEvents("{]", event="GatewayUserTrade")
        pair.faults.add(Fault(where="hub/user", what=poison))
        await desk.buy(1, at=Market())
        await asyncio.sleep(1)
        await until_same(pair)
        assert log.of(GapSuspected)
        assert mode(pair) is Mode.ACTIVE
        once_each(log)


@virtual
async def test_S24_a_slow_reader_of_quotes_delays_nobody() -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        async with pair.tsx.market.quotes(contract) as quotes:
            await anext(quotes)
            await asyncio.sleep(60)
            order = await pair.tsx.desk(account, contract).buy(1, at=Market())
            await eventually(lambda: order.status is OrderStatus.FILLED, timeout_s=1)
            assert (await anext(quotes)).merged > 10


@virtual
async def test_S25_a_reader_of_facts_that_is_stuck_harms_nobody() -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        await pair.tsx.ready(account)
        stuck = pair.tsx._record.events(limit=3)
        order = await pair.tsx.desk(account, contract).buy(1, at=Market())
        await eventually(lambda: order.status is OrderStatus.FILLED, timeout_s=1)
        with pytest.raises(StreamLagged):
            async for _ in stuck:
                pass


@virtual(seeds=[None, 1, 2, 3])
async def test_S26_a_callback_of_ours_that_blocks_is_our_gap_and_not_the_hubs_fault() -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        await pair.tsx.ready(account)
        log, user = Log(pair), hub_session(pair, "user")
        async with pair.tsx.market.depth(contract) as depth:
            assert (await anext(depth)).is_valid
            market = hub_session(pair, "market")
            await asyncio.sleep(1.5)
            order = await pair.tsx.desk(account, contract).buy(2, at=Market())
            elsewhere(pair, Side.SELL, 1)
            stand_still(12)  # what both hubs say meanwhile lies in the sockets
            await asyncio.sleep(20)
            assert order.status is OrderStatus.FILLED
            assert "loop_blocked" in {alarm.name for alarm in log.of(AlarmRaised)}
            suspected = {
                (one.hub, "stood still for 1" in one.reason) for one in log.of(GapSuspected)
            }
            assert suspected == {("user", True), ("market", True)}
            assert not log.of(HubDegraded, HubReconnecting), "nobody else is blamed"
            assert {user.closed, market.closed} == {False}
            assert not all([(await anext(depth)).is_valid for _ in range(depth.waiting)])
        same_as_venue(pair)
        once_each(log)
        assert mode(pair) is Mode.ACTIVE


@virtual(seeds=[None, 1])
async def test_S26_after_a_suspend_everything_is_opened_and_read_anew() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        log, user = Log(pair), hub_session(pair, "user")
        pair.clock.suspend(600)
        pair.world.suspended(600)
        elsewhere(pair, Side.BUY, 2)
        await eventually(lambda: log.of(HubDegraded), timeout_s=5)
        assert mode(pair) is Mode.REDUCE_ONLY
        await until_level(pair, 60)
        assert user.closed
        once_each(log)


@virtual
async def test_S27_a_book_is_whole_only_from_a_reset_on() -> None:
    async with Pair() as pair:
        contract = await mnq(pair)
        async with pair.tsx.market.depth(contract) as depth:
            assert (await anext(depth)).is_valid
            pair.tsx.market.gapped()
            while (message := await anext(depth)).is_valid:
                pass
            assert not message.is_valid
            first = hub_session(pair, "market")
            pair.faults.add(Fault(where="hub/market", what=f.CutHub()))
            await eventually(lambda: first.closed)
            while not (await anext(depth)).is_valid:
                pass


@virtual
async def test_S29_S30_half_an_hour_without_hub_is_polled_and_the_switch_repeats_nothing() -> None:
    async with Pair() as pair:
        account = await practice(pair)
        await pair.tsx.ready(account)
        log = Log(pair)
        down = pair.faults.add(Fault(where="hub/user", what=f.RefuseUpgrade(503), times=None))
        await gap(pair, f.CutHub())
        await until_down(pair)
        for number in range(6):
            elsewhere(pair, Side.BUY if number % 2 else Side.SELL, 2)
            elsewhere(pair, limit_price=Decimal(29000 + number))
            await asyncio.sleep(5)
            same_as_venue(pair)
            await asyncio.sleep(295)
        alarms = [a for a in log.of(AlarmRaised) if a.name == "hub_unreachable"]
        assert len(alarms) >= 4
        pair.faults.remove(down)
        await until_level(pair, 60)
        once_each(log)
        assert len(log.of(PollingStarted)) == len(log.of(PollingStopped)) == 1
        minute: dict[int, int] = {}
        for arrival in pair.gateway.limits.arrivals:
            which = int(arrival.at.timestamp() // 60)
            minute[which] = minute.get(which, 0) + 1
        assert max(minute.values()) <= 115


@virtual
async def test_S31_a_server_with_old_data_is_not_believed() -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        order = await pair.tsx.desk(account, contract).buy(1, at=Market())
        await eventually(lambda: order.status is OrderStatus.FILLED)
        stale = (
            '{"type":1,"target":"GatewayUserOrder","arguments":[{"action":1,"data":{"id":%d,'
            '"accountId":%d,"contractId":"%s","creationTimestamp":"2026-11-23T15:00:00+00:00",'
            '"status":1,"type":2,"side":0,"size":1,"fillVolume":0}}]}'
        )
        told = stale % (order.id or 0, account.id, contract.id)
        pair.faults.add(Fault(where="hub/user", what=f.Say(told)))
        await asyncio.sleep(1)
        assert order.status is OrderStatus.FILLED


@virtual
async def test_S32_a_fight_over_the_session_is_not_fought() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        log = Log(pair)
        for _ in range(2):
            await gap(pair, f.Kick())
            await asyncio.sleep(60)
        await eventually(lambda: pair.tsx.health().user_hub is LinkState.CONTESTED, timeout_s=60)
        assert [one.hub for one in log.of(HubContested)][:1] == ["user"]
        elsewhere(pair)
        await asyncio.sleep(10)
        same_as_venue(pair)  # polling goes on
        await pair.tsx.resume(released_by="the tester")
        await until_level(pair, 60)


def doubted(pair: Pair) -> bool:
    return any("not proven to hear" in problem for problem in pair.tsx.health().problems)


@pytest.mark.parametrize("stays_deaf", [True, False])
@virtual
async def test_S05_lists_that_agree_do_not_make_a_deaf_hub_one_that_hears(
    stays_deaf: bool,
) -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        await pair.tsx.ready(account)
        desk = pair.tsx.desk(account, contract)
        pair.faults.add(Fault(where="hub/user", what=f.DropEvents(), times=None))
        order = await desk.buy(1, at=Limit("29000"))
        await eventually(lambda: "hub_deaf" in causes(pair), timeout_s=6)
        if not stays_deaf:
            pair.faults.clear()
        await until_level(pair, 60)
        assert mode(pair) is Mode.ACTIVE, "else nothing could ever prove it"
        await asyncio.sleep(120)
        assert doubted(pair), "nothing happened, so nothing is proven"
        assert order.belief is not None
        age_s = pair.tsx.state.age_s(order.belief)
        assert age_s is not None
        assert age_s <= 15, "by REST, and not by a hub that may be deaf"
        await order.cancel()
        await asyncio.sleep(10)
        if stays_deaf:
            assert "hub_deaf" in causes(pair)
            assert not pair.tsx.health().ok
        else:
            assert pair.tsx.health().ok


@virtual
async def test_S05_a_new_connection_is_doubted_as_well_and_a_person_may_end_it() -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        await pair.tsx.ready(account)
        log = Log(pair)
        pair.faults.add(Fault(where="hub/user", what=f.DropEvents(), times=None))
        await pair.tsx.desk(account, contract).buy(1, at=Limit("29000"))
        await asyncio.sleep(12)
        elsewhere(pair)
        await eventually(lambda: log.of(HubReconnecting), timeout_s=30)
        pair.faults.clear()
        await until_level(pair, 60)
        await asyncio.sleep(60)
        assert doubted(pair)
        await pair.tsx.resume()
        assert pair.tsx.health().ok


@virtual
async def test_S05_a_hub_that_tells_orders_and_no_positions_stays_doubted() -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        await pair.tsx.ready(account)
        desk = pair.tsx.desk(account, contract)
        fault = Fault(where="hub/user", what=f.DropEvents("GatewayUserPosition"), times=None)
        lost = pair.faults.add(fault)
        await (await desk.buy(1, at=Market())).filled(timeout=10)
        await eventually(lambda: "hub_deaf" in causes(pair), timeout_s=10)
        await until_level(pair, 60)
        await asyncio.sleep(10)
        await (await desk.buy(1, at=Limit("29000"))).cancel()
        await asyncio.sleep(20)
        assert doubted(pair)
        pair.faults.remove(lost)
        await desk.close()
        await eventually(lambda: pair.tsx.health().ok, timeout_s=30)
