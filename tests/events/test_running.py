"""The client's own life as facts."""

from __future__ import annotations

from datetime import UTC, datetime

from topstepx import events

AT = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)


def test_json() -> None:
    started = events.ClientStarted(environment="sim", version="0.1.0", at=AT)
    stopped = events.ClientStopped(reason="2 intents open", clean=False, at=AT)
    assert events.decode(events.encode(started)) == started
    assert events.decode(events.encode(stopped)) == stopped
    assert started.account is None
