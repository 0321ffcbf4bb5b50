"""Closes that the gateway takes and holds back: one reading for all of them, and room for what else is asked."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.cards.world import CLOSE, PARTIAL, world
from topstepx import Market
from topstepx.desk.shared_looks import ALONE_MAX, SPREAD_S
from topstepx.errors import TopstepxError
from topstepx.sim import fault_kinds as f
from topstepx.testing.loop import virtual

if TYPE_CHECKING:
    from tests.cards.world import World

HELD = '{"success":false,"errorCode":6}'
WINDOW = 200


def _counted(w: World) -> list[str]:
    """The path of every request that reaches the gateway from now on."""
    paths: list[str] = []
    tell = w.pair.gateway.strikes.request

    def told(call):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  as the gateway gives it
        paths.append(call.route)
        return tell(call)

    w.pair.gateway.strikes.request = told  # type: ignore[method-assign]  # counted, then done as ever
    return paths


async def _held(w: World) -> None:
    order = await w.buy(2, at=Market())
    await order.filled(timeout=5)
    for where in (CLOSE, PARTIAL):
        w.break_(where, f.Answer(200, HELD), times=None)


async def _insist(w: World) -> None:
    while True:
        with contextlib.suppress(TopstepxError):
            await w.desk.close()
            return
        await asyncio.sleep(1)


@virtual
async def test_a_close_that_is_held_back_for_minutes_leaves_room_in_the_budget() -> None:
    async with world() as w:
        await _held(w)
        insisting = asyncio.create_task(_insist(w))
        await asyncio.sleep(60)
        asked = _counted(w)
        await asyncio.sleep(60)
        assert asked.count("Position/closeContract") > 10  # it is tried all the time
        assert len(asked) < 0.85 * WINDOW, len(asked)
        w.pair.faults.clear()
        await asyncio.wait_for(insisting, 20)
        assert w.net == 0
        assert w.desk.position.net == 0


@virtual
async def test_many_lost_closes_share_their_readings() -> None:
    async with world() as w:
        await _held(w)
        for number in range(12):
            await w.tsx._trading.exits.close(w.account.id, w.contract.id)
            assert len(w.ledger.open_intents(w.account.id)) == number + 1
        asked = _counted(w)
        await asyncio.sleep(60)
        alone = 12 * 6  # one look in ten seconds for each
        assert 60 / SPREAD_S / 3 <= asked.count("Trade/search") <= alone / 3
        w.pair.faults.clear()
        await w.desk.close()
        await asyncio.sleep(SPREAD_S + 10)
        assert not w.ledger.open_intents(w.account.id)
        assert "unresolved_intent" not in w.standing()


@virtual
async def test_few_are_looked_for_on_their_own_and_at_once() -> None:
    async with world() as w:
        await _held(w)
        shared = w.tsx._trading.resolver._shared
        for _ in range(ALONE_MAX):
            await w.tsx._trading.exits.close(w.account.id, w.contract.id)
        one = w.ledger.open_intents(w.account.id)[0]
        assert not shared.rivals(one)
        assert shared.next_ns(one, w.contract.id, w.tsx._record.now_ns()) == 0
        await w.tsx._trading.exits.close(w.account.id, w.contract.id)
        assert len(shared.rivals(one)) == ALONE_MAX + 1


@virtual
async def test_a_reading_that_began_before_a_close_left_tells_nothing_about_it() -> None:
    async with world() as w:
        await _held(w)
        for _ in range(ALONE_MAX + 1):
            await w.tsx._trading.exits.close(w.account.id, w.contract.id)
        shared, one = w.tsx._trading.resolver._shared, w.ledger.open_intents(w.account.id)[-1]
        began_ns = w.tsx._record.now_ns()
        first = await shared.read(one, w.contract.id, began_ns - 1)
        assert await shared.read(one, w.contract.id, began_ns - 1) is first
        await asyncio.sleep(1)
        later = await shared.read(one, w.contract.id, first.began_ns)
        assert later.began_ns > first.began_ns
        assert later.since <= w.pair.world.now() - timedelta(seconds=120)
