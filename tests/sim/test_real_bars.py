from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.market import TUESDAY, real
from topstepx.errors import ConfigurationError
from topstepx.sim.minutes import MinuteBar, to_minute


def test_looking_up_bars() -> None:
    start = to_minute(TUESDAY)
    first, second, third = (MinuteBar(start + at, 1, 1, 1, 1, 1) for at in (0, 3, 60))
    bars = real([first, second, third])
    assert (bars.first_at, bars.last_at) == (TUESDAY, TUESDAY + timedelta(hours=1))
    assert (bars.at(start), bars.at(start + 1)) == (first, None)
    assert (bars.before(start), bars.before(start + 1), bars.before(start + 3)) == (
        None,
        first,
        first,
    )
    assert (bars.next_minute(0), bars.next_minute(start + 1)) == (start, start + 3)
    assert (bars.next_minute(start + 60), bars.next_minute(start + 61)) == (start + 60, None)
    assert bars.between(start, start + 3) == [first]
    assert [bar.minute for bar in bars.hours(start, start + 120)] == [start, start + 60]
    states = [bars.state(start + at) for at in (-1, 0, 1, 4, 60, 61)]
    assert states == ["closed", "open", "quiet", "closed", "open", "closed"]


def test_a_run_starts_where_it_is_asked_to_or_where_it_is_busy() -> None:
    start = to_minute(TUESDAY)
    quiet = [MinuteBar(start + at, 9, 9, 9, 9, 2) for at in range(60)]
    busy = [MinuteBar(start + 65 + at, 9, 9, 9, 9, 50) for at in range(20)]
    bars = real(quiet + busy)
    wanted = TUESDAY + timedelta(minutes=7, seconds=3)
    assert bars.start_moment(wanted) == wanted
    assert bars.start_moment() == TUESDAY + timedelta(minutes=26)
    lively = real([bar._replace(volume=1) for bar in quiet] + busy + quiet[:0])
    assert lively.start_moment() >= TUESDAY + timedelta(minutes=26)
    for outside in (TUESDAY - timedelta(seconds=1), bars.last_at + timedelta(minutes=1)):
        with pytest.raises(ConfigurationError, match="the bars go from 2024-01-02T14:00:00"):
            bars.start_moment(outside)
    assert real(quiet[:2]).start_moment() == TUESDAY
