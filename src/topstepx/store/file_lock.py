"""An exclusive lock of the operating system on a small file: it ends with the process, however that dies.

No process numbers are trusted: what a holder writes into the file is for people to read. The file itself
stays; deleting it would let two processes lock two files of one name.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from topstepx.store.private_file import make_private_folder

if TYPE_CHECKING:
    from pathlib import Path

_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_NOTE_BYTES_MAX = 500
_FAR = 1 << 30
"""Windows locks bytes, not files, and nobody may read a locked one: lock one that is never written."""


class FileLock:
    """One process's hold on the lock at `path`. `note` is kept in the file while it is held."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether this object holds it."""
        return self._descriptor is not None

    def try_lock(self, note: str = "") -> bool:
        """Take it, or say at once that somebody else has it.

        Raises `OSError` or `FileNotPrivate` when the file cannot be opened.
        """
        if self._descriptor is not None:
            return True
        make_private_folder(self.path.parent)
        descriptor = os.open(self.path, _FLAGS, 0o600)
        try:
            if not _lock(descriptor):
                os.close(descriptor)
                return False
            os.ftruncate(descriptor, 0)
            os.write(descriptor, note.encode()[:_NOTE_BYTES_MAX])
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return True

    def unlock(self) -> None:
        """Give it back; nothing when it is not held."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.ftruncate(descriptor, 0)
            os.close(descriptor)  # which gives it back

    def holder(self) -> str:
        """What the present or last holder wrote about itself; empty when there is nothing."""
        try:
            with self.path.open("rb") as file:
                return file.read(_NOTE_BYTES_MAX).decode(errors="replace")
        except OSError:
            return ""


def _lock(descriptor: int) -> bool:
    """An exclusive lock without waiting; whether we have it."""
    locking: Any
    try:
        if os.name == "nt":
            import msvcrt as locking  # noqa: PLC0415  Windows only

            os.lseek(descriptor, _FAR, os.SEEK_SET)
            locking.locking(descriptor, locking.LK_NBLCK, 1)
            os.lseek(descriptor, 0, os.SEEK_SET)
        else:
            import fcntl as locking  # noqa: PLC0415  POSIX only

            locking.flock(descriptor, locking.LOCK_EX | locking.LOCK_NB)
    except OSError:
        return False
    return True
