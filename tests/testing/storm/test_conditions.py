from __future__ import annotations

import random
from collections import Counter

from topstepx.testing.pair import START
from topstepx.testing.storm.conditions import (
    BESIDE,
    CONDITIONS,
    HOURS,
    accounts_of,
    beside_of,
    drawn,
    scenario_of,
    start_of,
)


def test_every_condition_is_drawn_and_no_two_that_exclude_each_other() -> None:
    seen: Counter[str] = Counter()
    for seed in range(2000):
        found = drawn(random.Random(seed))
        assert len(found.keys() & set(HOURS)) <= 1
        assert len(found.keys() & set(BESIDE)) <= 1
        seen.update(found.keys())
    assert all(seen[name] > 2000 * how_likely / 2 for name, (how_likely, _) in CONDITIONS.items())


def test_the_house_is_strict_only_in_the_storm_that_is_about_it() -> None:
    assert scenario_of({"two accounts": 2}) is None
    rules = {name: scenario.rules for name in HOURS if (scenario := scenario_of({name: 1}))}
    assert {name for name, given in rules.items() if given} == {"flat by"}


def test_what_is_said_of_the_world_is_read_from_the_conditions() -> None:
    assert start_of({}) == START
    assert len({start_of({name: 1}) for name in HOURS}) == len(HOURS)
    assert [len(accounts_of(one)) for one in ({}, {"two accounts": 2.0})] == [1, 2]
    assert [beside_of({name: 1}) for name in BESIDE] == list(BESIDE)
    assert not beside_of({"roll": 1})
