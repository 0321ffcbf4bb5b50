"""One row per thing the gateway can be asked: REST endpoints, hub methods and hub events.

A row says where it lives, what goes in and out, which request budget pays for it and how *safe* it is
to repeat. Nothing else in the library spells a path.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

from topstepx.wire import models as m

RequestT = TypeVar("RequestT", bound=m.Request)
AnswerT = TypeVar("AnswerT", bound=m.Envelope)


class Safety(Enum):
    """What repeating a call does."""

    READ = "any number of times"
    REPEATABLE = "same end state"
    ONCE = "each copy may act again"


class Bucket(Enum):
    """Which documented limit a call counts against (verified: bars have their own)."""

    # Enum's own hash runs Python code for every look into a dictionary.
    __hash__ = object.__hash__

    GENERAL = "general"
    BARS = "bars"


class ErrorTable(Enum):
    """Which numbering a route's `errorCode` follows: each family starts again at 0 (verified)."""

    LOGIN = "login"
    LOGOUT = "logout"
    VALIDATE = "validate"
    SUCCESS_ONLY = "success only"
    CONTRACT_BY_ID = "contract by id"
    BARS = "bars"
    ACCOUNT_READ = "account read"
    ORDER_BY_ID = "order by id"
    PLACE = "place"
    MODIFY = "modify"
    CANCEL = "cancel"
    CLOSE = "close"
    PARTIAL_CLOSE = "partial close"


@dataclass(frozen=True, slots=True)
class Route(Generic[RequestT, AnswerT]):
    """One REST endpoint. `wants_token` False: the call is made without one (login, ping)."""

    path: str
    request: type[RequestT]
    answer: type[AnswerT]
    safety: Safety
    errors: ErrorTable
    bucket: Bucket = Bucket.GENERAL
    wants_token: bool = True
    method: str = "POST"

    @property
    def name(self) -> str:
        """The short name people use: `Order/place`."""
        return self.path.removeprefix("/api/")


_READ, _ONCE, _REPEATABLE = Safety.READ, Safety.ONCE, Safety.REPEATABLE

LOGIN_KEY = Route(
    "/api/Auth/loginKey",
    m.LoginKeyRequest,
    m.TokenAnswer,
    _REPEATABLE,
    ErrorTable.LOGIN,
    wants_token=False,
)
LOGIN_APP = Route(
    "/api/Auth/loginApp",
    m.LoginAppRequest,
    m.TokenAnswer,
    _REPEATABLE,
    ErrorTable.LOGIN,
    wants_token=False,
)
VALIDATE = Route(
    "/api/Auth/validate", m.EmptyRequest, m.ValidateAnswer, _REPEATABLE, ErrorTable.VALIDATE
)
LOGOUT = Route("/api/Auth/logout", m.EmptyRequest, m.Envelope, _REPEATABLE, ErrorTable.LOGOUT)
ACCOUNT_SEARCH = Route(
    "/api/Account/search", m.AccountSearchRequest, m.AccountsAnswer, _READ, ErrorTable.SUCCESS_ONLY
)
CONTRACT_SEARCH = Route(
    "/api/Contract/search",
    m.ContractSearchRequest,
    m.ContractsAnswer,
    _READ,
    ErrorTable.SUCCESS_ONLY,
)
CONTRACT_BY_ID = Route(
    "/api/Contract/searchById",
    m.ContractByIdRequest,
    m.ContractAnswer,
    _READ,
    ErrorTable.CONTRACT_BY_ID,
)
CONTRACT_AVAILABLE = Route(
    "/api/Contract/available",
    m.ContractAvailableRequest,
    m.ContractsAnswer,
    _READ,
    ErrorTable.SUCCESS_ONLY,
)
RETRIEVE_BARS = Route(
    "/api/History/retrieveBars",
    m.BarsRequest,
    m.BarsAnswer,
    _READ,
    ErrorTable.BARS,
    bucket=Bucket.BARS,
)
ORDER_SEARCH = Route(
    "/api/Order/search", m.OrderSearchRequest, m.OrdersAnswer, _READ, ErrorTable.ACCOUNT_READ
)
ORDER_SEARCH_OPEN = Route(
    "/api/Order/searchOpen",
    m.OrderSearchOpenRequest,
    m.OrdersAnswer,
    _READ,
    ErrorTable.ACCOUNT_READ,
)
ORDER_BY_ID = Route(
    "/api/Order/searchById", m.OrderByIdRequest, m.OrderAnswer, _READ, ErrorTable.ORDER_BY_ID
)
ORDER_QUERY = Route(
    "/api/Order/v2/query", m.OrderQueryRequest, m.OrderPageAnswer, _READ, ErrorTable.ACCOUNT_READ
)
PLACE = Route("/api/Order/place", m.PlaceRequest, m.PlaceAnswer, _ONCE, ErrorTable.PLACE)
MODIFY = Route("/api/Order/modify", m.ModifyRequest, m.Envelope, _ONCE, ErrorTable.MODIFY)
CANCEL = Route("/api/Order/cancel", m.CancelRequest, m.Envelope, _REPEATABLE, ErrorTable.CANCEL)
POSITION_SEARCH_OPEN = Route(
    "/api/Position/searchOpen",
    m.PositionSearchOpenRequest,
    m.PositionsAnswer,
    _READ,
    ErrorTable.ACCOUNT_READ,
)
CLOSE_CONTRACT = Route(
    "/api/Position/closeContract", m.CloseContractRequest, m.Envelope, _REPEATABLE, ErrorTable.CLOSE
)
PARTIAL_CLOSE = Route(
    "/api/Position/partialCloseContract",
    m.PartialCloseRequest,
    m.Envelope,
    _ONCE,
    ErrorTable.PARTIAL_CLOSE,
)
TRADE_SEARCH = Route(
    "/api/Trade/search", m.TradeSearchRequest, m.TradesAnswer, _READ, ErrorTable.ACCOUNT_READ
)

PING_PATH = "/api/Status/ping"
"""`GET`, no token; answers a string, as JSON or as plain text (assumed: both occur)."""

ROUTES: tuple[Route[Any, Any], ...] = (
    LOGIN_KEY,
    LOGIN_APP,
    VALIDATE,
    LOGOUT,
    ACCOUNT_SEARCH,
    CONTRACT_SEARCH,
    CONTRACT_BY_ID,
    CONTRACT_AVAILABLE,
    RETRIEVE_BARS,
    ORDER_SEARCH,
    ORDER_SEARCH_OPEN,
    ORDER_BY_ID,
    ORDER_QUERY,
    PLACE,
    MODIFY,
    CANCEL,
    POSITION_SEARCH_OPEN,
    CLOSE_CONTRACT,
    PARTIAL_CLOSE,
    TRADE_SEARCH,
)
"""The twenty POST endpoints; with the ping they are the 21 of the September 2026 schema."""

ROUTE_OF_PATH = {route.path.lower(): route for route in ROUTES}
"""Looked up by lower-case path: the gateway's routing ignores case (verified)."""


@dataclass(frozen=True, slots=True)
class HubMethod:
    """One method of a hub and the event it turns on."""

    hub: str
    subscribe: str
    unsubscribe: str
    event: str
    by: str | None
    """What its one argument names: "account", "contract", or None for no argument."""


SUBSCRIBE_ACCOUNTS = HubMethod(
    "user", "SubscribeAccounts", "UnsubscribeAccounts", "GatewayUserAccount", None
)
SUBSCRIBE_ORDERS = HubMethod(
    "user", "SubscribeOrders", "UnsubscribeOrders", "GatewayUserOrder", "account"
)
SUBSCRIBE_POSITIONS = HubMethod(
    "user", "SubscribePositions", "UnsubscribePositions", "GatewayUserPosition", "account"
)
SUBSCRIBE_TRADES = HubMethod(
    "user", "SubscribeTrades", "UnsubscribeTrades", "GatewayUserTrade", "account"
)
SUBSCRIBE_QUOTES = HubMethod(
    "market", "SubscribeContractQuotes", "UnsubscribeContractQuotes", "GatewayQuote", "contract"
)
SUBSCRIBE_TAPE = HubMethod(
    "market", "SubscribeContractTrades", "UnsubscribeContractTrades", "GatewayTrade", "contract"
)
SUBSCRIBE_DEPTH = HubMethod(
    "market",
    "SubscribeContractMarketDepth",
    "UnsubscribeContractMarketDepth",
    "GatewayDepth",
    "contract",
)
HUB_METHODS = (
    SUBSCRIBE_ACCOUNTS,
    SUBSCRIBE_ORDERS,
    SUBSCRIBE_POSITIONS,
    SUBSCRIBE_TRADES,
    SUBSCRIBE_QUOTES,
    SUBSCRIBE_TAPE,
    SUBSCRIBE_DEPTH,
)

GATEWAY_LOGOUT = "GatewayLogout"
"""Pushed when another session takes over; the shape of its argument is unknown."""
