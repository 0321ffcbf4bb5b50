"""The right to trade: one process per account, fenced by anybody, asked before every entry, never by exits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.runs import LIVE, Runs
from tests.support.trading import PRACTICE, PRACTICE_ID
from topstepx.core.mode import Mode
from topstepx.core.terms import Limit, Market
from topstepx.errors import ModeRefused, TradingDisabled
from topstepx.events import ExitVerified, IntentRecorded, IntentSent, ModeCauseCleared
from topstepx.store.journal_memory import MemoryJournal
from topstepx.store.kill_switch import KillSwitch, KillView, Pulled, Scope, SwitchKind
from topstepx.store.lease import Leases
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual

if TYPE_CHECKING:
    from pathlib import Path

    from topstepx.client import Client
    from topstepx.desk.desk import Desk
    from topstepx.store.rows import Row

FAR = Limit("29000.00")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "leases"


async def _desk(tsx: Client) -> Desk:
    account = await tsx.accounts.one(PRACTICE)
    await tsx.ready(account)
    return tsx.desk(account, await tsx.contracts.front("MNQ"))


# ---- live trading is opt-in


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        ({}, "only reads"),
        ({"max_contracts": 2}, "only reads"),
        ({"trade": True}, "needs a bound"),
    ],
)
@virtual
async def test_real_orders_need_leave_and_a_bound(
    settings: dict[str, object], missing: str
) -> None:
    async with Runs() as runs, runs.client(environment=LIVE, **settings) as tsx:  # type: ignore[arg-type]  # drawn above
        desk = await _desk(tsx)
        with pytest.raises(TradingDisabled, match=missing) as refused:
            await desk.buy(1, at=FAR)
        assert 'connect("topstepx", trade=True, max_contracts=N)' in str(refused.value)
        with pytest.raises(TradingDisabled):
            await desk.close()
        with pytest.raises(TradingDisabled):
            await tsx.flatten(desk.account)
        assert runs.truth.requests == [], "nothing that changes anything arrived"


@virtual
async def test_with_both_a_real_order_goes_its_whole_way(folder: Path) -> None:
    async with Runs() as runs:
        journal = MemoryJournal()
        leases = Leases(folder, "bot")
        async with runs.client(
            journal, leases=leases, environment=LIVE, trade=True, max_contracts=2
        ) as tsx:
            desk = await _desk(tsx)
            order = await desk.buy(2, at=Market())
            await order.filled(timeout=10)
            assert runs.truth.net_size(PRACTICE_ID, desk.contract.id) == 2
            await desk.close()
        assert runs.truth.net_size(PRACTICE_ID, desk.contract.id) == 0
        facts = [row.event() for row in journal.committed]
        assert any(isinstance(fact, ExitVerified) for fact in facts)
        asked = next(fact for fact in facts if isinstance(fact, IntentRecorded))
        assert asked.epoch == 1, "the journal says in whose turn it was"


@virtual
async def test_a_client_that_reads_takes_no_lock(folder: Path) -> None:
    async with (
        Runs() as runs,
        runs.client(leases=Leases(folder, "reader"), environment=LIVE) as tsx,
    ):
        await _desk(tsx)
        assert not folder.exists()  # noqa: ASYNC240  one look


# ---- one at a time


@virtual
async def test_a_second_process_opens_nothing_hears_who_and_can_still_get_out(folder: Path) -> None:
    async with Runs() as runs:
        journal = MemoryJournal()
        async with runs.client(journal, leases=Leases(folder, "process 7, my bot")) as bot:
            resting = await (await _desk(bot)).buy(1, at=FAR, key="one")
            async with runs.client(journal.crash(), leases=Leases(folder, "me")) as second:
                desk = await _desk(second)
                with pytest.raises(ModeRefused, match=r"held_elsewhere.*process 7, my bot"):
                    await desk.buy(1, at=Limit("28999.00"))
                order = second.orders.get(desk.account, order_id=resting.id)
                assert order is not None
                await order.cancel()
                await desk.close()
        assert runs.truth.working(PRACTICE_ID) == []


@virtual
async def test_whoever_comes_next_knows_what_the_last_one_wanted(folder: Path) -> None:
    """It was open already while the first one traded: the journal is read on before it may enter."""
    async with Runs() as runs:
        journal = MemoryJournal()
        first = runs.client(journal, leases=Leases(folder, "first"))
        async with first:
            desk = await _desk(first)
            second_journal = _Shared(journal)
            second = runs.client(second_journal, leases=Leases(folder, "second"))
            async with second:
                other = await _desk(second)
                resting = await desk.buy(1, at=FAR, key="one")
                await journal.flush()
                first._authority.close()
                again = await other.buy(1, at=FAR, key="one")
                assert again.id == resting.id
                assert second.state.mode(other.account) is Mode.ACTIVE
                with pytest.raises(ModeRefused, match="held_elsewhere"):
                    await desk.buy(2, at=FAR)
        assert runs.truth.executions(PRACTICE_ID, resting.tag or "") == 1


class _Shared(MemoryJournal):
    """A second process's view of a journal: it reads what the first one wrote."""

    def __init__(self, other: MemoryJournal) -> None:
        super().__init__()
        self._other = other

    @property
    def committed(self) -> list[Row]:
        return self._other.committed


@virtual
async def test_several_first_orders_at_once_do_not_find_their_own_lock(folder: Path) -> None:
    async with Runs() as runs, runs.client(leases=Leases(folder, "bot")) as tsx:
        account = await tsx.accounts.one(PRACTICE)
        desk = tsx.desk(account, await tsx.contracts.front("MNQ"))
        orders = await asyncio.gather(*(desk.buy(size, at=FAR) for size in range(1, 5)))
        assert len({order.id for order in orders}) == 4
        assert tsx.state.mode(account) is Mode.ACTIVE


@pytest.mark.parametrize("steps", range(1, 12))
@virtual
async def test_a_caller_that_goes_while_the_right_is_taken_leaves_no_lock_behind(
    folder: Path, steps: int
) -> None:
    async with Runs() as runs, runs.client(leases=Leases(folder, "bot")) as tsx:
        account = await tsx.accounts.one(PRACTICE)
        first = asyncio.ensure_future(tsx.ready(account))
        for _ in range(steps):
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await asyncio.sleep(0.1)
        desk = tsx.desk(account, await tsx.contracts.front("MNQ"))
        await desk.buy(1, at=FAR)
        assert tsx.state.mode(account) is Mode.ACTIVE


# ---- fenced


@virtual
async def test_a_fence_raised_while_the_intent_is_written_stops_it(folder: Path) -> None:
    async with Runs() as runs:
        journal = MemoryJournal(write_s=0.5)
        leases = Leases(folder, "bot")
        async with runs.client(journal, leases=leases) as tsx:
            desk = await _desk(tsx)
            task = asyncio.ensure_future(desk.buy(1, at=FAR))
            ledger = tsx._record.ledger
            await eventually(ledger.open_intents, timeout_s=5)
            Leases(folder, "a person").raise_epoch(
                PRACTICE_ID, "flatten", runs.world.now(), why="topstepx flatten"
            )
            with pytest.raises(
                ModeRefused, match="flatten by a person, topstepx flatten"
            ) as refused:
                await task
            assert refused.value.causes == ("fenced",)
            assert runs.truth.orders(PRACTICE_ID) == []
            assert [intent.state for intent in ledger.intents()] == ["not_sent"]


@virtual
async def test_an_idle_bot_notices_and_only_a_person_gives_the_right_back(folder: Path) -> None:
    async with Runs() as runs, runs.client(leases=Leases(folder, "bot")) as tsx:
        desk = await _desk(tsx)
        resting = await desk.buy(1, at=FAR)
        Leases(folder, "a person").raise_epoch(None, "flatten", runs.world.now(), why="")
        await eventually(lambda: tsx.state.mode(desk.account) is Mode.REDUCE_ONLY, timeout_s=2)
        with pytest.raises(ModeRefused, match="fenced"):
            await desk.buy(2, at=FAR)
        with pytest.raises(ModeRefused, match="fenced"):
            await resting.modify(limit="28990.00")
        await resting.cancel()  # the exit is open all the same
        await tsx.ready(desk.account)
        with pytest.raises(ModeRefused, match="fenced"):
            await desk.buy(2, at=FAR)
        await tsx.resume(desk.account, released_by="me")
        await desk.buy(2, at=FAR)
        assert [one.size for one in runs.truth.working(PRACTICE_ID)] == [2]


@virtual
async def test_what_another_process_left_unanswered_is_looked_for_when_the_right_comes_back(
    folder: Path,
) -> None:
    """Its close may still arrive, and would close what is opened next."""
    async with Runs() as runs:
        journal = MemoryJournal()
        async with runs.client(journal, leases=Leases(folder, "bot")) as tsx:
            desk = await _desk(tsx)
            await (await desk.buy(1, at=Market())).filled(timeout=10)
            common: dict[str, Any] = {
                "at": runs.world.now(),
                "intent_id": "01Z",
                "account_id": PRACTICE_ID,
            }
            body = f'{{"accountId":{PRACTICE_ID},"contractId":"{desk.contract.id}"}}'
            where: dict[str, Any] = {
                "route": "Position/closeContract",
                "contract_id": desk.contract.id,
            }
            journal.append(IntentRecorded(action="close", body=body, **where, **common))
            journal.append(IntentSent(**common))
            await journal.flush()
            Leases(folder, "a person").raise_epoch(None, "flatten", runs.world.now(), why="")
            await eventually(lambda: tsx.state.mode(desk.account) is Mode.REDUCE_ONLY, timeout_s=2)
            await tsx.resume(desk.account, released_by="me")
            with pytest.raises(ModeRefused, match="a close of"):
                await desk.buy(1, at=FAR)
            await desk.close()
            await eventually(
                lambda: tsx.state.mode(desk.account, desk.contract) is Mode.ACTIVE, timeout_s=60
            )
            await desk.buy(1, at=FAR)


# ---- the kill switch: looked at by every client, with a lease or without


def _switch(folder: Path) -> tuple[KillSwitch, KillView]:
    """The person's hand on the switch, and the switch as a bot of its own sees it."""
    return KillSwitch(folder), KillView(KillSwitch(folder), "sim", "127.0.0.1:1")


def _line(runs: Runs, kind: SwitchKind, whose: int | None) -> Pulled:
    scope = Scope(account_id=whose)
    return Pulled(kind=kind, who="a person", at=runs.world.now(), why="enough", scope=scope)


@pytest.mark.parametrize("whose", [PRACTICE_ID, None])
@pytest.mark.parametrize("leased", [True, False])
@virtual
async def test_a_kill_stops_a_running_bot_and_outlives_it(
    folder: Path, tmp_path: Path, whose: int | None, leased: bool
) -> None:
    person, seen = _switch(tmp_path / "kill")
    leases = Leases(folder, "bot") if leased else None
    async with Runs() as runs:
        journal = MemoryJournal()
        async with runs.client(journal, leases=leases, kills=seen) as tsx:
            desk = await _desk(tsx)
            resting = await desk.buy(1, at=FAR)
            person.pull(_line(runs, "kill", whose))
            with pytest.raises(ModeRefused, match=r"killed.*a person: enough.*kill --release"):
                await desk.buy(2, at=FAR)
            with pytest.raises(ModeRefused, match="killed"):
                await resting.modify(limit="28990.00")
            await resting.cancel()  # the exit is open all the same
            with pytest.raises(ModeRefused, match="killed"):
                await tsx.resume(desk.account, released_by="a loop in the bot")
            person.release(_line(runs, "release", None))
            with pytest.raises(ModeRefused, match="killed"):  # not by itself, in mid air
                await desk.buy(2, at=FAR)
            person.pull(_line(runs, "kill", whose))
        # Even with a journal that never heard of it.
        async with runs.client(leases=leases, kills=seen, installation="HGFEDCBA") as tsx:
            desk = await _desk(tsx)
            assert tsx.state.mode(desk.account) is Mode.HALTED
            with pytest.raises(ModeRefused, match=r"killed.*a person: enough"):
                await desk.buy(1, at=FAR)
            person.release(_line(runs, "release", None))
            await tsx.resume(desk.account, released_by="me")
            await (await desk.buy(1, at=FAR)).cancel()
        # And the first journal, which heard of the kill only, hears of its end.
        async with runs.client(journal, leases=leases, kills=seen) as tsx:
            await (await _desk(tsx)).buy(1, at=FAR)
        told = [row.event() for row in journal.committed]
        released = [one for one in told if isinstance(one, ModeCauseCleared)]
        assert [one.released_by for one in released if one.reason == "killed"] == ["a person"]


@virtual
async def test_an_idle_bot_shows_the_kill_and_another_account_trades_on(tmp_path: Path) -> None:
    person, seen = _switch(tmp_path / "kill")
    async with Runs() as runs, runs.client(kills=seen) as tsx:
        desk = await _desk(tsx)
        person.pull(_line(runs, "kill", PRACTICE_ID + 1))
        await desk.buy(1, at=FAR)
        person.pull(_line(runs, "kill", None))
        await eventually(lambda: tsx.state.mode(desk.account) is Mode.HALTED, timeout_s=2)
        assert [cause.reason for cause in tsx.state.causes(desk.account)] == ["killed"]
        assert not tsx.health().ok


# ---- exits only


@virtual
async def test_a_client_for_exits_works_beside_the_bot_and_opens_nothing(folder: Path) -> None:
    async with Runs() as runs:
        journal = MemoryJournal()
        async with runs.client(
            journal, leases=Leases(folder, "bot"), environment=LIVE, trade=True, max_contracts=2
        ) as bot:
            desk = await _desk(bot)
            await (await desk.buy(1, at=Market())).filled(timeout=10)
            async with runs.client(
                leases=Leases(folder, "me"), environment=LIVE, trade=True, exits_only=True
            ) as exits:
                mine = await _desk(exits)
                with pytest.raises(TradingDisabled, match="only cancels and closes"):
                    await mine.buy(1, at=FAR)
                await mine.close()
            report = await exits.ready(desk.account)
            assert (report.orphans, report.unresolved) == ((), ()), "what is open is the bot's"
            assert bot._authority._held[PRACTICE_ID].is_current()
        assert runs.truth.net_size(PRACTICE_ID, desk.contract.id) == 0
