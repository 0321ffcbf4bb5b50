"""Keys in files: sealed under a passphrase, or in plain text where somebody typed that they want it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from topstepx.errors import ConfigurationError, PassphraseRefused
from topstepx.settings import Secret
from topstepx.store.private_file import read_private, remove_private, write_private
from topstepx.store.sealing import (
    Slowness,
    Unsealable,
    passphrase_key,
    require_cryptography,
    seal,
    unseal,
)

PASSPHRASE_FILE: Final = "TOPSTEPX_PASSPHRASE_FILE"  # noqa: S105  the name of a variable
PASSPHRASE_LEAST: Final = 8

_MAGIC: Final = b"topstepx credentials\n"
_PLAIN: Final = b"topstepx credentials, NOT ENCRYPTED\n"

Ask: TypeAlias = Callable[[], Secret]
"""Gets the passphrase from a person."""


class EncryptedFile:
    """One sealed file per slot.

    `ask` gets the passphrase, once; without it only the file that `TOPSTEPX_PASSPHRASE_FILE` names can
    open anything.
    """

    name = "encrypted file"

    def __init__(
        self, folder: Path, ask: Ask | None = None, *, slowness: Slowness | None = None
    ) -> None:
        self._folder = folder
        self._ask = ask
        self._slowness = slowness or Slowness()
        self._passphrase: Secret | None = None

    def path(self, slot: str) -> Path:
        """Where a slot's file is."""
        return _path(self._folder, slot, "sealed")

    def exists(self, slot: str) -> bool:
        """Whether there is one, without opening it."""
        return self.path(slot).exists()

    def read(self, slot: str) -> str | None:
        """What is kept in a slot, or None. Raises `PassphraseRefused`, `FileNotPrivate`."""
        path = self.path(slot)
        sealed = read_private(path)
        if sealed is None:
            return None
        require_cryptography("The encrypted key file")
        passphrase = self._get()
        try:
            return unseal(_MAGIC, slot, sealed, passphrase_key(passphrase)).decode()
        except Unsealable as error:
            self._passphrase = None
            raise PassphraseRefused(
                f"{path} does not open: {error}.",
                next_step="Type the passphrase again; if it is lost: topstepx logout --forget, then login.",
            ) from None

    def write(self, slot: str, value: str) -> None:
        """Keep it. Raises `PassphraseRefused` for a short passphrase."""
        require_cryptography("The encrypted key file")
        passphrase = self._get()
        if len(passphrase.reveal()) < PASSPHRASE_LEAST:
            self._passphrase = None
            raise PassphraseRefused(
                f"The passphrase has fewer than {PASSPHRASE_LEAST} characters.",
                next_step="Take several words: whoever copies the file can guess for ever.",
            )
        sealed = seal(
            _MAGIC, slot, value.encode(), passphrase_key(passphrase), slowness=self._slowness
        )
        write_private(self.path(slot), sealed)

    def remove(self, slot: str) -> bool:
        """Forget it; False when there was nothing."""
        return remove_private(self.path(slot))

    def _get(self) -> Secret:
        if self._passphrase is None:
            self._passphrase = passphrase_from_file() or (self._ask() if self._ask else None)
        if self._passphrase is None:
            raise PassphraseRefused(
                f"{self._folder}: the key is encrypted, and there is nobody to ask for the passphrase.",
                next_step=(
                    f"Run the command in a terminal; in a program, connect(..., "
                    f"passphrase=getpass.getpass) or name a private file in {PASSPHRASE_FILE}."
                ),
            )
        return self._passphrase


class PlainFile:
    """One readable file per slot, for those who asked for it by name."""

    name = "plain text file"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, slot: str) -> Path:
        """Where a slot's file is."""
        return _path(self._folder, slot, "plain")

    def exists(self, slot: str) -> bool:
        """Whether there is one."""
        return self.path(slot).exists()

    def read(self, slot: str) -> str | None:
        """What is kept in a slot, or None. Raises `FileNotPrivate`."""
        content = read_private(self.path(slot))
        if content is None:
            return None
        if not content.startswith(_PLAIN):
            msg = f"{self.path(slot)} is not a key file of this program."
            raise ConfigurationError(msg, next_step="Move it away and log in again.")
        return content.removeprefix(_PLAIN).decode(errors="replace")

    def write(self, slot: str, value: str) -> None:
        """Keep it, readable for every program that runs as you."""
        write_private(self.path(slot), _PLAIN + value.encode())

    def remove(self, slot: str) -> bool:
        """Forget it; False when there was nothing."""
        return remove_private(self.path(slot))


def passphrase_from_file() -> Secret | None:
    """The passphrase in the file that `TOPSTEPX_PASSPHRASE_FILE` names; None when it names none.

    A service manager can hand one over without it standing in any environment or command line.
    """
    name = os.environ.get(PASSPHRASE_FILE)
    if not name:
        return None
    content = read_private(Path(name))
    text = content.decode(errors="replace").rstrip("\r\n") if content is not None else ""
    if not text:
        msg = f"{PASSPHRASE_FILE}={name!r}: there is no passphrase in it."
        raise PassphraseRefused(msg, next_step="Write it into the file, in one line.")
    return Secret(text)


def _path(folder: Path, slot: str, kind: str) -> Path:
    return folder / "credentials" / f"{slot.replace(' ', '_')}.{kind}"
