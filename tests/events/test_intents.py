"""Intents: every member survives the journal's JSON."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from topstepx import events

AT = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)

FACTS = [
    events.IntentRecorded(
        intent_id="01JD",
        account_id=7,
        action="place",
        route="/api/Order/place",
        body='{"accountId":7,"limitPrice":"21503.25"}',
        contract_id="CON.F.US.MNQ.Z26",
        tag="T1ABC",
        key="orb",
        deadline_at=AT,
        epoch=3,
        label="opening range",
        at=AT,
    ),
    events.IntentSent(intent_id="01JD", account_id=7, attempt=2, at=AT),
    events.IntentAnswered(
        intent_id="01JD",
        account_id=7,
        outcome="refused",
        order_id=9,
        code=2,
        text="no",
        status=200,
        at=AT,
    ),
    events.IntentLooked(intent_id="01JD", account_id=7, rounds=6, waited_s=31.5, at=AT),
    events.IntentResolved(
        intent_id="01JD", account_id=7, verdict="presumed_absent", evidence=("5 reads",), at=AT
    ),
]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.kind)
def test_every_member_survives_json(fact: events.Event) -> None:
    back = events.decode(events.encode(fact))
    assert back == fact
    assert back.content() == fact.content()
    assert back.account == 7


def test_members_come_and_go_with_versions() -> None:
    text = events.encode(FACTS[0])
    older = events.decode(text.replace(b',"label":"opening range"', b""))
    assert isinstance(older, events.IntentRecorded)
    assert (older.label, older.key, older.id) == (None, "orb", FACTS[0].id)
    newer = events.decode(text.replace(b'"label"', b'"from_a_later_version"'))
    assert newer == older, "what this version does not know is passed over, and what it was stays"


def test_an_outcome_that_does_not_exist_is_not_read_back() -> None:
    text = events.encode(FACTS[2]).replace(b'"refused"', b'"perhaps"')
    with pytest.raises(ValueError, match="perhaps"):
        events.decode(text)
