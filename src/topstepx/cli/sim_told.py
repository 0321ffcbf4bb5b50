"""Answers of a running simulator, printed for people or as JSON."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from topstepx.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from topstepx.cli.sim_runs import Which

_HIDDEN = {"what"}
_CELL_MAX = 90


def show(result: Mapping[str, Any], which: Which) -> int:
    """Print a result; gives the exit code."""
    if which.as_json:
        sys.stdout.write(json.dumps(result) + "\n")
    else:
        sys.stdout.write("\n".join(_lines(result)) + "\n")
    return ExitCode.DONE


def _lines(result: Mapping[str, Any], indent: str = "") -> list[str]:
    out: list[str] = []
    for name, value in result.items():
        if isinstance(value, dict):
            out += [f"{indent}{name}", *_lines(value, indent + "  ")]
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            out += [f"{indent}{name}", *(indent + "  " + line for line in _table(value))]
        elif isinstance(value, list):
            told = [_safe(one) for one in value]
            out += (
                [f"{indent}{name}: {', '.join(told) or 'none'}"]
                if len("".join(told)) < _CELL_MAX
                else [
                    f"{indent}{name}",
                    *(f"{indent}  {one}" for one in told),
                ]
            )
        else:
            out.append(f"{indent}{name}: {_safe(value)}")
    return out


def _table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Columns that hold something, as wide as needed."""
    names = [
        name
        for name in dict.fromkeys(name for row in rows for name in row)
        if name not in _HIDDEN
        and any(
            row.get(name) not in {None, ""}
            for row in rows
            if not isinstance(row.get(name), dict | list)
        )
    ]
    cells = [names, *([_cell(row.get(name)) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]


def _cell(value: object) -> str:
    text = _safe(value)
    return text if len(text) <= _CELL_MAX else text[: _CELL_MAX - 1] + "…"


def _safe(value: object) -> str:
    """What a client sent may stand in an event: nothing in it may steer the terminal."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "".join(sign if sign.isprintable() else "?" for sign in str(value))


def event_line(event: Mapping[str, Any]) -> str:
    """One event on one line."""
    return f"{event['at'][11:23]}  {event['kind']:<8} {_safe(event['text'])}"
