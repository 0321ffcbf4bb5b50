"""topstepx: a gateway client for TopstepX and other ProjectX firms that is careful with your money.

The public names, and nothing else.
"""

from topstepx.client import Client
from topstepx.connecting import connect
from topstepx.core.link_ends import EndKind, LinkEnd, Reaction, Reconnecting
from topstepx.core.mode import Mode
from topstepx.core.quotes import Quote
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
)
from topstepx.desk.accounts import Account
from topstepx.desk.bars import Bar
from topstepx.desk.contracts import Contract
from topstepx.desk.desk import Desk
from topstepx.desk.market import TapeGap
from topstepx.desk.order import Order
from topstepx.errors import (
    AccountCannotTrade,
    AccountUnknown,
    AnswerLost,
    AnswerUnusable,
    AuthBroken,
    BreakerOpen,
    ConfigurationError,
    ContractUnknown,
    DeadlinePassed,
    DuplicateOrder,
    ExitUnavailable,
    GatewayBusy,
    GatewayRefused,
    IntentsLeftOpen,
    InvalidRequest,
    LimitRefused,
    LoginRefused,
    ModeRefused,
    ModifyConflict,
    NotFilled,
    NotFlat,
    NotReady,
    NotSent,
    OrderRefused,
    OrderUnresolved,
    PriceOffGrid,
    RateLimited,
    RecordDamaged,
    RecordUnavailable,
    StaleData,
    StreamLagged,
    TopstepxError,
    TradingDisabled,
)
from topstepx.events import Flattened, FlattenFailed, OrderMoved
from topstepx.settings import Limits, Secret
from topstepx.version import __version__
from topstepx.wire.enums import OrderStatus, OrderType, Side
from topstepx.wire.hub_models import Depth

__all__ = [
    "Account",
    "AccountCannotTrade",
    "AccountUnknown",
    "AnswerLost",
    "AnswerUnusable",
    "AuthBroken",
    "Bar",
    "Bracket",
    "BreakerOpen",
    "CancelRest",
    "Client",
    "ConfigurationError",
    "Contract",
    "ContractUnknown",
    "DeadlinePassed",
    "Depth",
    "Desk",
    "DuplicateOrder",
    "EndKind",
    "ExitUnavailable",
    "FlattenFailed",
    "Flattened",
    "GatewayBusy",
    "GatewayRefused",
    "IntentsLeftOpen",
    "InvalidRequest",
    "JoinAsk",
    "JoinBid",
    "Limit",
    "LimitRefused",
    "Limits",
    "LinkEnd",
    "LoginRefused",
    "Market",
    "Mode",
    "ModeRefused",
    "ModifyConflict",
    "NotFilled",
    "NotFlat",
    "NotReady",
    "NotSent",
    "Order",
    "OrderMoved",
    "OrderRefused",
    "OrderStatus",
    "OrderType",
    "OrderUnresolved",
    "PriceOffGrid",
    "Quote",
    "RateLimited",
    "Reaction",
    "Reconnecting",
    "RecordDamaged",
    "RecordUnavailable",
    "Secret",
    "Side",
    "StaleData",
    "Stop",
    "StopLimit",
    "StreamLagged",
    "TapeGap",
    "TopstepxError",
    "TradingDisabled",
    "TrailingStop",
    "__version__",
    "connect",
]
