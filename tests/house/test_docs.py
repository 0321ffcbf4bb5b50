"""The documents: every link leads somewhere, every example is Python, every switch is explained."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from topstepx.sim.switches import switch_docs

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md")])
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    dead = [
        target for target in LINK.findall(page.read_text()) if not (page.parent / target).exists()
    ]
    assert not dead


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_example_is_python(page: Path) -> None:
    for block in BLOCK.findall(page.read_text()):
        body = "\n".join(f"    {line}" for line in block.splitlines())
        compile(f"async def example() -> None:\n{body}\n", str(page), "exec")


def test_every_switch_of_the_simulator_is_explained_with_its_default() -> None:
    text = (ROOT / "docs" / "simulator.md").read_text()
    missing = [row.name for row in switch_docs() if f"| `{row.name}` | {row.default} |" not in text]
    assert not missing
