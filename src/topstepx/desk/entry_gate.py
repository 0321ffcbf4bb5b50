"""The gate of entries: everything that must hold in the very step in which an order becomes a fact.

It is asked again right before the bytes leave, because the disk takes its time.
"""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING

from topstepx.clock import NANOSECONDS
from topstepx.core.brackets import for_want_of_a_stop, may_protect, only_reduces
from topstepx.core.mode import Operation
from topstepx.core.reach import reach_with
from topstepx.desk.resolver import WATCH_S
from topstepx.errors import (
    AccountCannotTrade,
    DuplicateOrder,
    ExitUnavailable,
    LimitRefused,
    NotSent,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.desk.order import Order
    from topstepx.desk.record import Record
    from topstepx.settings import Settings
    from topstepx.wire.models import PlaceRequest

DUPLICATE_WITHIN_S = 2.0
_RECENT_MAX = 1000
_DEAD = frozenset({"not_sent", "refused"})
_WATCHED = timedelta(seconds=WATCH_S)


class EntryGate:
    """Refuses entries; `handle` gives the order of an intent, for the error that names a twin."""

    def __init__(
        self, record: Record, settings: Settings, handle: Callable[[str], Order | None]
    ) -> None:
        self._record = record
        self._settings = settings
        self._handle = handle
        self.is_leaving = False
        """Whether the client is being left, so that nobody would look after what enters now."""
        self._recent: deque[tuple[int, str, tuple[object, ...]]] = deque(maxlen=_RECENT_MAX)

    def check(self, request: PlaceRequest, name: str, *, allow_duplicate: bool) -> None:
        """Raise what forbids the entry: `NotSent` (the client is being left), `ModeRefused`, `AccountCannotTrade`, `ExitUnavailable`,
        `DuplicateOrder` or `LimitRefused`. `name` is the contract's."""  # noqa: D205,D209  one sentence
        self._check_staying(request)
        self._check_mode(request)
        self._check_exit(request)
        if not allow_duplicate:
            self._check_duplicate(request, name)
        self._check_limits(request, name)

    def check_growth(self, more: PlaceRequest, size: int, name: str) -> None:
        """Raise `LimitRefused` if an order may not grow to `size`; `more` asks for what comes on top."""
        order_max = self._settings.limits.order_contracts_max
        if order_max is not None and size > order_max:
            msg = f"size={size} is over limits.order_contracts_max={order_max}."
            raise LimitRefused("order_contracts_max", msg, "Give a smaller size.")
        self._check_reach(more, name)

    def recheck(self, request: PlaceRequest) -> None:
        """The same for what may have changed since: the mode and the account's flags."""
        self._check_staying(request)
        self._check_mode(request)
        self._check_exit(request)

    def check_again(self, request: PlaceRequest, intent_id: str) -> None:
        """`check` for an order that was written down already and is sent again under its tag."""
        modes = self._record.ledger.modes
        modes.check_again(request.account_id, request.contract_id, intent_id)
        self._check_exit(request)
        self._check_reach(request, request.contract_id, besides=intent_id)

    def passed(self, request: PlaceRequest, intent_id: str) -> None:
        """Remember an entry that is about to be written down, so that its twin is noticed."""
        self._recent.append((self._record.now_ns(), intent_id, _sameness(request)))

    # -- the rules

    def _check_staying(self, request: PlaceRequest) -> None:
        """Refuse what would stay behind; what only reduces the position protects it."""
        if self.is_leaving and not only_reduces(self._record.ledger, request, request.size):
            msg = (
                "Nothing was sent: this client is being left, so nobody would look after the order."
            )
            raise NotSent(msg, next_step="Connect again.")

    def _check_mode(self, request: PlaceRequest) -> None:
        """Refuse by the mode; but what restricts for want of a stop lets that stop pass."""
        ledger = self._record.ledger
        where = (request.account_id, request.contract_id)
        if not (for_want_of_a_stop(ledger, *where) and may_protect(ledger, request)):
            ledger.modes.check(Operation.ENTRY, *where)

    def _check_exit(self, request: PlaceRequest) -> None:
        """An account that could be entered but not left is the worst case there is."""
        belief = self._record.ledger.account(request.account_id)
        if belief is None:
            msg = f"Account {request.account_id} was not read yet, so its way out is not known."
            raise ExitUnavailable(msg, next_step="Call ready(account) first.")
        account = belief.account
        if not account.can_trade:
            msg = f"Account {account.name} cannot trade: the gateway says canTrade=false."
            raise AccountCannotTrade(msg, next_step="Look at it on the platform; ask the firm.")
        if not account.simulated:
            msg = (
                f"Account {account.name} is a live account: the gateway's API does not cancel or "
                "close on those, so nothing may enter it."
            )
            raise ExitUnavailable(msg, next_step="Trade it on the platform.")

    def _check_duplicate(self, request: PlaceRequest, name: str) -> None:
        since_ns = self._record.now_ns() - round(DUPLICATE_WITHIN_S * NANOSECONDS)
        wanted = _sameness(request)
        for at_ns, intent_id, sameness in reversed(self._recent):
            if at_ns <= since_ns:
                return
            intent = self._record.ledger.intent(intent_id)
            if sameness != wanted or intent is None or intent.state in _DEAD:
                continue
            prices = (request.limit_price, request.stop_price, request.trail_price)
            at = ", ".join(str(price) for price in prices if price is not None) or "market"
            msg = (
                f"The same order ({request.side.name} {request.size} {name} at {at}) was sent less than "
                f"{DUPLICATE_WITHIN_S:.0f} s ago."
            )
            raise DuplicateOrder(
                msg,
                self._handle(intent_id),
                next_step="If you mean two of them, pass allow_duplicate=True.",
            )

    def _check_limits(self, request: PlaceRequest, name: str) -> None:
        limits, ledger = self._settings.limits, self._record.ledger
        if limits.order_contracts_max is not None and request.size > limits.order_contracts_max:
            msg = f"size={request.size} is over limits.order_contracts_max={limits.order_contracts_max}."
            raise LimitRefused("order_contracts_max", msg, "Send a smaller order.")
        if limits.open_orders_max is not None:
            working = len(ledger.working(request.account_id, request.contract_id))
            if working >= limits.open_orders_max:
                msg = f"{working} orders are working, limits.open_orders_max={limits.open_orders_max}."
                raise LimitRefused("open_orders_max", msg, "Cancel one first.")
        self._check_reach(request, name)

    def _check_reach(self, request: PlaceRequest, name: str, besides: str | None = None) -> None:
        """How far the position could go if everything that may fill did."""
        most = self._settings.limits.contracts_max
        if most is None:
            return
        reach = reach_with(
            self._record.ledger,
            request,
            watched=_WATCHED,
            now=self._record.stamp(),
            besides=besides,
        )
        if reach is None:
            msg = f"The position in {name} is not known, so limits cannot be checked."
            raise LimitRefused("contracts_max", msg, "Wait for ready(account).")
        if reach.contracts <= most:
            return
        net, counted = reach.net, ""
        if not net.is_certain:
            counted = (
                f"; it is {net.low:+d} to {net.high:+d} now: fills and the gateway's word about it do "
                "not agree yet"
            )
        if reach.unseen:
            counted += f"; {reach.unseen} orders counted that may exist and were not seen"
        msg = (
            f"The position in {name} could reach {reach.contracts} contracts with this "
            f"{request.side.name} of {request.size}, limits.contracts_max={most}{counted}."
        )
        raise LimitRefused("contracts_max", msg, "Cancel working orders or send fewer.")


def _sameness(request: PlaceRequest) -> tuple[object, ...]:
    return (
        request.account_id,
        request.contract_id,
        request.side,
        request.size,
        request.type,
        request.limit_price,
        request.stop_price,
        request.trail_price,
    )
