"""The journal on the disk and its twin: one contract; and the disk one through real kills."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from tests.support.facts import ACCOUNT, at, intent
from tests.support.running import until
from topstepx import errors, events
from topstepx.desk.record import Record
from topstepx.store.journal import SqliteJournal
from topstepx.store.journal_file import stored_rows
from topstepx.store.journal_memory import MemoryJournal
from topstepx.testing.loop import LoopClock, virtual

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from topstepx.store.rows import Journal


def fact(number: int) -> events.PollingStopped:
    return events.PollingStopped(account_id=number, at=at(number))


@pytest.fixture(params=["memory", "sqlite"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Journal]:
    """A maker of journals that find what the one before committed, once that one is closed."""
    kept: list[MemoryJournal] = []

    def memory() -> Journal:
        kept.append(kept[-1].crash() if kept else MemoryJournal())
        return kept[-1]

    def sqlite() -> Journal:
        return SqliteJournal(tmp_path / "journal" / "j.sqlite3")

    return memory if request.param == "memory" else sqlite


@virtual
async def test_facts_are_read_back_in_order_in_this_life_and_the_next(
    make: Callable[[], Journal],
) -> None:
    journal = make()
    await journal.open()
    assert await journal.rows() == []
    journal.append(fact(1))
    await journal.append_durable(fact(2))
    journal.append(fact(3))
    await journal.flush()
    assert [row.event() for row in await journal.rows()] == [fact(1), fact(2), fact(3)]
    assert [row.seq for row in await journal.rows(after=1, limit=1)] == [2]
    journal.append(fact(4))
    await journal.close()
    again = make()
    await again.open()
    await again.append_durable(fact(5))
    rows = await again.rows()
    assert [row.account_id for row in rows] == [1, 2, 3, 4, 5]
    assert rows[4].previous == rows[3].digest
    await again.close()


@virtual
async def test_a_journal_that_is_not_open_refuses(make: Callable[[], Journal]) -> None:
    journal = make()
    with pytest.raises(errors.RecordUnavailable, match="not open"):
        journal.append(fact(1))
    with pytest.raises(errors.RecordUnavailable, match="not open"):
        journal.append_durable(fact(1))
    await journal.close()


@virtual
async def test_a_record_on_it_is_the_same_after_a_restart(make: Callable[[], Journal]) -> None:
    record = Record(make(), clock=LoopClock())
    assert await record.open() == 0
    await record.commit_durable(intent())
    record.commit(events.ModeCauseAdded(reason="killed", account_id=ACCOUNT, at=record.stamp()))
    await record.close()
    again = Record(make(), clock=LoopClock())
    assert await again.open() >= 2
    assert again.ledger.state() == record.ledger.state()
    await again.close()


def test_the_loop_never_touches_the_file(tmp_path: Path) -> None:
    async def main() -> set[str]:
        journal = SqliteJournal(tmp_path / "j.sqlite3")
        await journal.open()
        threads: set[str] = set()
        assert journal._file._connection is not None
        # A connection of SQLite's refuses every thread but the one that made it.
        with pytest.raises(Exception, match="same thread"):
            journal._file._connection.execute("SELECT 1")
        await journal.append_durable(fact(1))
        threads = {thread.name for thread in threading.enumerate()}
        await journal.close()
        return threads

    assert any(name.startswith("topstepx-journal") for name in asyncio.run(main()))


def test_the_log_is_moved_once_it_is_quiet(tmp_path: Path) -> None:
    async def main() -> tuple[int, int]:
        journal = SqliteJournal(tmp_path / "j.sqlite3")
        await journal.open()
        busy = (tmp_path / "j.sqlite3").stat().st_size  # a commit alone does not make it longer
        for number in range(70):
            await journal.append_durable(fact(number))
        await until(lambda: (tmp_path / "j.sqlite3").stat().st_size > busy, 20)
        quiet = (tmp_path / "j.sqlite3").stat().st_size
        await journal.close()
        return busy, quiet

    busy, quiet = asyncio.run(main())
    assert busy < quiet


def test_a_file_that_cannot_be_opened_leaves_no_thread(tmp_path: Path) -> None:
    async def main() -> None:
        journal = SqliteJournal(tmp_path)
        with pytest.raises(errors.RecordUnavailable, match="cannot be opened"):
            await journal.open()
        await journal.close()

    asyncio.run(main())
    for thread in threading.enumerate():
        if thread.name.startswith("topstepx-journal"):
            thread.join(timeout=10)
            assert not thread.is_alive()


def test_the_loop_goes_on_while_the_disk_is_slow(tmp_path: Path) -> None:
    async def main() -> int:
        journal = SqliteJournal(tmp_path / "j.sqlite3")
        await journal.open()
        hold = threading.Event()
        assert journal._thread is not None
        journal._thread.submit(hold.wait, 10)
        waiting = asyncio.ensure_future(journal.append_durable(fact(1)))
        turns = 0
        while turns < 100:
            await asyncio.sleep(0)
            turns += 1
        assert not waiting.done()
        hold.set()
        await waiting
        await journal.close()
        return turns

    assert asyncio.run(main()) == 100


def test_what_the_file_does_not_take_at_the_end_is_kept_beside_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)

    async def main() -> errors.RecordUnavailable:
        journal = SqliteJournal(tmp_path / "j.sqlite3")
        await journal.open()
        await journal.append_durable(fact(1))
        (tmp_path / "j.sqlite3").rename(tmp_path / "moved.sqlite3")
        journal.append(fact(2))
        journal.append(fact(3))
        with pytest.raises(errors.RecordUnavailable) as refused:
            await journal.close()
        return refused.value

    said = str(asyncio.run(main()))
    (beside,) = tmp_path.glob("j.sqlite3.unwritten-*[0-9a-f]")
    assert [row.event() for row in stored_rows(beside)] == [fact(2), fact(3)]
    assert str(beside) in said
    assert beside.stat().st_mode & 0o077 == 0


WRITER = """
import asyncio, sys
from pathlib import Path
from tests.support.facts import at
from topstepx import events
from topstepx.store.journal import SqliteJournal

async def main() -> None:
    journal = SqliteJournal(Path(sys.argv[1]), group_delay_s=0.002)
    await journal.open()
    first = int(sys.argv[2])

    async def worker(lane: int) -> None:
        number = first + lane
        while True:
            journal.append(events.PollingStarted(account_id=number, reason="group", at=at(number)))
            await journal.append_durable(events.PollingStopped(account_id=number, at=at(number)))
            print(number, flush=True)
            number += 3

    await asyncio.gather(worker(0), worker(1), worker(2))

asyncio.run(main())
"""


def _killed_while_writing(path: Path, first: int, after_acks: int) -> list[int]:
    """The numbers that a process was told are safe before it was killed without warning."""
    process = subprocess.Popen(  # noqa: S603  this interpreter on our own code
        [sys.executable, "-c", WRITER, str(path), str(first)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert process.stdout is not None
    with process.stdout as stdout:
        acknowledged = [int(stdout.readline()) for _ in range(after_acks)]
        process.send_signal(signal.SIGKILL)
        # What it said before it died still counts; a torn last line does not.
        acknowledged += [int(line) for line in stdout if line.endswith(b"\n")]
    process.wait()
    return acknowledged


def _kill_repeatedly(path: Path, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    safe: list[int] = []
    for kill in range(kills):
        safe += _killed_while_writing(path, kill * 1_000_000, chance.randrange(1, 120))
        rows = list(stored_rows(path))  # proves the chain
        kept = {row.account_id for row in rows if row.kind == "PollingStopped"}
        lost = [number for number in safe if number not in kept]
        assert not lost, f"seed {seed}, kill {kill}: acknowledged and lost: {lost}"


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is a POSIX matter")
def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    _kill_repeatedly(tmp_path / "j.sqlite3", kills=6, seed=1)


@pytest.mark.soak
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is a POSIX matter")
def test_what_was_acknowledged_survives_hundreds_of_kills(tmp_path: Path) -> None:
    _kill_repeatedly(tmp_path / "j.sqlite3", kills=300, seed=2)
