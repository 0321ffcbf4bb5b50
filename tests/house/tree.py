"""What the house tests read: the files of this repository, parsed once."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "topstepx"


class Module(NamedTuple):
    """One source module: its path below the package, its text and its tree."""

    name: str
    text: str
    tree: ast.Module

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


@cache
def modules() -> tuple[Module, ...]:
    """Every module of the package, by path below it, such as `core/signalr.py`."""
    return tuple(
        Module(path.relative_to(PACKAGE).as_posix(), text, ast.parse(text))
        for path in sorted(PACKAGE.rglob("*.py"))
        for text in [path.read_text(encoding="utf-8")]
    )


@cache
def committed() -> tuple[Path, ...]:
    """Every file under version control, or about to be: ignored files are left out."""
    if not (ROOT / ".git").exists():  # a downloaded archive: take what is not made by tools
        made = {"node_modules", "__pycache__"}
        found = (path.relative_to(ROOT) for path in sorted(ROOT.rglob("*")))
        return tuple(
            ROOT / path
            for path in found
            if (ROOT / path).is_file()
            and not made & set(path.parts)
            and (not path.parts[0].startswith(".") or path.parts[0] in {".ci", ".gitignore"})
        )
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607  any git will do
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    paths = (ROOT / name for name in listed.split("\0") if name)
    return tuple(path for path in paths if path.is_file())


def text_of(path: Path) -> str | None:
    """The text of a file, or None when it is not text."""
    data = path.read_bytes()
    if b"\0" in data[:8192] or data[:2] == b"\x1f\x8b":
        return None
    return data.decode("utf-8", errors="replace")


def imports(tree: ast.AST) -> list[tuple[int, str]]:
    """Every absolute module named by an import statement anywhere in `tree`, with its line."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            found.append((node.lineno, base))
            found += [(node.lineno, f"{base}.{alias.name}") for alias in node.names]
    return found


def report(rule: str, offences: list[str]) -> str:
    """A message for a failed assertion: the rule, then where it is broken."""
    return "\n  ".join([rule, *offences])
