from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from msgspec import UNSET, Raw

from topstepx.errors import InvalidRequest
from topstepx.wire.enums import DomType, OrderStatus, OrderType, Side
from topstepx.wire.hub_encoding import encode_event
from topstepx.wire.hub_events import decode_event
from topstepx.wire.hub_models import (
    Depth,
    DepthRow,
    HubEvent,
    Logout,
    Quote,
    QuoteUpdate,
    UnknownEvent,
    UserOrder,
)
from topstepx.wire.models import OrderModel

AT = datetime(2026, 8, 19, 20, 51, 31, 417369, tzinfo=UTC)
ORDER = UserOrder(
    OrderModel(
        id=2**33,
        account_id=1,
        contract_id="C",
        creation_timestamp=AT,
        status=OrderStatus.SUSPENDED,
        type=OrderType.STOP,
        side=Side.SELL,
        size=2,
        trail_price=Decimal("0.0000005"),
    ),
    action=1,
)
ROW = DepthRow(timestamp=AT, type=DomType.BEST_BID, price=Decimal("1.50"), volume=1)
DEPTH = Depth("C", (ROW, ROW))


def text(raw: Raw) -> str:
    return bytes(raw).decode()


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("omit_nulls", [True, False])
@pytest.mark.parametrize("listed", [None, True, False])
@pytest.mark.parametrize("string_ids", [True, False])
def test_an_order_comes_back_from_every_shape(
    wrapped: bool, omit_nulls: bool, listed: bool | None, string_ids: bool
) -> None:
    target, (raw,) = encode_event(
        ORDER, wrapped=wrapped, omit_nulls=omit_nulls, listed=listed, string_ids=string_ids
    )
    assert target == "GatewayUserOrder"
    assert ('"data"' in text(raw)) == wrapped
    assert ("null" in text(raw)) == (not omit_nulls)
    assert text(raw).startswith("[") == bool(listed)
    assert ('"id":"8589934592","accountId":"1"' in text(raw)) == string_ids
    assert '"trailPrice":0.0000005' in text(raw)
    (event,) = decode_event(target, (raw,))
    assert isinstance(event, UserOrder)
    assert event.data == ORDER.data
    assert event.action == (1 if wrapped else None)


def test_depth_is_an_array_and_one_row_may_be_bare() -> None:
    target, (contract, rows) = encode_event(DEPTH)
    assert (target, text(contract)) == ("GatewayDepth", '"C"')
    assert text(rows).count('"price":1.50') == 2
    one = Depth("C", (ROW,))
    _, (_, bare) = encode_event(one, listed=False)
    assert text(bare).startswith("{")
    assert decode_event(target, (contract, bare)) == (one,)
    with pytest.raises(InvalidRequest, match="2 rows"):
        encode_event(DEPTH, listed=False)


def test_a_quote_keeps_its_nulls_and_leaves_out_what_is_unset() -> None:
    update = QuoteUpdate("C", Quote(best_bid=None, best_ask=Decimal("1.25")))
    target, (contract, payload) = encode_event(update)
    assert text(payload) == '{"bestBid":null,"bestAsk":1.25}'
    (again,) = decode_event(target, (contract, payload))
    assert again == update
    assert isinstance(again, QuoteUpdate)
    assert again.quote.last_price is UNSET


@pytest.mark.parametrize(
    "event", [Logout(), Logout("another session"), UnknownEvent("GatewayMood", 0), DEPTH]
)
def test_other_events_come_back(event: HubEvent) -> None:
    assert decode_event(*encode_event(event)) == (event,)
