"""Bracket legs: found by either sign, and what they protect."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.support.facts import ES, MNQ, at, order
from topstepx.core.brackets import covered, leg_of
from topstepx.core.ledger import Ledger
from topstepx.events import OrderObserved
from topstepx.wire.enums import OrderStatus, OrderType, Side

if TYPE_CHECKING:
    from topstepx.core.ledger_orders import OrderBelief
    from topstepx.wire.models import OrderModel

ENTRY = order(7, custom_tag="T1A")


def leg(order_id: int, **parts: object) -> OrderModel:
    common = {"type": OrderType.STOP, "side": Side.SELL, "stop_price": Decimal(21400)}
    return order(order_id, **(common | parts))


def ledger_of(*orders: OrderModel) -> Ledger:
    ledger = Ledger()
    for number, one in enumerate(orders):
        ledger.apply(OrderObserved(at=at(number), order=one))
    return ledger


def found(ledger: Ledger, name: str) -> int | None:
    entry = ledger.order(7)
    assert entry is not None
    belief = leg_of(ledger, entry, name)
    return None if belief is None else belief.id


@pytest.mark.parametrize("parts", [{"parent_order_id": 7}, {"custom_tag": "T1A-SL"}])
def test_a_stop_is_known_by_its_parent_or_by_its_tag(parts: dict[str, object]) -> None:
    assert found(ledger_of(ENTRY, leg(8, status=OrderStatus.SUSPENDED, **parts)), "stop") == 8


def test_stop_and_target_are_told_apart_by_their_type() -> None:
    target = leg(9, type=OrderType.LIMIT, parent_order_id=7)
    ledger = ledger_of(ENTRY, target, leg(8, parent_order_id=7))
    assert (found(ledger, "stop"), found(ledger, "target")) == (8, 9)


def test_what_belongs_to_another_entry_is_no_leg() -> None:
    assert found(ledger_of(ENTRY, leg(8, parent_order_id=6)), "stop") is None
    assert found(ledger_of(ENTRY, leg(8, custom_tag="T1B-SL")), "stop") is None


def test_of_several_the_living_one_counts() -> None:
    dead = leg(10, parent_order_id=7, status=OrderStatus.CANCELLED)
    assert found(ledger_of(ENTRY, leg(8, parent_order_id=7), dead), "stop") == 8


def beliefs(*orders: OrderModel) -> tuple[OrderBelief, ...]:
    return ledger_of(*orders).orders()


@pytest.mark.parametrize(
    ("parts", "protects"),
    [
        ({}, 2),
        ({"fill_volume": 1}, 1),
        ({"status": OrderStatus.SUSPENDED}, 0),
        ({"status": OrderStatus.PENDING_CANCELLATION}, 0),
        ({"status": OrderStatus.CANCELLED}, 0),
        ({"side": Side.BUY}, 0),
        ({"type": OrderType.LIMIT}, 0),
        ({"type": OrderType.TRAILING_STOP}, 2),
        ({"contract_id": ES}, 0),
    ],
)
def test_only_a_stop_that_works_against_the_position_protects_it(
    parts: dict[str, object], protects: int
) -> None:
    assert covered(2, MNQ, beliefs(leg(8, **parts))) == protects
