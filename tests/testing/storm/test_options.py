from __future__ import annotations

from topstepx.testing.storm.habits import HABITS
from topstepx.testing.storm.options import PER_MINUTE, WEIGHTS, swarm
from topstepx.testing.storm.run import TROUBLES


def test_every_trouble_and_habit_that_can_be_drawn_exists() -> None:
    assert TROUBLES.keys() == PER_MINUTE.keys()
    assert HABITS.keys() == WEIGHTS.keys()


def test_a_seed_always_draws_the_same() -> None:
    assert swarm(7) == swarm(7)
    assert swarm(7) != swarm(8)


def test_two_hundred_seeds_draw_everything_and_leave_everything_out() -> None:
    drawn = [swarm(seed) for seed in range(200)]
    for name in PER_MINUTE:
        having = [one for one in drawn if name in one.troubles]
        assert 20 < len(having) < 120, name
    assert any(one.is_fair for one in drawn)
    assert {one.shuffled for one in drawn} == {True, False}


def test_a_storm_describes_itself_in_one_line() -> None:
    assert swarm(7).describe().startswith("seed 7: ")
    assert "\n" not in swarm(7).describe()
