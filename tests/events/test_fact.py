"""Facts: identity, time zone, JSON."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import msgspec
import pytest

from topstepx import events
from topstepx.events.fact import Event, Observation
from topstepx.wire.enums import OrderStatus
from topstepx.wire.models import OrderModel

AT = datetime(2026, 11, 23, 14, 30, 0, 123456, tzinfo=UTC)

ORDER = OrderModel(
    id=3345169272,
    account_id=26282001,
    contract_id="CON.F.US.MNQ.Z26",
    creation_timestamp=AT,
    status=OrderStatus.OPEN,
    type=1,  # type: ignore[arg-type]  # any number will do here
    side=0,  # type: ignore[arg-type]  # any number will do here
    size=2,
    limit_price=Decimal("21503.25"),
)


def test_a_new_kind_is_one_class() -> None:
    class KettleBoiled(Event, frozen=True, kw_only=True):
        litres: Decimal

    fact = KettleBoiled(litres=Decimal("0.70"), at=AT)
    back = events.decode(events.encode(fact))
    assert back == fact
    assert isinstance(back, KettleBoiled)
    assert back.litres.as_tuple() == Decimal("0.70").as_tuple()
    assert events.event_kinds()["KettleBoiled"] is KettleBoiled


def test_two_kinds_cannot_share_a_name() -> None:
    with pytest.raises(TypeError, match="two facts are called LinkDown"):
        type("LinkDown", (Event,), {})


def test_the_abstract_kinds_are_no_facts() -> None:
    kinds = events.event_kinds()
    assert "Observation" not in kinds
    assert {"OrderObserved", "IntentRecorded", "ModeCauseAdded", "ClientStarted"} <= set(kinds)


def test_a_naive_time_is_refused_and_others_become_utc() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        events.PollingStopped(account_id=1, at=datetime(2026, 1, 1))  # noqa: DTZ001  the naive one is the point
    chicago = timezone(timedelta(hours=-6))
    fact = events.PollingStopped(account_id=1, at=AT.astimezone(chicago))
    assert fact.at == AT
    assert fact.at.tzinfo is UTC


def test_a_repeated_statement_has_the_same_id_however_it_was_learned() -> None:
    seen = events.OrderObserved(order=ORDER, at=AT, source="hub")
    again = events.OrderObserved(
        order=msgspec.structs.replace(ORDER, limit_price=Decimal("21503.250000000")),
        at=AT + timedelta(minutes=5),
        origin="reconciled",
        cause="gap",
    )
    other = events.OrderObserved(order=msgspec.structs.replace(ORDER, fill_volume=1), at=AT)
    assert seen.id == again.id
    assert other.id != seen.id
    assert isinstance(seen, Observation)


def test_the_id_is_stable_over_time_and_machines() -> None:
    fact = events.ListRead(what="orders", account_id=7, at=AT)
    assert fact.id == "83471e13dc050342bd06eed9"


def test_a_happening_is_identified_by_its_moment_too() -> None:
    first = events.PollingStarted(account_id=1, reason="hub down", at=AT)
    second = events.PollingStarted(account_id=1, reason="hub down", at=AT + timedelta(seconds=1))
    assert first.id != second.id


def test_json_names_the_kind_and_keeps_what_was_said() -> None:
    fact = events.OrderObserved(order=ORDER, at=AT, origin="external", cause="hub", source="hub")
    text = events.encode(fact)
    assert msgspec.json.decode(text)["kind"] == "OrderObserved"
    back = events.decode(text)
    assert back == fact
    assert (back.origin, back.cause, back.id) == ("external", "hub", fact.id)


def test_a_status_never_seen_survives_json() -> None:
    raw = b'{"kind":"OrderObserved","at":"2026-11-23T14:30:00Z","order":' + msgspec.json.encode(
        msgspec.structs.replace(ORDER, status=OrderStatus(42))
    )
    back = events.decode(events.encode(events.decode(raw + b"}")))
    assert isinstance(back, events.OrderObserved)
    assert back.order.status == 42
    assert not back.order.status.is_known


def test_an_unknown_kind_is_an_error_and_an_unknown_member_is_not() -> None:
    with pytest.raises(msgspec.ValidationError):
        events.decode(b'{"kind":"NeverHeardOf","at":"2026-11-23T14:30:00Z"}')
    fact = events.decode(
        b'{"kind":"PollingStopped","at":"2026-11-23T14:30:00Z","account_id":1,"later":true}'
    )
    assert fact.account == 1


def test_a_repr_says_what_happened() -> None:
    fact = events.LinkDown(hub="user", generation=3, reason="reset", at=AT)
    assert repr(fact) == (
        "LinkDown(hub='user', generation=3, reason='reset', "
        "at=2026-11-23T14:30:00.123456Z, origin=live)"
    )
