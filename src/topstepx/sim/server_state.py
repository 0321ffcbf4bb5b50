"""Files of saved simulator states: versioned, checked, replaced in one step, for this user only.

The first line is `topstepx-simulator-state VERSION LENGTH SHA256`, the rest is the state as JSON. A
file of another version, cut short or changed is refused whole.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

from topstepx.errors import ConfigurationError
from topstepx.sim.saved import VERSION, SavedGateway, read_saved

if TYPE_CHECKING:
    from pathlib import Path

_MAGIC = "topstepx-simulator-state"
_HEADER_PARTS = 4


def write_state(path: Path, body: bytes) -> None:
    """Write it whole or not at all. Raises `ConfigurationError` when the file cannot be written."""
    header = f"{_MAGIC} {VERSION} {len(body)} {hashlib.sha256(body).hexdigest()}\n"
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(temporary, flags, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(header.encode() + body)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, path)  # noqa: PTH105  its twin in pathlib says nothing more
    except OSError as error:
        raise ConfigurationError(
            f"state {path}: cannot be written ({error.strerror}).",
            next_step="Name a file in a folder of yours, with room on the disk.",
        ) from None
    finally:
        with suppress(OSError):
            temporary.unlink()


def check_place(path: Path) -> None:
    """Raise `ConfigurationError` now where a state could not be written at the end."""
    folder = path.absolute().parent
    if not folder.is_dir():
        raise ConfigurationError(
            f"state {path}: there is no folder {folder}.",
            next_step="Make it, or name another file.",
        )
    if path.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigurationError(
            f"state {path}: cannot be written there.",
            next_step="Name a file in a folder of yours, with room on the disk.",
        )


def read_state(path: Path) -> SavedGateway:
    """What was saved. Raises `ConfigurationError` for a file that is not whole, ours and of this version."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"state {path}: cannot be read ({error.strerror}).", next_step="Check the path."
        ) from None
    header, _, body = data.partition(b"\n")
    parts = header.decode("ascii", errors="replace").split(" ")
    if len(parts) != _HEADER_PARTS or parts[0] != _MAGIC:
        raise ConfigurationError(
            f"state {path}: is no saved state of a simulator.",
            next_step="Name another file; a new one is written when there is none.",
        )
    if parts[1] != str(VERSION):
        raise ConfigurationError(
            f"state {path}: is of version {parts[1][:20]}, this program reads version {VERSION}.",
            next_step="Use the topstepx that wrote it, or start with another file.",
        )
    if parts[2] != str(len(body)) or parts[3] != hashlib.sha256(body).hexdigest():
        raise ConfigurationError(
            f"state {path}: is cut short or was changed ({len(body)} of {parts[2][:20]} bytes).",
            next_step="Take an older copy, or move it away to start anew.",
        )
    try:
        return read_saved(body)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"state {path}: {error}", next_step="Move it away to start anew."
        ) from error
