from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support.sim_run import served
from topstepx.cli.main import main
from topstepx.sim.scenarios import SCENARIOS

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_info_and_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(tmp_path, monkeypatch) as sim:
        assert main(["sim", "clock", "pause"]) == 0
        capsys.readouterr()
        assert main(["sim", "events"]) == 0
        assert "control  clock/pause {}" in capsys.readouterr().out
        assert main(["sim", "events", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["kind"] == "control"
        assert main(["sim", "info"]) == 0
        out = capsys.readouterr().out
        assert "paused: yes" in out
        assert "notModelled" in out
        assert sim.control_token not in out
        assert sim.api_key not in out


def test_scenarios_are_listed_without_a_simulator(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "scenarios", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == set(SCENARIOS)
