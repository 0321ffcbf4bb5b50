"""The shared request log of all processes of one user on one machine: a small SQLite file.

An attempt is written down, in an immediate transaction, before it is sent: a process that dies between
the two costs one slot for one window and breaks nothing. A process killed while it holds the lock loses
the lock with its life; one that hangs while holding it makes the others go on alone after `busy_s`.

Times are the machine's suspend-aware monotonic clock, which is one for all processes and starts anew at
boot. The log therefore names its boot: after a restart it is emptied, and says that it knows nothing
from before that moment. Nothing here has to outlive a power cut, so nothing waits for the disk.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from topstepx.clock import NANOSECONDS
from topstepx.core.budget import BudgetUnavailable, Claim, Claimed, Foreign

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from topstepx.clock import Clock
    from topstepx.core.budget import Want

T = TypeVar("T")

KEEP_NS = 120 * NANOSECONDS
STEP_S = 300
"""How far the wall clock may be set while names made from it still mean one boot."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS attempts (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket TEXT NOT NULL,
    at_ns INTEGER NOT NULL,
    process TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS attempts_by_time ON attempts (bucket, at_ns);
CREATE TABLE IF NOT EXISTS log (known_since_ns INTEGER NOT NULL, boot TEXT NOT NULL) STRICT;
"""


def boot_name(clock: Clock) -> str:
    """This boot of the machine, the same (or nearly, see `same_boot`) in every process."""
    kernel = Path("/proc/sys/kernel/random/boot_id")
    if kernel.exists():
        return kernel.read_text(encoding="ascii").strip()
    return f"at {clock.now().timestamp() - clock.monotonic_ns() / NANOSECONDS:.0f}"


def same_boot(one: str, other: str) -> bool:
    """Whether two names mean one boot; names made from the wall clock may be minutes apart."""
    if one.startswith("at ") and other.startswith("at "):
        return abs(int(one[3:]) - int(other[3:])) < STEP_S
    return one == other


def budget_path(folder: Path, host: str, user_name: str) -> Path:
    """Where the log of this user at this host is; the name tells neither."""
    key = hashlib.sha256(f"{host}\n{user_name.lower()}".encode()).hexdigest()
    return folder / f"budget-{key[:24]}.sqlite"


class SqliteBudget:
    """One process's connection to the shared log; see `core.budget.BudgetStore`."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        process: str,
        *,
        boot: str | None = None,
        busy_s: float = 0.25,
    ) -> None:
        self._path, self._clock, self._process, self._busy_s = path, clock, process, busy_s
        self._connection: sqlite3.Connection | None = None
        self._boot = boot if boot is not None else boot_name(clock)
        self._seen = 0

    def open(self) -> tuple[int, tuple[Foreign, ...]]:
        """Since when the log is complete, and the recent attempts of others."""
        return self._guarded(self._open)

    def claim(self, wants: Sequence[Want]) -> Claimed:
        """Write down and allow what fits; all in one transaction."""
        return self._guarded(lambda: self._claim(wants))

    def record(self, attempts: Sequence[Foreign]) -> None:
        """Write down what left while the log was out of reach."""
        self._guarded(lambda: self._record(attempts))

    def release(self, bucket: str, at_ns: int) -> None:
        """Take back one own attempt of that time."""
        self._guarded(lambda: self._release(bucket, at_ns))

    def recent(self) -> tuple[Foreign, ...]:
        """What all programs sent lately, for people who look; nothing where there is no log."""
        if not self._path.exists():
            return ()
        try:
            with closing(sqlite3.connect(self._path, timeout=self._busy_s)) as looking:
                row = looking.execute("SELECT boot FROM log").fetchone()
                if row is None or not same_boot(row[0], self._boot):
                    return ()
                rows = looking.execute("SELECT bucket, at_ns FROM attempts").fetchall()
        except (sqlite3.Error, OSError):
            return ()
        return tuple(Foreign(bucket, at_ns) for bucket, at_ns in rows)

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _guarded(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except (sqlite3.Error, OSError) as error:
            # Whatever state the connection is in: the next call starts with a new one.
            self._drop()
            raise BudgetUnavailable(f"{type(error).__name__}: {error}.") from error

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _connect(self) -> sqlite3.Connection:
        if self._connection is not None:
            return self._connection
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made here, so that only this user may read it.
        os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(
            self._path, timeout=self._busy_s, isolation_level=None, check_same_thread=False
        )
        self._connection = connection
        # Two processes that begin together may both try this, and SQLite does not wait here: the other
        # one does it, and the file keeps the mode.
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=OFF")
        return connection

    def _open(self) -> tuple[int, tuple[Foreign, ...]]:
        connection = self._connect()
        with _Immediate(connection):
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            row = connection.execute("SELECT known_since_ns, boot FROM log").fetchone()
            if row is None or not same_boot(row[1], self._boot):
                row = (self._clock.monotonic_ns(), self._boot)
                connection.execute("DELETE FROM attempts")
                connection.execute("DELETE FROM log")
                connection.execute("INSERT INTO log VALUES (?, ?)", row)
            foreign = self._news(connection)
        return int(row[0]), foreign

    def _claim(self, wants: Sequence[Want]) -> Claimed:
        connection = self._connect()
        claims: list[Claim] = []
        with _Immediate(connection):
            now_ns = self._clock.monotonic_ns()
            connection.execute("DELETE FROM attempts WHERE at_ns < ?", (now_ns - KEEP_NS,))
            foreign = self._news(connection)
            for want in wants:
                granted = want.line is None or self._count(want, now_ns) < want.line
                if granted:
                    self._insert(connection, want.bucket, now_ns)
                claims.append(Claim(granted=granted, at_ns=now_ns))
        return Claimed(tuple(claims), foreign)

    def _count(self, want: Want, now_ns: int) -> int:
        (count,) = (
            self._connect()
            .execute(
                "SELECT count(*) FROM attempts WHERE bucket = ? AND at_ns >= ?",
                (want.bucket, now_ns - want.window_ns),
            )
            .fetchone()
        )
        return int(count)

    def _insert(self, connection: sqlite3.Connection, bucket: str, at_ns: int) -> None:
        connection.execute(
            "INSERT INTO attempts (bucket, at_ns, process) VALUES (?, ?, ?)",
            (bucket, at_ns, self._process),
        )

    def _record(self, attempts: Sequence[Foreign]) -> None:
        connection = self._connect()
        with _Immediate(connection):
            for attempt in attempts:
                self._insert(connection, attempt.bucket, attempt.at_ns)

    def _release(self, bucket: str, at_ns: int) -> None:
        connection = self._connect()
        with _Immediate(connection):
            connection.execute(
                "DELETE FROM attempts WHERE number = (SELECT max(number) FROM attempts"
                " WHERE bucket = ? AND at_ns = ? AND process = ?)",
                (bucket, at_ns, self._process),
            )

    def _news(self, connection: sqlite3.Connection) -> tuple[Foreign, ...]:
        rows = connection.execute(
            "SELECT number, bucket, at_ns, process FROM attempts WHERE number > ? ORDER BY number",
            (self._seen,),
        ).fetchall()
        if rows:
            self._seen = rows[-1][0]
        return tuple(
            Foreign(bucket, at_ns) for _, bucket, at_ns, process in rows if process != self._process
        )


class _Immediate:
    """A transaction that holds the write lock from its first statement."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._connection.execute("COMMIT" if kind is None else "ROLLBACK")
