"""Every command and option that a text of ours tells the reader to use is there."""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from topstepx.cli import main as command

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "src").rglob("*.py")])
_QUOTED = re.compile(r"`topstepx ([a-z]+)([^`]*)`")
_LINE = re.compile(r"^ +(?:\$ )?topstepx ([a-z]+)([^#|\n]*)", re.MULTILINE)
GROUPS_WITH_MORE = {"journal", "sim"}


def mentions() -> dict[tuple[str, ...], set[str]]:
    """Which command with which options, and where."""
    found: dict[tuple[str, ...], set[str]] = {}
    for path in TEXTS:
        text = path.read_text(encoding="utf-8")
        # A quoted command may be broken over the lines of a string or a paragraph.
        joined = re.sub(r'"\n\s*f?"', "", text)
        hits = _QUOTED.findall(joined) + (_LINE.findall(text) if path.suffix == ".md" else [])
        for name, rest in hits:
            words = rest.split()
            depth = takewhile(str.isalpha, words[:2])
            below = " ".join(depth) if name in GROUPS_WITH_MORE and words else ""
            for option in re.findall(r"(?<!\S)--[a-z-]+", rest) or [""]:
                found.setdefault((name, below, option), set()).add(path.name)
    return found


MENTIONS = mentions()


def test_something_was_found() -> None:
    assert ("kill", "", "--release") in MENTIONS
    assert ("journal", "export", "--to") in MENTIONS


def test_each_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    helps: dict[tuple[str, str], str] = {}
    missing = []
    for (name, below, option), where in sorted(MENTIONS.items()):
        words = (name, below)
        if words not in helps:
            code = command.main([name, *below.split(), "--help"])
            told = capsys.readouterr().out
            helps[words] = told if code == 0 and "Usage: topstepx " + name in told else ""
        if not helps[words] or (option and option not in helps[words]):
            missing.append((name, below, option, sorted(where)))
    assert missing == []
