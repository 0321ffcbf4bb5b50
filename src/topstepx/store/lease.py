"""Who may open positions on an account: one process at a time, and never one that was fenced off.

Two things make the right. An operating-system lock, so that two living processes cannot both have it and
a dead one cannot keep it. And an *epoch*: a line in an append-only file, written when the lock is taken.
Whoever wants the others to stop (`topstepx flatten`) appends a line of its own, for
which it needs no lock, so a process that hangs while holding the lock cannot prevent it. Any line after
one's own means: fenced. That costs one look at a file's size, so it is done before every send.

What stops every program of a user at once is not here: see `kill_switch`.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from topstepx.store.file_lock import FileLock
from topstepx.store.private_file import append_private

if TYPE_CHECKING:
    from pathlib import Path

NoticeKind = Literal["taken", "flatten"]

_BYTES_MAX = 10_000_000
EVERY_ACCOUNT = "all"


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an epoch file: who did what to the right to trade, and why."""

    kind: NoticeKind
    who: str
    at: datetime
    why: str = ""


class EpochFile:
    """The append-only file of one account, or of all of them together."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, notice: Notice) -> int:
        """Write a line; on the disk when this returns. Gives the file's length just after it.

        Raises `OSError` or `FileNotPrivate`.
        """
        return append_private(self.path, msgspec.json.encode(notice))

    def length(self) -> int:
        """How long it is; 0 while there is none."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def notices(self, after: int = 0) -> tuple[Notice, ...]:
        """The lines from a length on; torn ones are left out."""
        try:
            with self.path.open("rb") as file:
                file.seek(after)
                content = file.read(_BYTES_MAX)
        except FileNotFoundError:
            return ()
        found = []
        for line in content.split(b"\n"):
            with suppress(msgspec.DecodeError):
                found.append(msgspec.json.decode(line, type=Notice))
        return tuple(found)


class Leases:
    """The leases of one user at one gateway, in one folder. `who` describes this process to people."""

    def __init__(self, folder: Path, who: str) -> None:
        self.folder, self.who = folder, who

    def epochs(self, account_id: int | None) -> EpochFile:
        """The epoch file of an account; None: that of all accounts together."""
        name = EVERY_ACCOUNT if account_id is None else str(account_id)
        return EpochFile(self.folder / f"{name}.epochs")

    def lease(self, account_id: int) -> Lease:
        """The lease of an account, not taken yet."""
        return Lease(
            FileLock(self.folder / f"{account_id}.lock"),
            self.epochs(account_id),
            self.epochs(None),
            self.who,
        )

    def raise_epoch(
        self, account_id: int | None, kind: NoticeKind, at: datetime, *, why: str
    ) -> None:
        """Fence whoever trades the account (None: every account) now; takes no lock."""
        self.epochs(account_id).append(Notice(kind=kind, who=self.who, at=at, why=why))


class Lease:
    """The right to trade one account."""

    def __init__(self, lock: FileLock, own: EpochFile, common: EpochFile, who: str) -> None:
        self._lock, self._own, self._common, self._who = lock, own, common, who
        self._end: int | None = None
        self._common_end = 0
        self.epoch = 0

    def try_take(self, at: datetime) -> bool:
        """Take it, or take it anew after having been fenced; False: another process has it.

        Raises `OSError` or `FileNotPrivate` when its files cannot be used.
        """
        if not self._lock.try_lock(self._who):
            return False
        try:
            self._common_end = self._common.length()
            self._end = self._own.append(Notice(kind="taken", who=self._who, at=at))
        except BaseException:
            self.release()
            raise
        self.epoch = len(self._own.notices())
        return True

    def holder(self) -> str:
        """Who has it, in that process's words."""
        return self._lock.holder()

    @property
    def is_taken(self) -> bool:
        """Whether it was taken and not given back; it may be fenced all the same."""
        return self._lock.is_held

    def is_current(self) -> bool:
        """Whether it is ours and nobody fenced us; what cannot be read counts as fenced."""
        if self._end is None:
            return False
        try:
            return self._own.length() == self._end and self._common.length() == self._common_end
        except OSError:
            return False

    def fenced_by(self) -> Notice | None:
        """The first line after ours; None when there is none, or it cannot be read."""
        if self._end is None:
            return None
        with suppress(OSError):
            later = self._own.notices(self._end) + self._common.notices(self._common_end)
            return min(later, key=lambda notice: notice.at, default=None)
        return None

    def release(self) -> None:
        """Give it back."""
        self._end = None
        self._lock.unlock()
