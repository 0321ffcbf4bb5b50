from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.sim_line import NOON
from topstepx.clock import ManualClock
from topstepx.errors import ConfigurationError
from topstepx.sim.server_clock import SimClock

MINUTE = timedelta(minutes=1)


def test_the_simulated_clock() -> None:
    real = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
    assert SimClock(real).now() == real.now()
    shifted = SimClock(real, NOON, speed=10)
    real.advance(6)
    real.step_wall(-3600)
    assert shifted.now() == NOON + timedelta(minutes=1)
    for speed in (0.0, -1.0, 1e9):
        with pytest.raises(ConfigurationError, match="speed"):
            SimClock(real, speed=speed)
    with pytest.raises(ConfigurationError, match="at="):
        SimClock(real, NOON.replace(tzinfo=None))


def test_it_can_stand_still_run_faster_and_jump_but_never_back() -> None:
    real = ManualClock()
    clock = SimClock(real, NOON, speed=2)
    clock.pause()
    real.advance(100)
    assert (clock.now(), clock.paused) == (NOON, True)
    clock.jump(NOON + MINUTE)
    real.advance(100)
    assert clock.now() == NOON + MINUTE
    clock.resume()
    real.advance(30)
    assert clock.now() == NOON + 2 * MINUTE
    clock.set_speed(4)
    real.advance(15)
    assert (clock.now(), clock.speed) == (NOON + 3 * MINUTE, 4)
    with pytest.raises(ConfigurationError, match="does not run backwards"):
        clock.jump(NOON)
    with pytest.raises(ConfigurationError, match="pause it"):
        clock.set_speed(0)
    clock.start_over(NOON)
    assert clock.now() == NOON
