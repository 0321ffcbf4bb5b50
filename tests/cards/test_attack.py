"""Nobody finds a way past the limits, to two orders for one key, or to a word that is not so."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.cards.attacker import Attacker
from topstepx.testing.loop import run_virtual


def attacked(seed: int) -> Counter[str]:
    """One seed; what was done in it."""
    done = run_virtual(Attacker(seed).run())
    assert not done.found, f"seed {seed}: " + "; ".join(done.found)
    return done.counts


def test_an_attacker_finds_nothing() -> None:
    counts = sum((attacked(seed) for seed in (4, 6)), Counter[str]())
    assert counts["place done"] >= 10, "an attacker who gets nothing through shows nothing"
    assert counts["place LimitRefused"] >= 5


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(300))
def test_an_attacker_finds_nothing_in_many_runs(seed: int) -> None:
    attacked(seed)
