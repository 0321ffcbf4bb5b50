from __future__ import annotations

from datetime import UTC, datetime

from topstepx.events import AlarmRaised
from topstepx.testing.storm.trace import Trace


def test_a_step_is_one_line_in_words_and_counted() -> None:
    moment = [1.5]
    trace = Trace(lambda: moment[0])
    trace.note("weather", "hubs cut", count="hubs cut")
    moment[0] = 2.0
    at = datetime(2026, 1, 5, tzinfo=UTC)
    trace.note("client1", AlarmRaised(at=at, name="x", detail="two\nlines"), count="AlarmRaised")
    assert trace.text().splitlines() == [
        "    1.500000 weather  hubs cut",
        "    2.000000 client1  AlarmRaised name=x detail=two lines",
    ]
    assert trace.counts == {"hubs cut": 1, "AlarmRaised": 1}
