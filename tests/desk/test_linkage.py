"""Each life of a hub is a fact, and what follows from it for accounts and quotes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tests.support.trading import hub_session, mnq, practice
from topstepx.core.backoff import Backoff
from topstepx.core.link import Changed, LinkState
from topstepx.core.mode import Mode
from topstepx.desk.linkage import Linkage
from topstepx.desk.record import Record
from topstepx.desk.tasks import Tasks
from topstepx.errors import AnswerLost
from topstepx.events import LinkConnecting, LinkDown, LinkLive
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import LoopClock, virtual
from topstepx.testing.pair import Pair

if TYPE_CHECKING:
    from collections.abc import Callable


@virtual
async def test_each_life_of_a_hub_is_told_with_its_number_and_the_reason_of_its_end() -> None:
    async with Pair() as pair:
        links = pair.tsx.events(LinkConnecting, LinkLive, LinkDown)
        await pair.tsx.ready(await practice(pair))
        first = hub_session(pair, "user")
        pair.faults.add(Fault(where="hub/user", what=f.CutHub()))
        await eventually(lambda: first.closed)
        await eventually(lambda: pair.tsx.health().ok, timeout_s=30)
        told: list[Any] = [links._queue.popleft() for _ in range(len(links._queue))]
        lives = [(fact.kind, fact.hub, fact.generation) for fact in told]
        assert lives == [
            ("LinkConnecting", "user", 1),
            ("LinkLive", "user", 1),
            ("LinkDown", "user", 1),
            ("LinkConnecting", "user", 2),
            ("LinkLive", "user", 2),
        ]
        assert "reset" in told[2].reason


@virtual
async def test_the_market_hub_going_away_closes_no_account() -> None:
    async with Pair() as pair:
        account = await practice(pair)
        await pair.tsx.ready(account)
        async with pair.tsx.market.quotes(await mnq(pair)) as quotes:
            await anext(quotes)
            pair.faults.add(Fault(where="hub/market", what=f.RefuseUpgrade(503), times=None))
            first = hub_session(pair, "market")
            pair.faults.add(Fault(where="hub/market", what=f.CutHub()))
            await eventually(lambda: first.closed)
            assert pair.tsx.state.mode(account) is Mode.ACTIVE
            assert not pair.tsx.health().ok


class Recovery:
    """Stands in for the accounts: counts, and fails as often as it is told to."""

    def __init__(self) -> None:
        self.accounts: tuple[int, ...] = (1,)
        self.lost = self.back = 0
        self.failures = 0
        self.takes_s = 0.0
        self.opened: list[bool] = []

    def hub_lost(self) -> None:
        self.lost += 1

    async def hub_back(self, still_live: Callable[[], bool]) -> None:
        self.back += 1
        await asyncio.sleep(self.takes_s)
        if self.failures:
            self.failures -= 1
            raise AnswerLost("not this time")
        self.opened.append(still_live())


class Market:
    """Counts interruptions."""

    def __init__(self) -> None:
        self.interruptions = 0

    def interrupted(self) -> None:
        self.interruptions += 1


class Bench:
    """A linkage between stand-ins, on a real record."""

    def __init__(self) -> None:
        self.recovery, self.market = Recovery(), Market()
        self.tasks = Tasks(lambda name, error: None)
        parts: list[Any] = [self.recovery, self.market]
        self.record = Record(MemoryJournal(), clock=LoopClock())
        self.linkage = Linkage(
            self.record,
            *parts,
            spawn=self.tasks.spawn,
            backoff=Backoff(base_s=1.0, cap_s=8.0),
            jitter=lambda: 0.999,
        )

    def user(self, state: LinkState, generation: int) -> None:
        self.linkage.user(Changed(state, generation, "a reason"))


@virtual
async def test_failed_reads_are_repeated_further_and_further_apart_until_they_succeed() -> None:
    bench = Bench()
    await bench.record.open()
    bench.recovery.failures = 3
    bench.user(LinkState.LIVE, 1)
    await asyncio.sleep(0.5)
    assert bench.recovery.back == 1
    await asyncio.sleep(60)
    assert (bench.recovery.back, bench.recovery.opened) == (4, [True])


@virtual
async def test_a_life_that_is_over_is_not_read_for_any_more() -> None:
    bench = Bench()
    await bench.record.open()
    bench.recovery.failures = 100
    bench.user(LinkState.LIVE, 1)
    await asyncio.sleep(1)
    bench.user(LinkState.WAITING, 1)
    assert bench.recovery.lost == 1
    await asyncio.sleep(60)
    tried = bench.recovery.back
    await asyncio.sleep(600)
    assert bench.recovery.back == tried


@virtual
async def test_what_an_older_life_read_opens_nothing_in_a_newer_one() -> None:
    bench = Bench()
    await bench.record.open()
    bench.recovery.takes_s = 5
    bench.user(LinkState.LIVE, 1)
    await asyncio.sleep(1)
    bench.user(LinkState.WAITING, 1)
    bench.user(LinkState.LIVE, 2)
    await asyncio.sleep(60)
    assert bench.recovery.opened == [False, True]


@virtual
async def test_without_accounts_there_is_nothing_to_read() -> None:
    bench = Bench()
    await bench.record.open()
    bench.recovery.accounts = ()
    bench.user(LinkState.LIVE, 1)
    await asyncio.sleep(10)
    assert bench.recovery.back == 0


@virtual
async def test_the_market_hubs_quotes_are_forgotten_when_it_goes() -> None:
    bench = Bench()
    await bench.record.open()
    for state in (LinkState.CONNECTING, LinkState.LIVE, LinkState.WAITING, LinkState.CONNECTING):
        bench.linkage.market(Changed(state, 1, "x"))
    assert (bench.market.interruptions, bench.recovery.lost) == (1, 0)
