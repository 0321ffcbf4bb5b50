"""Each life of a hub is a fact, and what follows from it for accounts and quotes."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from tests.support.trading import hub_session, mnq, practice
from topstepx.core.backoff import Backoff
from topstepx.core.link import Changed, LinkState
from topstepx.core.mode import Mode
from topstepx.desk.intake import Intake
from topstepx.desk.linkage import Linkage
from topstepx.desk.lookout import Seen
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
        self.lost = self.looks = 0
        self.failures = 0
        self.takes_s = 0.0
        self.seen = Seen(0, ())
        self.begun: list[int] = []
        self.opened: list[int] = []

    def pause_s(self, _calls: int, least_s: float) -> float:
        return least_s

    def server_told(self) -> None:
        """No gateway, no clock of it."""

    def hub_lost(self, *, given_up: bool = False) -> None:
        self.lost += 1
        self.given_up = given_up

    def recovering(self, account_id: int) -> None:
        self.begun.append(account_id)

    def level(self, account_id: int) -> None:
        self.opened.append(account_id)

    def deaf(self, *, present: bool, detail: str = "") -> None:
        assert present in {True, False}
        assert isinstance(detail, str)

    async def snapshot(self, _account_id: int, **_how: object) -> Seen:
        self.looks += 1
        await asyncio.sleep(self.takes_s)
        if self.failures:
            self.failures -= 1
            raise AnswerLost("not this time")
        return self.seen


class Market:
    """Counts interruptions."""

    def __init__(self) -> None:
        self.interruptions = self.gaps = self.heard_ns = 0

    def interrupted(self) -> None:
        self.interruptions += 1

    def gapped(self, *_when: object) -> None:
        self.gaps += 1

    def resumed(self, *_when: object) -> None:
        self.gaps += 0


class Hub:
    """Stands in for the user hub's link: notes which lives were called level."""

    def __init__(self) -> None:
        self.levelled: list[int] = []
        self.link = SimpleNamespace(heard_ns=0)

    def recovered(self, generation: int) -> None:
        self.levelled.append(generation)


class Bench:
    """A linkage between stand-ins, on a real record."""

    def __init__(self) -> None:
        self.recovery, self.market, self.hub = Recovery(), Market(), Hub()
        self.tasks = Tasks(lambda name, error: None)
        self.record = Record(MemoryJournal(), clock=LoopClock())
        intake: Any = Intake(self.record, self.market)  # type: ignore[arg-type]  # a stand-in
        parts: list[Any] = [self.recovery, self.market, intake, self.hub]
        self.told: list[str] = []
        self.record.listen(lambda event, _changes: self.told.append(event.kind))
        self.linkage = Linkage(
            self.record,
            *parts,
            read_accounts=self.balances,
            spawn=self.tasks.spawn,
            backoff=Backoff(base_s=1.0, cap_s=8.0),
            jitter=lambda: 0.999,
        )

    async def balances(self, _source: object) -> None:
        """Nothing to read."""

    def user(self, state: LinkState, generation: int) -> None:
        self.linkage.user(Changed(state, generation, "a reason"))


@virtual
async def test_failed_reads_are_repeated_further_and_further_apart_until_two_looks_agree() -> None:
    bench = Bench()
    await bench.record.open()
    bench.recovery.failures = 3
    bench.user(LinkState.RECOVERING, 1)
    await asyncio.sleep(0.5)
    assert bench.recovery.looks == 1
    await asyncio.sleep(60)
    assert (bench.recovery.looks, bench.recovery.opened) == (5, [1])
    assert bench.hub.levelled == [1]
    await bench.tasks.stop()


@virtual
async def test_a_look_that_shows_what_the_hub_should_have_told_does_not_agree() -> None:
    bench = Bench()
    await bench.record.open()
    bench.recovery.seen = Seen(1, ("trade 7",))
    bench.user(LinkState.RECOVERING, 1)
    await asyncio.sleep(20)
    assert bench.recovery.opened == []
    bench.recovery.seen = Seen(0, ())
    await asyncio.sleep(2)
    assert bench.recovery.opened == [1]
    await bench.tasks.stop()


@virtual
async def test_a_life_that_is_over_is_not_read_for_any_more_but_polled() -> None:
    bench = Bench()
    await bench.record.open()
    bench.recovery.failures = 1000
    bench.user(LinkState.RECOVERING, 1)
    await asyncio.sleep(1)
    bench.user(LinkState.WAITING, 1)
    assert bench.recovery.lost == 1
    polling = [bench.linkage.poller.is_on, bench.linkage.poller.is_paused]
    await asyncio.sleep(60)
    assert bench.hub.levelled == []
    bench.user(LinkState.LIVE, 2)
    polling.append(bench.linkage.poller.is_on)
    assert polling == [True, False, False]
    await bench.tasks.stop()


@virtual
async def test_what_an_older_life_read_opens_nothing_in_a_newer_one() -> None:
    bench = Bench()
    await bench.record.open()
    bench.recovery.takes_s = 5
    bench.user(LinkState.RECOVERING, 1)
    await asyncio.sleep(1)
    bench.user(LinkState.WAITING, 1)
    bench.user(LinkState.RECOVERING, 2)
    await asyncio.sleep(60)
    assert bench.recovery.opened == [1]
    assert bench.hub.levelled == [2]
    await bench.tasks.stop()


@virtual
async def test_without_accounts_there_is_nothing_to_read() -> None:
    bench = Bench()
    await bench.record.open()
    bench.recovery.accounts = ()
    bench.user(LinkState.RECOVERING, 1)
    assert bench.hub.levelled == [1]
    await asyncio.sleep(10)
    assert bench.recovery.looks == 0


@virtual
async def test_an_outage_is_told_once_each_attempt_and_each_power_of_two_loudly() -> None:
    bench = Bench()
    await bench.record.open()
    for attempt in range(1, 9):
        bench.linkage.market(Changed(LinkState.CONNECTING, attempt))
        change = Changed(LinkState.WAITING, attempt, "refused", None, attempt, 0.5)
        bench.linkage.market(change)
    assert bench.told.count("HubDegraded") == 1
    assert bench.told.count("HubReconnecting") == 8
    assert bench.told.count("AlarmRaised") == 3
    bench.linkage.market(Changed(LinkState.LIVE, 9))
    assert bench.told.count("HubReconnected") == 1
    bench.linkage.market(Changed(LinkState.CLOSED, 9, "gave up after 8 attempts: refused"))
    assert bench.told[-3:] == ["HubDegraded", "HubClosed", "AlarmRaised"]


@virtual
async def test_the_market_hubs_quotes_are_forgotten_when_it_goes() -> None:
    bench = Bench()
    await bench.record.open()
    for state in (LinkState.CONNECTING, LinkState.LIVE, LinkState.WAITING, LinkState.CONNECTING):
        bench.linkage.market(Changed(state, 1, "x"))
    assert (bench.market.interruptions, bench.recovery.lost) == (1, 0)


@virtual
async def test_seed_720216_a_look_for_a_move_that_ends_after_the_line_was_lost_levels_nothing() -> (
    None
):
    bench = Bench()
    await bench.record.open()
    bench.user(LinkState.LIVE, 1)
    bench.recovery.takes_s = 20
    bench.user(LinkState.RECOVERING, 2)  # the line to move to hears
    await asyncio.sleep(1)
    bench.user(LinkState.WAITING, 1)  # and takes the place of the lost one
    bench.user(LinkState.RECOVERING, 2)
    await asyncio.sleep(25)
    assert (bench.hub.levelled, bench.recovery.opened) == ([], [])
    await asyncio.sleep(60)
    assert (bench.hub.levelled, bench.recovery.opened) == ([2], [1])
    await bench.tasks.stop()
