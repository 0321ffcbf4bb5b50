from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from topstepx.testing.storm.auditors import Finding
from topstepx.testing.storm.options import Options
from topstepx.testing.storm.run import run_storm
from topstepx.testing.storm.smaller import smaller

if TYPE_CHECKING:
    from topstepx.testing.storm.run import Outcome


def test_only_what_a_failure_needs_is_left() -> None:
    real = run_storm(Options(seed=1, storm_s=1.0, troubles={}))

    def run(options: Options) -> Outcome:
        fails = {"kicks", "poison"} <= options.troubles.keys()
        found = (Finding("Replay", 1.0, "both"),) if fails else ()
        return replace(real, options=options, findings=found)

    first = run(Options(seed=1, troubles={"outages": 1, "kicks": 1, "hubs cut": 1, "poison": 1}))
    assert set(smaller(first, run).options.troubles) == {"kicks", "poison"}
