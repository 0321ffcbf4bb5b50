"""What the hubs say, on its way in: user events to the record, market data past it.

User events are put into causal order first (`core.causal`), and while a gap is being looked up they are
held, so that what happened in the gap is told before what happened after it. Holding is bounded: after
five seconds or ten thousand events they go in as they are, for the merge does not care about order.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import TYPE_CHECKING, Final

from topstepx.clock import NANOSECONDS
from topstepx.core.causal import LONGEST_WAIT_NS, Causal
from topstepx.core.gap import fact_of, same_moments
from topstepx.events import AccountObserved, AlarmRaised, PayloadMalformed, PositionObserved
from topstepx.wire.hub_events import (
    Depth,
    Logout,
    QuoteUpdate,
    TapeUpdate,
    UserAccount,
    UserOrder,
    UserPosition,
    UserTrade,
)
from topstepx.wire.hub_models import MarketEvents

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from topstepx.core.doubts import Stream
    from topstepx.core.gap import Step
    from topstepx.desk.market import MarketData
    from topstepx.desk.record import Record
    from topstepx.wire.hub_models import Heard

_LOG = logging.getLogger("topstepx.hub")
HOLD_S: Final = 5.0
HOLD_MAX: Final = 10_000
_HEARD_MAX: Final = 4096
_UNKNOWN_MAX: Final = 100

_User = UserOrder | UserTrade | UserPosition | UserAccount


class Intake:
    """Hands each hub event to whom it concerns; called in the socket's callback."""

    def __init__(self, record: Record, market: MarketData) -> None:
        self._record = record
        self._market = market
        self.suspect: Callable[[str], None] | None = None
        """Hears of what was lost on the user hub."""
        self.look: Callable[[], None] | None = None
        """Has the accounts looked at soon: something is told too late, or never."""
        self._causal = Causal(record.ledger)
        self._timer: asyncio.TimerHandle | None = None
        self._due_ns: int | None = None
        """What the timer is set for."""
        self._held: list[tuple[datetime, _User]] | None = None
        self._holding: asyncio.TimerHandle | None = None
        self._heard: dict[tuple[str, int, str], int] = {}
        self._last: dict[str, int] = {}
        self._malformed: Counter[str] = Counter()
        self._unknown: Counter[str] = Counter()

    @property
    def malformed(self) -> int:
        """How many payloads could not be read so far."""
        return self._malformed.total()

    def heard_ns(self, order_id: int) -> int | None:
        """When the hub last spoke of an order, on the monotonic clock; None: not lately."""
        return self._heard.get(("order", order_id, ""))

    def last_ns(self, stream: Stream) -> int | None:
        """When the hub last spoke on a stream at all."""
        return self._last.get(stream)

    def heard_trade_ns(self, trade_id: int) -> int | None:
        """The same of a trade."""
        return self._heard.get(("trade", trade_id, ""))

    def heard_position_ns(self, account_id: int, contract_id: str) -> int | None:
        """The same of the position in one contract."""
        return self._heard.get(("position", account_id, contract_id))

    # -- in

    def take(self, event: Heard) -> None:
        """One event of either hub, or market events that came together."""
        match event:
            case MarketEvents():
                self._market.take(event)
            case QuoteUpdate():
                self._market.on_quote(event)
            case Depth():
                self._market.on_depth(event)
            case TapeUpdate():
                self._market.on_tape(event)
            case UserOrder() | UserTrade() | UserPosition() | UserAccount():
                self._take_user(event)
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

    def _take_user(self, event: _User) -> None:
        self._note(event)
        at = self._record.stamp()
        if self._held is None:
            self._observe(at, event)
            return
        self._held.append((at, event))
        if len(self._held) >= HOLD_MAX:
            _LOG.warning("%d user events waited for a read: they go in now", HOLD_MAX)
            self.release()

    def _note(self, event: _User) -> None:
        """Remember that the hub spoke of it, and when."""
        match event:
            case UserOrder(data=order):
                spoken = ("order", order.id, "")
            case UserTrade(data=trade):
                spoken = ("trade", trade.id, "")
            case UserPosition(data=position):
                spoken = ("position", position.account_id, position.contract_id)
            case _:
                return
        self._heard.pop(spoken, None)
        self._heard[spoken] = self._last[spoken[0]] = self._record.now_ns()
        if len(self._heard) > _HEARD_MAX:
            del self._heard[next(iter(self._heard))]

    def _observe(self, at: datetime, event: _User) -> None:
        match event:
            case UserOrder() | UserTrade():
                self._tell(self._causal.offer(event.data, self._record.now_ns()), at)
                self._set_timer()
            case UserPosition(data=position):
                self._record.commit(PositionObserved(at=at, position=position, source="hub"))
            case UserAccount(data=account):
                self._record.commit(AccountObserved(at=at, account_model=account, source="hub"))

    def _tell(self, steps: tuple[Step, ...], at: datetime) -> None:
        for step in steps:
            told = same_moments(self._record.ledger, step)
            self._record.commit(fact_of(told, at=at, source="hub"))

    def _set_timer(self) -> None:
        due_ns = self._causal.deadline()
        if due_ns == self._due_ns:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._due_ns = due_ns
        if due_ns is not None:
            wait_s = max(0.0, (due_ns - self._record.now_ns()) / NANOSECONDS)
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._overdue)

    def _overdue(self) -> None:
        self._timer = self._due_ns = None
        if self._causal.wants_look(self._record.now_ns()) and self.look is not None:
            self.look()
        while steps := self._causal.tick(self._record.now_ns()):
            self._tell(steps, self._record.stamp())
        self._set_timer()

    # -- while a gap is looked up

    def hold(self) -> None:
        """Keep user events back until `release`, but not for long."""
        if self._held is None:
            self._held = []
            self._holding = asyncio.get_running_loop().call_later(HOLD_S, self.release)

    def release(self) -> None:
        """Let what was kept back in, in the order in which it came."""
        held, self._held = self._held, None
        if self._holding is not None:
            self._holding.cancel()
            self._holding = None
        for at, event in held or ():
            self._observe(at, event)

    def close(self) -> None:
        """No timer of ours fires any more; what waits goes in."""
        self.release()
        while steps := self._causal.tick(self._record.now_ns() + LONGEST_WAIT_NS):
            self._tell(steps, self._record.stamp())
        if self._timer is not None:
            self._timer.cancel()
            self._timer = self._due_ns = None

    # -- what could not be read

    def unreadable(self, where: str, reason: str) -> None:
        """One payload could not be read: it is lost, counted and told; the stream goes on."""
        self._malformed[where] += 1
        self._record.commit(
            PayloadMalformed(
                at=self._record.stamp(), where=where, reason=reason, count=self._malformed[where]
            )
        )
        if where.startswith("market"):
            self._market.gapped(self._record.stamp(), f"a record could not be read: {reason}")
        elif self.suspect is not None:
            self.suspect(f"a record of the hub could not be read ({where})")
