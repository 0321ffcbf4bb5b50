"""How a walk-through speaks: for a person, or one JSON object per line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from topstepx.cli.narration import JsonNarrator, SpokenNarrator

if TYPE_CHECKING:
    from topstepx.cli.narration import Narrator

TRICKY = "orders [123] [/bold] [dim]x[/dim] at [red"


def tell(say: Narrator) -> None:
    facts = {"price": Decimal("21503.250"), "at": datetime(2026, 11, 23, tzinfo=UTC), "size": 2}
    say.step("fill", "filled 2 at 21503.25", facts)
    say.step("odd", TRICKY, {})
    say.failed("close", TRICKY)
    say.finished("demo_finished", ok=False, facts={"text": TRICKY, "checks": 3})


def test_json_is_one_object_per_line_with_exact_figures(capsys: pytest.CaptureFixture[str]) -> None:
    tell(JsonNarrator())
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        {
            "event": "fill",
            "text": "filled 2 at 21503.25",
            "price": "21503.250",
            "at": "2026-11-23 00:00:00+00:00",
            "size": 2,
        },
        {"event": "odd", "text": TRICKY},
        {"event": "failed", "step": "close", "text": TRICKY},
        {"event": "demo_finished", "ok": False, "text": TRICKY, "checks": 3},
    ]


def test_each_line_is_out_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    class Pipe:
        """Standard output that counts."""

        def write(self, text: str) -> int:
            assert text.count("\n") == 1
            return len(text)

        def flush(self) -> None:
            seen.append(1)

    monkeypatch.setattr("sys.stdout", Pipe())
    tell(JsonNarrator())
    assert len(seen) == 4


def test_a_person_reads_numbered_lines_as_they_were_meant(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tell(SpokenNarrator())
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["1", "fill", "filled", "2", "at", "21503.25"]
    assert lines[1].strip().startswith("2  odd")
    assert lines[1].endswith(TRICKY), "brackets are words here, not colours"
    assert f"FAILED: {TRICKY}" in lines[2]
    assert lines[-1] == TRICKY


@pytest.mark.parametrize("ok", [True, False])
def test_colour_is_for_terminals_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, ok: bool
) -> None:
    SpokenNarrator().finished("x", ok=ok, facts={"text": "done"})
    assert "\x1b" not in capsys.readouterr().out
    monkeypatch.setenv("FORCE_COLOR", "1")
    SpokenNarrator().finished("x", ok=ok, facts={"text": "done"})
    assert ("\x1b[1;32m" if ok else "\x1b[1;31m") in capsys.readouterr().out
