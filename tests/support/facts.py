"""Builders of wire records and facts, and strategies that draw them, for the tests of the record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from topstepx import events
from topstepx.wire.enums import OrderStatus, OrderType, PositionType, Side
from topstepx.wire.models import AccountModel, OrderModel, PositionModel, TradeModel

START = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
ACCOUNT = 26282001
MNQ = "CON.F.US.MNQ.Z26"
ES = "CON.F.US.EP.Z26"


def at(seconds: float) -> datetime:
    """A moment of the test's day."""
    return START + timedelta(seconds=seconds)


def order(order_id: int = 3345169272, **parts: Any) -> OrderModel:  # noqa: ANN401  any member
    """An order; any member may be given."""
    defaults: dict[str, Any] = {
        "account_id": ACCOUNT,
        "contract_id": MNQ,
        "creation_timestamp": START,
        "update_timestamp": START,
        "status": OrderStatus.OPEN,
        "type": OrderType.LIMIT,
        "side": Side.BUY,
        "size": 2,
        "limit_price": Decimal("21503.25"),
    }
    return OrderModel(id=order_id, **(defaults | parts))


def trade(trade_id: int = 3004518356, **parts: Any) -> TradeModel:  # noqa: ANN401  any member
    """A trade; any member may be given."""
    defaults: dict[str, Any] = {
        "account_id": ACCOUNT,
        "contract_id": MNQ,
        "creation_timestamp": START,
        "price": Decimal("21503.25"),
        "fees": Decimal("0.37"),
        "side": Side.BUY,
        "size": 1,
        "order_id": 3345169272,
    }
    return TradeModel(id=trade_id, **(defaults | parts))


def position(net: int, contract_id: str = MNQ, **parts: Any) -> PositionModel:  # noqa: ANN401  any member
    """A position of so many contracts, negative for short."""
    kind = PositionType.LONG if net > 0 else PositionType.SHORT if net else PositionType.UNDEFINED
    defaults: dict[str, Any] = {
        "id": 825245547,
        "account_id": ACCOUNT,
        "contract_id": contract_id,
        "creation_timestamp": START,
        "type": kind,
        "size": abs(net),
        "average_price": Decimal("21503.25"),
    }
    return PositionModel(**(defaults | parts))


def account(account_id: int = ACCOUNT, **parts: Any) -> AccountModel:  # noqa: ANN401  any member
    """An account; any member may be given."""
    defaults: dict[str, Any] = {
        "name": "50KTC-V2-DLL-600001-97590001",
        "balance": Decimal(50000),
        "can_trade": True,
        "is_visible": True,
        "simulated": True,
    }
    return AccountModel(id=account_id, **(defaults | parts))


def intent(intent_id: str = "01JDXK", seconds: float = 0, **parts: Any) -> events.IntentRecorded:  # noqa: ANN401  any member
    """A recorded intent to buy."""
    defaults: dict[str, Any] = {
        "account_id": ACCOUNT,
        "action": "place",
        "route": "/api/Order/place",
        "body": "{}",
        "contract_id": MNQ,
        "tag": f"T1{intent_id}",
    }
    return events.IntentRecorded(intent_id=intent_id, at=at(seconds), **(defaults | parts))


MOMENTS = st.integers(0, 20).map(at)
SOURCES = st.sampled_from(["hub", "rest"])
PRICES = st.integers(0, 8).map(lambda ticks: Decimal(21500) + ticks * Decimal("0.25"))
STATUSES = st.sampled_from([*OrderStatus, OrderStatus(42), OrderStatus(43)])
ORDERS = st.builds(
    order,
    st.integers(1, 3),
    contract_id=st.sampled_from([MNQ, ES]),
    creation_timestamp=st.sampled_from([START, START + timedelta(microseconds=1)]),
    update_timestamp=st.none() | MOMENTS,
    status=STATUSES,
    size=st.integers(1, 4),
    fill_volume=st.integers(0, 5),
    limit_price=st.none() | PRICES,
    stop_price=st.none() | PRICES,
    filled_price=st.none() | PRICES,
    custom_tag=st.sampled_from([None, "T1A", "T1B"]),
    parent_order_id=st.sampled_from([None, 1]),
)
TRADES = st.builds(
    trade,
    st.integers(1, 3),
    price=PRICES,
    order_id=st.integers(1, 2),
    profit_and_loss=st.none() | PRICES,
    voided=st.booleans(),
)
POSITIONS = st.builds(
    position, st.integers(-2, 2), st.sampled_from([MNQ, ES]), average_price=PRICES
)


def _listed(found: list[PositionModel]) -> tuple[PositionModel, ...]:
    return tuple({one.contract_id: one for one in found if one.size}.values())


OBSERVATIONS: st.SearchStrategy[events.Observation] = st.one_of(
    st.builds(events.OrderObserved, order=ORDERS, at=MOMENTS, source=SOURCES),
    st.builds(events.TradeObserved, trade=TRADES, at=MOMENTS, source=SOURCES),
    st.builds(events.TradeVoided, trade=TRADES, at=MOMENTS, source=SOURCES),
    st.builds(events.PositionObserved, position=POSITIONS, at=MOMENTS, source=SOURCES),
    st.builds(
        events.PositionsListed,
        account_id=st.just(ACCOUNT),
        positions=st.lists(POSITIONS, max_size=3).map(_listed),
        at=MOMENTS,
    ),
    st.builds(
        events.AccountObserved,
        account_model=st.builds(account, balance=PRICES, can_trade=st.booleans()),
        at=MOMENTS,
        source=SOURCES,
    ),
    st.builds(events.ListRead, what=st.just("orders"), account_id=st.just(ACCOUNT), at=MOMENTS),
)
