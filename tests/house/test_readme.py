"""The README's own words: its program runs, and its commands are those of the project."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.house.tree import ROOT
from tests.support.commands import complaints

if TYPE_CHECKING:
    from pathlib import Path

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def test_the_program_of_the_readme_runs_and_ends_flat_and_green(tmp_path: Path) -> None:
    (program,) = [block for block in BLOCKS if "asyncio.run(" in block]
    path = tmp_path / "readme.py"
    path.write_text(program, encoding="utf-8")
    done = subprocess.run(  # noqa: S603  this interpreter on our own example
        [sys.executable, "-W", "error", str(path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        timeout=80,
        check=False,
    )
    assert (done.returncode, complaints(done.stderr)) == (0, [])
    quote, last = done.stdout.splitlines()
    assert quote.startswith("MNQ")
    assert ", last " in quote
    assert "FILLED" in last
    assert " flat " in last, "the position, in the words of a trader"
    assert last.endswith("()"), "health names no problem"


def test_it_is_as_short_as_it_says() -> None:
    (program,) = [block for block in BLOCKS if "asyncio.run(" in block]
    lines = [line for line in program.splitlines() if line.strip()]
    assert len(lines) <= 24


@pytest.mark.parametrize("target", ["demo", "test"])
def test_the_commands_of_the_readme_are_there(target: str) -> None:
    assert f"make {target}" in README
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
