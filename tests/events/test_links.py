"""Links, polling, session: JSON, and no room for a token."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from topstepx import events

AT = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)

FACTS = [
    events.LinkConnecting(hub="user", generation=2, attempt=5, at=AT),
    events.LinkLive(hub="market", generation=2, at=AT),
    events.LinkDown(hub="user", generation=2, reason="silent for 30 s", at=AT),
    events.PollingStarted(account_id=7, reason="user hub down", at=AT),
    events.PollingStopped(account_id=7, at=AT),
    events.PayloadMalformed(where="GatewayUserOrder", reason="no id", count=3, at=AT),
    events.TokenRefreshed(generation=4, expires_at=AT, at=AT),
    events.TokenSuspect(generation=4, reason="validate timed out", at=AT),
    events.SessionLocked(reason="login code 3", at=AT),
]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.kind)
def test_json(fact: events.Event) -> None:
    assert events.decode(events.encode(fact)) == fact


def test_no_fact_has_room_for_a_secret() -> None:
    secrets = ("password", "api_key", "access_token", "jwt", "verify_key")
    for name, kind in events.event_kinds().items():
        assert not [field for field in kind.__struct_fields__ if field in secrets], name
        assert "token" not in kind.__struct_fields__, name
