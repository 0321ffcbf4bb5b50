from __future__ import annotations

from topstepx.sim.day_stats import DayStats
from topstepx.sim.minutes import MinuteBar


def test_bars_add_up_to_the_day() -> None:
    stats = DayStats(1440, 1000)
    assert stats.volume == 0
    stats.add_bars([MinuteBar(1, 1010, 1030, 1005, 1020, 7), MinuteBar(2, 1020, 1022, 990, 991, 3)])
    assert (stats.open, stats.high, stats.low, stats.volume) == (1010, 1030, 990, 10)
    assert stats.change(991) == -9
    assert stats.change_basis_points(991) == -90


def test_without_a_day_before_the_change_counts_from_the_open() -> None:
    stats = DayStats(1440, None)
    assert (stats.change(500), stats.change_basis_points(500)) == (0, 0)
    stats.add_bars([MinuteBar(1, 400, 400, 400, 400, 1)])
    assert (stats.change(500), stats.change_basis_points(500)) == (100, 2500)


def test_a_close_of_zero_or_below_does_no_harm() -> None:
    assert DayStats(1440, 0).change_basis_points(5) == 0
    assert DayStats(1440, -100).change_basis_points(-50) == 5000
