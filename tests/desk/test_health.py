"""Green only when all is well: each trouble is named, and the name goes when the trouble does."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.cards.test_hubs import elsewhere
from tests.support.trading import PRACTICE_ID, hub_session, mnq, practice
from topstepx.core.breaker import State
from topstepx.core.mode import Mode
from topstepx.core.terms import Limit
from topstepx.errors import OrderUnresolved, TopstepxError
from topstepx.events import AlarmRaised, ModeCauseAdded
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair


def problem(pair: Pair, words: str) -> bool:
    """Whether one of the problems says this; then the light is red."""
    health = pair.tsx.health()
    found = any(words in one for one in health.problems)
    assert not (found and health.ok)
    return found


@virtual
async def test_all_is_well() -> None:
    async with Pair() as pair:
        assert pair.tsx.health().ok
        await pair.tsx.ready(await practice(pair))
        async with pair.tsx.market.quotes(await mnq(pair)) as quotes:
            await anext(quotes)
            health = pair.tsx.health()
        assert health.ok
        assert health.problems == ()
        assert health.modes == {PRACTICE_ID: Mode.ACTIVE}
        assert str(health).startswith("All is well.")
        assert "general requests:" in str(health)


@pytest.mark.parametrize("hub", ["user", "market"])
def test_a_hub_that_is_away_or_on_its_way_back_is_a_problem(hub: str) -> None:
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            await pair.tsx.ready(await practice(pair))
            async with pair.tsx.market.quotes(await mnq(pair)) as quotes:
                await anext(quotes)
                assert pair.tsx.health().ok
                pair.network.latency_s = 0.3
                first = hub_session(pair, hub)
                pair.faults.add(Fault(where=f"hub/{hub}", what=f.CutHub()))
                await eventually(lambda: first.closed)
                await asyncio.sleep(0.4)
                red_s = 0.0
                while problem(pair, f"the {hub} hub is not connected"):
                    await asyncio.sleep(0.05)
                    red_s += 0.05
                assert red_s > 0.5, "also while it connects, shakes hands and subscribes"
            await eventually(lambda: pair.tsx.health().ok)

    run()


@virtual
async def test_an_outage_is_said_once_with_why_and_when_it_is_tried_again() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        deaf = pair.faults.add(Fault(where="hub/user", what=f.DropEvents(), times=None))
        elsewhere(pair)
        await eventually(lambda: problem(pair, "is connected but says nothing"), timeout_s=60)
        pair.faults.remove(deaf)
        down = pair.faults.add(Fault(where="hub/user", what=f.HubDown(), times=None))
        await asyncio.sleep(60)
        lines = pair.tsx.health().problems
        about = [line for line in lines if "user hub" in line]
        assert len(about) == 3, about
        assert re.fullmatch(
            r"the user hub is not connected \(waiting; it is tried again in \d+ s\)", about[0]
        )
        assert about[1].startswith("user hub: failing (")
        assert about[2].startswith("REST is asked every 3 s instead of the user hub (")
        assert "503" in about[1], "why it is still away, and not what ended it first"
        assert "503" in about[2]
        assert not problem(pair, "is connected but says nothing")
        assert not problem(pair, "tried again in 0.0 s")
        pair.faults.remove(down)
        again = "the user hub is connected again, and what was missed is being looked up"
        await eventually(lambda: problem(pair, again), timeout_s=60, every_s=0.02)
        assert not problem(pair, "not connected")


@virtual
async def test_an_account_that_could_not_be_read_is_a_problem() -> None:
    async with Pair() as pair:
        account = await practice(pair)
        planned = pair.faults.add(Fault(where="Order/search", what=f.Answer(500), times=None))
        with pytest.raises(TopstepxError):
            await pair.tsx.ready(account)
        assert problem(pair, f"account {PRACTICE_ID}: SYNCING")
        pair.faults.remove(planned)
        await asyncio.sleep(60)
        await pair.tsx.ready(account)
        assert pair.tsx.health().ok


@virtual
async def test_a_token_that_is_refused_is_a_problem() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        pair.gateway.tokens.revoke_all()
        pair.faults.add(Fault(where="Auth/*", what=f.Delay(3)))
        reading = asyncio.create_task(pair.tsx.accounts.all())
        await asyncio.sleep(1)
        assert problem(pair, "session: ")
        assert await reading
        assert pair.tsx.health().ok


@virtual
async def test_a_part_of_the_gateway_that_keeps_failing_is_a_problem() -> None:
    async with Pair() as pair:
        contract = await mnq(pair)
        for where in ("History/*", "Status/ping"):
            pair.faults.add(Fault(where=where, what=f.Answer(500), times=None))
        for _ in range(2):
            with pytest.raises(TopstepxError):
                await pair.tsx.market.bars(contract, "5m", last=1)
        assert problem(pair, "history: failing")
        assert [one.state for one in pair.tsx.health().breakers].count(State.CLOSED) == 6
        pair.faults.clear()
        await eventually(lambda: pair.tsx.health().ok, timeout_s=60)


@virtual
async def test_an_order_nobody_knows_the_fate_of_is_a_problem() -> None:
    async with Pair() as pair:
        desk = pair.tsx.desk(await practice(pair), await mnq(pair))
        await pair.tsx.ready(desk.account)
        pair.faults.add(Fault(where="Order/place", what=f.DropAnswer()))
        pair.faults.add(Fault(where="hub/user", what=f.DropEvents(), times=None))
        for where in ("Order/v2/query", "Order/search", "Order/searchOpen"):
            pair.faults.add(Fault(where=where, what=f.DropAnswer(), times=None))
        with pytest.raises(OrderUnresolved) as caught:
            await desk.buy(1, at=Limit("29000"))
        assert problem(pair, "what became of one request")
        assert pair.tsx.health().unresolved == 1
        pair.faults.clear()
        await eventually(lambda: not problem(pair, "what became of"), timeout_s=300)
        await asyncio.sleep(20)
        assert problem(pair, "not proven to hear")  # it was deaf, and nothing happened since
        await caught.value.order.cancel()
        await eventually(lambda: pair.tsx.health().ok, timeout_s=60)


@virtual
async def test_what_restricts_every_account_is_a_problem_before_any_is_used() -> None:
    async with Pair() as pair:
        pair.journal.fail("the disk is full")  # type: ignore[attr-defined]  # the twin in memory
        pair.tsx._record.commit(
            AlarmRaised(at=pair.tsx._record.stamp(), name="test", detail="something to write")
        )
        await eventually(lambda: problem(pair, "the journal cannot be written"))
        pair.journal.recover()  # type: ignore[attr-defined]  # the twin in memory
        await eventually(lambda: pair.tsx.health().ok, timeout_s=60)


@virtual
async def test_a_part_of_ours_that_died_is_a_problem_until_a_person_says_otherwise() -> None:
    async with Pair() as pair:
        account = await practice(pair)
        await pair.tsx.ready(account)
        alarms = pair.tsx.events(AlarmRaised, ModeCauseAdded)

        async def dies() -> None:
            raise ZeroDivisionError

        pair.tsx._tasks.spawn(dies(), "the user hub")
        await asyncio.sleep(1)
        assert problem(pair, "'the user hub' died of ZeroDivisionError")
        assert pair.tsx.state.mode(account) is Mode.HALTED
        assert {fact.kind for fact in alarms._queue} == {"AlarmRaised", "ModeCauseAdded"}
        await pair.tsx.resume()
        assert pair.tsx.health().ok


@virtual
async def test_unreadable_payloads_are_counted() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        pair.faults.add(Fault(where="hub/user", what=f.Say("not JSON")))
        await asyncio.sleep(1)
        assert pair.tsx.health().malformed == 1
