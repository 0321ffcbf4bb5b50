"""Functions of the trader's: whatever they do, nobody else is harmed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.trading import mnq, practice
from topstepx import events
from topstepx.clock import NANOSECONDS
from topstepx.core.terms import Limit, Market
from topstepx.errors import InvalidRequest
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import VirtualLoop, virtual
from topstepx.testing.pair import Pair
from topstepx.wire.enums import OrderStatus


def alarms(pair: Pair) -> list[str]:
    found: list[str] = []
    pair.tsx._record.listen(
        lambda fact, _: found.append(fact.name) if isinstance(fact, events.AlarmRaised) else None
    )
    return found


@virtual(seeds=[None, 1])
async def test_each_is_called_with_every_fact_of_its_kinds_once_and_in_order() -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        plain: list[Any] = []
        awaited: list[Any] = []

        async def slowly(fact: events.OrderObserved) -> None:
            await asyncio.sleep(0.5)
            awaited.append(fact)

        forget = pair.tsx.on(events.OrderObserved, call=plain.append)
        pair.tsx.on(events.OrderObserved, call=slowly)
        await pair.tsx.desk(account, contract).buy(1, at=Market())
        await eventually(lambda: plain and len(awaited) == len(plain), timeout_s=10)
        assert plain == awaited
        assert plain[-1].order.status is OrderStatus.FILLED
        forget()
        seen = len(plain)
        await pair.tsx.desk(account, contract).buy(2, at=Market())
        await asyncio.sleep(5)
        assert len(plain) == seen < len(awaited)


@virtual(seeds=[None, 1])
async def test_one_that_raises_hangs_or_calls_back_harms_nobody() -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        desk, told, placed = pair.tsx.desk(account, contract), alarms(pair), list[Any]()
        await pair.tsx.ready(account)

        def raises(_fact: object) -> None:
            raise ZeroDivisionError

        async def hangs(_fact: object) -> None:
            await asyncio.get_running_loop().create_future()

        async def calls_back(fact: events.TradeObserved) -> None:
            if not placed:
                placed.append(await desk.buy(1, at=Limit("29000"), key=f"after {fact.trade.id}"))
                await placed[0].cancel()

        for call in (raises, hangs, calls_back):
            pair.tsx.on(events.TradeObserved, call=call)
        pair.tsx.on(call=raises)
        order = await desk.buy(1, at=Market())
        await order.filled(timeout=5)
        await eventually(lambda: placed and placed[0].is_done, timeout_s=10)
        assert "callback_failed" in told
        assert pair.tsx.health().ok
        began_s = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began_s < 5, (
        "one that hangs does not hold up the end"
    )


@virtual
async def test_one_that_blocks_everything_is_named() -> None:
    async with Pair() as pair:
        loop, names = asyncio.get_running_loop(), list[str]()
        assert isinstance(loop, VirtualLoop)

        def computes(_fact: object) -> None:
            loop.now_ns += 3 * NANOSECONDS

        pair.tsx.on(events.HubReconnecting, call=computes)
        pair.tsx.on(events.AlarmRaised, call=lambda alarm: names.append(alarm.detail))
        at = pair.tsx._record.stamp()
        pair.tsx._record.commit(
            events.HubReconnecting(
                at=at, hub="user", generation=1, attempt=1, wait_s=1.0, reason="test"
            )
        )
        await asyncio.sleep(3)
        assert any("computes held everything up for 3.0 s" in one for one in names)


@virtual
async def test_one_that_falls_behind_loses_its_own_and_goes_on() -> None:
    async with Pair() as pair:
        record, seen = pair.tsx._record, list[str]()
        gate = asyncio.Event()

        async def waits(fact: events.GapSuspected) -> None:
            seen.append(fact.reason)
            await gate.wait()

        pair.tsx.on(events.GapSuspected, call=waits, limit=3)
        for number in range(10):
            at = record.stamp()
            record.commit(events.GapSuspected(at=at, hub="user", reason=str(number)))
            await asyncio.sleep(0.01)
        gate.set()
        await asyncio.sleep(1)
        record.commit(events.GapSuspected(at=record.stamp(), hub="user", reason="last"))
        await asyncio.sleep(1)
        assert seen == ["0", "1", "2", "3", "last"]


@virtual
async def test_one_that_fell_behind_is_told_how_many_and_its_name_stands_in_alarm_and_health() -> (
    None
):
    async with Pair() as pair:
        record, seen, named = pair.tsx._record, list[str | int](), list[str]()
        gate = asyncio.Event()

        async def sleepy(fact: events.GapSuspected) -> None:
            seen.append(fact.reason)
            await gate.wait()

        def commit(reason: object) -> None:
            fact = events.GapSuspected(at=record.stamp(), hub="user", reason=str(reason))
            record.commit(fact)

        pair.tsx.on(events.GapSuspected, call=sleepy, limit=3, lagged=seen.append)
        pair.tsx.on(events.AlarmRaised, call=lambda alarm: named.append(alarm.detail))
        for number in range(10):
            commit(number)
            await asyncio.sleep(0.01)
        assert any("callback" in one and "sleepy fell 3 facts behind" in one for one in named)
        assert any("sleepy fell 3 facts behind" in one for one in pair.tsx.health().problems)
        gate.set()
        await asyncio.sleep(0)
        await asyncio.sleep(1)
        commit("next")
        await asyncio.sleep(1)
        assert seen == ["0", "1", "2", "3", 6, "next"]
        assert pair.tsx.health().problems == ()


@virtual
async def test_one_that_hangs_for_a_minute_while_more_comes_is_told_once_and_in_health() -> None:
    async with Pair() as pair:
        record, named = pair.tsx._record, list[str]()
        await pair.tsx.ready(await practice(pair))
        gate = asyncio.Event()

        async def hangs(_fact: events.GapSuspected) -> None:
            await gate.wait()

        def commit() -> None:
            record.commit(events.GapSuspected(at=record.stamp(), hub="market", reason="test"))

        forget = pair.tsx.on(events.GapSuspected, call=hangs)
        pair.tsx.on(
            events.AlarmRaised,
            call=lambda alarm: (
                named.append(alarm.detail) if alarm.name == "callback_behind" else None
            ),
        )
        commit()
        await asyncio.sleep(59)
        commit()
        await asyncio.sleep(0.5)
        assert pair.tsx.health().ok, "a minute is a wait for a fill"
        await asyncio.sleep(1)
        problems = pair.tsx.health().problems
        assert len(problems) == 1
        assert "hangs is busy with a GapSuspected for 60 s; another one waits" in problems[0]
        for _ in range(3):
            commit()
        await asyncio.sleep(1)
        assert len(named) == 1
        assert "hangs is busy with a GapSuspected for" in named[0]
        gate.set()
        await asyncio.sleep(1)
        assert pair.tsx.health().ok
        forget()
        heard = len(record._listeners)
        await asyncio.sleep(1)
        assert len(record._listeners) == heard


@virtual
async def test_what_cannot_be_called_is_refused() -> None:
    async with Pair() as pair:
        wrong: Any = "print"
        with pytest.raises(InvalidRequest, match="is called with facts"):
            pair.tsx.on(events.TradeObserved, call=wrong)
        with pytest.raises(InvalidRequest, match="are classes"):
            pair.tsx.on(wrong, call=print)
        with pytest.raises(InvalidRequest, match="called with a number"):
            pair.tsx.on(events.TradeObserved, call=print, lagged=wrong)


@virtual
async def test_the_last_fact_arrives_and_one_that_raises_on_it_does_not_spoil_the_end() -> None:
    seen: list[str] = []

    def raises(fact: events.ClientStopped) -> None:
        seen.append(fact.kind)
        raise ZeroDivisionError

    async with Pair() as pair:
        pair.tsx.on(events.ClientStopped, call=raises)
        await asyncio.sleep(1)
    assert seen == ["ClientStopped"]
