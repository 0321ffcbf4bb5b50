"""Terms: what a trader says and what the gateway gets."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest

from topstepx.core.terms import (
    Bracket,
    CancelRest,
    JoinAsk,
    JoinBid,
    Limit,
    Market,
    Stop,
    StopLimit,
    TrailingStop,
    leg_prices,
    place_request,
)
from topstepx.errors import InvalidRequest, PriceOffGrid
from topstepx.wire.enums import OrderType, Side
from topstepx.wire.models import BracketModel, ContractModel, PlaceRequest

MNQ = ContractModel(
    id="CON.F.US.MNQ.Z26",
    name="MNQZ6",
    description="Micro E-mini NASDAQ-100: December 2026",
    tick_size=Decimal("0.25"),
    tick_value=Decimal("0.5"),
    active_contract=True,
    symbol_id="F.US.MNQ",
)


def _request(
    side: object = Side.BUY, size: object = 2, at: object = Market, bracket: object = None
) -> PlaceRequest:
    return place_request(
        account_id=7, contract=MNQ, side=side, size=size, at=at, bracket=bracket, custom_tag="T1"
    )


P, Q = Decimal("21503.25"), Decimal("21510.00")


@pytest.mark.parametrize(
    ("at", "kind", "limit", "stop", "trail"),
    [
        (Market(), OrderType.MARKET, None, None, None),
        (Market, OrderType.MARKET, None, None, None),
        (Limit("21503.25"), OrderType.LIMIT, P, None, None),
        (Stop(P), OrderType.STOP, None, P, None),
        (StopLimit(stop=P, limit=Q), OrderType.STOP_LIMIT, Q, P, None),
        (TrailingStop(P), OrderType.TRAILING_STOP, None, None, P),
        (JoinBid(), OrderType.JOIN_BID, None, None, None),
        (JoinAsk, OrderType.JOIN_ASK, None, None, None),
    ],
)
def test_each_term_carries_the_prices_of_its_type_and_no_other(
    at: object,
    kind: OrderType,
    limit: Decimal | None,
    stop: Decimal | None,
    trail: Decimal | None,
) -> None:
    request = _request(at=at)
    assert request.type is kind
    assert (request.limit_price, request.stop_price, request.trail_price) == (limit, stop, trail)
    assert (request.account_id, request.size, request.custom_tag) == (7, 2, "T1")


@pytest.mark.parametrize(("side", "stop", "target"), [(Side.BUY, -40, 80), (Side.SELL, 40, -80)])
def test_bracket_distances_are_signed_from_the_fill(side: Side, stop: int, target: int) -> None:
    request = _request(side=side, bracket=Bracket(stop_ticks=40, target_ticks=80))
    assert request.stop_loss_bracket == BracketModel(ticks=stop, type=OrderType.STOP)
    assert request.take_profit_bracket == BracketModel(ticks=target, type=OrderType.LIMIT)


def test_price_legs_are_counted_from_the_entry() -> None:
    bracket = Bracket(stop="21493.25", target="21523.25")
    request = _request(at=Limit(P), bracket=bracket)
    assert request.stop_loss_bracket == BracketModel(ticks=-40, type=OrderType.STOP)
    assert request.take_profit_bracket == BracketModel(ticks=80, type=OrderType.LIMIT)


def test_a_trailing_stop_leg_and_a_single_leg() -> None:
    request = _request(bracket=Bracket(stop_ticks=4, trailing=True))
    assert request.stop_loss_bracket == BracketModel(ticks=-4, type=OrderType.TRAILING_STOP)
    assert request.take_profit_bracket is None


@pytest.mark.parametrize(
    ("bracket", "at"),
    [
        (Bracket(), Market),
        (Bracket(stop_ticks=3), Market),
        (Bracket(stop_ticks=1001), Market),
        (Bracket(stop_ticks=-40), Market),
        (Bracket(stop_ticks=0), Market),
        (Bracket(stop_ticks=True), Market),
        (Bracket(stop_ticks=40, stop="21490"), Limit(P)),
        (Bracket(stop="21490"), Market),
        (Bracket(stop="21510"), Limit(P)),
        (Bracket(target="21490"), Limit(P)),
        ({"stop_ticks": 40}, Market),
    ],
)
def test_bad_brackets_are_refused_before_anything_leaves(bracket: object, at: object) -> None:
    with pytest.raises(InvalidRequest, match="bracket"):
        _request(at=at, bracket=bracket)


@pytest.mark.parametrize("at", [None, "market", 2, OrderType.MARKET, Limit])
def test_at_is_never_guessed(at: object) -> None:
    with pytest.raises(InvalidRequest, match="at="):
        _request(at=at)


@pytest.mark.parametrize("side", [0, "buy", None, Side(7)])
def test_the_side_is_a_side(side: object) -> None:
    with pytest.raises(InvalidRequest, match="side"):
        _request(side=side)


def test_a_price_off_the_grid_names_its_field() -> None:
    with pytest.raises(PriceOffGrid, match=r"stop price.*21503\.25 or 21503\.50"):
        _request(at=Stop("21503.30"))


@pytest.mark.parametrize("after_s", [-1, True, "5", float("nan"), float("inf"), None])
def test_the_rest_is_cancelled_after_a_number_of_seconds(after_s: Any) -> None:  # noqa: ANN401  anything at all
    with pytest.raises(InvalidRequest, match=r"remainder\.after_s"):
        CancelRest(after_s)
    assert CancelRest(0).after_s == 0


def test_the_prices_legs_were_given_as() -> None:
    assert leg_prices(None, MNQ) == (None, None)
    assert leg_prices(Bracket(stop_ticks=40), MNQ) == (None, None)
    found = leg_prices(Bracket(stop="100.25", target="200"), MNQ)
    assert found == (Decimal("100.25"), Decimal(200))
    with pytest.raises(PriceOffGrid):
        leg_prices(Bracket(stop="100.10"), MNQ)


@pytest.mark.parametrize(
    ("bracket", "rule"),
    [
        (Bracket(stop_ticks=3), "Give at least 4."),
        (Bracket(stop_ticks=1001), "Give at most 1000."),
        (Bracket(stop="21403.25", target="22000.00"), "bracket.target='22000.00': is 1987 ticks"),
        (Bracket(stop="21504.00"), "The stop of this order goes below it."),
        (Bracket(target="21503.25"), "The target of this order goes above it."),
    ],
)
def test_a_leg_that_cannot_be_says_what_can(bracket: Bracket, rule: str) -> None:
    with pytest.raises(InvalidRequest, match=re.escape(rule)):
        _request(at=Limit("21503.25"), bracket=bracket)


@pytest.mark.parametrize("price", [None, True, object()])
def test_what_is_no_price_is_not_offered_as_a_string(price: Any) -> None:  # noqa: ANN401  anything at all
    with pytest.raises(InvalidRequest, match="Write for example"):
        _request(at=Limit(price))
