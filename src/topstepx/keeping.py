"""What a client that trades keeps on the disk: the journal, the leases and the installation's name."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from topstepx.access import host_of
from topstepx.errors import ConfigurationError
from topstepx.store.installation import installation_code
from topstepx.store.journal import SqliteJournal
from topstepx.store.journal_memory import MemoryJournal
from topstepx.store.kill_switch import KillSwitch, KillView
from topstepx.store.lease import Leases
from topstepx.store.places import state_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from topstepx.settings import Environment, Settings
    from topstepx.store.rows import Journal

JOURNAL_FILE = "journal.sqlite"
JournalChoice = Path | str | None
"""Where the journal is; None: the usual place, or in memory for the simulator."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept. In memory there are no leases and no lasting name."""

    journal: Journal
    leases: Leases | None = None
    installation: str | None = None


def trading_folder(target: Environment, user_name: str) -> Path:
    """Where journal and leases of one user at one gateway are; the name tells neither."""
    key = hashlib.sha256(f"{host_of(target)}\n{user_name.lower()}".encode()).hexdigest()
    return state_folder() / "trading" / f"{target.name}-{key[:24]}"


def journal_path(target: Environment, user_name: str, choice: JournalChoice = None) -> Path:
    """The journal's file."""
    if choice is not None:
        return Path(choice).expanduser().absolute()
    return trading_folder(target, user_name) / JOURNAL_FILE


def kept(
    settings: Settings,
    user_name: str,
    journal: JournalChoice | Journal,
    chance: Callable[[int], bytes] = os.urandom,
) -> Kept:
    """What this client keeps: nothing on the disk for one that only reads; blocks for moments.

    Raises `ConfigurationError` for a journal in memory where real orders go, and when the installation's
    name cannot be kept.
    """
    target = settings.environment
    if not isinstance(journal, Path | str | None):
        if settings.may_trade and not target.simulated and isinstance(journal, MemoryJournal):
            msg = f"journal=MemoryJournal(): orders to {target.name} need a journal on the disk."
            raise ConfigurationError(msg, next_step="Leave journal= out, or give a path.")
        return Kept(journal)
    if not settings.may_trade or (target.simulated and journal is None):
        return Kept(MemoryJournal())
    path = journal_path(target, user_name, journal)
    try:
        installation = installation_code(state_folder(), chance)
    except OSError as error:
        msg = f"This installation's name cannot be kept in {state_folder()}: {error.strerror}."
        raise ConfigurationError(msg, next_step="Make the folder writable for you.") from None
    return Kept(
        SqliteJournal(path, prove=not settings.exits_only),
        leases_of(target, user_name),
        installation,
    )


def trading_folders(environment_name: str | None = None) -> tuple[Path, ...]:
    """Every folder in which a program that trades keeps its leases; None: of every environment."""
    pattern = "*" if environment_name is None else f"{environment_name}-*"
    found = (state_folder() / "trading").glob(pattern)
    return tuple(sorted(folder for folder in found if folder.is_dir()))


def kill_switch() -> KillSwitch:
    """The kill switch of this user: one for every gateway, every simulator and every journal."""
    return KillSwitch(state_folder() / "kill")


def kill_view(target: Environment) -> KillView:
    """That switch as a client of one gateway sees it."""
    return KillView(kill_switch(), target.name, host_of(target))


def journals_in(folders: Iterable[Path]) -> tuple[Path, ...]:
    """Every journal in those folders."""
    return tuple(sorted(path for folder in folders for path in folder.glob("*.sqlite")))


def leases_of(target: Environment, user_name: str) -> Leases:
    """The leases that a program trading there holds, whatever journal it keeps: to fence it, too.

    They are about accounts, and an account is traded by one process; who wants out knows no journal.
    """
    return Leases(trading_folder(target, user_name), who_we_are())


def who_we_are() -> str:
    """This process, for people."""
    program = Path(sys.argv[0] or "python").name
    return f"process {os.getpid()} on {platform.node() or 'this machine'} ({program})"
