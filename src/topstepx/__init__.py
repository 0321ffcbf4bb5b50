"""topstepx: a gateway client for TopstepX and other ProjectX firms that is careful with your money.

The public names, and nothing else.
"""

from topstepx.client import Client
from topstepx.connecting import connect
from topstepx.core.mode import Mode
from topstepx.core.quotes import Quote
from topstepx.core.terms import (
    Bracket,
    JoinAsk,
    JoinBid,
    Limit,
    Market,
    Stop,
    StopLimit,
    TrailingStop,
)
from topstepx.desk.accounts import Account
from topstepx.desk.contracts import Contract
from topstepx.desk.desk import Desk
from topstepx.desk.market import Bar, Depth
from topstepx.desk.order import Order
from topstepx.errors import (
    AccountUnknown,
    AnswerLost,
    AnswerUnusable,
    AuthBroken,
    BreakerOpen,
    ConfigurationError,
    ContractUnknown,
    DeadlinePassed,
    GatewayBusy,
    GatewayRefused,
    InvalidRequest,
    LimitRefused,
    LoginRefused,
    ModeRefused,
    NotFilled,
    NotSent,
    OrderRefused,
    OrderUnresolved,
    PriceOffGrid,
    RateLimited,
    RecordUnavailable,
    StreamLagged,
    TopstepxError,
    TradingDisabled,
)
from topstepx.settings import Limits, Secret
from topstepx.version import __version__
from topstepx.wire.enums import OrderStatus, OrderType, Side

__all__ = [
    "Account",
    "AccountUnknown",
    "AnswerLost",
    "AnswerUnusable",
    "AuthBroken",
    "Bar",
    "Bracket",
    "BreakerOpen",
    "Client",
    "ConfigurationError",
    "Contract",
    "ContractUnknown",
    "DeadlinePassed",
    "Depth",
    "Desk",
    "GatewayBusy",
    "GatewayRefused",
    "InvalidRequest",
    "JoinAsk",
    "JoinBid",
    "Limit",
    "LimitRefused",
    "Limits",
    "LoginRefused",
    "Market",
    "Mode",
    "ModeRefused",
    "NotFilled",
    "NotSent",
    "Order",
    "OrderRefused",
    "OrderStatus",
    "OrderType",
    "OrderUnresolved",
    "PriceOffGrid",
    "Quote",
    "RateLimited",
    "RecordUnavailable",
    "Secret",
    "Side",
    "Stop",
    "StopLimit",
    "StreamLagged",
    "TopstepxError",
    "TradingDisabled",
    "TrailingStop",
    "__version__",
    "connect",
]
