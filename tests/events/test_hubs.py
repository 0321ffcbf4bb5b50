"""What becomes of the hubs, as facts that go through the journal."""

from __future__ import annotations

import pytest

from tests.support.facts import at
from topstepx import events

FACTS = [
    events.HubDegraded(at=at(1), hub="user", reason="reset"),
    events.HubReconnecting(
        at=at(1), hub="user", generation=2, attempt=1, wait_s=0.5, reason="reset"
    ),
    events.HubReconnected(at=at(3), hub="user", generation=3, since=at(1), found=2),
    events.HubContested(at=at(1), hub="market", reason="a fight"),
    events.HubClosed(at=at(1), hub="market", generation=3, reason="gave up"),
    events.GapSuspected(at=at(1), hub="user", reason="a poisoned record"),
]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.kind)
def test_written_and_read_back_it_is_the_same(fact: events.Event) -> None:
    assert events.decode(events.encode(fact)) == fact
