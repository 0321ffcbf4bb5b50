from __future__ import annotations

import dataclasses
import hashlib
import os
import subprocess
import sys

import pytest

from topstepx.testing.storm.auditors import Auditor
from topstepx.testing.storm.options import Options
from topstepx.testing.storm.run import run_storm

WILD = Options(
    seed=3,
    storm_s=30.0,
    shuffled=True,
    pace_s=0.5,
    troubles={"answers lost": 6.0, "hubs cut": 3.0, "crashes": 6.0, "another program": 6.0},
)
PROGRAM = """
import hashlib, sys
from topstepx.testing.storm.run import run_storm
text = run_storm(int(sys.argv[1])).text()
print(hashlib.sha256(text.encode()).hexdigest())
"""


def test_the_same_storm_twice_is_the_same_byte_for_byte() -> None:
    first, second = run_storm(WILD), run_storm(WILD)
    assert first.counts["runs crashed"]
    assert first.text().encode() == second.text().encode()
    assert (first.callbacks, first.virtual_s) == (second.callbacks, second.virtual_s)


@pytest.mark.parametrize("seed", [14])
def test_another_process_with_other_hashes_tells_the_same(seed: int) -> None:
    here = hashlib.sha256(run_storm(seed).text().encode()).hexdigest()
    environment = {**os.environ, "PYTHONHASHSEED": "4711"}
    ran = subprocess.run(  # noqa: S603  this interpreter on our own code
        [sys.executable, "-c", PROGRAM, str(seed)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=80,
    )
    assert ran.stdout.strip() == here


def test_another_seed_tells_another_story() -> None:
    assert run_storm(1).text() != run_storm(2).text()


def test_the_order_of_ready_callbacks_alone_tells_another_story() -> None:
    options = Options(seed=3, storm_s=15.0, pace_s=0.5, shuffled=True)
    in_order = run_storm(dataclasses.replace(options, shuffled=False))
    shuffled = run_storm(options)
    assert shuffled.trace.text() != in_order.trace.text()
    assert shuffled.trace.text() == run_storm(options).trace.text()


class Grumbler(Auditor):
    """Finds something at every stage."""

    def look(self) -> None:
        self.found("looked")

    def calm(self, life: object) -> None:
        self.found("calm")

    def flattened(self, life: object, result: object) -> None:
        self.found("flattened")

    def after(self) -> None:
        self.found("after")


def test_every_stage_is_audited() -> None:
    outcome = run_storm(Options(seed=1, storm_s=5.0), (Grumbler,))
    assert outcome.failed == {"Grumbler"}
    stages = [finding.what for finding in outcome.findings]
    assert stages[0] == "looked"
    assert "Grumbler at 1.000 s: looked" in outcome.text()
    assert len(stages) <= 20  # no more are kept


class Quiet(Grumbler):
    """The same without the seconds."""

    def look(self) -> None:
        pass


def test_the_ends_of_the_phases_are_audited() -> None:
    outcome = run_storm(Options(seed=1, storm_s=1.0), (Quiet,))
    assert [one.what for one in outcome.findings] == ["calm", "flattened", "after"]


def test_a_fair_storm_has_no_faults_and_trades() -> None:
    outcome = run_storm(Options(seed=2, storm_s=30.0, pace_s=0.5))
    assert not outcome.findings, outcome.text()
    assert outcome.counts["faults struck"] == 0
    assert outcome.counts["orders of ours"] > 5
