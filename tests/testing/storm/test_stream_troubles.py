from __future__ import annotations

import pytest

from topstepx.testing.storm.options import Options
from topstepx.testing.storm.run import run_storm
from topstepx.testing.storm.stream_troubles import TROUBLES


@pytest.mark.parametrize("name", TROUBLES)
def test_each_trouble_alone_happens_and_is_survived(name: str) -> None:
    outcome = run_storm(Options(seed=2, storm_s=20.0, pace_s=0.5, troubles={name: 20.0}))
    assert not outcome.findings, [str(one) for one in outcome.findings]
    assert outcome.counts[name]


def test_kicks_that_end_in_a_fight_wait_for_a_person() -> None:
    """The fight takes the token along, and nobody logs in before somebody says who is to win."""
    outcome = run_storm(Options(seed=7, storm_s=20.0, pace_s=0.5, troubles={"kicks": 20.0}))
    assert outcome.counts["fights"]
    assert not outcome.findings, [str(one) for one in outcome.findings]
