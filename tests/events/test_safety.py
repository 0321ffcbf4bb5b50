"""Mode causes, alarms, breakers, budgets: scope and JSON."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from topstepx import events

AT = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fact", "account"),
    [
        (events.ModeCauseAdded(reason="killed", detail="by hand", at=AT), None),
        (events.ModeCauseCleared(reason="killed", account_id=7, released_by="ada", at=AT), 7),
        (events.ModeChanged(account_id=7, before="ACTIVE", after="HALTED", at=AT), 7),
        (events.AlarmRaised(name="unprotected", detail="look", account_id=7, at=AT), 7),
        (events.BreakerChanged(scope="TRADE_MUT", state="half_open", at=AT), None),
        (events.BudgetThrottled(lane="user", wait_s=0.25, at=AT), None),
    ],
)
def test_scope_and_json(fact: events.Event, account: int | None) -> None:
    assert fact.account == account
    assert events.decode(events.encode(fact)) == fact
