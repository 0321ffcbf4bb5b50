"""Leases: one process per account, fenced by anybody without a lock."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topstepx.store.lease import EpochFile, Leases, Notice

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
ACCOUNT = 26282001
TAKE = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from topstepx.store.lease import Leases
lease = Leases(Path(sys.argv[1]), "the bot").lease(26282001)
assert lease.try_take(datetime.now(UTC))
print("taken", flush=True)
for line in sys.stdin:
    print(lease.is_current(), flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "leases"


def test_one_has_it_and_the_other_hears_who(folder: Path) -> None:
    one = Leases(folder, "one").lease(ACCOUNT)
    other = Leases(folder, "other").lease(ACCOUNT)
    assert not one.is_current(), "not taken yet"
    assert one.try_take(NOW)
    assert one.is_current()
    assert not other.try_take(NOW)
    assert other.holder() == "one"
    assert one.is_current(), "a try that failed fences nobody"
    one.release()
    assert not one.is_current()
    assert other.try_take(NOW)
    assert other.epoch == 2


def test_accounts_are_apart(folder: Path) -> None:
    leases = Leases(folder, "one")
    assert leases.lease(1).try_take(NOW)
    two = Leases(folder, "two").lease(2)
    assert two.try_take(NOW)
    leases.raise_epoch(1, "flatten", NOW, why="topstepx flatten")
    assert two.is_current()


@pytest.mark.parametrize("whose", [ACCOUNT, None])
def test_anybody_fences_the_holder_without_its_lock(folder: Path, whose: int | None) -> None:
    bot = Leases(folder, "bot").lease(ACCOUNT)
    assert bot.try_take(NOW)
    Leases(folder, "person").raise_epoch(whose, "flatten", NOW, why="the bot hangs")
    assert not bot.is_current()
    assert bot.fenced_by() == Notice(kind="flatten", who="person", at=NOW, why="the bot hangs")
    assert bot.is_taken, "the lock is still its own"
    assert bot.try_take(NOW), "and a person may give it the right back"
    assert bot.is_current()
    assert bot.fenced_by() is None


def test_the_first_notice_is_the_reason(folder: Path) -> None:
    bot = Leases(folder, "bot").lease(ACCOUNT)
    assert bot.try_take(NOW)
    person = Leases(folder, "person")
    person.raise_epoch(ACCOUNT, "flatten", NOW + timedelta(seconds=2), why="second")
    person.raise_epoch(None, "flatten", NOW + timedelta(seconds=1), why="first")
    reason = bot.fenced_by()
    assert reason is not None
    assert reason.why == "first"


def test_a_torn_line_fences_and_swallows_nothing(folder: Path) -> None:
    bot = Leases(folder, "bot").lease(ACCOUNT)
    assert bot.try_take(NOW)
    path = folder / f"{ACCOUNT}.epochs"
    with path.open("ab") as file:
        file.write(b'\n{"kind":"flatten","who":"per')
    assert not bot.is_current()
    assert bot.fenced_by() is None
    Leases(folder, "person").raise_epoch(ACCOUNT, "flatten", NOW, why="enough")
    assert EpochFile(path).notices()[-1].why == "enough"


@pytest.mark.parametrize("damage", ["gone", "cut", "unreadable"])
def test_what_cannot_be_read_counts_as_fenced(folder: Path, damage: str) -> None:
    bot = Leases(folder, "bot").lease(ACCOUNT)
    assert bot.try_take(NOW)
    path = folder / f"{ACCOUNT}.epochs"
    if damage == "gone":
        path.unlink()
    elif damage == "cut":
        os.truncate(path, 3)
    else:
        path.unlink()
        path.symlink_to(path)
    assert not bot.is_current()


@given(st.lists(st.sampled_from(["take", "other", "flatten"]), max_size=12))
def test_whoever_wrote_last_is_the_only_one_current(
    tmp_path_factory: pytest.TempPathFactory, acts: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("leases", numbered=True) / "l"
    leases = {name: Leases(folder, name).lease(ACCOUNT) for name in ("take", "other")}
    person = Leases(folder, "person")
    last = ""
    for act in acts:
        if act in leases:
            rival = leases["other" if act == "take" else "take"]
            rival.release()
            assert leases[act].try_take(NOW)
        else:
            person.raise_epoch(None, act, NOW, why="")  # type: ignore[arg-type]  # drawn above
        last = act
        current = {name for name, lease in leases.items() if lease.is_current()}
        assert current == ({last} if last in leases else set())
    for lease in leases.values():
        lease.release()


def test_a_living_process_is_fenced_and_a_dead_one_leaves_nothing(folder: Path) -> None:
    process = subprocess.Popen(  # noqa: S603  this interpreter, our own lines
        [sys.executable, "-c", TAKE, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "taken\n"

    def is_current() -> str:
        process.stdin.write("?\n")  # type: ignore[union-attr]  # asserted above
        process.stdin.flush()  # type: ignore[union-attr]  # asserted above
        return process.stdout.readline().strip()  # type: ignore[union-attr]  # asserted above

    mine = Leases(folder, "me").lease(ACCOUNT)
    assert is_current() == "True"
    assert not mine.try_take(NOW)
    Leases(folder, "me").raise_epoch(ACCOUNT, "flatten", NOW, why="")
    assert is_current() == "False"
    process.kill()
    process.communicate()
    assert mine.try_take(NOW)
    mine.release()
