"""The table of assurance: what it names as proof exists, and no concern is left out."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "assurance.md"
PROOF = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
MECHANISM = re.compile(r"`((?:core|net|desk|store|wire|cli|sim|testing)/[\w/*]+\.py|\w+\.py)`")
CONCERNS = (
    "token refresh",
    "storage",
    "rotation",
    "invalidation of old tokens",
    "revocation",
    "logout",
    "memory",
    "token in urls",
    "certificates and pinning",
    "request signing",
    "reconnecting",
    "backoff",
    "attempts",
    "heartbeat",
    "stale",
    "error codes of each endpoint",
    "insufficient funds",
    "market closed",
    "rate limits",
    "queueing",
    "circuit breaker",
    "degradation",
    "interrupted",
    "duplicates",
    "partial fills and their time-out",
    "messages that were missed",
    "simultaneous access",
    "during long work",
    "risk watcher",
    "reader of market data",
)


def rows() -> list[list[str]]:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [row for row in cells if row[0].strip() != "concern"]


@cache
def names_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(
        node.name for node in ast.walk(tree) if isinstance(node, kinds) and "test" in node.name
    )


def test_every_row_names_a_mechanism_a_proof_and_what_is_not_covered() -> None:
    for row in rows():
        assert len(row) == 4, row
        assert all(row), row
        assert PROOF.search(row[2]), f"no proof: {row[0]}"


def test_every_proof_exists() -> None:
    dead = []
    for path, name in PROOF.findall(PAGE.read_text()):
        if not (ROOT / path).exists() or (name and name not in names_in(path)):
            dead.append(f"{path}::{name}")
    assert not dead


def test_every_mechanism_exists() -> None:
    source = ROOT / "src" / "topstepx"
    named = {name for row in rows() for name in MECHANISM.findall(row[1])}
    assert named
    assert not [name for name in sorted(named) if not list(source.glob(name))]


def test_every_concern_has_its_row() -> None:
    concerns = " / ".join(row[0].lower() for row in rows())
    assert not [concern for concern in CONCERNS if concern not in concerns]
