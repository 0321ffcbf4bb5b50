"""The name of this installation, kept for ever: our orders are recognised by it after every restart."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from topstepx.core import tags
from topstepx.errors import ConfigurationError
from topstepx.store.file_lock import FileLock
from topstepx.store.private_file import read_private, write_private

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_FILE = "installation"
_LOCK_PAUSE_S = 0.02


def installation_code(folder: Path, chance: Callable[[int], bytes], *, wait_s: float = 5.0) -> str:
    """The eight characters of this installation, drawn once from `chance` and then read from `folder`.

    Two processes that start together get one and the same; `wait_s` is how long one waits for the other.
    Raises `ConfigurationError` when the file is
    damaged, `FileNotPrivate` when others can change it, `OSError` when it cannot be written.
    """
    path = folder / _FILE
    known = read_private(path)
    if known is not None:
        return _checked(path, known)
    lock = FileLock(folder / f"{_FILE}.lock")
    deadline = time.monotonic() + wait_s
    while not lock.try_lock():
        if time.monotonic() > deadline:
            msg = f"{lock.path} is held by another process that does not move on."
            raise ConfigurationError(msg, next_step="End that process and start again.")
        time.sleep(_LOCK_PAUSE_S)
    try:
        known = read_private(path)
        if known is not None:
            return _checked(path, known)
        code = tags.installation_code(chance(tags.INSTALLATION_BYTES))
        write_private(path, f"{code}\n".encode())
        return code
    finally:
        lock.unlock()


def known_installation(folder: Path) -> str | None:
    """That name, if there is one already; raises like `installation_code`."""
    known = read_private(folder / _FILE)
    return None if known is None else _checked(folder / _FILE, known)


def _checked(path: Path, content: bytes) -> str:
    code = content.decode(errors="replace").strip()
    if not tags.is_installation(code):
        msg = f"{path} should hold eight characters that name this installation and does not."
        raise ConfigurationError(
            msg,
            next_step=(
                "Restore it from a backup, or delete it: a new name is drawn, and orders under the old "
                "one then count as other software's."
            ),
        )
    return code
