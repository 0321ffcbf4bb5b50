"""`topstepx kill`: the switch that every program of this user looks at before it opens anything.

It asks nobody and refuses nothing: what it cannot understand makes it stop more, never less.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from cyclopts import Parameter

from topstepx import events
from topstepx.cli.exit_codes import ExitCode
from topstepx.cli.exits import flatten_command
from topstepx.cli.where import Where, confirm
from topstepx.errors import ConfigurationError, FileNotPrivate, RecordUnavailable
from topstepx.keeping import journals_in, kill_switch, trading_folders, who_we_are
from topstepx.store.journal_file import JournalFile, bodies
from topstepx.store.kill_switch import EVERYTHING, KillSwitch, Pulled, Scope
from topstepx.store.rows import entry_of

_FLAG = Parameter(negative=())
_NOWHERE = Where()
_LOOK_BACK = 1000


def kill_command(
    *,
    where: Where = _NOWHERE,
    release: Annotated[bool, _FLAG] = False,
    flatten: Annotated[bool, _FLAG] = False,
    why: str = "",
    yes: Annotated[bool, _FLAG] = False,
) -> int:
    """Stop every program of yours on this computer from opening anything, at once.

    Needs no key, no network and no program that answers. Simulators are stopped too. It stays in force,
    over restarts, until `topstepx kill --release`; `topstepx status` shows it. Positions and working
    orders stay: add --flatten, or use `topstepx flatten`.

    Args:
        where: Only one gateway (--environment, --profile, --url) or account; without them, everything.
        release: End it.
        flatten: Take the accounts flat as well; this needs the key and the network.
        why: A word for the record.
        yes: Do not ask (for --flatten and --release).
    """
    if release:
        return _release(where, why, yes=yes)
    _pull(where, why)
    return flatten_command(where=where, yes=yes) if flatten else ExitCode.DONE


@dataclass(frozen=True, slots=True)
class _Meant:
    """What the options mean, and what of them could not be understood."""

    scope: Scope
    doubt: str = ""


def _pull(where: Where, why: str) -> None:
    meant, switch = _meant(where), kill_switch()
    line = Pulled(kind="kill", who=who_we_are(), at=datetime.now(UTC), why=why, scope=meant.scope)
    try:
        whole = switch.pull(line)
    except (OSError, FileNotPrivate) as error:
        raise RecordUnavailable(
            f"NOTHING IS STOPPED: the kill switch cannot be written ({error}).",
            next_step="End your programs yourself (Ctrl-C, or end their processes), and flatten on"
            " the web platform.",
        ) from None
    if not whole:
        where.say(
            "The disk took only a mark without a word: everything is stopped.", {"mark": "bare"}
        )
    if meant.doubt:
        where.say(f"{meant.doubt} So more is stopped than you named.", {"doubt": meant.doubt})
    scope = meant.scope if whole else EVERYTHING
    where.say(
        f"Killed: {scope}. Nothing of yours on this computer opens anything there any more.\n"
        f"Not reached: other computers, other users, and programs whose TOPSTEPX_HOME is not that of"
        f" this command; the switch is in {switch.folder}.\n"
        "Positions and working orders stay: `topstepx flatten`. It ends with `topstepx kill --release`.",
        {"killed": _facts(scope), "switch": str(switch.folder), "at": line.at},
    )
    cause = events.ModeCauseAdded(
        at=line.at or datetime.now(UTC),
        account_id=scope.account_id,
        reason="killed",
        detail=str(line),
    )
    _write_down(where, scope, cause)


def _release(where: Where, why: str, *, yes: bool) -> int:
    switch = kill_switch()
    standing = switch.standing()
    if not standing:
        where.say("Nothing is killed.", {"released": 0, "standing": 0})
        return ExitCode.DONE
    meant = _meant(where)
    if meant.doubt:
        raise ConfigurationError(
            f"{meant.doubt} Nothing was released.",
            next_step="Leave it out to release everything; `topstepx status` shows what stands.",
        )
    for one in standing:
        sys.stderr.write(f"In force: {one}\n")
    confirm(f"Release {meant.scope}?", yes=yes)
    now = datetime.now(UTC)
    who = f"`topstepx kill --release`, {who_we_are()}"
    try:
        switch.release(Pulled(kind="release", who=who, at=now, why=why, scope=meant.scope))
    except (OSError, FileNotPrivate) as error:
        raise RecordUnavailable(
            f"Nothing was released: the kill switch cannot be written ({error}).",
            next_step=f"Free the disk, or make {switch.folder} writable for you.",
        ) from None
    return _released(where, switch, meant.scope, now, len(standing))


def _released(where: Where, switch: KillSwitch, scope: Scope, now: datetime, before: int) -> int:
    left = switch.standing()
    count = before - len(left)
    for one in left:
        where.say(f"STILL KILLED: {one}", {"standing": _facts(one.scope), "by": one.who})
    if not count:
        where.say(
            "Nothing was released: what stands covers more than you named. Release that.",
            {"released": 0, "standing": len(left)},
        )
        return ExitCode.REFUSED_BY_RULE
    where.say(
        f"Released: {scope}. Programs that were running when it was pulled stay stopped until they are"
        " started again or `resume` is called in them.",
        {"released": count, "standing": len(left)},
    )
    cause = events.ModeCauseCleared(
        at=now, account_id=scope.account_id, reason="killed", released_by="topstepx kill --release"
    )
    _write_down(where, scope, cause)
    return ExitCode.DONE


def _facts(scope: Scope) -> dict[str, object]:
    return {
        "environment": scope.environment,
        "gateway": scope.gateway,
        "account_id": scope.account_id,
    }


def _meant(where: Where) -> _Meant:
    """The scope of the options; wider, with the reason, where they cannot be understood."""
    environment: str | None = None
    gateway: str | None = None
    if where.environment == "sim" and where.profile is None and where.url is None:
        environment = "sim"
    elif where.environment is not None or where.profile is not None:
        try:
            reached = where.target().reached
        except ConfigurationError as error:
            return _Meant(EVERYTHING, f"Which gateway is not clear: {error}")
        environment = reached.name
        gateway = urlsplit(reached.rest_url).netloc if reached.simulated else None
    elif where.url is not None:
        environment, gateway = "sim", urlsplit(where.url).netloc or where.url
    scope = Scope(environment=environment, gateway=gateway)
    if where.account is None:
        return _Meant(scope)
    account_id = _known_account(where, environment)
    if account_id is None:
        doubt = f"--account {where.account}: no journal here knows it, and the switch asks nobody."
        return _Meant(scope, doubt)
    return _Meant(msgspec.structs.replace(scope, account_id=account_id))


def _known_account(where: Where, environment: str | None) -> int | None:
    """The number of the account that was named, from what was once written down on this computer."""
    for path in _journals(where, environment):
        with suppress(sqlite3.Error, msgspec.MsgspecError):
            for body in bodies(path, "AccountObserved", _LOOK_BACK):
                fact = events.decode(body.encode())
                if isinstance(fact, events.AccountObserved):
                    account = fact.account_model
                    if where.account in {account.name, str(account.id)}:
                        return account.id
    return None


def _journals(where: Where, environment: str | None) -> tuple[Path, ...]:
    named = () if where.journal is None else (where.journal.expanduser().absolute(),)
    found = (*named, *journals_in(trading_folders(environment)))
    return tuple(path for path in found if path.is_file())  # a pipe would be waited for


def _write_down(where: Where, scope: Scope, fact: events.Event) -> None:
    """Into every journal concerned that takes it; the switch stands whatever becomes of that."""
    for path in _journals(where, scope.environment):
        file = JournalFile(path)
        try:
            file.open(prove=False)
            file.write([entry_of(fact, 1)])
        except RecordUnavailable as error:
            note = f"It stands, but is not in the journal: {error}"
            where.say(note, {"journal": str(path), "note": str(error)})
        finally:
            file.close()
