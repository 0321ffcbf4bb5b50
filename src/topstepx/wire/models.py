"""Every record the gateway sends or takes over REST, field by field.

Python names are snake_case, the wire is camelCase. Unknown members are ignored, so that a gateway that
grows does not break us. Money, prices and tick sizes are exact `Decimal`; ids are 64-bit; times are
aware `datetime`. Field lists follow the vendor's schema of March 2026 plus the documented additions
of September 2026 (verified or documented unless a field says otherwise).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from topstepx.wire.enums import (
    BarUnit,
    OrderSortBy,
    OrderStatus,
    OrderType,
    PositionType,
    Side,
    SortDirection,
)
from topstepx.wire.scalars import Int64, Moment  # plain `int` and `datetime` to a reader


class Record(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A record the gateway sends."""


class Request(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A record we send; members left at None are not sent."""


# ---- what is inside the answers


class AccountModel(Record, frozen=True, kw_only=True):
    """One trading account. The gateway tells no loss limits, stage or equity (verified)."""

    id: Int64
    name: str
    balance: Decimal
    can_trade: bool
    is_visible: bool
    simulated: bool = False


class ContractModel(Record, frozen=True, kw_only=True):
    """One contract: `tick_value` is the money one tick of one contract is worth."""

    id: str
    name: str
    description: str
    tick_size: Decimal
    tick_value: Decimal
    active_contract: bool
    symbol_id: str = ""


class BarModel(Record, frozen=True, kw_only=True):
    """One bar; `t` is its open time. `d` and `k` came in 2026 and their meaning is unknown."""

    t: Moment
    o: Decimal
    h: Decimal
    l: Decimal  # noqa: E741  the gateway's own name
    c: Decimal
    v: Int64
    d: Any = None
    k: Any = None


class OrderModel(Record, frozen=True, kw_only=True):
    """One order. That `filled_price` is the average is assumed."""

    id: Int64
    account_id: Int64
    contract_id: str
    creation_timestamp: Moment
    status: OrderStatus
    type: OrderType
    side: Side
    size: Int64
    symbol_id: str | None = None
    update_timestamp: Moment | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    fill_volume: Int64 = 0
    filled_price: Decimal | None = None
    custom_tag: str | None = None
    trail_distance: Int64 | None = None
    trail_price: Decimal | None = None
    parent_order_id: Int64 | None = None
    linked_order_id: Int64 | None = None


class PositionModel(Record, frozen=True, kw_only=True):
    """One open position, netted per contract; `size` is always positive (verified)."""

    id: Int64
    account_id: Int64
    contract_id: str
    creation_timestamp: Moment
    type: PositionType
    size: Int64
    average_price: Decimal
    contract_display_name: str | None = None


class TradeModel(Record, frozen=True, kw_only=True):
    """One half-turn. `profit_and_loss` is None for an opening one, and gross of fees (verified)."""

    id: Int64
    account_id: Int64
    contract_id: str
    creation_timestamp: Moment
    price: Decimal
    fees: Decimal
    side: Side
    size: Int64
    order_id: Int64
    profit_and_loss: Decimal | None = None
    commissions: Decimal | None = None
    voided: bool = False


# ---- what we send


class LoginKeyRequest(Request, frozen=True, kw_only=True):
    """`Auth/loginKey`."""

    user_name: str
    api_key: str

    def __repr__(self) -> str:
        return "LoginKeyRequest(user_name=…, api_key=…)"


class LoginAppRequest(Request, frozen=True, kw_only=True):
    """`Auth/loginApp`; its documentation was withdrawn, key login is the supported way (documented)."""

    user_name: str
    password: str
    device_id: str
    app_id: str
    verify_key: str

    def __repr__(self) -> str:
        return "LoginAppRequest(…)"


class EmptyRequest(Request, frozen=True, kw_only=True):
    """A call that takes no body (`Auth/validate`, `Auth/logout`)."""


class AccountSearchRequest(Request, frozen=True, kw_only=True):
    """`Account/search`."""

    only_active_accounts: bool


class ContractSearchRequest(Request, frozen=True, kw_only=True):
    """`Contract/search`: at most 20 rows come back, without paging (verified)."""

    search_text: str | None = None
    live: bool


class ContractByIdRequest(Request, frozen=True, kw_only=True):
    """`Contract/searchById`."""

    contract_id: str


class ContractAvailableRequest(Request, frozen=True, kw_only=True):
    """`Contract/available`."""

    live: bool


class BarsRequest(Request, frozen=True, kw_only=True):
    """`History/retrieveBars`: at most 20,000 bars, the newest of the window first (verified)."""

    contract_id: str
    live: bool
    start_time: Moment
    end_time: Moment
    unit: BarUnit
    unit_number: Int64
    limit: Int64
    include_partial_bar: bool


class OrderSearchRequest(Request, frozen=True, kw_only=True):
    """`Order/search`: never shows suspended orders (verified)."""

    account_id: Int64
    start_timestamp: Moment
    end_timestamp: Moment | None = None


class OrderSearchOpenRequest(Request, frozen=True, kw_only=True):
    """`Order/searchOpen`: only status OPEN; suspended bracket legs are missing (verified)."""

    account_id: Int64


class OrderByIdRequest(Request, frozen=True, kw_only=True):
    """`Order/searchById`."""

    account_id: Int64
    order_id: Int64


class OrderQueryFilter(Request, frozen=True, kw_only=True):
    """The filter of `Order/v2/query`; `contract_id` is known not to filter (verified)."""

    account_id: Int64
    statuses: tuple[OrderStatus, ...] | None = None
    contract_id: str | None = None
    created_after: Moment | None = None
    created_before: Moment | None = None


class OrderQueryRequest(Request, frozen=True, kw_only=True):
    """`Order/v2/query`: the only way to see suspended orders; at most 100 rows, row offset (verified)."""

    filter: OrderQueryFilter
    page_size: Int64 | None = None
    page_offset: Int64 | None = None
    sort_by: OrderSortBy | None = None
    sort_direction: SortDirection | None = None
    include_total_count: bool | None = None


class BracketModel(Request, frozen=True, kw_only=True):
    """One leg of a bracket on the wire: *signed* ticks from the fill, 4 to 1000 in size (verified)."""

    ticks: Int64
    type: OrderType


class PlaceRequest(Request, frozen=True, kw_only=True):
    """`Order/place`."""

    account_id: Int64
    contract_id: str
    type: OrderType
    side: Side
    size: Int64
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_price: Decimal | None = None
    custom_tag: str | None = None
    stop_loss_bracket: BracketModel | None = None
    take_profit_bracket: BracketModel | None = None


class ModifyRequest(Request, frozen=True, kw_only=True):
    """`Order/modify`: absolute values; a member left out stays as it is (assumed, every client does)."""

    account_id: Int64
    order_id: Int64
    size: Int64 | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_price: Decimal | None = None


class CancelRequest(Request, frozen=True, kw_only=True):
    """`Order/cancel`."""

    account_id: Int64
    order_id: Int64


class PositionSearchOpenRequest(Request, frozen=True, kw_only=True):
    """`Position/searchOpen`."""

    account_id: Int64


class CloseContractRequest(Request, frozen=True, kw_only=True):
    """`Position/closeContract`: leaves resting orders of the contract alive (verified)."""

    account_id: Int64
    contract_id: str


class PartialCloseRequest(Request, frozen=True, kw_only=True):
    """`Position/partialCloseContract`."""

    account_id: Int64
    contract_id: str
    size: Int64


class TradeSearchRequest(Request, frozen=True, kw_only=True):
    """`Trade/search`: always send the start (documents and schema disagree whether it may lack)."""

    account_id: Int64
    start_timestamp: Moment | None = None
    end_timestamp: Moment | None = None


# ---- what comes back


class Envelope(Record, frozen=True, kw_only=True):
    """What every POST answers. Unless `success` and `error_code` are there and agree, it proves nothing."""

    success: bool | UnsetType = UNSET
    error_code: Int64 | UnsetType = UNSET
    error_message: str | None = None


class TokenAnswer(Envelope, frozen=True, kw_only=True):
    """Answer of `Auth/loginKey` and `Auth/loginApp`."""

    token: str | None = None

    def __repr__(self) -> str:
        return f"TokenAnswer(success={self.success}, error_code={self.error_code})"


class ValidateAnswer(Envelope, frozen=True, kw_only=True):
    """Answer of `Auth/validate`."""

    new_token: str | None = None

    def __repr__(self) -> str:
        return f"ValidateAnswer(success={self.success}, error_code={self.error_code})"


class AccountsAnswer(Envelope, frozen=True, kw_only=True):
    """Answer of `Account/search`; `accounts` UNSET or None is *unknown*, never "none"."""

    accounts: list[AccountModel] | None | UnsetType = UNSET


class ContractsAnswer(Envelope, frozen=True, kw_only=True):
    """Answer of `Contract/search` and `Contract/available`."""

    contracts: list[ContractModel] | None | UnsetType = UNSET


class ContractAnswer(Envelope, frozen=True, kw_only=True):
    """Answer of `Contract/searchById`."""

    contract: ContractModel | None | UnsetType = UNSET


class BarsAnswer(Envelope, frozen=True, kw_only=True):
    """Answer of `History/retrieveBars`, newest bar first (verified)."""

    bars: list[BarModel] | None | UnsetType = UNSET


class OrdersAnswer(Envelope, frozen=True, kw_only=True):
    """Answer of `Order/search` and `Order/searchOpen`."""

    orders: list[OrderModel] | None | UnsetType = UNSET


class OrderAnswer(Envelope, frozen=True, kw_only=True):
    """Answer of `Order/searchById`."""

    order: OrderModel | None | UnsetType = UNSET


class OrderPageAnswer(Envelope, frozen=True, kw_only=True):
    """Answer of `Order/v2/query`; `total_count` is of all pages (verified)."""

    orders: list[OrderModel] | None | UnsetType = UNSET
    total_count: Int64 | None = None


class PlaceAnswer(Envelope, frozen=True, kw_only=True):
    """Answer of `Order/place`. An `order_id` beside `success: false` is a dead order (verified)."""

    order_id: Int64 | None = None


class PositionsAnswer(Envelope, frozen=True, kw_only=True):
    """Answer of `Position/searchOpen`."""

    positions: list[PositionModel] | None | UnsetType = UNSET


class TradesAnswer(Envelope, frozen=True, kw_only=True):
    """Answer of `Trade/search`."""

    trades: list[TradeModel] | None | UnsetType = UNSET
