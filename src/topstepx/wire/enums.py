"""Every enum of the gateway, open at the end.

The gateway adds members without notice (order statuses 7 and 8 and bar unit 7 came that way), so a
number never seen before decodes to a member named ``UNSEEN_<number>`` instead of failing the whole
message. ``is_known`` tells the two apart.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Self


class OpenIntEnum(IntEnum):
    """An IntEnum that keeps numbers it does not know."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, int):
            return None
        member = int.__new__(cls, value)
        member._name_ = f"UNSEEN_{value}"
        member._value_ = value
        return member

    @property
    def is_known(self) -> bool:
        """Whether this library knows what the number means."""
        return self._value_ in type(self)._value2member_map_


class OrderType(OpenIntEnum):
    """How an order is priced (documented; whether STOP_LIMIT may be placed is unknown)."""

    UNKNOWN = 0
    LIMIT = 1
    MARKET = 2
    STOP_LIMIT = 3
    STOP = 4
    TRAILING_STOP = 5
    JOIN_BID = 6
    JOIN_ASK = 7


class Side(OpenIntEnum):
    """Which side of the book an order stands on (verified)."""

    BUY = 0
    SELL = 1

    @property
    def opposite(self) -> Side:
        """The other side; a number never seen stays itself."""
        return Side(1 - self) if self.is_known else self

    @property
    def sign(self) -> int:
        """+1 for BUY, -1 for SELL: what a fill adds to a position, per contract. 0: never seen."""
        return 1 - 2 * self if self.is_known else 0


class OrderStatus(OpenIntEnum):
    """Where an order is in its life (verified; 7 and 8 are missing from the older documents)."""

    NONE = 0
    OPEN = 1
    FILLED = 2
    CANCELLED = 3
    EXPIRED = 4
    REJECTED = 5
    PENDING = 6
    PENDING_CANCELLATION = 7
    SUSPENDED = 8

    @property
    def is_terminal(self) -> bool:
        """Whether nothing can happen to the order any more; False for numbers never seen."""
        return self in _TERMINAL

    @property
    def is_working(self) -> bool:
        """Whether the order is known to be alive at the gateway; False for NONE and numbers never seen."""
        return self in _WORKING


_TERMINAL = frozenset(
    {OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED}
)
_WORKING = frozenset(
    {OrderStatus.OPEN, OrderStatus.PENDING, OrderStatus.PENDING_CANCELLATION, OrderStatus.SUSPENDED}
)


class PositionType(OpenIntEnum):
    """Direction of a position; UNDEFINED with size 0 means flat (verified on the stream)."""

    UNDEFINED = 0
    LONG = 1
    SHORT = 2


class DomType(OpenIntEnum):
    """What a depth row says (documented)."""

    UNKNOWN = 0
    ASK = 1
    BID = 2
    BEST_ASK = 3
    BEST_BID = 4
    TRADE = 5
    RESET = 6
    LOW = 7
    HIGH = 8
    NEW_BEST_BID = 9
    NEW_BEST_ASK = 10
    FILL = 11


class TradeLogType(OpenIntEnum):
    """Which side was the aggressor of a trade on the tape (documented)."""

    BUY = 0
    SELL = 1


class BarUnit(OpenIntEnum):
    """The unit of a bar's length; TICK came in 2026 and its behaviour is unknown."""

    UNSPECIFIED = 0
    SECOND = 1
    MINUTE = 2
    HOUR = 3
    DAY = 4
    WEEK = 5
    MONTH = 6
    TICK = 7


class OrderSortBy(OpenIntEnum):
    """`Order/v2/query`: what to sort by (verified)."""

    CREATED_AT = 0
    ID = 1


class SortDirection(OpenIntEnum):
    """`Order/v2/query`: which way (verified)."""

    ASCENDING = 0
    DESCENDING = 1
