from __future__ import annotations

from typing import TYPE_CHECKING

from topstepx.cli.sim_runs import Which
from topstepx.cli.sim_told import event_line, show

if TYPE_CHECKING:
    import pytest


def test_tables_and_lines(capsys: pytest.CaptureFixture[str]) -> None:
    result = {
        "at": None,
        "paused": True,
        "names": ["a", "b"],
        "rows": [{"id": 1, "empty": None, "text": "x" * 200}, {"id": 22, "text": "y"}],
        "deep": {"one": 1},
    }
    assert show(result, Which()) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["at: -", "paused: yes", "names: a, b"]
    assert lines[4].split() == ["id", "text"]
    assert lines[5].endswith("…")
    assert lines[-1] == "  one: 1"


def test_nothing_steers_the_terminal() -> None:
    line = event_line({"at": "2026-01-05T15:00:00.000+00:00", "kind": "x", "text": "a\x1b[2Jb\n"})
    assert line == "15:00:00.000  x        a?[2Jb?"
