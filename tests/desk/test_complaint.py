"""A warning that repeats is told seldom, and its end once."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from tests.support.trading import practice
from topstepx.desk.complaint import Complaint
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.testing.loop import virtual
from topstepx.testing.pair import Pair

if TYPE_CHECKING:
    import pytest


def test_each_power_of_two_is_told_and_the_end_for_each_that_fails(
    caplog: pytest.LogCaptureFixture,
) -> None:
    complaint = Complaint(logging.getLogger("topstepx.hub"), "looking")
    for number in range(20):
        complaint.failed(OSError(f"no {number}"), "one")
        complaint.worked("other")
    complaint.worked("one")
    complaint.worked("one")
    assert caplog.messages == [
        "looking: no 0",
        "looking: no 1 (2 times in a row)",
        "looking: no 3 (4 times in a row)",
        "looking: no 7 (8 times in a row)",
        "looking: no 15 (16 times in a row)",
        "looking: works again after 20 failures",
    ]


def test_an_hour_without_hub_and_without_answers_is_a_page_of_warnings(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @virtual
    async def run() -> None:
        async with Pair() as pair:
            await pair.tsx.ready(await practice(pair))
            for where in ("Order/*", "Trade/*", "Position/*", "Account/*"):
                pair.faults.add(Fault(where=where, what=f.Answer(500), times=None))
            refused = Fault(where="hub/user", what=f.RefuseUpgrade(401), times=None)
            pair.faults.add(refused)
            pair.faults.add(Fault(where="Auth/validate", what=f.Answer(401), times=None))
            pair.faults.add(Fault(where="hub/user", what=f.CutHub()))
            await asyncio.sleep(3600)
            assert any("in vain" in line for line in pair.tsx.health().lines)

    run()
    told = [one for one in caplog.messages if one.startswith("polling instead")]
    assert 2 <= len(told) <= 40, told
    assert len(caplog.messages) < 150, caplog.messages
