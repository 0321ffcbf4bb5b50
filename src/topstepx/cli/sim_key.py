"""The key of a simulator: a new one each time, or one that stays, so that clients outlive a restart.

Never on the command line: that is shown to every user of the computer.
"""

from __future__ import annotations

import base64
import os
import secrets
from typing import TYPE_CHECKING

from topstepx.cli import terminal
from topstepx.errors import ConfigurationError
from topstepx.settings import Secret
from topstepx.store.private_file import read_private

if TYPE_CHECKING:
    from pathlib import Path


def sim_key(file: Path | None, *, key_stdin: bool) -> Secret | None:
    """The key that was asked for; None: the simulator makes one of its own.

    Raises `ConfigurationError` for one that cannot be used, `FileNotPrivate` for a file that others read.
    """
    if file is not None and key_stdin:
        msg = "--key-file and --key-stdin were both given."
        raise ConfigurationError(msg, next_step="Leave one of them out.")
    if key_stdin:
        return terminal.check_key(terminal.key_from_stdin())
    return None if file is None else _kept(file.expanduser().absolute())


def _kept(path: Path) -> Secret:
    content = read_private(path)
    if content is None:
        return _made(path)
    return terminal.check_key(Secret(content.decode("utf-8", "replace").strip()))


def _made(path: Path) -> Secret:
    key = base64.b64encode(secrets.token_bytes(32)).decode("ascii")
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"--key-file {path}: {error.strerror}.", next_step="Name a file in a folder of yours."
        ) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{key}\n")
    return Secret(key)
