"""The journal's SQLite file: made, checked, written and read, by one thread, blocking.

WAL with ``synchronous=FULL``: a transaction that was committed survives a kill and a power cut. The
file belongs to its owner alone. It can be read with any SQLite tool; triggers refuse changes. Several
processes may append: each links its rows to the last one inside its transaction.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import msgspec

from topstepx import errors
from topstepx.store.private_file import make_folders
from topstepx.store.rows import GENESIS, Entry, Row, chained, verified

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

VERSION = 1
APPLICATION_ID = 0x54535078  # "TSPx": what the `file` command and we know our journals by
BUSY_TIMEOUT_S = 5.0
_LOG_BYTES = 1_000_000
"""How long the write-ahead log is made at the start: a commit then writes over what is there, and the
disk need not note a new length with every one (measured: a quarter of the fastest commits' time)."""
_LOG_PAGES_MAX = 4000
"""Where a commit moves the log into the database after all, although somebody waits for it."""
_COMMITS_TO_MOVE = 32

_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS journal (
    seq        INTEGER PRIMARY KEY,
    writer     TEXT NOT NULL,
    number     INTEGER NOT NULL,
    at         TEXT NOT NULL,
    kind       TEXT NOT NULL,
    account_id INTEGER,
    event_id   TEXT NOT NULL,
    body       TEXT NOT NULL,
    previous   TEXT NOT NULL,
    digest     TEXT NOT NULL,
    UNIQUE (writer, number)
) STRICT;
CREATE TRIGGER IF NOT EXISTS journal_is_append_only_update BEFORE UPDATE ON journal
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER IF NOT EXISTS journal_is_append_only_delete BEFORE DELETE ON journal
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
COMMIT;
"""
_COLUMNS = "seq, writer, number, at, kind, account_id, event_id, body, previous, digest"
_SELECT = f"SELECT {_COLUMNS} FROM journal WHERE seq > ? ORDER BY seq"  # noqa: S608  fixed names
_INSERT = f"INSERT INTO journal ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608  fixed names

_NEXT_STEPS = {
    "SQLITE_FULL": "The disk is full: free some space.",
    "SQLITE_IOERR": "The disk refused the write: look at its space, its limits and its health.",
    "SQLITE_READONLY": "The file or its folder is read-only: make both writable for you.",
    "SQLITE_CANTOPEN": "Make the folder readable and writable for you, or name another one.",
    "SQLITE_CORRUPT": "Restore a backup, or move the file away to begin a new journal.",
    "SQLITE_NOTADB": "This is no journal: name another file.",
    "SQLITE_BUSY": "Another program holds the file: close it.",
}
_DAMAGE = frozenset({"SQLITE_CORRUPT", "SQLITE_NOTADB"})


class JournalFile:
    """One SQLite file. Every method blocks, and all are called from one thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.writer = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._connection: sqlite3.Connection | None = None
        self._inode: tuple[int, int] | None = None
        self._in_doubt = False
        self._to_move = 0

    def open(self, *, prove: bool = True) -> None:
        """Make the file if there is none, else prove that it is whole, if that is asked for.

        Raises:
            errors.RecordUnavailable: says what is wrong with it and what to do.
        """
        try:
            made = self._make_private()
            connection = self._connect()
            if made or self._is_empty(connection):
                connection.executescript(_SCHEMA)
                _sync_folder(self.path)
            self._check_identity(connection)
            if not prove:
                return
            _lengthen_log(connection, self.path)
            _check_structure(connection, self.path)
            for _ in verified(map(Row._make, connection.execute(_SELECT, (0,)))):
                pass
        except (sqlite3.Error, OSError) as error:
            self._drop()
            raise self._unavailable(error, "opened") from error
        except errors.RecordUnavailable:
            self._drop()
            raise

    def write(self, entries: Sequence[Entry]) -> None:
        """Append, durably: all of them or none.

        Raises:
            errors.RecordUnavailable: none was written; or, after a failing disk, that is not certain,
                and the next call finds out.
        """
        try:
            connection = self._connection or self._connect()
            self._check_in_place()
            connection.execute("BEGIN IMMEDIATE")
            if self._in_doubt:
                entries = self._not_yet_written(connection, entries)
            head = connection.execute(
                "SELECT seq, digest FROM journal ORDER BY seq DESC LIMIT 1"
            ).fetchone()
            seq, previous = head or (0, GENESIS)
            rows = chained(entries, after_seq=seq, previous=previous, writer=self.writer)
            connection.executemany(_INSERT, rows)
            connection.execute("COMMIT")
            self._in_doubt = False
            self._to_move += 1
        except (sqlite3.Error, OSError) as error:
            self._in_doubt = True
            self._drop()
            raise self._unavailable(error, "written") from error

    def tidy(self) -> None:
        """Move the write-ahead log into the database, now that nobody waits for a commit.

        Left to SQLite, every thousandth page or so some order would wait for two more visits to the disk.
        """
        if self._connection is None or self._to_move < _COMMITS_TO_MOVE:
            return
        self._to_move = 0
        with suppress(sqlite3.Error):  # the next commit says what is wrong with the disk
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def rows(self, after: int, limit: int) -> list[Row]:
        """At most ``limit`` rows after one.

        Raises:
            errors.RecordUnavailable: it cannot be read.
        """
        try:
            connection = self._connection or self._connect()
            return list(map(Row._make, connection.execute(f"{_SELECT} LIMIT ?", (after, limit))))
        except (sqlite3.Error, OSError) as error:
            raise self._unavailable(error, "read") from error

    def close(self) -> None:
        """Let go of the file."""
        self._drop()

    def _make_private(self) -> bool:
        """Whether the file was made now; it and a folder made for it are the owner's alone."""
        folder = self.path.parent
        if not folder.exists():
            make_folders(folder)
            folder.chmod(0o700)
        _check_folder(folder)
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            if os.name == "posix" and self.path.stat().st_mode & 0o077:
                self.path.chmod(0o600)
            return False
        return True

    def _connect(self) -> sqlite3.Connection:
        uri = f"{self.path.absolute().as_uri()}?mode=rw"
        connection = sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        try:
            _use_write_ahead_log(connection, self.path)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES_MAX}")
            connection.execute("PRAGMA fullfsync = ON")
            connection.execute("PRAGMA checkpoint_fullfsync = ON")
        except BaseException:
            connection.close()
            raise
        if self._inode is None:
            found = self.path.stat()
            self._inode = (found.st_dev, found.st_ino)
        self._connection = connection
        return connection

    def _check_in_place(self) -> None:
        found = self.path.stat()
        if (found.st_dev, found.st_ino) != self._inode:
            msg = f"{self.path} was moved or replaced while it was in use"
            raise OSError(msg)

    def _is_empty(self, connection: sqlite3.Connection) -> bool:
        (count,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        return bool(count == 0)

    def _check_identity(self, connection: sqlite3.Connection) -> None:
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if application_id != APPLICATION_ID:
            raise errors.RecordUnavailable(
                f"{self.path} is a database of another program.", next_step="Name another file."
            )
        if version > VERSION:
            raise errors.RecordUnavailable(
                f"The journal {self.path} has version {version}; this program knows up to {VERSION}.",
                next_step="Use the newer version of topstepx that wrote it.",
            )

    def _not_yet_written(
        self, connection: sqlite3.Connection, entries: Sequence[Entry]
    ) -> Sequence[Entry]:
        # A commit that failed half way may have reached the disk after all.
        (last,) = connection.execute(
            "SELECT coalesce(max(number), 0) FROM journal WHERE writer = ?", (self.writer,)
        ).fetchone()
        return [entry for entry in entries if entry.number > last]

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except sqlite3.Error:
                # A broken disk may refuse even this; the transaction is void without it.
                return

    def _unavailable(self, error: sqlite3.Error | OSError, verb: str) -> errors.RecordUnavailable:
        name: str = getattr(error, "sqlite_errorname", "")
        steps = (step for code, step in _NEXT_STEPS.items() if name.startswith(code))
        step = next(steps, "Look at the file, its folder and the disk.")
        what = f"{error} ({name})" if name else str(error)
        kind = errors.RecordDamaged if name in _DAMAGE else errors.RecordUnavailable
        return kind(f"The journal {self.path} cannot be {verb}: {what}.", next_step=step)


def stored_rows(path: Path, after: int = 0) -> Iterator[Row]:
    """The rows of a journal, read without writing and while others write; the chain is checked.

    Raises:
        errors.RecordUnavailable: it cannot be read, or at the place where it is damaged.
    """
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S)) as connection:
            before = connection.execute(
                "SELECT digest FROM journal WHERE seq = ?", (after,)
            ).fetchone()
            previous = before[0] if before else GENESIS
            found = map(Row._make, connection.execute(_SELECT, (after,)))
            yield from verified(found, after_seq=after, previous=previous)
    except sqlite3.Error as error:
        raise errors.RecordUnavailable(f"The journal {path} cannot be read: {error}.") from error


def bodies(path: Path, kind: str, newest: int) -> list[str]:
    """The newest facts of one kind, as JSON, without proving the chain: for a quick look.

    Raises `sqlite3.Error` when it cannot be read.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=1.0)) as connection:
        found = connection.execute(
            "SELECT body FROM journal WHERE kind = ? ORDER BY seq DESC LIMIT ?", (kind, newest)
        )
        return [body for (body,) in found]


def labels(path: Path, wanted: Collection[str]) -> dict[str, str]:
    """The labels of the orders with these tags, by tag, without proving the chain: for a quick look.

    Raises `sqlite3.Error` or `msgspec.MsgspecError` when it cannot be read.
    """
    sought, found = set(wanted), dict[str, str]()
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=1.0)) as connection:
        newest_first = connection.execute(
            "SELECT body FROM journal WHERE kind = 'IntentRecorded' ORDER BY seq DESC"
        )
        for (body,) in newest_first:
            if not sought:
                break
            named = msgspec.json.decode(body, type=_Named)
            if named.tag in sought:
                sought.remove(named.tag)
                if named.label is not None:
                    found[named.tag] = named.label
    return found


class _Named(msgspec.Struct):
    tag: str | None = None
    label: str | None = None


def _check_structure(connection: sqlite3.Connection, path: Path) -> None:
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise errors.RecordDamaged(
            f"The journal {path} is damaged: {found}.", next_step=_NEXT_STEPS["SQLITE_CORRUPT"]
        )


def _use_write_ahead_log(connection: sqlite3.Connection, path: Path) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise errors.RecordUnavailable(
            f"The journal {path} cannot use a write-ahead log (SQLite says {mode!r}).",
            next_step="Keep it on a local disk, not on a network drive.",
        )


def _lengthen_log(connection: sqlite3.Connection, path: Path) -> None:
    """Give the write-ahead log its length, by a transaction that spills into it and is taken back."""
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size >= _LOG_BYTES:
        return
    with suppress(sqlite3.Error, OSError):  # a full disk is the first commit's to tell
        connection.execute("PRAGMA cache_size = 8")
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("CREATE TABLE spilled (content)")
            connection.execute("INSERT INTO spilled VALUES (zeroblob(?))", (_LOG_BYTES + 65_536,))
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            connection.execute("PRAGMA cache_size = -2000")  # SQLite's own
        with log.open("rb+") as file:
            os.fsync(file.fileno())


def _check_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    mode = folder.stat().st_mode & 0o777
    if mode & 0o022:
        raise errors.RecordUnavailable(
            f"Others may write to the journal's folder {folder} (mode {mode:o}).",
            next_step=f"Run `chmod 700 {folder}`, or name another folder.",
        )


def _sync_folder(path: Path) -> None:
    """Make the file's name as durable as its content."""
    if os.name != "posix":
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
