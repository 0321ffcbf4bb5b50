from __future__ import annotations

from typing import Any

import pytest

from tests.support.pit import ACCOUNT_ID, ES, MNQ, Pit, d
from topstepx.sim.venue import VenueAccount
from topstepx.wire.enums import OrderStatus, OrderType, Side

LIMIT, MARKET, STOP = OrderType.LIMIT, OrderType.MARKET, OrderType.STOP
TRAIL, BUY, SELL = OrderType.TRAILING_STOP, Side.BUY, Side.SELL
ALIGNED = "Price is not aligned to tick size."


def account(**parts: Any) -> VenueAccount:  # noqa: ANN401  passed through by name
    return VenueAccount(ACCOUNT_ID, "PRAC-V2-1-1", d("150000"), **parts)


@pytest.mark.parametrize(
    ("kind", "side", "parts", "text"),
    [
        (OrderType(999), BUY, {}, "Invalid order type specified"),
        (OrderType.UNKNOWN, BUY, {}, "Invalid order type specified"),
        (MARKET, BUY, {"size": 0}, "Invalid order size specified"),
        (MARKET, BUY, {"size": -2}, "Invalid order size specified"),
        (MARKET, Side(9), {}, "Invalid order side specified"),
        (LIMIT, BUY, {"limit": "99.1"}, f"Invalid limit price. {ALIGNED}"),
        (LIMIT, BUY, {}, "Invalid limit price specified"),
        (STOP, BUY, {"stop": "101.3"}, f"Invalid stop price. {ALIGNED}"),
        (STOP, BUY, {}, "Invalid stop price specified"),
        (LIMIT, BUY, {"limit": 79}, "Invalid price. Price is outside allowed range."),
        (LIMIT, SELL, {"limit": "1E+30"}, "Invalid price. Price is outside allowed range."),
        (LIMIT, SELL, {"limit": "NaN"}, "Invalid price. Price is outside allowed range."),
        (
            STOP,
            BUY,
            {"stop": 100},
            "Order price is outside allowed range. Please set price above best bid.",
        ),
        (
            STOP,
            SELL,
            {"stop": "100.25"},
            "Order price is outside allowed range. Please set price below best ask.",
        ),
        (TRAIL, SELL, {}, "Trail Distance not set."),
        (TRAIL, SELL, {"trail": 100}, "Trail Distance not set."),
        (TRAIL, SELL, {"trail": "98.1"}, f"Invalid trail price. {ALIGNED}"),
        (TRAIL, BUY, {"trail": "350.25"}, "Trail Distance exceeds maximum (1000)"),
        (
            MARKET,
            BUY,
            {"stop_ticks": 40},
            "Invalid stop loss ticks (40). Ticks should be less than zero when longing.",
        ),
        (
            MARKET,
            SELL,
            {"target_ticks": 30},
            "Invalid take profit ticks (30). Ticks should be less than zero when going short",
        ),
        (
            MARKET,
            SELL,
            {"stop_ticks": 1},
            "Invalid stop loss ticks (1). Price should be at least 4 ticks away.",
        ),
        (
            MARKET,
            BUY,
            {"target_ticks": 2000},
            "Invalid take profit ticks (2000). Ticks should be 1000 ticks or less.",
        ),
        (
            MARKET,
            BUY,
            {"stop_ticks": -8, "stop_type": LIMIT},
            "Invalid stop loss type specified",
        ),
    ],
)
def test_what_is_refused_and_how(
    kind: OrderType, side: Side, parts: dict[str, Any], text: str
) -> None:
    pit = Pit()
    answer = pit.place(kind, side, **parts)
    assert (answer.success, answer.error_code, answer.error_message) == (False, 2, text)
    assert answer.order_id is not None
    assert pit.status(answer.order_id) is OrderStatus.REJECTED
    assert len(pit.venue.truth.orders(ACCOUNT_ID)) == 1
    assert pit.venue.truth.working(ACCOUNT_ID) == []


@pytest.mark.parametrize(
    ("kind", "side", "parts"),
    [
        (STOP, BUY, {"stop": "100.25"}),  # above the best bid is all it takes
        (STOP, SELL, {"stop": "100"}),
        (LIMIT, BUY, {"limit": "80"}),
        (TRAIL, BUY, {"trail": "350"}),
        (MARKET, BUY, {"stop_ticks": -4, "target_ticks": 1000}),
        (MARKET, SELL, {"stop_ticks": 1000, "target_ticks": -4}),
        (OrderType.STOP_LIMIT, BUY, {"stop": 101, "limit": 102}),
    ],
)
def test_what_just_passes(kind: OrderType, side: Side, parts: dict[str, Any]) -> None:
    assert Pit().place(kind, side, **parts).success


def test_a_trailing_stop_needs_a_last_price() -> None:
    pit = Pit(quoted=False)
    pit.quote(100, "100.25")
    answer = pit.place(TRAIL, SELL, trail=98)
    assert answer.error_message == "Cannot trail without a last price"


def test_a_closed_market_says_so() -> None:
    for text, words in (("halted", "not in an active trading status."), ("hours", "Outside of")):
        pit = Pit(closed_text=text)
        pit.venue.set_session(MNQ.id, is_open=False, now=pit.now)
        answer = pit.place(MARKET, BUY)
        assert answer.error_code == 2
        assert words in (answer.error_message or "")
        pit.venue.set_session(MNQ.id, is_open=True, now=pit.now)
        assert pit.place(MARKET, BUY).success


@pytest.mark.parametrize("kind", [MARKET, OrderType.JOIN_ASK])
def test_without_a_market_nothing_can_trade_at_it(kind: OrderType) -> None:
    pit = Pit(quoted=False)
    assert pit.place(kind, BUY).error_code == 2
    assert pit.place(LIMIT, BUY, limit=5).success


def test_position_brackets_mode_refuses_brackets_only() -> None:
    pit = Pit(account=account(bracket_mode="position"))
    answer = pit.place(MARKET, BUY, stop_ticks=-8)
    assert answer.error_message == (
        "Brackets cannot be used with Position Brackets. You must enable Auto OCO Brackets."
    )
    assert pit.place(MARKET, BUY).success


@pytest.mark.parametrize(("parts", "code"), [({"can_trade": False}, 4), ({"simulated": False}, 10)])
def test_accounts_that_may_not_trade(parts: dict[str, Any], code: int) -> None:
    assert Pit(account=account(**parts)).place(MARKET, BUY).error_code == 2
    specific = Pit(account=account(**parts), refusal_codes="specific")
    answer = specific.place(MARKET, BUY)
    assert (answer.error_code, answer.order_id) == (code, None)


def test_the_position_limit_counts_micros_as_tenths() -> None:
    pit = Pit(account=account(max_minis=1), market_fill_ms=0)
    pit.quote(100, "100.25", on=ES.id)
    assert pit.place(MARKET, BUY, 11).error_message == "Maximum position exceeded."
    assert pit.place(MARKET, BUY, 10).success
    assert not pit.place(MARKET, BUY, 1, on=ES.id).success
    assert pit.place(MARKET, SELL, 20).success  # turns around, within the limit
    assert not pit.place(MARKET, SELL, 1).success
    assert pit.place(MARKET, BUY, 10).success
    assert pit.place(MARKET, BUY, 1, on=ES.id).success


def test_who_is_over_the_limit_may_still_go_down() -> None:
    pit = Pit(market_fill_ms=0)
    pit.buy(30)
    pit.account.max_minis = 1
    assert not pit.place(MARKET, BUY, 1).success
    assert not pit.place(MARKET, SELL, 61).success
    assert pit.place(MARKET, SELL, 1).success
    assert pit.place(MARKET, SELL, 58).success  # as much on the other side adds nothing


def test_working_orders_count_by_switch() -> None:
    for counts in (False, True):
        pit = Pit(account=account(max_minis=1), max_position_counts_working=counts)
        assert pit.place(LIMIT, BUY, 8, limit=99).success
        assert pit.place(LIMIT, BUY, 8, limit=99).success is not counts


@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_crossing_limit_is_refused_by_switch(side: Side) -> None:
    pit = Pit(marketable_limit="refuse")
    assert not pit.place(LIMIT, side, limit="100" if side is SELL else "100.25").success
    assert pit.place(LIMIT, side, limit="100.25" if side is SELL else "100").success


def test_stop_limits_are_refused_by_switch() -> None:
    pit = Pit(stop_limit_placeable=False)
    answer = pit.place(OrderType.STOP_LIMIT, BUY, stop=101, limit=102)
    assert answer.error_message == "Invalid order type specified"


def test_a_bracket_needs_its_legs_tags() -> None:
    pit = Pit()
    assert pit.place(LIMIT, BUY, limit=99, tag="a-SL").success
    assert pit.place(MARKET, BUY, tag="a").success
    assert pit.place(LIMIT, BUY, limit=99, tag="b-TP").success
    answer = pit.place(MARKET, BUY, tag="b", target_ticks=8)
    assert answer.error_message == "Specified custom tag is already in use"
