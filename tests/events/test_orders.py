"""Facts of orders and exits: they survive the journal."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.support.facts import ACCOUNT, MNQ, at
from topstepx import events


@pytest.mark.parametrize(
    "fact",
    [
        events.OrderMoved(
            at=at(0),
            account_id=ACCOUNT,
            before="OPEN",
            after="PARTIAL",
            order_id=7,
            size=5,
            filled=2,
            remaining=3,
            average_price=Decimal("21503.25"),
        ),
        events.FactsLeftOut(at=at(0), left_out=49_000, order_id=7),
        events.OrderAnomaly(at=at(0), account_id=ACCOUNT, order_id=7, what="overfilled"),
        events.PositionAnomaly(at=at(0), account_id=ACCOUNT, contract_id=MNQ, told=9, listed=1),
        events.OrderEdited(
            at=at(0), account_id=ACCOUNT, order_id=7, contract_id=MNQ, changes=("size: 2 -> 1",)
        ),
        events.ExitVerified(at=at(0), account_id=ACCOUNT, how="flags"),
        events.FlattenStarted(at=at(0), account_id=ACCOUNT),
        events.Flattened(at=at(0), account_id=ACCOUNT, closed=(MNQ,), cancelled=(7, 8), rounds=3),
        events.FlattenFailed(
            at=at(0),
            account_id=ACCOUNT,
            reason="time ran out",
            remaining=(events.Remaining(contract_id=MNQ, net=-2, reason="no answer"),),
        ),
    ],
)
def test_what_is_written_is_read_back(fact: events.Event) -> None:
    assert events.decode(events.encode(fact)) == fact
