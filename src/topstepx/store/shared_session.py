"""The session that several processes of one user share: a sealed record under a lock.

The record is sealed with a key derived from the API key, which every one of them has anyway: nothing
else has to be kept, and a new API key makes an old record worthless by itself. The lock is an advisory
lock of the operating system on a file of its own, so it ends with the process that holds it, however
that dies. A reader needs no lock: the record is replaced in one step.
"""

from __future__ import annotations

import hashlib
import os
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from topstepx.clock import NANOSECONDS
from topstepx.core.sharing import SharedToken, SharingUnavailable
from topstepx.errors import FileNotPrivate
from topstepx.settings import Secret
from topstepx.store.budget import boot_name, same_boot
from topstepx.store.private_file import (
    make_private_folder,
    read_private,
    remove_private,
    write_private,
)
from topstepx.store.sealing import Unsealable, derived_key, require_cryptography, seal, unseal

if TYPE_CHECKING:
    from pathlib import Path

    from topstepx.clock import Clock
    from topstepx.settings import Credentials

_MAGIC = b"topstepx session\n"


class _Record(msgspec.Struct, frozen=True):
    generation: int
    token: str
    obtained_ns: int
    obtained_at: datetime
    life_s: float
    boot: str


class FileSession:
    """See `core.sharing.SharedSession`. Raises `ExtraMissing` when made without `cryptography`."""

    def __init__(
        self,
        folder: Path,
        host: str,
        credentials: Credentials,
        clock: Clock,
        *,
        boot: str | None = None,
    ) -> None:
        require_cryptography("A shared session")
        who = hashlib.sha256(f"{host}\n{credentials.user_name.lower()}".encode()).digest()
        name = who.hex()[:24]
        self._about = b64encode(who).decode()
        self._path = folder / "sessions" / f"{name}.sealed"
        self._lock_path = folder / "sessions" / f"{name}.lock"
        self._key = derived_key(credentials.api_key, "topstepx shared session 1")
        self._clock = clock
        self._boot = boot if boot is not None else boot_name(clock)
        self._lock: int | None = None

    # -- the lock

    def try_lock(self) -> bool:
        """Take the lock, or say at once that another process has it."""
        if self._lock is not None:
            return True
        try:
            make_private_folder(self._lock_path.parent)
            descriptor = os.open(
                self._lock_path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600
            )
        except (OSError, FileNotPrivate) as error:
            raise SharingUnavailable(f"Its lock cannot be opened: {error}") from None
        if not _lock(descriptor):
            os.close(descriptor)
            return False
        self._lock = descriptor
        return True

    def unlock(self) -> None:
        """Give the lock back; nothing when it is not held."""
        descriptor, self._lock = self._lock, None
        if descriptor is not None:
            os.close(descriptor)  # which gives it back

    # -- the record

    def read(self) -> SharedToken | None:
        """What is in the record; None for nothing, or nothing that this user's key opens."""
        try:
            sealed = read_private(self._path)
        except FileNotPrivate as error:
            raise SharingUnavailable(str(error)) from None
        if sealed is None:
            return None
        try:
            record = msgspec.json.decode(
                unseal(_MAGIC, self._about, sealed, self._key), type=_Record
            )
        except (Unsealable, msgspec.DecodeError):
            return None  # another API key's, another version's, or damaged: it will be replaced
        return self._here(record)

    def _here(self, record: _Record) -> SharedToken:
        """Its times on this boot's clock."""
        obtained_ns = record.obtained_ns
        if not same_boot(record.boot, self._boot):
            age_s = max(0.0, (self._clock.now() - record.obtained_at) / timedelta(seconds=1))
            obtained_ns = self._clock.monotonic_ns() - round(age_s * NANOSECONDS)
        return SharedToken(
            record.generation,
            Secret(record.token),
            obtained_ns,
            record.obtained_at.astimezone(UTC),
            record.life_s,
        )

    def write(self, token: SharedToken) -> None:
        """Replace the record in one step."""
        record = _Record(
            token.generation,
            token.value.reveal(),
            token.obtained_ns,
            token.obtained_at,
            token.life_s,
            self._boot,
        )
        try:
            write_private(
                self._path, seal(_MAGIC, self._about, msgspec.json.encode(record), self._key)
            )
        except FileNotPrivate as error:
            raise SharingUnavailable(str(error)) from None

    def forget(self) -> None:
        """Delete the record."""
        try:
            remove_private(self._path)
        except FileNotPrivate as error:
            raise SharingUnavailable(str(error)) from None


def _lock(descriptor: int) -> bool:
    """An exclusive lock without waiting; whether we have it."""
    locking: Any
    try:
        if os.name == "nt":
            import msvcrt as locking  # noqa: PLC0415  Windows only

            locking.locking(descriptor, locking.LK_NBLCK, 1)
        else:
            import fcntl as locking  # noqa: PLC0415  POSIX only

            locking.flock(descriptor, locking.LOCK_EX | locking.LOCK_NB)
    except OSError:
        return False
    return True
