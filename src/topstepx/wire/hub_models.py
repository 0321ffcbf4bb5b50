"""The records that the hubs push."""

from __future__ import annotations

from decimal import Decimal

from msgspec import UNSET, Struct, UnsetType

from topstepx.wire.enums import DomType, TradeLogType
from topstepx.wire.models import AccountModel, OrderModel, PositionModel, TradeModel
from topstepx.wire.scalars import Int64, Moment

# ---- the user hub


class UserAccount(Struct, frozen=True, gc=False):
    """An account changed. What the numbers in `action` mean is unknown: ignore it."""

    data: AccountModel
    action: Int64 | None = None


class UserOrder(Struct, frozen=True, gc=False):
    """An order changed. A rejected one comes without a reason; that is in the answer only."""

    data: OrderModel
    action: Int64 | None = None


class UserPosition(Struct, frozen=True, gc=False):
    """A position changed; size 0 and type UNDEFINED means flat (verified)."""

    data: PositionModel
    action: Int64 | None = None


class UserTrade(Struct, frozen=True, gc=False):
    """A half-turn happened, or was voided."""

    data: TradeModel
    action: Int64 | None = None


# ---- the market hub


# These three take no member that they do not know, so that nothing in them has to be searched
# (`wire.market_records`); `wire.hub_events` reads what has more members, and leaves those out.


class Quote(
    Struct, frozen=True, kw_only=True, gc=False, rename="camel", forbid_unknown_fields=True
):
    """What changed in a contract's quote: UNSET was not said, None was said to be nothing.

    Only the first quote after subscribing has (nearly) everything (verified). Prices and changes are
    in the contract's points, `change_percent` in percent, `volume` in contracts since the session
    opened. `timestamp` is the exchange's time, `last_updated` the gateway's.
    """

    symbol: str | None | UnsetType = UNSET
    symbol_name: str | None | UnsetType = UNSET
    last_price: Decimal | None | UnsetType = UNSET
    best_bid: Decimal | None | UnsetType = UNSET
    best_ask: Decimal | None | UnsetType = UNSET
    change: Decimal | None | UnsetType = UNSET
    change_percent: Decimal | None | UnsetType = UNSET
    open: Decimal | None | UnsetType = UNSET
    high: Decimal | None | UnsetType = UNSET
    low: Decimal | None | UnsetType = UNSET
    volume: Int64 | None | UnsetType = UNSET
    last_updated: Moment | None | UnsetType = UNSET
    timestamp: Moment | None | UnsetType = UNSET
    contract: str | None | UnsetType = UNSET


class TapeTrade(
    Struct,
    frozen=True,
    kw_only=True,
    gc=False,
    rename="camel",
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """One trade of the market; `type` is the side of the aggressor."""

    symbol_id: str | None = None
    price: Decimal
    timestamp: Moment
    type: TradeLogType
    volume: Int64
    contract_id: str | None = None


class DepthRow(
    Struct,
    frozen=True,
    kw_only=True,
    gc=False,
    rename="camel",
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """One change of the book; `type` RESET empties it.

    `volume` is the level's total in the update, `current_volume` what stands there after it (sources
    differ in wording).
    """

    timestamp: Moment
    type: DomType
    price: Decimal
    volume: Int64
    current_volume: Int64 | None = None
    contract_id: str | None = None


class QuoteUpdate(Struct, frozen=True, gc=False):
    """A quote and the contract it belongs to."""

    contract_id: str
    quote: Quote


class TapeUpdate(Struct, frozen=True, gc=False):
    """The trades of one message, in its order."""

    contract_id: str
    trades: tuple[TapeTrade, ...]


class Depth(Struct, frozen=True, gc=False):
    """One depth message: the rows that changed, in the order the gateway sent them, to be applied together.

    `is_valid` False: something before this message is missing, so a book built from these is wrong
    until the next Reset. There is no other way to get a book than from its Reset on.
    """

    contract_id: str
    rows: tuple[DepthRow, ...]
    is_valid: bool = True
    """Never said by the gateway: `tsx.market` knows what was lost."""


# ---- either hub


class Logout(Struct, frozen=True, gc=False):
    """Another session took over, the token ran out, or maintenance began (reported, not verified)."""

    reason: str | None = None
    """The gateway's words if it sent any (untrusted, cleaned)."""


class UnknownEvent(Struct, frozen=True, gc=False):
    """An event that this library does not have yet."""

    target: str
    argument_count: int


UserEvent = UserAccount | UserOrder | UserPosition | UserTrade
MarketEvent = QuoteUpdate | TapeUpdate | Depth


class MarketEvents(Struct, frozen=True, gc=False):
    """Market events that came together, in order."""

    events: list[MarketEvent]


HubEvent = UserEvent | MarketEvent | Logout | UnknownEvent
Heard = HubEvent | MarketEvents
"""What a hub hands on: market data in bunches, anything one by one."""
