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
async def test_what_cannot_be_called_is_refused() -> None:
    async with Pair() as pair:
        wrong: Any = "print"
        with pytest.raises(InvalidRequest, match="is called with facts"):
            pair.tsx.on(events.TradeObserved, call=wrong)
        with pytest.raises(InvalidRequest, match="are classes"):
            pair.tsx.on(wrong, call=print)


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
