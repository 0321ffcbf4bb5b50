from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from topstepx.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path


def test_storms_are_run_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "storm", "--seed", "1", "--seeds", "2"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("2 storms, 0 failed, ")
    assert "orders placed" in said


def test_the_trace_has_a_line_for_each_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "storm", "--seed", "1", "--trace"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("seed 1: ")
    assert any("client1  ClientStarted" in line for line in lines)
    assert len(lines) > 50


@pytest.mark.parametrize("arguments", [["--seeds", "0"], ["--seed", "-3"]])
def test_impossible_seeds_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sim", "storm", *arguments]) != 0
    assert "seeds are counted from 0" in capsys.readouterr().err


def test_out_of_the_way(tmp_path: Path) -> None:
    assert main(["sim", "storm", "--seed", "1", "--out", str(tmp_path / "t")]) == 0
    assert not (tmp_path / "t").exists()  # only a storm that fails is written down
