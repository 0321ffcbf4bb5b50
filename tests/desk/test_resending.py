"""Cards of sending a lost order again under its own tag: a setting, off by default."""

# ruff: noqa: N802  a card is named by its row in the catalogue, capital and all
from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import Any

import hypothesis
import msgspec
import pytest
from hypothesis import strategies as st

from tests.cards import audit
from tests.cards.world import PLACE, QUERY, World, world
from topstepx.core.mode import Mode
from topstepx.core.order_life import Stage
from topstepx.errors import OrderUnresolved, TopstepxError
from topstepx.events import AccountObserved, IntentSent, ModeCauseAdded
from topstepx.settings import Limits, Timeouts
from topstepx.sim import fault_kinds as f
from topstepx.sim.gateway import Gateway
from topstepx.sim.switches import Switches
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import run_virtual, virtual
from topstepx.testing.pair import START
from topstepx.wire import codec
from topstepx.wire.enums import OrderStatus, OrderType, Side
from topstepx.wire.models import PlaceRequest


def on(deadline_s: float = 2.0, **more: object) -> dict[str, Any]:
    timeouts = Timeouts(order_deadline_s=deadline_s)
    return {"send_lost_again": True, "timeouts": timeouts, **more}


def blind(w: World) -> None:
    """The hub says nothing and the lists are late: nobody sees the first copy in time."""
    w.break_("hub/user", f.DropEvents(), times=None)
    late(w, 1.5)


def late(w: World, seconds: float) -> None:
    faults, delay = w.pair.gateway.venue.faults, timedelta(seconds=seconds)
    faults.visibility_orders = faults.visibility_query = delay
    faults.visibility_open_orders = faults.visibility_by_id = delay


def sends(w: World) -> list[IntentSent]:
    return [fact for fact in w.facts if isinstance(fact, IntentSent)]


def executions(w: World) -> list[int]:
    return list(audit.executions(w.ledger, w.pair.truth, at_most=w.at_most).values())


@virtual
async def test_O22_it_arrived_and_the_copy_is_refused_as_a_duplicate() -> None:
    async with world(settings=on()) as w:
        blind(w)
        w.break_(PLACE, f.DropAnswer())
        order = await w.buy()
        assert [sent.attempt for sent in sends(w)] == [1, 2]
        assert [answer.outcome for answer in order.intent.answers] == ["unknown", "duplicate"]
        assert order.status is OrderStatus.OPEN
        assert executions(w) == [1]


@virtual
async def test_O22_a_refusal_of_the_copy_in_any_words_is_no_refusal() -> None:
    async with world(settings=on()) as w:
        blind(w)
        w.break_(PLACE, f.Edit("errorMessage", "value", "No."), times=None)
        w.break_(PLACE, f.DropAnswer())
        order = await w.buy()
        assert [answer.outcome for answer in order.intent.answers] == ["unknown", "duplicate"]
        assert order.status is OrderStatus.OPEN
        assert executions(w) == [1]


@virtual
async def test_O22_it_was_lost_and_the_copy_is_the_order() -> None:
    async with world(settings=on()) as w:
        w.break_(PLACE, f.Answer(503))
        order = await w.buy()
        assert order.intent.state == "accepted"
        assert [sent.again for sent in sends(w)] == [False, True]
        assert executions(w) == [1]
        assert "unresolved_intent" not in w.standing()
        await order.cancel()
        assert not w.working


@virtual
async def test_O22_the_first_copy_arrives_after_the_second() -> None:
    async with world(settings=on(30)) as w:
        w.break_(PLACE, f.Hold(20))
        order = await w.buy()
        await asyncio.sleep(60)
        assert order.status is OrderStatus.OPEN
        assert executions(w) == [1]
        assert not w.standing()


@virtual
async def test_O22_at_most_three_and_all_the_same() -> None:
    async with world(settings=on(60)) as w:
        w.break_(PLACE, f.Answer(503), times=None)
        with pytest.raises(OrderUnresolved) as caught:
            await w.buy()
        order = caught.value.order
        await asyncio.sleep(50)
        assert [sent.attempt for sent in sends(w)] == [1, 2, 3]
        await asyncio.sleep(65)
        assert str(order.stage) == str(Stage.UNKNOWN)  # the two minutes count from the last copy
        await eventually(lambda: order.stage is Stage.PRESUMED_ABSENT, timeout_s=40)
        assert len(sends(w)) == 3


@virtual
async def test_O22_no_copy_leaves_after_the_deadline() -> None:
    async with world(settings=on()) as w:
        w.break_(PLACE, f.LoseRequest())  # found out after five seconds, and it had two
        with pytest.raises(OrderUnresolved):
            await w.buy()
        await asyncio.sleep(200)
        assert len(sends(w)) == 1


@virtual
async def test_O22_the_deadline_passes_between_the_copies() -> None:
    async with world(settings=on(0.5)) as w:
        w.break_(PLACE, f.Answer(503), times=None)
        with pytest.raises(OrderUnresolved):
            await w.buy()
        assert [sent.attempt for sent in sends(w)] == [1, 2]


@virtual
async def test_O22_off_by_default() -> None:
    async with world(settings=on(30, send_lost_again=False)) as w:
        w.break_(PLACE, f.Answer(503))
        with pytest.raises(OrderUnresolved):
            await w.buy()
        await asyncio.sleep(20)
        assert len(sends(w)) == 1


@virtual
async def test_O22_what_is_wanted_cancelled_is_not_sent_again() -> None:
    async with world(settings=on(30)) as w:
        w.break_(QUERY, f.Delay(1), times=1)
        w.break_(PLACE, f.Answer(503))
        placing = asyncio.create_task(w.buy(key="mine"))
        await asyncio.sleep(0.1)
        order = w.tsx.orders.get(w.account, key="mine")
        cancelling = asyncio.create_task(order.cancel())
        ended = await asyncio.gather(placing, cancelling, return_exceptions=True)
        assert all(isinstance(one, OrderUnresolved) for one in ended)
        assert len(sends(w)) == 1


@pytest.mark.parametrize("guard", ["mode", "account", "kill"])
@virtual
async def test_O22_a_copy_passes_what_the_first_one_passed(guard: str) -> None:
    async with world(settings=on(30)) as w:
        w.break_(PLACE, f.Answer(503))
        placing = asyncio.create_task(w.buy())
        await asyncio.sleep(0.1)
        at = w.tsx._record.stamp()
        if guard == "account":
            belief = w.ledger.account(w.account.id)
            assert belief is not None
            barred = msgspec.structs.replace(belief.account, can_trade=False)
            w.tsx._record.commit(AccountObserved(at=at, account_model=barred, source="hub"))
        else:
            reason = {"mode": "hub_down", "kill": "killed"}[guard]
            w.tsx._record.commit(ModeCauseAdded(at=at, account_id=w.account.id, reason=reason))
        with pytest.raises(OrderUnresolved):
            await placing
        assert len(sends(w)) == 1


@virtual
async def test_O22_its_own_exposure_does_not_count_against_it() -> None:
    async with world(settings=on(), limits=Limits(contracts_max=2)) as w:
        w.break_(PLACE, f.Answer(503))
        order = await w.buy(2)
        assert order.status is OrderStatus.OPEN


@virtual
async def test_O22_a_limit_that_was_reached_meanwhile_stops_the_copy() -> None:
    async with world(settings=on(30), limits=Limits(contracts_max=2)) as w:
        w.break_(PLACE, f.Answer(503))
        placing = asyncio.create_task(w.buy(2))
        await asyncio.sleep(0.1)
        theirs = PlaceRequest(
            account_id=w.account.id,
            contract_id=w.contract.id,
            type=OrderType.MARKET,
            side=Side.BUY,
            size=1,
        )
        w.others("place", theirs)
        with pytest.raises(OrderUnresolved):
            await placing
        assert len(sends(w)) == 1


@virtual
async def test_O22_where_used_tags_are_not_refused_it_doubles_and_halts() -> None:
    switches = Switches(tags_unique=False)
    gateway = Gateway.build(at=START, seed=1, limited=False, switches=switches, rate=0.1)
    async with world(gateway=gateway, settings=on()) as w:
        w.at_most = 2
        w.break_("hub/user", f.DelayEvents(5), times=None)
        late(w, 5)
        w.break_(PLACE, f.DropAnswer())
        await w.buy()
        assert executions(w) == [2]  # this is what the setting risks
        await eventually(lambda: "foreign_tag" in w.standing(), timeout_s=60)
        assert w.tsx.state.mode(w.account) is Mode.HALTED


@virtual
async def test_T09_a_401_counts_as_one_of_the_three() -> None:
    async with world(settings=on(30)) as w:
        w.break_(PLACE, f.Answer(401))
        w.break_(PLACE, f.Answer(503), times=None, after=1)
        with pytest.raises(OrderUnresolved):
            await w.buy()
        assert len(sends(w)) == 3


@pytest.mark.parametrize("status", [401, 429])
@virtual
async def test_a_copy_that_did_not_act_decides_nothing_about_the_first(status: int) -> None:
    async with world(settings=on()) as w:
        blind(w)
        w.break_(PLACE, f.DropAnswer())
        w.break_(PLACE, f.Answer(status), after=1)
        order = await w.buy()
        assert order.status is OrderStatus.OPEN
        assert executions(w) == [1]


FAULTS = [
    f.Answer(503),
    f.Answer(502, when="after"),
    f.Answer(401),
    f.Answer(429),
    f.DropAnswer(),
    f.LoseRequest(),
    f.Hold(3),
    f.Hold(90),
    f.Delay(0.4),
    f.Cut(20),
]


async def _run(plan: list[f.RequestFault], *, is_blind: bool, deadline_s: float) -> None:
    async with world(settings=on(deadline_s)) as w:
        if is_blind:
            blind(w)
        for number, fault in enumerate(plan):
            w.break_(PLACE, fault, after=number)
        with contextlib.suppress(TopstepxError):
            await w.buy()
        await eventually(lambda: not w.ledger.open_intents(), timeout_s=260)
        await asyncio.sleep(1)
        (intent,) = w.ledger.intents()
        assert intent.recorded is not None
        assert 1 <= len(sends(w)) <= 3
        assert [sent.attempt for sent in sends(w)] == list(range(1, len(sends(w)) + 1))
        arrived = [one.request for one in w.pair.truth.requests if one.verb == "place"]
        assert {codec.encode(one).decode() for one in arrived} <= {intent.recorded.body}
        assert not intent.is_open


@hypothesis.given(
    plan=st.lists(st.sampled_from(FAULTS), max_size=4),
    is_blind=st.booleans(),
    deadline_s=st.sampled_from([0.5, 2.0, 12.0]),
)
@hypothesis.settings(max_examples=40, deadline=None)
def test_never_more_than_three_sends_and_all_the_same(
    plan: list[f.RequestFault], *, is_blind: bool, deadline_s: float
) -> None:
    run_virtual(_run(plan, is_blind=is_blind, deadline_s=deadline_s))


@virtual
async def test_a_crash_between_the_copies_sends_nothing_more() -> None:
    gateway = Gateway.build(at=START, seed=1, limited=False, rate=0.1)
    journal = MemoryJournal()
    async with world(gateway=gateway, journal=journal, settings=on(30)) as first:
        first.audited = False
        first.break_(PLACE, f.Answer(503), times=None)
        placing = asyncio.create_task(first.buy())
        await eventually(lambda: len(sends(first)) == 2)
        crashed = journal.crash()
        first.pair.network.up = False
        placing.cancel()
        first.pair.faults.clear()
    async with world(gateway=gateway, journal=crashed, settings=on(30)) as w:
        (intent,) = w.ledger.open_intents()
        assert (intent.attempts, intent.copies) == (2, 2)
        await eventually(lambda: not w.ledger.open_intents(), timeout_s=150)
        assert not sends(w)
        assert w.ledger.intents()[0].state == "presumed_absent"


@virtual
async def test_a_disk_that_hangs_stops_the_copy_and_not_the_looking() -> None:
    journal = MemoryJournal()
    async with world(journal=journal, settings=on()) as w:
        w.break_(PLACE, f.Hold(20))
        w.break_(PLACE, f.Answer(503))
        w.break_(QUERY, f.Delay(0.5), times=1)
        placing = asyncio.create_task(w.buy(key="mine"))
        await asyncio.sleep(0.1)
        journal.hold()
        with pytest.raises(OrderUnresolved):
            await placing
        order = w.tsx.orders.get(w.account, key="mine")
        await eventually(lambda: order.looking.rounds >= 5, timeout_s=30)
        journal.release()
        await asyncio.sleep(60)
        assert [one.outcome for one in order.intent.answers][1:] in ([], ["not_sent"])
        assert w.requests("place") <= 1
