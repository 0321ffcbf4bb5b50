from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from topstepx.sim.dialect import (
    number,
    rest_answer,
    rest_record,
    rest_time,
    stream_record,
    stream_time,
    written,
)
from topstepx.wire.enums import OrderStatus, OrderType, Side
from topstepx.wire.models import BarModel, Envelope, OrderModel, OrdersAnswer, TradeModel

AT = datetime(2026, 8, 16, 23, 26, 2, 156730, UTC)
ORDER = OrderModel(
    id=3408995737,
    account_id=26282001,
    contract_id="CON.F.US.MNQ.U26",
    symbol_id="F.US.MNQ",
    creation_timestamp=AT,
    status=OrderStatus.REJECTED,
    type=OrderType.MARKET,
    side=Side.SELL,
    size=1,
)


def test_rest_shows_nulls_in_the_order_of_the_captures() -> None:
    shown = rest_record(ORDER)
    assert list(shown)[:6] == [
        "id",
        "accountId",
        "contractId",
        "symbolId",
        "creationTimestamp",
        "updateTimestamp",
    ]
    assert shown["limitPrice"] is None
    assert shown["creationTimestamp"] == "2026-08-16T23:26:02.15673+00:00"
    assert type(shown["status"]) is int


def test_the_stream_leaves_out_what_is_absent() -> None:
    shown = stream_record(ORDER)
    assert "limitPrice" not in shown
    assert "customTag" not in shown
    assert shown["fillVolume"] == 0
    assert shown["creationTimestamp"].startswith("2026-08-16T23:26:02.156730")


def test_the_envelope_comes_last() -> None:
    shown = rest_answer(OrdersAnswer(success=True, error_code=0, orders=[ORDER]))
    assert list(shown) == ["orders", "success", "errorCode", "errorMessage"]
    assert rest_answer(Envelope(success=False, error_code=5)) == {
        "success": False,
        "errorCode": 5,
        "errorMessage": None,
    }


def test_members_of_2026_only_when_set() -> None:
    price = Decimal("1.5")
    bar = BarModel(t=AT, o=price, h=price, l=price, c=price, v=1)
    assert list(rest_record(bar)) == ["t", "o", "h", "l", "c", "v"]


@pytest.mark.parametrize(
    ("microsecond", "rest"),
    [(0, "23:26:02+00:00"), (500000, "23:26:02.5+00:00"), (1, "23:26:02.000001+00:00")],
)
def test_times(microsecond: int, rest: str) -> None:
    moment = AT.replace(microsecond=microsecond)
    assert rest_time(moment) == f"2026-08-16T{rest}"
    text = stream_time(moment)
    assert len(text) == len("2026-08-19T20:49:25.3938333+00:00")
    assert datetime.fromisoformat(text[:26] + text[27:]) == moment


def test_numbers_never_have_an_exponent() -> None:
    content = {"a": number(Decimal("5E-7")), "b": number(Decimal("29541.00"))}
    assert written(content) == b'{"a":0.0000005,"b":29541.00}'
    trade = TradeModel(
        id=1,
        account_id=1,
        contract_id="C",
        creation_timestamp=AT,
        price=Decimal("1E+2"),
        fees=Decimal("0.36"),
        side=Side.BUY,
        size=1,
        order_id=1,
    )
    assert json.loads(written(rest_record(trade)))["price"] == 100
    assert b"1E" not in written(rest_record(trade))
