from __future__ import annotations

import json

import pytest

from tests.support.sim_machine import Desk
from topstepx.sim.control import COMMANDS


@pytest.mark.parametrize("name", [one.name for one in COMMANDS.values() if one.reads])
def test_every_reading_command_answers_and_leaves_no_trace(name: str) -> None:
    desk = Desk()
    assert desk.do(name) is not None
    assert desk.machine.gateway.log.count == 0
    assert desk.console.do(name, b"", reads_only=True).status == 200


def test_what_changes_something_is_noted_and_no_get() -> None:
    desk = Desk()
    assert desk.console.do("clock/pause", b"", reads_only=True).status == 405
    desk.do("clock/pause")
    (event,) = desk.do("events")["events"]
    assert (event["kind"], event["text"]) == ("control", "clock/pause {}")


@pytest.mark.parametrize(
    ("name", "body", "path", "hint"),
    [
        ("fualts/add", b"{}", "command", "Did you mean faults/add?"),
        ("clock/step", b"{", "body", "no JSON"),
        ("clock/step", b"[1]", "body", "no JSON object"),
        ("clock/step", b'{"second": 1}', "second", "Did you mean seconds?"),
        ("clock/step", b'{"seconds": "1"}', "seconds", "Expected `float`"),
        ("faults/add", b'{"what": {"kind": "holt"}}', "what.kind", "Did you mean hold?"),
        ("faults/add", b'{"what": {"kind": "hold", "secs": 1}}', "what.secs", "seconds"),
        ("faults/add", b'{"what": {"kind": "cut"}, "tmies": 1}', "tmies", "Did you mean times?"),
        ("faults/add", b'{"what": {"kind": "cut"}, "times": 0}', "times", "For ever: None"),
        (
            "faults/add",
            b'{"what": {"kind": "set", "switch": "limits.knid", "value": 1}}',
            "what.switch",
            "Did you mean limits.kind?",
        ),
        (
            "faults/plan",
            b'{"faults": [{"what": {"kind": "cut"}}, {"what": {"kind": "cutt"}}]}',
            "faults[1].what.kind",
            "Did you mean cut?",
        ),
    ],
)
def test_a_slip_gets_its_path_and_the_nearest_name(
    name: str, body: bytes, path: str, hint: str
) -> None:
    desk = Desk()
    reply = desk.console.do(name, body)
    error = json.loads(reply.body)["error"]
    assert reply.status in {400, 404}
    assert error["path"] == path
    assert hint in error["message"] + error["next_step"]
    assert desk.machine.gateway.faults.planned == ()
