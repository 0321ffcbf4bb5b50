"""Moving to a new token: without a gap where the venue allows two sessions, under polling where not."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import pytest

from tests.cards.test_hubs import Log, elsewhere, once_each, until_level
from tests.support.trading import PRACTICE_ID, hub_session, practice
from topstepx.core.link import LinkState
from topstepx.core.mode import Mode
from topstepx.desk.market import TapeGap
from topstepx.events import HubDegraded, HubReconnected, LinkLive, ModeChanged, PollingStarted
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair
from topstepx.wire.enums import Side

if TYPE_CHECKING:
    from topstepx.desk.streams import MarketStream
    from topstepx.sim.hub_session import HubSession
    from topstepx.wire.hub_models import Depth, TapeTrade

T = TypeVar("T")


def new_token(pair: Pair) -> None:
    """Have the token renewed now."""
    pair.tsx._keeper.doubted("the test wants a new one")


def sessions(pair: Pair) -> list[HubSession]:
    return list(pair.gateway.hubs.of("user"))


@virtual(seeds=[None, 1, 2])
async def test_make_before_break_never_restricts_an_account() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        first = hub_session(pair, "user")
        facts = pair.tsx.events(HubDegraded, ModeChanged, PollingStarted, LinkLive)
        pair.network.latency_s = 0.05
        new_token(pair)
        await eventually(lambda: len(sessions(pair)) == 2)
        await eventually(lambda: first.closed)
        await asyncio.sleep(1)
        second = hub_session(pair, "user")
        assert second.token != first.token
        told = [facts._queue.popleft() for _ in range(len(facts._queue))]
        assert [type(one) for one in told] == [LinkLive]
        assert pair.tsx.state.mode(PRACTICE_ID) is Mode.ACTIVE
        assert pair.tsx.health().user_hub is LinkState.LIVE
        assert second.subscriptions == {
            ("GatewayUserAccount", ""),
            ("GatewayUserOrder", str(PRACTICE_ID)),
            ("GatewayUserPosition", str(PRACTICE_ID)),
            ("GatewayUserTrade", str(PRACTICE_ID)),
        }


@virtual
async def test_a_second_line_that_fails_leaves_the_first_alone_and_is_tried_again() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        first = hub_session(pair, "user")
        pair.faults.add(Fault(where="hub/user", what=f.RefuseUpgrade(503)))
        new_token(pair)
        await asyncio.sleep(10)
        assert not first.closed
        assert pair.tsx.state.mode(PRACTICE_ID) is Mode.ACTIVE
        await eventually(lambda: first.closed, timeout_s=30)
        assert pair.tsx.state.mode(PRACTICE_ID) is Mode.ACTIVE


@virtual
async def test_a_venue_with_one_session_is_noticed_and_the_next_move_breaks_first() -> None:
    async with Pair() as pair:
        await pair.tsx.ready(await practice(pair))
        pair.network.latency_s = 0.05
        first = hub_session(pair, "user")
        new_token(pair)
        await eventually(lambda: len(sessions(pair)) == 2)
        pair.gateway.hubs.kick(first, pair.world.now())
        await eventually(lambda: pair.tsx._user_hub.one_session)
        await eventually(
            lambda: (
                pair.tsx.health().user_hub is LinkState.LIVE
                and pair.tsx.state.mode(PRACTICE_ID) is Mode.ACTIVE
            ),
            timeout_s=30,
        )
        assert not pair.tsx._keeper.machine.contested, "our own doing is no fight"
        facts = pair.tsx.events(PollingStarted)
        new_token(pair)
        await asyncio.sleep(10)
        assert len(sessions(pair)) == 1
        assert len(facts._queue) == 1, "polling filled the gap"
        assert pair.tsx.state.mode(PRACTICE_ID) is Mode.ACTIVE


@pytest.mark.parametrize("kills", ["rotation_kills", "login_kills"])
def test_a_venue_that_ends_the_old_token_at_once_costs_a_gap_and_no_fight(kills: str) -> None:
    @virtual(seeds=[None, 1, 2])
    async def run() -> None:
        async with Pair() as pair:
            await pair.tsx.ready(await practice(pair))
            log = Log(pair)
            policy = pair.gateway.tokens.policy
            pair.gateway.tokens.policy = replace(
                policy,
                rotation_kills=kills == "rotation_kills",
                login_kills=kills == "login_kills",
            )
            pair.network.latency_s = 0.05
            for _ in range(3):
                if kills == "login_kills":
                    pair.gateway.tokens.revoke_user(pair.gateway.user_name)
                new_token(pair)
                await asyncio.sleep(1)
                elsewhere(pair, Side.BUY)
                await asyncio.sleep(60)
                assert len(sessions(pair)) == 1
                assert pair.tsx.state.mode(PRACTICE_ID) is Mode.ACTIVE
            assert not pair.tsx._keeper.machine.contested
            assert len(log.of(HubDegraded)) == len(log.of(HubReconnected))
            await until_level(pair)
            once_each(log)

    run()


class Readers:
    """What readers of depth, quotes and tape of some contracts are told."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self.books: list[Depth] = []
        self.tape: list[TapeTrade | TapeGap] = []

    async def begin(self, *names: str) -> None:
        market = self._pair.tsx.market
        contracts = [await self._pair.tsx.contracts.front(name) for name in names]
        self._read(market.depth(*contracts), self.books)
        self._read(market.tape(*contracts), self.tape)
        await asyncio.sleep(5)

    def _read(self, stream: MarketStream[T], into: list[T]) -> None:
        async def read() -> None:
            async for batch in stream.batches():
                into.extend(batch)

        self._pair.tsx._tasks.spawn(read(), "a reader")

    @property
    def gaps(self) -> list[TapeGap]:
        return [one for one in self.tape if isinstance(one, TapeGap)]


@virtual(seeds=[None, 1, 2])
async def test_the_market_hub_moves_without_a_seam() -> None:
    async with Pair() as pair:
        pair.network.latency_s = 0.05
        await pair.tsx.ready(await practice(pair))
        readers = Readers(pair)
        await readers.begin("MNQ", "MES", "MGC")
        first = hub_session(pair, "market")
        before = len(readers.books)
        new_token(pair)
        await eventually(lambda: first.closed)
        await asyncio.sleep(0.1)
        told = {message.contract_id: message.is_valid for message in readers.books[before:]}
        assert len(told) == 3
        assert set(told.values()) == {True}, "whole at the switch, not at some later Reset"
        await asyncio.sleep(30)
        assert all(message.is_valid for message in readers.books[-50:])
        assert not readers.gaps


@virtual
async def test_books_are_whole_at_once_where_the_first_line_ends_while_the_second_comes() -> None:
    async with Pair() as pair:
        pair.network.latency_s = 0.05
        await pair.tsx.ready(await practice(pair))
        readers = Readers(pair)
        await readers.begin("MNQ", "MES")
        first = hub_session(pair, "market")
        pair.faults.add(
            Fault(where="hub/market", what=f.IgnoreInvocation("SubscribeContractTrades"), after=1)
        )
        new_token(pair)
        await eventually(lambda: len(list(pair.gateway.hubs.of("market"))) == 2)
        await asyncio.sleep(1)
        pair.gateway.hubs.kick(first, pair.world.now())
        await asyncio.sleep(60)
        last = {message.contract_id: message.is_valid for message in readers.books}
        assert set(last.values()) == {True}
        assert readers.gaps
