"""The terms of an order in the trader's words, and what they become on the wire.

`Limit("21503.25")`, `Market()`, `Stop(...)` and so on say how an order is priced; `Bracket` says which
stop and target go with it. Distances are given as positive ticks and signed here, because the gateway
counts them from the fill: below it is negative (verified).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from topstepx.core.prices import PriceLike, exact, on_grid, whole_contracts
from topstepx.errors import InvalidRequest
from topstepx.wire.enums import OrderType, Side
from topstepx.wire.models import BracketModel, PlaceRequest

if TYPE_CHECKING:
    from decimal import Decimal

    from topstepx.wire.models import ContractModel

_DAY_S = 86_400.0
_TICKS_MIN, _TICKS_MAX = 4, 1000
"""How near and far a bracket leg may be (verified: the gateway's own texts)."""


@dataclass(frozen=True, slots=True)
class Market:
    """At whatever the market gives, now."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At `price` or better."""

    price: PriceLike


@dataclass(frozen=True, slots=True)
class Stop:
    """A market order once the market trades through `price`."""

    price: PriceLike


@dataclass(frozen=True, slots=True)
class StopLimit:
    """A limit order at `limit` once the market trades through `stop` (assumed: it may be placed)."""

    stop: PriceLike
    limit: PriceLike


@dataclass(frozen=True, slots=True)
class TrailingStop:
    """A stop that follows the market; `price` is where it starts, which fixes the distance (verified)."""

    price: PriceLike


@dataclass(frozen=True, slots=True)
class JoinBid:
    """A limit at the best bid of the moment."""


@dataclass(frozen=True, slots=True)
class JoinAsk:
    """A limit at the best ask of the moment."""


At = Market | Limit | Stop | StopLimit | TrailingStop | JoinBid | JoinAsk
_AT = (Market, Limit, Stop, StopLimit, TrailingStop, JoinBid, JoinAsk)


@dataclass(frozen=True, slots=True)
class Bracket:
    """A protective stop and a profit target that wake when the entry fills.

    Give each leg as a distance in ticks from the fill (positive, 4 to 1000) or as a price, not both.
    A price is turned into ticks from the entry's own price, so the entry must have one. The gateway
    counts those ticks from the fill, so with slippage the leg wakes as far off as the fill was; it is
    then moved to the price you gave, which takes one change and a moment.
    """

    stop_ticks: int | None = None
    target_ticks: int | None = None
    stop: PriceLike | None = None
    target: PriceLike | None = None
    trailing: bool = False
    """Whether the stop leg trails."""


@dataclass(frozen=True, slots=True)
class CancelRest:
    """Cancel what is left `after_s` seconds after the first partial fill; without a fill nothing ends."""

    after_s: float

    def __post_init__(self) -> None:
        after_s: object = self.after_s
        is_number = isinstance(after_s, int | float) and not isinstance(after_s, bool)
        if not (is_number and 0 <= self.after_s <= _DAY_S):
            raise InvalidRequest(
                "remainder.after_s", after_s, "is a number of seconds, 0 to a day.", "Give 5."
            )


_UNPRICED = {
    Market: OrderType.MARKET,
    JoinBid: OrderType.JOIN_BID,
    JoinAsk: OrderType.JOIN_ASK,
}


def read_at(at: object) -> At:
    """The terms given as `at=`; the class itself is taken for terms that need no price."""
    if at in {Market, JoinBid, JoinAsk}:
        at = at()
    if isinstance(at, _AT):
        return at
    raise InvalidRequest(
        "at",
        at,
        "says how the order is priced and is never optional.",
        'Give Market(), Limit("…"), Stop("…"), StopLimit, TrailingStop, JoinBid() or JoinAsk().',
    )


def place_request(
    *,
    account_id: int,
    contract: ContractModel,
    side: object,
    size: object,
    at: object,
    bracket: object,
    custom_tag: str,
) -> PlaceRequest:
    """The order as the gateway takes it; raises `InvalidRequest` or `PriceOffGrid` before anything leaves."""
    if not isinstance(side, Side) or not side.is_known:
        raise InvalidRequest("side", side, "must be a Side.", "Give Side.BUY or Side.SELL.")
    contracts = whole_contracts("size", size)
    terms = read_at(at)
    kind, limit_price, stop_price, trail_price = _prices(terms, contract)
    entry = limit_price if limit_price is not None else stop_price
    stop_leg, target_leg = _legs(bracket, contract, side, entry)
    return PlaceRequest(
        account_id=account_id,
        contract_id=contract.id,
        type=kind,
        side=side,
        size=contracts,
        limit_price=limit_price,
        stop_price=stop_price,
        trail_price=trail_price,
        custom_tag=custom_tag,
        stop_loss_bracket=stop_leg,
        take_profit_bracket=target_leg,
    )


def leg_prices(
    bracket: Bracket | None, contract: ContractModel
) -> tuple[Decimal | None, Decimal | None]:
    """The prices that stop and target were given as; None where ticks were given, or nothing."""
    if bracket is None:
        return None, None

    def grid(field: str, price: PriceLike | None) -> Decimal | None:
        if price is None:
            return None
        return on_grid(field, exact(field, price), contract.tick_size, contract.name)

    return grid("bracket.stop", bracket.stop), grid("bracket.target", bracket.target)


def _prices(
    at: At, contract: ContractModel
) -> tuple[OrderType, Decimal | None, Decimal | None, Decimal | None]:
    def grid(field: str, value: PriceLike) -> Decimal:
        return on_grid(field, value, contract.tick_size, contract.name)

    match at:
        case Limit(price):
            return OrderType.LIMIT, grid("limit price", price), None, None
        case Stop(price):
            return OrderType.STOP, None, grid("stop price", price), None
        case StopLimit(stop, limit):
            return OrderType.STOP_LIMIT, grid("limit price", limit), grid("stop price", stop), None
        case TrailingStop(price):
            return OrderType.TRAILING_STOP, None, None, grid("trail price", price)
        case _:
            return _UNPRICED[type(at)], None, None, None


def _legs(
    bracket: object, contract: ContractModel, side: Side, entry: Decimal | None
) -> tuple[BracketModel | None, BracketModel | None]:
    if bracket is None:
        return None, None
    if not isinstance(bracket, Bracket):
        raise InvalidRequest(
            "bracket", bracket, "must be a Bracket.", "Give Bracket(stop_ticks=40)."
        )
    stop_ticks = _distance("stop", bracket.stop_ticks, bracket.stop, contract, entry, -side.sign)
    target_ticks = _distance(
        "target", bracket.target_ticks, bracket.target, contract, entry, side.sign
    )
    if stop_ticks is None and target_ticks is None:
        raise InvalidRequest(
            "bracket",
            "Bracket()",
            "has neither stop nor target.",
            "Give stop_ticks or target_ticks.",
        )
    stop_type = OrderType.TRAILING_STOP if bracket.trailing else OrderType.STOP
    stop_leg = BracketModel(ticks=-side.sign * stop_ticks, type=stop_type) if stop_ticks else None
    target_leg = (
        BracketModel(ticks=side.sign * target_ticks, type=OrderType.LIMIT) if target_ticks else None
    )
    return stop_leg, target_leg


def _distance(  # noqa: PLR0917  one leg, both ways of giving it
    leg: str,
    ticks: object,
    price: PriceLike | None,
    contract: ContractModel,
    entry: Decimal | None,
    direction: int,
) -> int | None:
    """The leg's distance in positive ticks."""
    if ticks is not None and price is not None:
        raise InvalidRequest(
            f"bracket.{leg}", price, "is given twice.", "Give ticks or a price, not both."
        )
    field = f"bracket.{leg}_ticks"
    if price is not None:
        field = f"bracket.{leg}"
        if entry is None:
            raise InvalidRequest(
                field,
                str(price),
                "a price leg needs an entry that has a price.",
                f"Give {leg}_ticks for a market order.",
            )
        level = on_grid(field, exact(field, price), contract.tick_size, contract.name)
        ticks = int((level - entry) * direction / contract.tick_size)
        if ticks <= 0:
            where = "above" if direction > 0 else "below"
            raise InvalidRequest(
                field,
                str(level),
                f"is on the wrong side of the entry at {entry}, or on it.",
                f"The {leg} of this order goes {where} it.",
            )
    if ticks is None:
        return None
    if isinstance(ticks, bool) or not isinstance(ticks, int) or ticks < 0:
        raise InvalidRequest(
            field,
            ticks,
            "distances are whole positive ticks; the sign is ours.",
            "Give for example 40.",
        )
    if not _TICKS_MIN <= ticks <= _TICKS_MAX:
        bound = f"at least {_TICKS_MIN}" if ticks < _TICKS_MIN else f"at most {_TICKS_MAX}"
        away = "" if price is None else f"is {ticks} ticks from the entry; "
        raise InvalidRequest(
            field,
            ticks if price is None else str(price),
            f"{away}the gateway takes {_TICKS_MIN} to {_TICKS_MAX} ticks.",
            f"Give {bound}.",
        )
    return ticks
