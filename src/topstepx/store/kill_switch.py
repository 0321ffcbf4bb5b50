"""The kill switch: one small file per user, looked at by every program before it opens anything.

Pulling it needs no key, no network, no lock and no program that trades: it appends a line. It stands over
restarts until a person appends a release. What cannot be read counts as pulled: a switch that fails open
is none. A disk so full that no line fits still takes an empty file, which stands for everything.

The file says who pulled it, when, why and for what; an account's number only where one account was meant.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from topstepx.errors import FileNotPrivate
from topstepx.store.private_file import append_private, make_private_folder

if TYPE_CHECKING:
    from pathlib import Path

_FILE = "switch.jsonl"
_EVERYTHING = "switch.everything"
"""Its mere existence is a kill of everything: what a full disk still takes."""
_BYTES_MAX = 1_000_000

SwitchKind = Literal["kill", "release"]
_Signature = tuple[int, int, int]


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What a kill is about; None means all of them."""

    environment: str | None = None
    gateway: str | None = None
    """Host and port, to tell simulators apart."""
    account_id: int | None = None

    def includes(self, other: Scope) -> bool:
        """Whether everything in the other is in this one."""
        return all(
            mine is None or mine == its
            for mine, its in (
                (self.environment, other.environment),
                (self.gateway, other.gateway),
                (self.account_id, other.account_id),
            )
        )

    def __str__(self) -> str:
        where = "every gateway and simulator" if self.environment is None else self.environment
        if self.gateway is not None:
            where += f" at {self.gateway}"
        return where if self.account_id is None else f"account {self.account_id} at {where}"


EVERYTHING = Scope()


class Pulled(msgspec.Struct, frozen=True, kw_only=True):
    """One line: the switch was pulled or released, by whom, when and why. `at` None: nobody knows."""

    kind: SwitchKind
    who: str
    at: datetime | None
    why: str = ""
    scope: Scope = EVERYTHING

    def __str__(self) -> str:
        since = "" if self.at is None else f" since {self.at:%Y-%m-%d %H:%M:%S} UTC"
        return f"{self.scope}{since}, by {self.who}" + (f": {self.why}" if self.why else "")


_UNREADABLE = Pulled(kind="kill", who="a line of the switch that cannot be read", at=None)


class KillSwitch:
    """The switch of this user on this computer, in its own folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file, self._everything = folder / _FILE, folder / _EVERYTHING
        self._seen: _Signature | None = None
        self._standing: tuple[Pulled, ...] = ()

    def pull(self, line: Pulled) -> bool:
        """Make it stand, on the disk when this returns. False: only as a bare mark over everything.

        Raises `OSError` or `FileNotPrivate` when the disk takes not even that.
        """
        self._own_folder()
        try:
            append_private(self._file, msgspec.json.encode(line))
        except OSError:
            descriptor = os.open(self._everything, os.O_CREAT | os.O_WRONLY, 0o600)
            os.close(descriptor)
            return False
        return True

    def release(self, line: Pulled) -> None:
        """End every kill that lies within the line's scope. Raises `OSError` or `FileNotPrivate`."""
        self._own_folder()
        append_private(self._file, msgspec.json.encode(line))
        if line.scope == EVERYTHING:
            self._everything.unlink(missing_ok=True)

    def standing(self) -> tuple[Pulled, ...]:
        """The kills in force, the oldest first. Two looks at the disk while nothing changes."""
        try:
            found = self._file.stat()
            signature = (found.st_size, found.st_mtime_ns, found.st_ino)
        except FileNotFoundError:
            self._seen, self._standing = None, ()
        except OSError:
            return (_UNREADABLE,)
        else:
            if signature != self._seen:
                self._standing = _standing(self._lines())
                self._seen = signature
        return self._standing + self._bare()

    def released_by(self) -> str:
        """Who released last, for the record; empty when nobody did."""
        releases = [line for line in self._lines() if line.kind == "release"]
        return releases[-1].who if releases else ""

    def _bare(self) -> tuple[Pulled, ...]:
        try:
            self._everything.stat()
        except FileNotFoundError:
            return ()
        except OSError:
            return (_UNREADABLE,)
        return (Pulled(kind="kill", who="topstepx kill, on a full disk", at=None),)

    def _lines(self) -> list[Pulled]:
        try:
            with self._file.open("rb") as file:
                content = file.read(_BYTES_MAX + 1)
        except FileNotFoundError:
            return []
        except OSError:
            return [_UNREADABLE]
        lines = [_line(one) for one in content.split(b"\n") if one.strip()]
        return [*lines, _UNREADABLE] if len(content) > _BYTES_MAX else lines

    def _own_folder(self) -> None:
        """The folder, made private again if its mode was opened up: a panic is no time to refuse for that."""
        try:
            make_private_folder(self.folder)
        except FileNotPrivate:
            with suppress(OSError):
                self.folder.chmod(0o700)
            make_private_folder(self.folder)


class KillView:
    """The switch as one client sees it: which gateway it is at."""

    def __init__(self, switch: KillSwitch, environment: str, gateway: str) -> None:
        self.switch = switch
        self._environment, self._gateway = environment, gateway

    def on(self, account_id: int) -> Pulled | None:
        """The first kill in force that stops this account here; None: it may trade."""
        here = Scope(environment=self._environment, gateway=self._gateway, account_id=account_id)
        return next((one for one in self.switch.standing() if one.scope.includes(here)), None)


def _line(text: bytes) -> Pulled:
    try:
        return msgspec.json.decode(text, type=Pulled)
    except msgspec.DecodeError:
        return _UNREADABLE


def _standing(lines: list[Pulled]) -> tuple[Pulled, ...]:
    standing: list[Pulled] = []
    for line in lines:
        if line.kind == "kill":
            standing.append(line)
        else:
            standing = [one for one in standing if not line.scope.includes(one.scope)]
    return tuple(standing)
