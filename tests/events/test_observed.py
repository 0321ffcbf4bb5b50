"""Observations: whose they are, and which fact a trade stands for."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from topstepx import events
from topstepx.wire.enums import PositionType, Side
from topstepx.wire.models import AccountModel, PositionModel, TradeModel

AT = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
TRADE = TradeModel(
    id=3004518356,
    account_id=26282001,
    contract_id="CON.F.US.MNQ.Z26",
    creation_timestamp=AT,
    price=Decimal(29423),
    fees=Decimal("0.36"),
    side=Side.BUY,
    size=1,
    order_id=3423462488,
)
POSITION = PositionModel(
    id=1,
    account_id=26282001,
    contract_id="CON.F.US.MNQ.Z26",
    creation_timestamp=AT,
    type=PositionType.LONG,
    size=1,
    average_price=Decimal("29398.5"),
)
ACCOUNT = AccountModel(
    id=26282001, name="PRAC", balance=Decimal("149848.64"), can_trade=True, is_visible=True
)

FACTS = [
    events.TradeObserved(trade=TRADE, at=AT),
    events.TradeVoided(trade=TRADE, at=AT),
    events.PositionObserved(position=POSITION, at=AT, source="hub"),
    events.PositionsListed(account_id=26282001, positions=(POSITION,), at=AT),
    events.AccountObserved(account_model=ACCOUNT, at=AT),
    events.ListRead(what="orders", account_id=26282001, at=AT),
]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.kind)
def test_each_knows_its_account_and_survives_json(fact: events.Observation) -> None:
    assert fact.account == 26282001
    assert events.decode(events.encode(fact)) == fact


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.kind)
def test_what_an_id_is_made_of_is_the_content_whoever_writes_it(fact: events.Observation) -> None:
    assert fact.statement() == events.Observation.statement(fact)


def test_a_trade_report_stands_for_a_trade_or_its_reversal() -> None:
    voided = msgspec.structs.replace(TRADE, voided=True)
    assert isinstance(events.trade_fact(TRADE, at=AT), events.TradeObserved)
    reversal = events.trade_fact(voided, at=AT, source="hub", origin="external", cause="x")
    assert isinstance(reversal, events.TradeVoided)
    assert (reversal.source, reversal.origin, reversal.cause) == ("hub", "external", "x")


def test_a_list_of_one_account_holds_no_other_accounts_positions() -> None:
    with pytest.raises(ValueError, match=r"account 5 holds positions of \[26282001\]"):
        events.PositionsListed(account_id=5, positions=(POSITION,), at=AT)
