"""Which search fits an intent."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.support.facts import ACCOUNT, MNQ, at, intent
from topstepx.core.ledger import Ledger
from topstepx.core.moot import LATE_S
from topstepx.core.resolve import CloseSearch, Fate, PlaceSearch, Round
from topstepx.core.searches import LOOK_BACK, LOOK_BACK_BLIND, looks_from, noun_of, search_for
from topstepx.wire import codec
from topstepx.wire.enums import OrderType, Side
from topstepx.wire.models import PartialCloseRequest, PlaceRequest

if TYPE_CHECKING:
    from topstepx.core.ledger_intents import IntentBelief

SECOND = 10**9


def recorded(**parts: Any) -> IntentBelief:  # noqa: ANN401  any member
    ledger = Ledger()
    ledger.apply(intent("A", **parts))
    found = ledger.intent("A")
    assert found is not None
    return found


def test_each_kind_has_its_search_and_its_name() -> None:
    wanted = PlaceRequest(
        account_id=ACCOUNT, contract_id=MNQ, type=OrderType.MARKET, side=Side.BUY, size=1
    )
    placed = recorded(body=codec.encode(wanted).decode())
    assert isinstance(search_for(placed, 0), PlaceSearch)
    assert noun_of(placed) == "an order of 14:30:00 UTC"
    part = PartialCloseRequest(account_id=ACCOUNT, contract_id=MNQ, size=2)
    reduced = recorded(action="partial_close", body=codec.encode(part).decode())
    search = search_for(reduced, 0)
    assert isinstance(search, CloseSearch)
    assert (search.size, noun_of(reduced)) == (2, "a partial close of 14:30:00 UTC")
    assert search_for(recorded(action="cancel", order_id=7), 0) is None
    assert noun_of(recorded(action="cancel")) == "a cancel of 14:30:00 UTC"


def test_a_close_that_was_lost_keeps_its_fence_until_it_cannot_arrive_any_more() -> None:
    search = search_for(recorded(action="close"), 0)
    assert isinstance(search, CloseSearch)
    flat = Round(complete=True, orders=(), flat="it was read and is flat")
    assert search.looked(flat, 5 * SECOND) is None
    assert "may still arrive" in search.last
    search.rounds = 20
    assert search.looked(flat, 28 * SECOND) is None
    assert search.next_ns == round(LATE_S) * SECOND, "not ten seconds later"
    blind = Round(complete=False, orders=(), flat="it was read and is flat")
    assert search.looked(blind, 30 * SECOND) is None
    finding = search.looked(flat, 30 * SECOND)
    assert finding is not None
    assert (finding.fate, finding.order) == (Fate.ACCEPTED, None)


def test_it_looks_from_a_little_before_by_the_gateways_clock() -> None:
    known = recorded(server_at=at(10)).recorded
    unknown = recorded().recorded
    assert known is not None
    assert unknown is not None
    assert looks_from(known) == at(10) - LOOK_BACK
    assert looks_from(unknown) == at(0) - LOOK_BACK_BLIND
    assert timedelta(hours=24) < LOOK_BACK_BLIND
