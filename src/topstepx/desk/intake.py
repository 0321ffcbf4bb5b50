"""What the hubs say, on its way in: user events to the record, market data past it."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

from topstepx.events import (
    AccountObserved,
    AlarmRaised,
    OrderObserved,
    PayloadMalformed,
    PositionObserved,
    trade_fact,
)
from topstepx.wire.hub_events import (
    DepthUpdate,
    Logout,
    QuoteUpdate,
    TapeUpdate,
    UserAccount,
    UserOrder,
    UserPosition,
    UserTrade,
)

if TYPE_CHECKING:
    from topstepx.desk.market import MarketData
    from topstepx.desk.record import Record
    from topstepx.wire.hub_events import HubEvent

_LOG = logging.getLogger("topstepx.hub")
_UNKNOWN_MAX = 100


class Intake:
    """Hands each hub event to whom it concerns; called in the socket's callback."""

    def __init__(self, record: Record, market: MarketData) -> None:
        self._record = record
        self._market = market
        self._malformed: Counter[str] = Counter()
        self._unknown: Counter[str] = Counter()

    @property
    def malformed(self) -> int:
        """How many payloads could not be read so far."""
        return self._malformed.total()

    def take(self, event: HubEvent) -> None:
        """One event of either hub."""
        match event:
            case QuoteUpdate():
                self._market.on_quote(event)
            case DepthUpdate():
                self._market.on_depth(event)
            case TapeUpdate():
                self._market.on_tape(event)
            case UserOrder() | UserTrade() | UserPosition() | UserAccount():
                self._observe(event)
            case Logout():
                self._record.commit(
                    AlarmRaised(
                        at=self._record.stamp(),
                        name="gateway_logout",
                        detail=(
                            "The gateway ended this session on a hub: usually the web platform or "
                            f"another program logged in with the same user. {event.reason or ''}"
                        ).strip(),
                    )
                )
            case _:
                self._not_known(event.target)

    def _not_known(self, target: str) -> None:
        """A newer gateway may say more than this version knows: once per name, for so many names."""
        if target in self._unknown or len(self._unknown) < _UNKNOWN_MAX:
            self._unknown[target] += 1
            if self._unknown[target] == 1:
                _LOG.warning("the gateway sent an event this version does not know: %s", target)

    @property
    def unknown(self) -> dict[str, int]:
        """How often each event came that this version does not know."""
        return dict(self._unknown)

    def _observe(self, event: UserOrder | UserTrade | UserPosition | UserAccount) -> None:
        at = self._record.stamp()
        match event:
            case UserOrder(data=order):
                self._record.commit(OrderObserved(at=at, order=order, source="hub"))
            case UserTrade(data=trade):
                self._record.commit(trade_fact(trade, at=at, source="hub"))
            case UserPosition(data=position):
                self._record.commit(PositionObserved(at=at, position=position, source="hub"))
            case UserAccount(data=account):
                self._record.commit(AccountObserved(at=at, account_model=account, source="hub"))

    def unreadable(self, where: str, reason: str) -> None:
        """One payload could not be read: it is lost, counted and told; the stream goes on."""
        self._malformed[where] += 1
        self._record.commit(
            PayloadMalformed(
                at=self._record.stamp(), where=where, reason=reason, count=self._malformed[where]
            )
        )
