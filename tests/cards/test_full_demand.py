"""Recovery does not wait behind its user: the picture is level in time although every read is used up."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.cards.test_hubs import Log, elsewhere, same_as_venue
from tests.support.trading import PRACTICE_ID, practice
from topstepx.core.mode import Mode
from topstepx.errors import RateLimited
from topstepx.events import TradeObserved
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair
from topstepx.wire.enums import Side

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from topstepx.desk.accounts import Account

READERS = 12


async def reading(ask: Callable[[], Awaitable[object]], pause_s: float, asked: list[float]) -> None:
    """Ask again as soon as it is answered."""
    loop = asyncio.get_running_loop()
    while True:
        with suppress(RateLimited):
            await ask()
            asked.append(loop.time())
        await asyncio.sleep(pause_s)


def greedy(
    pair: Pair, account: Account, pause_s: float, asked: list[float]
) -> list[asyncio.Task[None]]:
    """A user who reads everything there is, as fast as he is let."""
    tsx = pair.tsx
    asks: tuple[Callable[[], Awaitable[object]], ...] = (
        tsx.accounts.all,
        lambda: tsx.positions.open(account),
        lambda: tsx.orders.open(account),
        lambda: tsx.trades.search(account, start=pair.world.now()),
    )
    return [
        asyncio.create_task(reading(asks[number % len(asks)], pause_s, asked))
        for number in range(READERS)
    ]


async def outage(pair: Pair, seconds: float) -> float:
    """The hub goes away while others trade; how long the worst of it was not known here."""

    def level() -> None:
        same_as_venue(pair)

    loop, worst_s = asyncio.get_running_loop(), 0.0
    down = pair.faults.add(Fault(where="hub/user", what=f.RefuseUpgrade(503), times=None))
    pair.faults.add(Fault(where="hub/user", what=f.CutHub()))
    until_s = loop.time() + seconds
    while loop.time() < until_s:
        await asyncio.sleep(4)
        elsewhere(pair, Side.SELL)
        elsewhere(pair, Side.BUY)
        began_s = loop.time()
        await eventually(level, timeout_s=90, every_s=0.5)
        worst_s = max(worst_s, loop.time() - began_s)
    elsewhere(pair, Side.SELL)
    elsewhere(pair, Side.BUY)
    pair.faults.remove(down)
    return worst_s


@pytest.mark.parametrize(
    ("accounts", "pause_s"),
    [(1, 0.0), pytest.param(3, 5.0, marks=pytest.mark.soak)],
    ids=["one account, in bursts", "three accounts, steadily"],
)
def test_level_within_ten_seconds_of_the_last_fault_while_a_user_reads_all_he_can(
    accounts: int, pause_s: float
) -> None:
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            account = await practice(pair)
            await pair.tsx.ready(account)
            for other in (await pair.tsx.accounts.all())[: accounts - 1]:
                await pair.tsx.ready(other)
            log, asked, loop = Log(pair), list[float](), asyncio.get_running_loop()
            elsewhere(pair, Side.BUY)  # exposed: compared every five seconds, which takes room too
            readers = greedy(pair, account, pause_s, asked)
            await asyncio.sleep(70)
            for seconds in (3.0, 45.0):
                assert await outage(pair, seconds) < 20, "polled meanwhile"
                began_s = loop.time()
                await pair.tsx.resume()
                await eventually(lambda: pair.tsx.state.mode(account) is Mode.ACTIVE, timeout_s=20)
                same_as_venue(pair)
                assert loop.time() - began_s < 10
                await asyncio.sleep(61)
            for task in readers:
                task.cancel()
            assert len(asked) / loop.time() * 60 > 18, "and the user is not starved"
            trades = [fact.trade.id for fact in log.of(TradeObserved)]
            assert len(trades) == len(set(trades)) == len(pair.truth.trades(PRACTICE_ID))

    run()
