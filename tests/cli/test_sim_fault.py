from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.sim_run import served
from topstepx.cli.main import main
from topstepx.sim import fault_kinds as f

if TYPE_CHECKING:
    from pathlib import Path

PLAN = """
[[faults]]
where = "Order/place"
what = { kind = "hold", seconds = 3 }
since = 2026-01-05T16:00:00Z

[[faults]]
where = "hub/user"
what = { kind = "mute" }
for_s = 10
"""


def test_add_list_kinds_and_clear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(tmp_path, monkeypatch) as sim:
        words = "Order/place hold seconds=30 --times all --after 2 --chance 0.5 --in 5 --for 60"
        assert main(["sim", "fault", "add", *words.split()]) == 0
        fault = sim.gateway.faults.planned[0].fault
        assert fault.what == f.Hold(seconds=30)
        assert (fault.times, fault.after, fault.chance) == (None, 2, 0.5)
        assert fault.since is not None
        assert fault.until is not None
        assert (fault.until - fault.since).total_seconds() == 60
        plan = tmp_path / "plan.toml"
        plan.write_text(PLAN)
        assert main(["sim", "fault", "add", "--plan", str(plan)]) == 0
        capsys.readouterr()
        assert main(["sim", "fault", "list", "--json"]) == 0
        rows = json.loads(capsys.readouterr().out)["faults"]
        assert [row["where"] for row in rows] == ["Order/place", "Order/place", "hub/user"]
        assert main(["sim", "fault", "clear", "2"]) == 0
        assert [one.number for one in sim.gateway.faults.planned] == [1, 3]
        assert main(["sim", "fault", "clear"]) == 0
        assert not sim.gateway.faults.planned
        capsys.readouterr()
        assert main(["sim", "fault", "kinds"]) == 0
        told = capsys.readouterr().out
        assert "drop_answer(cut): The call is executed" in told
        assert "step_clock(seconds)" in told
        assert "wire_reset" not in told  # no proxy stands before it
        assert "disk_full" not in told  # nobody here holds a program


def test_the_help_names_the_places_of_the_wire(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "fault", "add", "--help"]) == 0
    told = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for place in ("wire/user", "wire/rest", "wire/Order/place", "wire/*", "Auth/*"):
        assert place in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("Order/place drop_anser", "Did you mean drop_answer?"),
        ("Order/plce drop_answer", "Did you mean Order/place?"),
        ("Order/place hold secs=3", "what.secs"),
        ("Order/place hold 3", "is not name=value"),
        ("Order/place", "where, and which kind"),
        ("wire/user wire_stall --direction up", "no proxy carries the bytes"),
        ("--plan none.toml", "plan none.toml"),
        ("Order/place drop_answer --for nan", "infinite or no number"),
    ],
)
def test_a_slip_is_told_and_nothing_is_added(
    words: str,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with served(tmp_path, monkeypatch) as sim:
        assert main(["sim", "fault", "add", *words.split()]) == 2
        assert sim.gateway.faults.planned == ()
    assert told in capsys.readouterr().err
