"""The life of an order: every step there is, in one table.

Theory of operation. An order starts as an *intent* that we wrote down (RECORDED) and sent (SENT). The
answer decides: REFUSED and NOT_SENT are ends, proven. Without a proof it is UNKNOWN until evidence says
what it is: the order itself at whatever stage it has reached, its refusal, or, after long and complete
looking, PRESUMED_ABSENT. That is no proof, so it is no end: an order that shows up after all goes on
from there as what it is.

At the gateway an order is PENDING (being worked in), SUSPENDED (a bracket leg asleep) or OPEN. PARTIAL
is an open order of which something filled; CANCELLING one that may still fill before it is gone. Four
stages are terminal and absorbing: FILLED, CANCELLED, EXPIRED, REJECTED. A terminal order is *complete*
only when its trades, voided ones aside, account for what it filled.

We see stages, not steps: events get lost and lists skip ahead. So a step is *legal* if the table leads
from the one to the other in any number of steps, and a report of an earlier stage is stale and changes
nothing. Anything else is an anomaly: it is told, and the ledger keeps what has most at stake.
"""

from __future__ import annotations

from enum import Enum, unique
from typing import TYPE_CHECKING, Literal

from topstepx.wire.enums import OrderStatus

if TYPE_CHECKING:
    from topstepx.core.ledger_intents import IntentBelief, IntentState
    from topstepx.core.ledger_orders import OrderBelief


@unique
class Stage(Enum):
    """Where an order is in its life."""

    RECORDED = "recorded"
    SENT = "sent"
    UNKNOWN = "unknown"
    NOT_SENT = "not sent"
    REFUSED = "refused"
    PRESUMED_ABSENT = "presumed absent"
    ACCEPTED = "accepted"
    PENDING = "pending"
    SUSPENDED = "suspended"
    OPEN = "open"
    PARTIAL = "partly filled"
    CANCELLING = "being cancelled"
    UNSEEN = "in a status that is not known"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"

    __hash__ = object.__hash__  # by identity: an enum's own goes through its name

    @property
    def is_terminal(self) -> bool:
        """Whether nothing follows."""
        return not LEGAL[self]


_S = Stage
_ENDS = frozenset({_S.FILLED, _S.CANCELLED, _S.EXPIRED, _S.REJECTED})
_LIVE = frozenset({_S.PENDING, _S.SUSPENDED, _S.OPEN, _S.PARTIAL, _S.CANCELLING, _S.UNSEEN})
_FOUND = _LIVE | _ENDS

LEGAL: dict[Stage, frozenset[Stage]] = {
    _S.RECORDED: frozenset({_S.SENT, _S.NOT_SENT, _S.UNKNOWN}),
    _S.SENT: frozenset({_S.ACCEPTED, _S.REFUSED, _S.NOT_SENT, _S.UNKNOWN}) | _FOUND,
    _S.UNKNOWN: frozenset({_S.ACCEPTED, _S.REFUSED, _S.PRESUMED_ABSENT, _S.NOT_SENT}) | _FOUND,
    _S.PRESUMED_ABSENT: frozenset({_S.ACCEPTED, _S.REFUSED}) | _FOUND,
    # An answered id that turns out to be another order's takes the acceptance back.
    _S.ACCEPTED: frozenset({_S.UNKNOWN}) | _FOUND,
    _S.PENDING: frozenset({_S.SUSPENDED, _S.OPEN, _S.PARTIAL, _S.CANCELLING, _S.UNSEEN}) | _ENDS,
    _S.SUSPENDED: frozenset({_S.PENDING, _S.OPEN, _S.PARTIAL, _S.CANCELLING, _S.UNSEEN}) | _ENDS,
    _S.OPEN: frozenset({_S.PARTIAL, _S.CANCELLING, _S.UNSEEN}) | _ENDS,
    _S.PARTIAL: frozenset({_S.PARTIAL, _S.CANCELLING, _S.UNSEEN}) | (_ENDS - {_S.REJECTED}),
    _S.CANCELLING: frozenset({_S.CANCELLING, _S.OPEN, _S.PARTIAL, _S.UNSEEN}) | _ENDS,
    _S.UNSEEN: _LIVE | _ENDS,
    _S.NOT_SENT: frozenset(),
    _S.REFUSED: frozenset(),
    _S.FILLED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.REJECTED: frozenset(),
}
"""The whole law: which stages follow a stage at once. PARTIAL follows itself when more fills."""

_OF_STATUS = {
    OrderStatus.PENDING: _S.PENDING,
    OrderStatus.SUSPENDED: _S.SUSPENDED,
    OrderStatus.OPEN: _S.OPEN,
    OrderStatus.PENDING_CANCELLATION: _S.CANCELLING,
    OrderStatus.FILLED: _S.FILLED,
    OrderStatus.CANCELLED: _S.CANCELLED,
    OrderStatus.EXPIRED: _S.EXPIRED,
    OrderStatus.REJECTED: _S.REJECTED,
}
_OF_INTENT: dict[IntentState, Stage] = {
    "recorded": _S.RECORDED,
    "sent": _S.SENT,
    "unknown": _S.UNKNOWN,
    "not_sent": _S.NOT_SENT,
    "refused": _S.REFUSED,
    "presumed_absent": _S.PRESUMED_ABSENT,
    "accepted": _S.ACCEPTED,
}


def stage_of_order(belief: OrderBelief) -> Stage:
    """The stage of an order that was seen."""
    stage = _OF_STATUS.get(belief.status, _S.UNSEEN)
    begun = belief.order.fill_volume and (stage is _S.OPEN or stage is _S.PENDING)
    return _S.PARTIAL if begun else stage


def stage_of(intent: IntentBelief | None, belief: OrderBelief | None) -> Stage:
    """The stage of an order from what is known of either side; what was seen outweighs the answer."""
    if belief is not None:
        return stage_of_order(belief)
    return _S.ACCEPTED if intent is None else _OF_INTENT[intent.state]


Step = Literal["none", "legal", "stale", "illegal"]
"""What a report of a stage is, after another one."""


def judge(before: Stage, after: Stage) -> Step:
    """What it means to see `after` when `before` was the last word."""
    if before is after:
        return "none"
    if after in REACHABLE[before]:
        return "legal"
    return "stale" if before in REACHABLE[after] else "illegal"


def _reachable(start: Stage) -> frozenset[Stage]:
    found: set[Stage] = set()
    edge = set(LEGAL[start])
    while edge:
        found |= edge
        known = edge - {Stage.UNSEEN}  # what nobody knows explains nothing that comes after it
        edge = {after for stage in known for after in LEGAL[stage]} - found
    return frozenset(found)


REACHABLE: dict[Stage, frozenset[Stage]] = {stage: _reachable(stage) for stage in Stage}
"""Every stage that may come after a stage, in any number of steps."""
