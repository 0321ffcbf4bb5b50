from __future__ import annotations

from tests.house.tree import ROOT
from topstepx.sim.not_modelled import NOT_MODELLED


def test_the_document_lists_the_same() -> None:
    page = (ROOT / "docs/simulator.md").read_text(encoding="utf-8")
    _, _, rest = page.partition("## What is not modelled\n")
    section, _, _ = rest.partition("\n## ")
    assert [line[2:] for line in section.splitlines() if line.startswith("- ")] == list(
        NOT_MODELLED
    )
