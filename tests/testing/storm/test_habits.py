from __future__ import annotations

import pytest

from topstepx.testing.storm.habits import HABITS
from topstepx.testing.storm.options import Options
from topstepx.testing.storm.run import run_storm

NEEDS = {"cancel": "rest", "modify": "rest", "move": "stop entry", "await fill": "near"}


@pytest.mark.parametrize("name", HABITS)
def test_each_habit_is_acted_upon(name: str) -> None:
    habits = {name: 2.0, NEEDS.get(name, "market"): 1.0}
    outcome = run_storm(Options(seed=2, storm_s=12.0, pace_s=0.6, habits=habits))
    assert outcome.counts[f"did {name}"]
    assert not outcome.findings, [str(one) for one in outcome.findings]
