"""`topstepx errors`: what the gateway's error codes mean and what to do next."""

from __future__ import annotations

import difflib
import json
import sys
import textwrap
from dataclasses import asdict
from typing import Annotated

from cyclopts import Parameter

from topstepx.cli.exit_codes import ExitCode
from topstepx.wire.refusals import TABLES, TEXTS
from topstepx.wire.routes import ROUTES, ErrorTable

_WIDTH = 96


def errors_command(
    table: str | None = None,
    *,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Print the gateway's error codes, each with its meaning and the next step.

    Every endpoint counts its codes from 0 again: code 2 of one is not code 2 of another.

    Args:
        table: Only this table, such as place, cancel or login; an endpoint's name does as well.
        as_json: One JSON object per line instead of text.
    """
    chosen = list(ErrorTable) if table is None else _tables_named(table)
    if not chosen:
        near = difflib.get_close_matches(_plain(table or ""), _names(), n=3)
        hint = f"Did you mean {', '.join(near)}?" if near else f"There are {', '.join(_names())}."
        sys.stderr.write(f"There is no table {table!r}. {hint}\n")
        return ExitCode.USAGE
    if as_json:
        _write_json(chosen)
    else:
        _write_text(chosen, with_texts=table is None)
    return ExitCode.DONE


def _plain(name: str) -> str:
    return name.strip().lower().replace("_", "-").replace(" ", "-")


def _names() -> list[str]:
    return [_plain(one.value) for one in ErrorTable]


def _endpoints(table: ErrorTable) -> list[str]:
    return [route.name for route in ROUTES if route.errors is table]


def _tables_named(name: str) -> list[ErrorTable]:
    """The table of that name, or of the endpoint of that name."""
    wanted = _plain(name).removeprefix("/").removeprefix("api/")
    return [
        one
        for one in ErrorTable
        if wanted == _plain(one.value)
        or wanted in {_plain(endpoint) for endpoint in _endpoints(one)}
    ]


def _write_json(chosen: list[ErrorTable]) -> None:
    for table in chosen:
        for row in TABLES[table]:
            line = {"table": _plain(table.value), "endpoints": _endpoints(table)}
            line |= {
                key: value for key, value in asdict(row).items() if key not in {"table", "cause"}
            }
            sys.stdout.write(json.dumps(line) + "\n")


def _write_text(chosen: list[ErrorTable], *, with_texts: bool) -> None:
    for table in chosen:
        sys.stdout.write(f"{_plain(table.value)}  ({', '.join(_endpoints(table))})\n")
        if not TABLES[table]:
            sys.stdout.write("    no codes but success\n")
        for row in TABLES[table]:
            marks = ["outcome unknown"] if row.outcome == "unknown" else []
            marks += ["no automatic retry"] if row.locks else []
            mark = f"  [{', '.join(marks)}]" if marks else ""
            sys.stdout.write(f"{row.code:4}  {row.name}{mark}\n")
            _write_sentence(f"{row.meaning}. {row.next_step}")
        sys.stdout.write("\n")
    if with_texts:
        sys.stdout.write("Words of the gateway that say more than its code\n")
        for text in TEXTS:
            sys.stdout.write(f"      “{' … '.join(text.parts)}”\n")
            _write_sentence(f"{text.meaning}. {text.next_step}")


def _write_sentence(sentence: str) -> None:
    indent = " " * 10
    body = sentence[0].upper() + sentence[1:]
    wrapped = textwrap.fill(body, _WIDTH, initial_indent=indent, subsequent_indent=indent)
    sys.stdout.write(wrapped + "\n")
