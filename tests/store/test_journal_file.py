"""The SQLite file: private, append-only, and honest about what is wrong with it."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import stat
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.facts import ACCOUNT, at
from topstepx import errors, events
from topstepx.store.journal_file import VERSION, JournalFile, labels, stored_rows
from topstepx.store.rows import Entry, entry_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

posix_only = pytest.mark.skipif(os.name != "posix", reason="file modes are a POSIX matter")


def entries(first: int, last: int, padding: str = "") -> list[Entry]:
    return [
        entry_of(
            events.PollingStarted(account_id=ACCOUNT, reason=f"{number}{padding}", at=at(number)),
            number,
        )
        for number in range(first, last + 1)
    ]


def made(path: Path, rows: int = 3) -> JournalFile:
    journal = JournalFile(path)
    journal.open()
    if rows:
        journal.write(entries(1, rows))
    return journal


def raw(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_was_written_is_read_back_after_opening_again(tmp_path: Path) -> None:
    made(tmp_path / "j.sqlite3").close()
    again = JournalFile(tmp_path / "j.sqlite3")
    again.open()
    again.write(entries(4, 5))
    rows = again.rows(0, 100)
    assert [row.seq for row in rows] == [1, 2, 3, 4, 5]
    assert [row.seq for row in again.rows(2, 2)] == [3, 4]
    assert len({row.writer for row in rows}) == 2
    again.close()


@posix_only
def test_the_file_and_a_folder_made_for_it_are_the_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deep" / "j.sqlite3"
    journal = made(path)
    assert mode(path.parent) == 0o700
    assert [mode(found) for found in sorted(path.parent.iterdir())] == [0o600] * 3
    journal.close()
    path.chmod(0o644)
    made(path, 0).close()
    assert mode(path) == 0o600


@posix_only
def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(errors.RecordUnavailable, match="chmod 700"):
        JournalFile(folder / "j.sqlite3").open()


def test_it_is_durable_by_its_own_settings(tmp_path: Path) -> None:
    journal = made(tmp_path / "j.sqlite3")
    assert journal._connection is not None
    (journal_mode,) = journal._connection.execute("PRAGMA journal_mode").fetchone()
    (synchronous,) = journal._connection.execute("PRAGMA synchronous").fetchone()
    assert (journal_mode, synchronous) == ("wal", 2)
    journal.close()


def test_a_commit_finds_the_log_long_enough_already(tmp_path: Path) -> None:
    journal = made(tmp_path / "j.sqlite3", rows=0)
    log = tmp_path / "j.sqlite3-wal"
    size = log.stat().st_size
    assert size >= 1_000_000
    for number in range(1, 20):
        journal.write(entries(number, number))
    assert log.stat().st_size == size
    with closing(raw(tmp_path / "j.sqlite3")) as connection:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        assert tables.fetchall() == [("journal",)], "what made it long was taken back"
    journal.close()


def test_the_log_is_moved_when_nobody_waits_and_not_by_a_commit(tmp_path: Path) -> None:
    journal = made(tmp_path / "j.sqlite3", rows=0)
    file = tmp_path / "j.sqlite3"
    empty = file.stat().st_size
    for number in range(1, 401):  # more than the thousand pages at which SQLite would do it
        journal.write(entries(number, number, padding="x" * 5000))
    assert file.stat().st_size == empty
    journal.tidy()
    assert file.stat().st_size > empty + 1_000_000
    assert len(journal.rows(0, 1000)) == 400
    journal.close()


def test_rows_cannot_be_changed_with_an_honest_tool(tmp_path: Path) -> None:
    made(tmp_path / "j.sqlite3").close()
    with closing(raw(tmp_path / "j.sqlite3")) as tool:
        for statement in ("UPDATE journal SET body = '{}'", "DELETE FROM journal WHERE seq = 2"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                tool.execute(statement)


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (
            "UPDATE journal SET body = replace(body, '\"2\"', '\"9\"') WHERE seq = 2",
            "row 2 was changed",
        ),
        ("UPDATE journal SET account_id = 1 WHERE seq = 2", "row 2 was changed"),
        ("DELETE FROM journal WHERE seq = 2", "row 2 is missing"),
        ("DELETE FROM journal WHERE seq = 1", "row 1 is missing"),
        ("UPDATE journal SET digest = previous WHERE seq = 2", "row 2 was changed"),
    ],
)
def test_damage_in_the_middle_is_seen_and_refused(tmp_path: Path, damage: str, what: str) -> None:
    path = tmp_path / "j.sqlite3"
    made(path).close()
    with closing(raw(path)) as vandal:
        vandal.execute("DROP TRIGGER journal_is_append_only_update")
        vandal.execute("DROP TRIGGER journal_is_append_only_delete")
        assert vandal.execute(damage).rowcount == 1
    with pytest.raises(errors.RecordUnavailable, match=what) as refusal:
        JournalFile(path).open()
    assert "Restore a backup" in str(refusal.value)
    with pytest.raises(errors.RecordUnavailable, match=what):
        list(stored_rows(path))


def test_one_flipped_byte_on_the_disk_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite3"
    made(path, 50).close()
    content = bytearray(path.read_bytes())
    place = content.index(b'"reason":"25"') + len(b'"reason":"')
    content[place] ^= 0x01
    path.write_bytes(content)
    with pytest.raises(errors.RecordUnavailable, match="row 25 was changed"):
        JournalFile(path).open()


def test_any_page_of_zeros_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite3"
    made(path, 100).close()
    whole = path.read_bytes()
    assert len(whole) >= 10 * 4096
    for start in range(0, len(whole), 4096):
        path.write_bytes(whole[:start] + bytes(4096) + whole[start + 4096 :])
        with pytest.raises(errors.RecordUnavailable):
            JournalFile(path).open()
    path.write_bytes(whole)
    made(path, 0).close()


def test_a_torn_end_of_the_log_is_dropped_and_the_rest_stands(tmp_path: Path) -> None:
    path, copy = tmp_path / "j.sqlite3", tmp_path / "copy.sqlite3"
    journal = made(path, 5)
    journal.write(entries(6, 6))
    log = path.with_name("j.sqlite3-wal").read_bytes()
    copy.write_bytes(path.read_bytes())
    torn = log.rindex(b'"reason":"6"')  # what comes after it was there before anything was written
    copy.with_name("copy.sqlite3-wal").write_bytes(log[:torn])
    journal.close()
    again = JournalFile(copy)
    again.open()
    assert [row.seq for row in again.rows(0, 100)] == [1, 2, 3, 4, 5]
    again.write(entries(1, 1))
    again.close()


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite3"
    made(path).close()
    with closing(raw(path)) as newer:
        newer.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(errors.RecordUnavailable, match=f"version {VERSION + 1}.*up to {VERSION}"):
        JournalFile(path).open()


def test_another_programs_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "letter.txt"
    text.write_text("Dear Ada, " * 2000, encoding="utf-8")
    with pytest.raises(errors.RecordUnavailable, match="This is no journal"):
        JournalFile(text).open()
    assert text.read_text(encoding="utf-8") == "Dear Ada, " * 2000
    database = tmp_path / "other.sqlite3"
    with closing(raw(database)) as other:
        other.execute("CREATE TABLE music (title TEXT)")
    with pytest.raises(errors.RecordUnavailable, match="another program"):
        JournalFile(database).open()


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "j.sqlite3").mkdir()
    with pytest.raises(errors.RecordUnavailable, match="cannot be opened"):
        JournalFile(tmp_path / "j.sqlite3").open()
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(errors.RecordUnavailable, match="cannot be opened"):
        JournalFile(tmp_path / "file" / "j.sqlite3").open()


@contextmanager
def as_a_common_user(*paths: Path) -> Iterator[None]:
    """Root may write anywhere, so a test of permissions must not be root."""
    if os.geteuid() != 0:
        yield
        return
    nobody = 65534
    for path in paths:
        os.chown(path, nobody, nobody)
    opened = [parent for parent in paths[0].parents if mode(parent) & 0o055 != 0o055]
    before = {parent: mode(parent) for parent in opened}
    for parent in opened:
        parent.chmod(before[parent] | 0o055)
    os.seteuid(nobody)
    try:
        yield
    finally:
        os.seteuid(0)
        for parent, was in before.items():
            parent.chmod(was)


@posix_only
def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "sealed"
    folder.mkdir(mode=0o500)
    with as_a_common_user(folder):
        assert list(folder.iterdir()) == [], "the test itself may look"
        with pytest.raises(errors.RecordUnavailable, match=r"Permission denied: '.*j\.sqlite3'"):
            JournalFile(folder / "j.sqlite3").open()


@posix_only
def test_a_read_only_file_is_refused_when_it_is_to_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "sealed"
    folder.mkdir(mode=0o700)
    path = folder / "j.sqlite3"
    made(path).close()
    path.chmod(0o400)
    folder.chmod(0o500)
    with (
        as_a_common_user(folder, path),
        pytest.raises(errors.RecordUnavailable, match="make both writable"),
    ):
        JournalFile(path).open()


@contextmanager
def disk_full_beyond(size_bytes: int) -> Iterator[None]:
    """No file may grow beyond so many bytes, which a write notices as it would a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, old)


@posix_only
def test_a_full_disk_refuses_all_or_nothing_and_recovers(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite3"
    journal = made(path)
    batch = entries(4, 60, padding="x" * 4000)
    with disk_full_beyond(100_000):
        for _ in range(3):
            with pytest.raises(errors.RecordUnavailable, match=r"space"):
                journal.write(batch)
    assert [row.seq for row in stored_rows(path)] == [1, 2, 3]
    journal.write(batch)
    assert [row.number for row in stored_rows(path)] == list(range(1, 61))
    journal.close()


def test_a_commit_in_doubt_is_not_written_twice(tmp_path: Path) -> None:
    journal = made(tmp_path / "j.sqlite3", 3)
    # The disk said no after it had kept the rows: the queue hands over the same entries again.
    journal._in_doubt = True
    journal.write(entries(2, 4))
    assert [row.number for row in journal.rows(0, 10)] == [1, 2, 3, 4]
    journal.close()


@posix_only
def test_a_file_that_was_moved_away_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite3"
    journal = made(path)
    path.rename(tmp_path / "elsewhere.sqlite3")
    for _ in range(2):
        with pytest.raises(errors.RecordUnavailable):
            journal.write(entries(4, 4))
    made(path, 0).close()
    with pytest.raises(errors.RecordUnavailable, match="moved or replaced"):
        journal.write(entries(4, 4))
    journal.close()


def test_two_writers_make_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite3"
    bot, rescue = made(path, 2), JournalFile(path)
    rescue.open()
    for number in range(1, 4):
        rescue.write(entries(number, number))
        bot.write(entries(number + 2, number + 2))
    rows = list(stored_rows(path))
    assert [row.seq for row in rows] == list(range(1, 9))
    assert {row.writer for row in rows} == {bot.writer, rescue.writer}
    bot.close()
    rescue.close()


def test_reading_along_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite3"
    journal = made(path, 3)
    assert [row.seq for row in stored_rows(path)] == [1, 2, 3]
    journal.write(entries(4, 5))
    assert [row.seq for row in stored_rows(path, after=3)] == [4, 5]
    journal.close()
    with pytest.raises(errors.RecordUnavailable, match="cannot be read"):
        list(stored_rows(tmp_path / "none.sqlite3"))


def test_labels_by_tag_for_a_quick_look(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite3"
    journal = made(path, 3)
    placed = [
        events.IntentRecorded(
            at=at(1),
            intent_id=tag,
            account_id=ACCOUNT,
            action="place",
            route="r",
            body="{}",
            tag=tag,
            label=label,
        )
        for tag, label in {"T1A": "one", "T1B": None, "T1C": "three"}.items()
    ]
    journal.write([entry_of(fact, number) for number, fact in enumerate(placed, start=4)])
    journal.close()
    assert labels(path, {"T1A", "T1B", "T1X"}) == {"T1A": "one"}
    with pytest.raises(sqlite3.Error):
        labels(tmp_path / "none.sqlite3", {"T1A"})
