"""Files that only this user may read: checked when opened, replaced in one step.

What is checked is the opened file itself, not its name: a name can be exchanged between the look and
the use. Links are not followed. Windows keeps a user's folders private by itself; there only the
replacing is ours.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from topstepx.errors import FileNotPrivate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_POSIX = os.name == "posix"
_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)
"""Opening a pipe in place of a file must not wait for a writer."""
_OTHERS = 0o077
_BYTES_MAX = 1_000_000


def read_private(path: Path) -> bytes | None:
    """The content; None when there is no such file. Raises `FileNotPrivate` if others can get at it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _NO_LINK | _NO_WAIT)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _refused(path, error.strerror or "it cannot be opened") from None
    try:
        _check(path, os.fstat(descriptor), stat.S_ISREG)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(_BYTES_MAX)
    finally:
        os.close(descriptor)


def write_private(path: Path, content: bytes) -> None:
    """Write it whole or not at all, for this user only; it survives a power cut once this returns."""
    make_private_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, path)  # noqa: PTH105  its twin in pathlib says nothing more
    except OSError as error:
        raise _refused(path, error.strerror or "it cannot be written") from None
    finally:
        with suppress(OSError):
            temporary.unlink()
    _sync_folder(path.parent)


def append_private(path: Path, line: bytes) -> int:
    """Append a line; on the disk when this returns. Gives the file's length just after it.

    Raises `OSError` when the disk does not take it, `FileNotPrivate` for a folder that others can use.
    """
    make_private_folder(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | _NO_LINK, 0o600)
    try:
        # A line that a power cut tore must not swallow this one, so it begins on a new line.
        content = b"\n" + line + b"\n"
        if os.write(descriptor, content) != len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        end = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    _sync_folder(path.parent)
    return end


def remove_private(path: Path) -> bool:
    """Delete it; False when there was none."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _refused(path, error.strerror or "it cannot be deleted") from None
    _sync_folder(path.parent)
    return True


def make_private_folder(folder: Path) -> None:
    """Make the folder for this user only, or raise `FileNotPrivate` when others may write there."""
    try:
        make_folders(folder)
        descriptor = os.open(folder, os.O_RDONLY | _NO_LINK) if _POSIX else None
    except OSError as error:
        raise _refused(folder, error.strerror or "it cannot be made") from None
    if descriptor is None:
        return
    try:
        _check(folder, os.fstat(descriptor), stat.S_ISDIR)
    finally:
        os.close(descriptor)


def make_folders(folder: Path) -> None:
    """Make it and what is missing above it, all of it for this user only. Raises `OSError`."""
    if not folder.parent.exists():
        make_folders(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def _check(path: Path, found: os.stat_result, kind: Callable[[int], bool]) -> None:
    if not kind(found.st_mode):
        raise FileNotPrivate(f"{path} is not what it should be.", next_step="Move it away.")
    if not _POSIX:
        return
    if found.st_uid != os.geteuid():
        raise FileNotPrivate(
            f"{path} belongs to another user (number {found.st_uid}), so it is not used.",
            next_step="Move it away and log in again: topstepx login.",
        )
    if found.st_mode & _OTHERS:
        fix = f"chmod 600 '{path}', and take it as read by others: topstepx login --rotate."
        if stat.S_ISDIR(found.st_mode):
            fix = f"chmod 700 '{path}'."
        raise FileNotPrivate(
            f"{path} can be read or changed by others (mode {stat.S_IMODE(found.st_mode):o}).",
            next_step=fix,
        )


def _sync_folder(folder: Path) -> None:
    """Make a rename or a deletion survive a power cut."""
    if not _POSIX:
        return
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | _NO_LINK)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _refused(path: Path, why: str) -> FileNotPrivate:
    return FileNotPrivate(
        f"{path}: {why}.", next_step="Links are not followed; look at the file and its folder."
    )
