"""The table of the hub rows names every row of the catalogue, and only tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

CARDS = Path(__file__).parent
SOCKETS = "## The same on real sockets"
PAGE = CARDS / "README-hubs.md"
ROWS = {f"S{number:02}" for number in range(1, 33)} | {f"W{number:02}" for number in range(1, 14)}


def table() -> dict[str, list[str]]:
    """The tests that the first table names, by row."""
    text = PAGE.read_text(encoding="utf-8").split(SOCKETS)[0]
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        cells = line.split("|")
        if len(cells) < 4 or not re.match(r" [SW]\d\d", cells[1]):
            continue
        for row in re.findall(r"[SW]\d\d", cells[1]):
            found[row] = re.findall(r"`([^`]+)`", cells[2])
    return found


def test_every_row_is_named_and_shown_by_a_test() -> None:
    rows = table()
    assert set(rows) == ROWS
    assert all(rows.values())


def test_every_row_is_on_real_sockets_or_says_why_not() -> None:
    text = PAGE.read_text(encoding="utf-8").split(SOCKETS)[1]
    cells = " ".join(line.split("|")[1] for line in text.splitlines() if line.startswith("|"))
    spans = re.findall(r"([SW])(\d\d) to [SW](\d\d)", cells)
    named = {
        f"{letter}{number:02}"
        for letter, first, last in spans
        for number in range(int(first), int(last) + 1)
    }
    assert named | set(re.findall(r"[SW]\d\d", cells)) >= ROWS


def test_every_test_that_is_named_exists() -> None:
    for name in {name for names in table().values() for name in names}:
        path, _, test = name.partition("::")
        file = next(one for one in (CARDS / path, CARDS.parent / path) if one.exists())
        tree = ast.parse(file.read_text(encoding="utf-8"))
        tests = {
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert test in tests, name


def test_every_card_says_which_row_it_is() -> None:
    for row, names in table().items():
        for name in names:
            path, _, test = name.partition("::")
            if "/" not in path and re.search(r"_[SW]\d\d_", f"{test}_"):
                assert row in test, (row, name)
