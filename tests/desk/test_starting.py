"""Start is recovery: what an earlier run wanted, sent and left is found out before anything new."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import sqlite3
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.support.runs import OURS, Runs
from tests.support.trading import PRACTICE, PRACTICE_ID
from topstepx.core import tags
from topstepx.core.lanes import Lane
from topstepx.core.mode import Mode
from topstepx.core.terms import Limit, Market
from topstepx.errors import (
    DeadlinePassed,
    ModeRefused,
    OrderUnresolved,
    RecordUnavailable,
)
from topstepx.events import ExitVerified, IntentRecorded, IntentResolved
from topstepx.sim import fault_kinds
from topstepx.sim.faults import Fault
from topstepx.store.journal import SqliteJournal
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import virtual
from topstepx.wire import routes
from topstepx.wire.enums import OrderStatus, OrderType, Side
from topstepx.wire.models import CancelRequest, PlaceRequest

if TYPE_CHECKING:
    from pathlib import Path

    from topstepx.client import Client
    from topstepx.desk.contracts import Contract
    from topstepx.desk.desk import Desk
    from topstepx.desk.order import Order

FAR = Limit("29000.00")


async def _desk(tsx: Client) -> Desk:
    account = await tsx.accounts.one(PRACTICE)
    await tsx.ready(account)
    return tsx.desk(account, await tsx.contracts.front("MNQ"))


async def _rest(tsx: Client, key: str = "one") -> Order:
    return await (await _desk(tsx)).buy(1, at=FAR, key=key)


def _rewritten(journal: MemoryJournal, *leave_out: str) -> MemoryJournal:
    """The journal as a crash before these facts would have left it."""
    from topstepx.store.rows import GENESIS, Entry, chained  # noqa: PLC0415  used here only

    entries = [
        Entry(row.number, row.at, row.kind, row.account_id, row.event_id, row.body)
        for row in journal.committed
        if row.kind not in leave_out
    ]
    rows = chained(entries, after_seq=0, previous=GENESIS, writer="before")
    return MemoryJournal(committed=list(rows))


@virtual
async def test_working_orders_of_an_earlier_run_are_adopted_and_keep_their_key() -> None:
    async with Runs() as runs:
        journal = MemoryJournal()
        async with runs.client(journal) as tsx:
            first = await _rest(tsx)
        async with runs.client(journal.crash()) as tsx:
            account = await tsx.accounts.one(PRACTICE)
            report = await tsx.ready(account)
            assert [belief.id for belief in report.adopted] == [first.id]
            assert (report.external, report.orphans, report.unresolved) == ((), (), ())
            again = await _rest(tsx)
            assert again.id == first.id
            assert tsx.state.mode(account) is Mode.ACTIVE
        assert runs.truth.executions(PRACTICE_ID, first.tag or "") == 1


@virtual
@pytest.mark.parametrize(
    "lost", [("IntentAnswered", "IntentSent"), ("IntentAnswered",)], ids=["all", "answer"]
)
async def test_what_was_sent_and_not_heard_of_is_found(lost: tuple[str, ...]) -> None:
    """Also when the very last record is the intent itself: it may have left."""
    async with Runs() as runs:
        journal = MemoryJournal()
        async with runs.client(journal) as tsx:
            first = await _rest(tsx)
        unheard = _rewritten(journal, *lost, "OrderObserved", "OrderMoved", "ClientStopped")
        async with runs.client(unheard) as tsx:
            account = await tsx.accounts.one(PRACTICE)
            await tsx.ready(account)
            again = await (await _desk(tsx)).buy(1, at=FAR, key="one")

            def found() -> None:
                assert again.id == first.id
                assert tsx.state.mode(account) is Mode.ACTIVE
                assert not tsx._record.ledger.open_intents()

            await eventually(found)
        assert runs.truth.executions(PRACTICE_ID, first.tag or "") == 1


@virtual
async def test_an_open_intent_fences_its_contract_until_it_is_resolved() -> None:
    async with Runs() as runs:
        journal = MemoryJournal()
        runs.faults.add(Fault(where="Order/place", what=fault_kinds.LoseRequest(cut=True)))
        async with runs.client(journal) as tsx:
            with pytest.raises(OrderUnresolved):
                await _rest(tsx)
            crashed = journal.crash()
        async with runs.client(crashed) as tsx:
            report = await tsx.ready(await tsx.accounts.one(PRACTICE))
            assert len(report.unresolved) == 1
            with pytest.raises(ModeRefused, match="unresolved_intent"):
                await _rest(tsx, key="another")


@virtual
@pytest.mark.parametrize(("executed", "later_s"), [(True, 1), (False, 1), (False, 1000)])
async def test_an_open_cancel_is_read_off_its_order_and_goes_on(
    *, executed: bool, later_s: float
) -> None:
    async with Runs() as runs:
        journal = MemoryJournal()
        async with runs.client(journal) as tsx:
            order = await _rest(tsx)
            tsx._record.commit(
                IntentRecorded(
                    at=tsx._record.stamp(),
                    intent_id="C1",
                    account_id=PRACTICE_ID,
                    action="cancel",
                    route="Order/cancel",
                    body="{}",
                    contract_id=order.contract_id,
                    order_id=order.id,
                )
            )
            await tsx._record._journal.flush()
            crashed = journal.crash()
        if executed:
            request = CancelRequest(account_id=PRACTICE_ID, order_id=order.id or 0)
            runs.gateway.venue.cancel(request, runs.world.now())
        await asyncio.sleep(later_s)
        async with runs.client(crashed) as tsx, tsx.events(IntentResolved) as told:
            await tsx.ready(await tsx.accounts.one(PRACTICE))
            resolved = await anext(told)
            assert isinstance(resolved, IntentResolved)
            assert resolved.intent_id == "C1"
            assert resolved.verdict == ("accepted" if executed else "presumed_absent")
            assert ("CANCELLED" if executed else "OPEN") in resolved.evidence[0]
            await asyncio.sleep(5)
            assert not tsx._record.ledger.open_intents()
            still = runs.gateway.venue.truth.order(order.id or 0)
            gone = executed or later_s < 900
            assert still.status is (OrderStatus.CANCELLED if gone else OrderStatus.OPEN)


async def _foreign(tsx: Client, contract: Contract, tag: str) -> int:
    """An order that this journal knows nothing of."""
    request = PlaceRequest(
        account_id=PRACTICE_ID,
        contract_id=contract.id,
        type=OrderType.LIMIT,
        side=Side.BUY,
        size=1,
        limit_price=Decimal("29000.00"),
        custom_tag=tag,
    )
    answer = await tsx._rest.call(routes.PLACE, request, lane=Lane.ORDER, timeout_s=5)
    assert isinstance(answer.order_id, int)
    return answer.order_id


@virtual
async def test_orders_under_our_name_that_the_journal_does_not_know_latch_until_released() -> None:
    async with Runs() as runs:
        journal = MemoryJournal()
        async with runs.client(journal) as tsx:
            account = await tsx.accounts.one(PRACTICE)
            contract = await tsx.contracts.front("MNQ")
            orphan = await _foreign(tsx, contract, tags.tag_of(OURS, "0" * 26))
            other = await _foreign(tsx, contract, tags.tag_of("ZZZZZZZZ", "1" * 26))
            report = await tsx.ready(account)
            assert [belief.id for belief in report.orphans] == [orphan]
            assert [belief.id for belief in report.external] == [other]
            with pytest.raises(ModeRefused, match=f"orphan_orders.*{orphan}") as refused:
                await tsx.desk(account, contract).buy(1, at=FAR)
            assert refused.value.causes == ("orphan_orders",)
        journal = journal.crash()
        async with runs.client(journal) as tsx:  # a restart releases nothing
            account = await tsx.accounts.one(PRACTICE)
            await tsx.ready(account)
            assert tsx.state.mode(account) is Mode.REDUCE_ONLY
            await tsx.resume(account, released_by="a person")
            assert tsx.state.mode(account) is Mode.ACTIVE
        async with runs.client(journal.crash()) as tsx:  # and what was released stays so
            account = await tsx.accounts.one(PRACTICE)
            report = await tsx.ready(account)
            assert tsx.state.mode(account) is Mode.ACTIVE
            assert [belief.id for belief in report.orphans] == [orphan]


@virtual
async def test_a_presumed_absent_order_is_watched_again_after_a_restart() -> None:
    async with Runs() as runs:
        journal = MemoryJournal()
        runs.faults.add(Fault(where="Order/place", what=fault_kinds.LoseRequest(cut=True)))
        async with runs.client(journal) as tsx:
            desk = await _desk(tsx)
            with pytest.raises(OrderUnresolved) as unresolved:
                await desk.buy(1, at=FAR)
            tag = unresolved.value.order.tag
            ledger = tsx._record.ledger
            await eventually(
                lambda: {one.state for one in ledger.intents()} == {"presumed_absent"},
                timeout_s=300,
            )
            contract = desk.contract
        async with runs.client(journal.crash()) as tsx:
            await tsx.ready(await tsx.accounts.one(PRACTICE))
            late = await _foreign(tsx, contract, tag)
            await eventually(
                lambda: runs.truth.order(late).status is OrderStatus.CANCELLED, timeout_s=60
            )
        assert runs.truth.executions(PRACTICE_ID, tag) == 1


@virtual
async def test_the_exit_is_verified_and_said_before_the_first_entry() -> None:
    async with Runs() as runs:
        journal = MemoryJournal()
        async with runs.client(journal) as tsx:
            order = await _rest(tsx)
            report = await tsx.ready(await tsx.accounts.one(PRACTICE))
            assert report.exit is not None
            assert "canTrade is true" in report.exit
            assert "No probe order" in report.exit
        kinds = [row.kind for row in journal.committed]
        assert kinds.index(ExitVerified.__name__) < kinds.index(IntentRecorded.__name__)
        assert len(runs.truth.orders(PRACTICE_ID)) == 1, order


@virtual
async def test_an_account_that_may_not_trade_is_halted_and_says_so() -> None:
    async with Runs() as runs:
        runs.gateway.venue.set_can_trade(PRACTICE_ID, False, runs.world.now())
        async with runs.client() as tsx:
            account = await tsx.accounts.one(PRACTICE)
            report = await tsx.ready(account)
            assert report.exit is None
            assert tsx.state.mode(account) is Mode.HALTED
            with pytest.raises(ModeRefused, match="account_cannot_trade"):
                await _rest(tsx)


@virtual
async def test_seed_721023_an_account_that_is_locked_while_it_is_read_stays_halted() -> None:
    async with Runs() as runs, runs.client() as tsx:
        account = await tsx.accounts.one(PRACTICE)
        runs.faults.add(Fault(where="Trade/search", what=fault_kinds.Delay(2.0)))
        reading = asyncio.create_task(tsx.ready(account))
        await asyncio.sleep(1)
        runs.gateway.venue.set_can_trade(PRACTICE_ID, False, runs.world.now())
        assert (await reading).exit is None
        assert tsx.state.mode(account) is Mode.HALTED


# ---- a journal that cannot be used


def _flip(path: Path) -> None:
    with closing(sqlite3.connect(path)) as damaged:
        damaged.execute("DROP TRIGGER journal_is_append_only_update")
        damaged.execute("UPDATE journal SET body = replace(body, '29000', '29001') WHERE seq > 3")
        damaged.commit()


def _newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 99")


def _garbage(path: Path) -> None:
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.write_bytes(b"this is no database" * 500)


def _open_to_others(path: Path) -> None:
    path.parent.chmod(0o777)


@pytest.mark.parametrize(
    ("spoil", "reason", "fix"),
    [
        (_flip, "journal_damaged", "Restore a backup"),
        (_garbage, "journal_damaged", "name another file"),
        (_newer, "journal_unwritable", "Use the newer version"),
        pytest.param(
            _open_to_others,
            "journal_unwritable",
            "chmod 700",
            marks=pytest.mark.skipif(os.name != "posix", reason="modes"),
        ),
    ],
)
@virtual
async def test_an_unusable_journal_refuses_entries_with_the_fix_and_lets_exits_pass(
    tmp_path: Path, spoil: object, reason: str, fix: str
) -> None:
    assert callable(spoil)
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    path = folder / "journal.sqlite"
    async with Runs() as runs:
        async with runs.client(SqliteJournal(path)) as tsx:
            desk = await _desk(tsx)
            resting = await desk.buy(1, at=FAR)
            await (await desk.buy(1, at=Market())).filled(timeout=10)
        spoil(path)
        async with runs.client(SqliteJournal(path)) as tsx:
            account = await tsx.accounts.one(PRACTICE)
            await tsx.ready(account)
            causes = {cause.reason: cause.detail for cause in tsx.state.causes(account)}
            assert reason in causes
            desk = tsx.desk(account, await tsx.contracts.front("MNQ"))
            with pytest.raises(ModeRefused, match=reason) as refused:
                await desk.buy(1, at=FAR)
            assert fix in str(refused.value)
            placed = len(runs.truth.orders(PRACTICE_ID))
            with pytest.raises(RecordUnavailable, match=fix):
                await tsx.resume(account)  # nobody can release what has no record to rest on
            with pytest.raises((ModeRefused, RecordUnavailable)):
                await desk.buy(1, at=FAR)
            assert len(runs.truth.orders(PRACTICE_ID)) == placed
            order = tsx.orders.get(account, order_id=resting.id)
            assert order is not None
            await order.cancel()
            await desk.close()
        assert runs.truth.net_size(PRACTICE_ID, desk.contract.id) == 0
        assert runs.truth.working(PRACTICE_ID) == []


@virtual
async def test_a_disk_that_fills_up_refuses_entries_and_lets_exits_pass() -> None:
    async with Runs() as runs:
        journal = MemoryJournal()
        async with runs.client(journal) as tsx:
            desk = await _desk(tsx)
            order = await desk.buy(1, at=FAR)
            journal.fail("The disk is full: free some space.")
            with pytest.raises(RecordUnavailable, match="free some space"):
                await desk.buy(2, at=FAR)
            with pytest.raises(ModeRefused, match="journal_unwritable"):
                await desk.buy(3, at=FAR)
            assert len(runs.truth.orders(PRACTICE_ID)) == 1
            await order.cancel()
            assert runs.truth.working(PRACTICE_ID) == []
            journal.recover()
            account = desk.account
            await eventually(lambda: tsx.state.mode(account) is Mode.ACTIVE)
            await desk.buy(4, at=FAR)


def test_reports_of_ready_have_every_word_of_the_contract() -> None:
    from topstepx.desk.recovery import Ready  # noqa: PLC0415  only its shape

    names = {field.name for field in dataclasses.fields(Ready)}
    assert {"adopted", "unresolved", "external", "orphans", "unprotected", "exit"} <= names


@virtual
async def test_a_disk_that_takes_three_seconds_is_too_late_and_stops_nobody_else() -> None:
    async with Runs() as runs:
        journal = MemoryJournal()
        async with runs.client(journal) as tsx:
            desk = await _desk(tsx)
            resting = await desk.buy(1, at=FAR)
            journal._write_s = 3.0
            slow = asyncio.ensure_future(desk.buy(2, at=FAR))
            await asyncio.sleep(0.1)
            began = asyncio.get_running_loop().time()
            await resting.cancel()
            assert asyncio.get_running_loop().time() - began < 0.5, "the exit waited for the disk"
            with pytest.raises(DeadlinePassed, match="Writing it down took longer"):
                await slow
            assert len(runs.truth.orders(PRACTICE_ID)) == 1
            states = {one.state for one in tsx._record.ledger.intents(PRACTICE_ID)}
            assert states == {"accepted", "not_sent"}
