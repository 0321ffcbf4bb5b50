"""How the hubs come back: bounded, overruled, one after the other, and how a storm of them spreads."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.support.trading import PRACTICE_ID, hub_session, mnq, practice
from topstepx.core.link_effects import LinkState
from topstepx.core.link_ends import EndKind, LinkEnd, Reaction, Reconnecting
from topstepx.core.mode import Mode
from topstepx.core.terms import Market
from topstepx.core.token import Session
from topstepx.errors import NotSent
from topstepx.events import AlarmRaised, HubClosed, HubReconnecting, LinkLive
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.testing.memory import Network
from topstepx.testing.memory_hubs import MemoryHubs
from topstepx.testing.pair import Pair

if TYPE_CHECKING:
    from topstepx.events import Event


def facts(pair: Pair, *kinds: type[Event]) -> list[Event]:
    found: list[Event] = []
    pair.tsx._record.listen(lambda fact, _: found.append(fact) if isinstance(fact, kinds) else None)
    return found


@virtual(seeds=[None, 1])
async def test_after_the_most_attempts_the_hub_stays_closed_visibly_until_it_is_resumed() -> None:
    async with Pair(reconnecting=Reconnecting(attempts_max=3)) as pair:
        account = await practice(pair)
        await pair.tsx.ready(account)
        tried, told = facts(pair, HubReconnecting), facts(pair, HubClosed, AlarmRaised)
        pair.faults.add(Fault(where="hub/user", what=f.RefuseUpgrade(503), times=None))
        pair.faults.add(Fault(where="hub/user", what=f.CutHub()))
        await asyncio.sleep(300)
        assert len(tried) == 3
        assert "gave up after 3 attempts" in next(
            one.reason for one in told if isinstance(one, HubClosed)
        )
        assert "hub_closed" in {one.name for one in told if isinstance(one, AlarmRaised)}
        health = pair.tsx.health()
        assert health.user_hub is LinkState.CLOSED
        assert any("the user hub is not connected (closed)" in line for line in health.problems)
        assert any("REST is asked every 3 s instead" in line for line in health.problems)
        assert pair.tsx.state.mode(account) is Mode.REDUCE_ONLY
        assert pair.tsx.state.positions(account, max_age_s=10) == (), "polling goes on"
        pair.faults.clear()
        await asyncio.sleep(60)
        assert pair.tsx.health().user_hub is LinkState.CLOSED
        await pair.tsx.resume(account)
        await eventually(lambda: pair.tsx.health().ok, timeout_s=30)


@virtual(seeds=[None, 1])
async def test_a_hub_that_gave_up_before_anybody_had_it_is_tried_again_after_a_resume() -> None:
    async with Pair(reconnecting=Reconnecting(attempts_max=2)) as pair:
        account, contract = await practice(pair), await mnq(pair)
        pair.faults.add(Fault(where="hub/*", what=f.RefuseUpgrade(500), times=None))
        for ask in (lambda: pair.tsx.ready(account), pair.tsx.market.quotes(contract).__anext__):
            with pytest.raises(NotSent, match="release it with resume"):
                await ask()
        pair.faults.clear()
        await asyncio.sleep(60)
        with pytest.raises(NotSent):
            await pair.tsx.ready(account)
        await pair.tsx.resume()
        assert pair.tsx.health().user_hub is LinkState.IDLE
        await pair.tsx.ready(account)
        await anext(pair.tsx.market.quotes(contract))
        await eventually(lambda: pair.tsx.health().ok, timeout_s=5)


@virtual(seeds=[None, 1, 2])
async def test_a_hub_that_was_busy_for_a_moment_is_back_within_seconds() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        tried = facts(pair, HubReconnecting)
        pair.faults.add(Fault(where="hub/user", what=f.RefuseUpgrade(503), times=2))
        pair.faults.add(Fault(where="hub/user", what=f.CutHub()))
        await eventually(lambda: len(tried) == 3, timeout_s=5)
        await eventually(lambda: pair.tsx.health().ok, timeout_s=10)


@virtual
async def test_a_judge_of_the_users_overrules_the_table_and_one_that_raises_does_not() -> None:
    def judge(end: LinkEnd) -> Reaction | None:
        if end.kind is EndKind.SOCKET:
            return Reaction.STOP
        raise ZeroDivisionError

    async with Pair(reconnecting=Reconnecting(judge=judge)) as pair:
        await pair.tsx.ready(await practice(pair))
        pair.faults.add(Fault(where="hub/user", what=f.CloseHub(allow_reconnect=True)))
        await asyncio.sleep(30)
        assert pair.tsx.health().user_hub is LinkState.LIVE
        pair.faults.add(Fault(where="hub/user", what=f.CutHub()))
        await asyncio.sleep(30)
        assert pair.tsx.health().user_hub is LinkState.CLOSED


@virtual(seeds=[None, 1, 2])
async def test_the_user_hub_goes_before_the_market_hub_and_a_dead_one_does_not_hold_it_for_ever() -> (
    None
):
    async with Pair(network=Network(latency_s=0.3)) as pair:
        account, contract = await practice(pair), await mnq(pair)
        await pair.tsx.ready(account)
        async with pair.tsx.market.quotes(contract):
            for _ in range(5):
                lives = facts(pair, LinkLive)
                pair.network.cut_all()
                await eventually(lambda: len(lives) == 2, timeout_s=60)  # noqa: B023  awaited here
                hubs = pair.tsx._transports[1]
                assert isinstance(hubs, MemoryHubs)
                assert hubs.opened[-2:] == ["user", "market"]
                await asyncio.sleep(40)
            lost = hub_session(pair, "market")
            pair.faults.add(Fault(where="hub/user", what=f.RefuseUpgrade(503), times=None))
            pair.network.cut_all()
            await eventually(lambda: lost.closed)
            await eventually(lambda: pair.tsx.health().market_hub is LinkState.LIVE, timeout_s=60)
            assert pair.tsx.health().user_hub is not LinkState.LIVE
            assert pair.tsx.state.mode(PRACTICE_ID) is Mode.REDUCE_ONLY


@virtual(seeds=[None, 1])
async def test_a_hub_that_refuses_a_token_that_rest_takes_costs_neither_polling_nor_exits() -> None:
    async with Pair() as pair:
        account, contract = await practice(pair), await mnq(pair)
        desk = pair.tsx.desk(account, contract)
        order = await desk.buy(1, at=Market())
        await order.filled(timeout=10)
        alarms = facts(pair, AlarmRaised)
        refusing = pair.faults.add(Fault(where="hub/user", what=f.RefuseUpgrade(401), times=None))
        pair.faults.add(Fault(where="hub/user", what=f.CutHub()))
        await asyncio.sleep(240)
        assert pair.tsx.health().session in {Session.GOOD, Session.SUSPECT}
        assert pair.tsx.state.positions(account, max_age_s=10), "polling goes on"
        assert "token_broken" not in {one.name for one in alarms if isinstance(one, AlarmRaised)}
        await desk.close()
        assert pair.truth.net_size(account.id, contract.id) == 0
        pair.faults.remove(refusing)
        await eventually(lambda: pair.tsx.health().ok, timeout_s=60)
