"""Who logs in: looked for in a stated order, and kept where it is safest.

The order: what the program was given; the system's keychain; a file sealed under a passphrase; a plain
file, if somebody made one on purpose; the environment. The first that has an answer wins; one that is
there but does not open is an error, never a reason to look further.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from topstepx.errors import (
    ConfigurationError,
    CredentialsMissing,
    ExtraMissing,
    KeychainUnavailable,
)
from topstepx.settings import Credentials, Secret
from topstepx.store.credentials_environment import FAMILIES, environment_pair, names_of
from topstepx.store.credentials_file import EncryptedFile, PlainFile
from topstepx.store.credentials_keychain import Keychain

if TYPE_CHECKING:
    from pathlib import Path

    from topstepx.store.credentials_file import Ask

_PROFILE: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
ROTATING: Final = " new"


class Keeping(Protocol):
    """A place that keeps secrets in named slots."""

    name: str

    def read(self, slot: str) -> str | None:
        """What is kept there, or None."""
        ...

    def write(self, slot: str, value: str) -> None:
        """Keep it."""
        ...

    def remove(self, slot: str) -> bool:
        """Forget it; False when there was nothing."""
        ...


class _Written(msgspec.Struct, frozen=True):
    environment: str
    user_name: str
    api_key: str
    saved_at: str = ""


@dataclass(frozen=True, slots=True)
class Stored:
    """What is kept for one profile. The key is for this environment and no other."""

    environment: str
    user_name: str
    api_key: Secret
    saved_at: str = ""

    def text(self) -> str:
        """As what is written down. A secret: hand it to a place that keeps it, and nowhere else."""
        written = _Written(self.environment, self.user_name, self.api_key.reveal(), self.saved_at)
        return msgspec.json.encode(written).decode()

    @classmethod
    def read(cls, text: str) -> Stored | None:
        """From what was written down; None when that is something else."""
        try:
            written = msgspec.json.decode(text, type=_Written)
        except msgspec.DecodeError:
            return None
        return cls(
            written.environment, written.user_name, Secret(written.api_key), written.saved_at
        )

    def credentials(self, source: str) -> Credentials:
        """As what the client takes."""
        return Credentials(self.user_name, self.api_key, source)


@dataclass(frozen=True, slots=True)
class Found:
    """The credentials, where they came from, and what a person should know about that."""

    credentials: Credentials
    place: str
    warnings: tuple[str, ...] = ()
    saved_at: str = ""


def check_profile(name: str) -> str:
    """The name, if it can be one: it becomes part of a file's name."""
    if not _PROFILE.fullmatch(name):
        raise ConfigurationError(
            f"profile={name!r}: use small letters, digits, - and _, at most forty.",
            next_step="For example: topstepx-eval.",
        )
    return name


class CredentialStore:
    """All places, in order. `ask` gets a passphrase from a person; None: nobody is there to ask."""

    def __init__(self, folder: Path, *, ask: Ask | None = None) -> None:
        self.encrypted = EncryptedFile(folder, ask)
        self.plain = PlainFile(folder)
        self.keychain: Keychain | None = None
        self.keychain_trouble: KeychainUnavailable | ExtraMissing | None = None
        try:
            self.keychain = Keychain()
        except (KeychainUnavailable, ExtraMissing) as error:
            self.keychain_trouble = error

    def places(self) -> tuple[Keeping, ...]:
        """What there is to look in, in order."""
        files = (self.encrypted, self.plain)
        return files if self.keychain is None else (self.keychain, *files)

    def find(self, profile: str, environment: str, *, take: bool = True) -> Found:
        """Whose key it is and where it came from.

        Raises `CredentialsMissing` when it is nowhere, and whatever is wrong with the place that has it.
        """
        check_profile(profile)
        for place in self.places():
            text = place.read(profile)
            if text is not None:
                return self._stored(place, text, profile, environment)
        pair = environment_pair(take=take)
        if pair is not None:
            place_name = f"environment ({pair.family}_*)"
            return Found(pair.credentials, place_name, pair.warnings)
        variables = ", ".join(names_of(FAMILIES[0]))
        named = "" if profile == environment else f" --profile {profile}"
        trouble = ""
        if self.keychain_trouble is not None:
            step = self.keychain_trouble.next_step or ""
            trouble = " " + str(self.keychain_trouble).removesuffix(step).strip()
        raise CredentialsMissing(
            f"Nobody said who logs in to {environment!r}: no key is stored for the profile "
            f"{profile!r}, and {variables} are not set.{trouble}",
            next_step=f"Run: topstepx login --environment {environment}{named}.",
        )

    def _stored(self, place: Keeping, text: str, profile: str, environment: str) -> Found:
        stored = Stored.read(text)
        if stored is None:
            raise ConfigurationError(
                f"What the {place.name} keeps for {profile!r} cannot be read.",
                next_step="Log in again: topstepx login.",
            )
        if stored.environment != environment:
            raise ConfigurationError(
                f"The key of profile {profile!r} is for {stored.environment!r}, not {environment!r}.",
                next_step="A key goes to the firm it was made for: choose another --profile name.",
            )
        warnings: tuple[str, ...] = ()
        if place is self.plain:
            warning = (
                f"The API key stands in plain text in {self.plain.path(profile)}; `topstepx login` "
                "without --insecure-storage keeps it better."
            )
            warnings = (warning,)
        source = f"the {place.name} (profile {profile})"
        return Found(stored.credentials(source), place.name, warnings, stored.saved_at)

    def keep(self, place: Keeping, profile: str, stored: Stored) -> None:
        """Keep it there, and nowhere that would be looked at before it or after it."""
        check_profile(profile)
        place.write(profile, stored.text())
        for other in self.places():
            if other is not place:
                other.remove(profile)

    def park(self, place: Keeping, profile: str, stored: Stored) -> None:
        """Keep a new key beside the one in use, until it is proven."""
        place.write(check_profile(profile) + ROTATING, stored.text())

    def promote(self, place: Keeping, profile: str, stored: Stored) -> None:
        """The new key takes the place of the old one."""
        self.keep(place, profile, stored)
        place.remove(profile + ROTATING)

    def discard(self, place: Keeping, profile: str) -> None:
        """The new key was no good: only the old one stays."""
        place.remove(profile + ROTATING)

    def forget(self, profile: str) -> tuple[str, ...]:
        """Delete it from every place; the names of those that had it."""
        check_profile(profile)
        had = []
        for place in self.places():
            one = place.remove(profile)
            two = place.remove(profile + ROTATING)
            if one or two:
                had.append(place.name)
        return tuple(had)

    def where(self, profile: str) -> str | None:
        """Which place has a key for this profile, without opening a file; None: none has."""
        if self.keychain is not None and self.keychain.read(profile) is not None:
            return self.keychain.name
        for place in (self.encrypted, self.plain):
            if place.exists(profile):
                return place.name
        return None
