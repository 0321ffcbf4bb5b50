from __future__ import annotations

import pytest

from topstepx.testing.storm.conditions import BESIDE
from topstepx.testing.storm.options import Options
from topstepx.testing.storm.run import run_storm


@pytest.mark.parametrize("kind", BESIDE)
def test_a_second_client_outlives_the_crashes_of_the_first_and_agrees_with_it(kind: str) -> None:
    options = Options(
        seed=5,
        storm_s=30.0,
        pace_s=0.5,
        troubles={"crashes": 4.0, "answers lost": 4.0},
        conditions={kind: 1},
    )
    outcome = run_storm(options)
    assert not outcome.findings, outcome.text()
    assert outcome.counts["runs crashed"]
    assert outcome.counts["runs beside"] == 1
    placed = [
        line
        for line in outcome.trace.lines
        if line.who == "client101" and "IntentSent" in str(line)
    ]
    places = [
        line
        for line in outcome.trace.lines
        if line.who == "client101" and "action=place" in str(line)
    ]
    assert bool(placed) == (kind != "reader beside")
    assert bool(places) == (kind == "trader beside")
