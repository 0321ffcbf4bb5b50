from __future__ import annotations

from tests.support.sim_line import NOON
from topstepx.sim.event_log import KEPT, EventLog


def test_lines_have_numbers_and_only_the_newest_are_kept() -> None:
    log = EventLog()
    for number in range(KEPT + 10):
        log.note(NOON, "fault", f"line {number}")
    assert log.count == KEPT + 10
    assert len(log.after()) == KEPT
    assert [one.number for one in log.after(KEPT + 7)] == [KEPT + 8, KEPT + 9, KEPT + 10]
    assert log.after(0, 1)[0].plain() == {
        "number": KEPT + 10,
        "at": NOON.isoformat(timespec="milliseconds"),
        "kind": "fault",
        "text": f"line {KEPT + 9}",
    }
