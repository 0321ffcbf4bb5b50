"""Lives: steps, contradictions and other people's edits, each told once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from tests.cards.world import World, world
from tests.support.facts import ACCOUNT, intent, order
from topstepx import Market
from topstepx.core.order_life import LEGAL, REACHABLE, Stage
from topstepx.desk.lives import Lives
from topstepx.desk.record import Record
from topstepx.events import (
    FactsLeftOut,
    IntentAnswered,
    IntentSent,
    OrderAnomaly,
    OrderEdited,
    OrderMoved,
    OrderObserved,
)
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import LoopClock, virtual
from topstepx.wire.enums import OrderStatus
from topstepx.wire.models import ModifyRequest, OrderModel

if TYPE_CHECKING:
    from topstepx.events import Event


def moves(w: World, order_id: int) -> list[tuple[str, str, int]]:
    return [
        (fact.before, fact.after, fact.filled)
        for fact in w.facts
        if isinstance(fact, OrderMoved) and fact.order_id == order_id
    ]


@virtual
async def test_each_fill_is_a_step_with_what_is_left() -> None:
    async with world() as w:
        order = await w.buy(5)
        for size in (1, 3, 1):
            w.fill(order.id, size, order.limit_price)
            await eventually(lambda: True)
        await order.filled(timeout=5)
        steps = [fact for fact in w.facts if isinstance(fact, OrderMoved) and fact.filled]
        assert [(fact.after, fact.filled, fact.remaining) for fact in steps] == [
            ("PARTIAL", 1, 4),
            ("PARTIAL", 4, 1),
            ("FILLED", 5, 0),
        ]


@virtual
async def test_every_step_told_is_legal_and_they_join() -> None:
    async with world() as w:
        order = await w.buy(at=Market())
        await order.filled(timeout=5)
        told = [fact for fact in order.log if isinstance(fact, OrderMoved)]
        for fact in told:
            if fact.before:
                assert Stage[fact.after] in REACHABLE[Stage[fact.before]]
        assert told[0].before == ""
        assert not LEGAL[Stage[told[-1].after]]
        assert [one.before for one in told[1:]] == [one.after for one in told[:-1]]


def observed(w: World, model: OrderModel) -> None:
    record = w.tsx._record
    record.commit(OrderObserved(at=record.stamp(), order=model, source="hub"))


@virtual
async def test_repeated_and_stale_reports_tell_nothing() -> None:
    async with world() as w:
        order = await w.buy()
        model = order.belief.order
        before = len(w.facts)
        observed(w, model)
        observed(w, msgspec.structs.replace(model, status=OrderStatus.PENDING))
        assert len(w.facts) == before


@virtual
async def test_contradictions_are_anomalies() -> None:
    async with world() as w:
        order = await w.buy()
        w.fill(order.id, 2, order.limit_price)
        await order.filled(timeout=5)
        observed(w, msgspec.structs.replace(order.belief.order, status=OrderStatus.CANCELLED))
        told = [fact.what for fact in w.facts if isinstance(fact, OrderAnomaly)]
        assert told == ["two endings"]
        assert order.status is OrderStatus.FILLED


@virtual
async def test_edits_of_others_are_told_and_ours_are_not() -> None:
    async with world() as w:
        order = await w.buy()
        mine = w.contract.floor(w.market() - 210)
        theirs = w.contract.floor(w.market() - 220)
        await order.modify(limit=mine)
        request = ModifyRequest(account_id=w.account.id, order_id=order.id, limit_price=theirs)
        w.others("modify", request)
        await eventually(lambda: order.limit_price == theirs)
        (edit,) = [fact for fact in w.facts if isinstance(fact, OrderEdited)]
        assert edit.changes == (f"limit_price: {mine} -> {theirs}",)


@virtual
async def test_logs_are_bounded() -> None:
    async with world() as w:
        first = await w.buy(1)
        lives = w.tsx.orders.lives
        for number in range(6000):
            lives._note(number, w.facts[0])
        assert len(lives._logs) == 5000
        assert first.log == ()


@virtual
async def test_an_order_that_is_changed_without_end_has_a_log_that_ends() -> None:
    async with world() as w:
        still, moved = await w.buy(1), await w.buy(1, at=w.far_below(300))
        before, noted = moved.log, moved.facts_noted
        changes = [
            intent(
                f"C{one}", 7200 + one, action="modify", order_id=moved.id, account_id=w.account.id
            )
            for one in range(6000)
        ]
        for change in changes:
            w.tsx._record.commit(change)
        assert moved.facts_noted == noted + 6000
        assert len(moved.log) == 1001 + len(before) - noted, (
            "what is known by its intent stands beside"
        )
        (gap,) = [fact for fact in moved.log if isinstance(fact, FactsLeftOut)]
        assert gap.left_out == moved.facts_noted - 1000
        assert moved.log[: len(before)] == before
        assert moved.log[-1] == changes[-1]
        assert len(still.log) > 3, "its log was not pushed out by the changes"


@virtual
async def test_steps_before_an_order_was_shown_wait_for_no_longer_than_anything_needs_them() -> (
    None
):
    record = Record(MemoryJournal(), clock=LoopClock())
    await record.open()
    lives = Lives(record)
    told: list[Event] = []
    record.listen(lambda event, _: told.append(event), OrderMoved)

    def steps() -> list[tuple[str, str]]:
        return [(fact.before, fact.after) for fact in told if isinstance(fact, OrderMoved)]

    wanted = intent("01ONE", tag="T1AAAAAAAA01ONE")
    await record.commit_durable(wanted)
    record.commit(IntentSent(at=record.stamp(), intent_id="01ONE", account_id=ACCOUNT))
    await asyncio.sleep(0)
    assert steps() == []  # who was woken by the fact itself goes first
    await asyncio.sleep(0)
    assert steps() == [("", "RECORDED"), ("RECORDED", "SENT")]
    answer = IntentAnswered(
        at=record.stamp(), intent_id="01ONE", account_id=ACCOUNT, outcome="accepted", order_id=3
    )
    record.commit(answer)
    assert steps()[2:] == []
    kinds = [type(event) for event in lives.log(None, "01ONE")]  # the story so far has them all
    assert (kinds.count(IntentSent), kinds.count(OrderMoved)) == (1, 3)
    assert steps()[2:] == [("SENT", "ACCEPTED")]

    await record.commit_durable(intent("01TWO", tag="T1AAAAAAAA01TWO"))
    seen = order(7, custom_tag="T1AAAAAAAA01TWO")
    record.commit(OrderObserved(at=record.stamp(), order=seen, source="hub"))
    assert steps()[3:] == [("", "RECORDED"), ("RECORDED", "OPEN")]
    await record.close()
