"""The log of logins that all processes and all restarts share: a small SQLite file.

A program that crashes and is restarted in a loop must not become a storm of logins, so each one is
written down before it leaves. Times are the machine's suspend-aware clock; rows of an earlier boot are
carried over by the wall clock, and one that claims to be from the future counts as just now.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from topstepx.clock import NANOSECONDS
from topstepx.core.logins import WINDOW_NS, next_login_ns
from topstepx.store.budget import boot_name, same_boot

if TYPE_CHECKING:
    from pathlib import Path

    from topstepx.clock import Clock

_LOG = logging.getLogger("topstepx.auth")
_BUSY_S = 2.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS logins (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ns  INTEGER NOT NULL,
    at_s   REAL NOT NULL,
    boot   TEXT NOT NULL
) STRICT
"""


def login_log_path(folder: Path, host: str, user_name: str) -> Path:
    """Where the log of this user at this host is; the name tells neither."""
    key = hashlib.sha256(f"{host}\n{user_name.lower()}".encode()).hexdigest()
    return folder / f"logins-{key[:24]}.sqlite"


class SqliteLoginLog:
    """See `core.logins.LoginLog`. Where the log is out of reach, this process's own bounds must do."""

    def __init__(self, path: Path, clock: Clock, *, boot: str | None = None) -> None:
        self._path, self._clock = path, clock
        self._boot = boot if boot is not None else boot_name(clock)
        self._claimed: int | None = None

    def claim(self, *, exit_waits: bool) -> float:
        """Seconds to wait; 0.0: the login may leave now, and is written down."""
        try:
            return self._claim(exit_waits=exit_waits)
        except (sqlite3.Error, OSError) as error:
            _LOG.warning("the log of logins is out of reach (%s)", type(error).__name__)
            self._claimed = None
            return 0.0

    def take_back(self) -> None:
        """The login claimed last certainly never left."""
        number, self._claimed = self._claimed, None
        if number is None:
            return
        try:
            with closing(self._connect()) as connection:
                connection.execute("DELETE FROM logins WHERE number = ?", (number,))
        except (sqlite3.Error, OSError) as error:
            _LOG.warning("the log of logins is out of reach (%s)", type(error).__name__)

    def recent(self) -> int:
        """How many logins left within the last ten minutes; for people who look."""
        if not self._path.exists():
            return 0
        try:
            with closing(self._connect()) as connection:
                now_ns, now_s = self._clock.monotonic_ns(), self._clock.now().timestamp()
                return len(self._past(connection, now_ns, now_s))
        except (sqlite3.Error, OSError):
            return 0

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made here, so that only this user may read it.
        os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None)
        connection.execute(_SCHEMA)
        return connection

    def _claim(self, *, exit_waits: bool) -> float:
        with closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            now_ns, now_s = self._clock.monotonic_ns(), self._clock.now().timestamp()
            past = self._past(connection, now_ns, now_s)
            due_ns = next_login_ns(past, exit_waits=exit_waits)
            if due_ns > now_ns:
                connection.execute("COMMIT")
                return (due_ns - now_ns) / NANOSECONDS
            self._claimed = connection.execute(
                "INSERT INTO logins (at_ns, at_s, boot) VALUES (?, ?, ?)",
                (now_ns, now_s, self._boot),
            ).lastrowid
            connection.execute("COMMIT")
            return 0.0

    def _past(self, connection: sqlite3.Connection, now_ns: int, now_s: float) -> list[int]:
        """Recent logins on this boot's clock; older ones are forgotten, foreign ones carried over."""
        rows = connection.execute("SELECT number, at_ns, at_s, boot FROM logins").fetchall()
        past = []
        for number, at_ns, at_s, boot in rows:
            mine = same_boot(boot, self._boot)
            when_ns = at_ns if mine else now_ns - round(max(0.0, now_s - at_s) * NANOSECONDS)
            if now_ns - when_ns > WINDOW_NS:
                connection.execute("DELETE FROM logins WHERE number = ?", (number,))
                continue
            if not mine:
                connection.execute(
                    "UPDATE logins SET at_ns = ?, boot = ? WHERE number = ?",
                    (when_ns, self._boot, number),
                )
            past.append(when_ns)
        return past
