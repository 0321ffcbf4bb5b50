"""`topstepx journal`: what was written down, shown, followed or exported; never changed."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import App, Parameter

from topstepx.cli.exit_codes import ExitCode
from topstepx.cli.where import Where
from topstepx.errors import ConfigurationError
from topstepx.store.journal_file import stored_rows

if TYPE_CHECKING:
    from topstepx.store.rows import Row

_LOOK_EVERY_S = 0.2
_NOWHERE = Where()

journal_app = App(
    name="journal",
    help="Show, follow or export what was wanted, sent and heard; see docs/journal.md.",
)


@journal_app.command(name="show")
def show_command(
    *,
    where: Where = _NOWHERE,
    last: int | None = 50,
    kind: Annotated[list[str] | None, Parameter(negative=())] = None,
) -> int:
    """Show the newest facts, oldest first; the whole chain is checked on the way.

    Args:
        where: Which journal.
        last: How many; 0 shows all.
        kind: Only facts of this kind, such as IntentRecorded; may be repeated.
    """
    rows = list(_wanted(stored_rows(_file(where)), where, kind))
    for row in rows[-last:] if last else rows:
        _tell(row, where)
    return ExitCode.DONE


@journal_app.command(name="follow")
def follow_command(
    *, where: Where = _NOWHERE, kind: Annotated[list[str] | None, Parameter(negative=())] = None
) -> int:
    """Show facts as they are written, until Ctrl-C.

    Args:
        where: Which journal.
        kind: Only facts of this kind; may be repeated.
    """
    path = _file(where)
    seq = max((row.seq for row in stored_rows(path)), default=0)
    try:
        while True:
            rows = list(stored_rows(path, seq))
            seq = rows[-1].seq if rows else seq
            for row in _wanted(rows, where, kind):
                _tell(row, where)
            time.sleep(_LOOK_EVERY_S)
    except KeyboardInterrupt:
        return ExitCode.DONE


@journal_app.command(name="export")
def export_command(*, where: Where = _NOWHERE, to: Path | None = None) -> int:
    """Write every fact as one JSON object per line, with its place in the chain.

    Args:
        where: Which journal.
        to: The file to write; standard output if left out. It must not exist yet.
    """
    rows = _wanted(stored_rows(_file(where)), where, None)
    if to is None:
        sys.stdout.writelines(_line(row) + "\n" for row in rows)
        return ExitCode.DONE
    if to.exists():
        raise ConfigurationError(f"--to {to}: exists.", next_step="Name a new file.")
    with to.open("x", encoding="utf-8") as file:
        count = sum(1 for row in rows if file.write(_line(row) + "\n"))
    where.say(f"{count} facts written to {to}.", {"facts": count, "to": str(to)})
    return ExitCode.DONE


def _file(where: Where) -> Path:
    path = where.journal_file()
    if not path.exists():
        raise ConfigurationError(
            f"There is no journal at {path}.",
            next_step="It begins with the first program that may trade there; or name it: --journal.",
        )
    return path


def _wanted(rows: Iterable[Row], where: Where, kinds: list[str] | None) -> Iterable[Row]:
    account = where.account
    return (
        row
        for row in rows
        if (not kinds or row.kind in kinds) and (account is None or str(row.account_id) == account)
    )


def _tell(row: Row, where: Where) -> None:
    if where.as_json:
        sys.stdout.write(_line(row) + "\n")
    else:
        facts = msgspec.json.decode(row.body)
        about = " ".join(
            f"{name}={_short(value)}"
            for name, value in facts.items()
            if name not in {"at", "kind", "id", "account_id"} and value not in (None, "", [], {})
        )
        account = row.account_id if row.account_id is not None else "-"
        sys.stdout.write(f"{row.seq:>6} {row.at[:23]} {account} {row.kind} {about}\n")
    sys.stdout.flush()


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return text if len(text) <= 120 else f"{text[:119]}…"  # noqa: PLR2004  a line of a terminal


def _line(row: Row) -> str:
    head = {"seq": row.seq, "writer": row.writer, "kind": row.kind, "digest": row.digest}
    return json.dumps(head | {"fact": json.loads(row.body)}, separators=(",", ":"))
