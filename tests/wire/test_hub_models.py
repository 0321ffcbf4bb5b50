from __future__ import annotations

import msgspec
import pytest
from msgspec import UNSET

from topstepx.wire.hub_models import DepthRow, HubEvent, Quote, TapeTrade


def test_a_quote_starts_with_nothing_said() -> None:
    assert {getattr(Quote(), name) for name in Quote.__struct_fields__} == {UNSET}
    assert msgspec.json.encode(Quote()) == b"{}"


def test_the_wire_names_are_the_gateways() -> None:
    names = {field.encode_name for field in msgspec.structs.fields(Quote)}
    assert names == {
        *("symbol", "symbolName", "lastPrice", "bestBid", "bestAsk", "change", "changePercent"),
        *("open", "high", "low", "volume", "lastUpdated", "timestamp", "contract"),
    }
    assert {field.encode_name for field in msgspec.structs.fields(TapeTrade)} == {
        *("symbolId", "price", "timestamp", "type", "volume", "contractId"),
    }
    assert {field.encode_name for field in msgspec.structs.fields(DepthRow)} == {
        *("timestamp", "type", "price", "volume", "currentVolume", "contractId"),
    }


@pytest.mark.parametrize("event", HubEvent.__args__)
def test_events_are_immutable(event: type[msgspec.Struct]) -> None:
    assert event.__struct_config__.frozen
