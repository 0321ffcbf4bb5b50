"""Changes of orders: what they do to the risk, and whether they are in force."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.support.facts import order
from topstepx.core.mode import Operation
from topstepx.core.modifying import Reading, can_be_read, is_tighter, misfit, operation, reading
from topstepx.wire.enums import OrderType, Side
from topstepx.wire.models import ModifyRequest, OrderModel

BEFORE = order(7, size=2, limit_price=Decimal(100))
STOP = order(
    8, type=OrderType.STOP, side=Side.SELL, size=2, limit_price=None, stop_price=Decimal(90)
)


def change(**parts: object) -> ModifyRequest:
    return ModifyRequest(account_id=1, order_id=7, **parts)  # type: ignore[arg-type]  # any member


@pytest.mark.parametrize(
    ("kind", "fits"),
    [
        (OrderType.MARKET, {"size"}),
        (OrderType.LIMIT, {"size", "limit"}),
        (OrderType.STOP, {"size", "stop"}),
        (OrderType.STOP_LIMIT, {"size", "limit", "stop"}),
        (OrderType.TRAILING_STOP, {"size", "trail"}),
        (OrderType.JOIN_BID, {"size", "limit", "stop", "trail"}),
    ],
)
def test_only_what_an_order_has_can_be_changed(kind: OrderType, fits: set[str]) -> None:
    subject = order(7, type=kind)
    for name in ("size", "limit", "stop", "trail"):
        wanted = change(size=1) if name == "size" else change(**{f"{name}_price": Decimal(5)})
        assert misfit(subject, wanted) == (None if name in fits else name)


@pytest.mark.parametrize(
    ("now", "seen"),
    [
        (order(7, size=2, limit_price=Decimal("101.00")), Reading.WANTED),
        (order(7, size=1, limit_price=Decimal(101)), Reading.WANTED),
        (order(7, size=2, limit_price=Decimal(100)), Reading.BEFORE),
        (order(7, size=2, limit_price=Decimal(102)), Reading.OTHER),
    ],
)
def test_only_what_was_asked_is_compared(now: OrderModel, seen: Reading) -> None:
    assert reading(BEFORE, change(limit_price=Decimal(101)), now) is seen


def test_of_a_trail_it_is_only_seen_that_it_moved() -> None:
    """The level that was sent reads as a distance; it read as wanted whatever had become of it."""
    trailing = order(9, type=OrderType.TRAILING_STOP, trail_distance=400, trail_price=Decimal(100))
    moved = order(9, type=OrderType.TRAILING_STOP, trail_distance=200, trail_price=Decimal(50))
    wanted = change(trail_price=Decimal(21450))
    assert not can_be_read(wanted)
    assert can_be_read(change(size=1))
    assert reading(trailing, wanted, trailing) is Reading.BEFORE
    assert reading(trailing, wanted, moved) is Reading.WANTED


def test_half_of_a_change_is_no_change() -> None:
    wanted = change(size=1, limit_price=Decimal(101))
    assert reading(BEFORE, wanted, order(7, size=1, limit_price=Decimal(100))) is Reading.OTHER


@pytest.mark.parametrize(
    ("subject", "parts", "net", "lowers"),
    [
        (BEFORE, {"size": 1}, 0, True),
        (BEFORE, {"size": 3}, 0, False),
        (BEFORE, {"limit_price": Decimal(99)}, 0, False),
        (STOP, {"stop_price": Decimal(95)}, 2, True),
        (STOP, {"stop_price": Decimal(85)}, 2, False),
        (STOP, {"stop_price": Decimal(95)}, 0, False),
        (STOP, {"stop_price": Decimal(95)}, None, False),
        (STOP, {"stop_price": Decimal(95), "size": 3}, 2, False),
        (order(8, type=OrderType.TRAILING_STOP), {"trail_price": Decimal(95)}, 2, False),
    ],
)
def test_only_what_cannot_raise_the_risk_counts_as_lowering(
    subject: OrderModel, parts: dict[str, object], net: int | None, lowers: bool
) -> None:
    wanted = Operation.MODIFY_LOWERING if lowers else Operation.MODIFY_RAISING
    assert operation(subject, change(**parts), net) is wanted


@pytest.mark.parametrize(
    ("side", "price", "tighter"),
    [
        (Side.SELL, 91, True),
        (Side.SELL, 90, True),
        (Side.SELL, 89, False),
        (Side.BUY, 89, True),
        (Side.BUY, 91, False),
    ],
)
def test_closer_to_the_market_is_tighter(side: Side, price: int, tighter: bool) -> None:
    stop = order(8, type=OrderType.STOP, side=side, stop_price=Decimal(90))
    assert is_tighter(stop, Decimal(price)) is tighter


def test_a_limit_has_no_stop_to_tighten() -> None:
    assert not is_tighter(BEFORE, Decimal(1))
