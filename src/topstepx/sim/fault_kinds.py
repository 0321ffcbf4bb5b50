"""What can go wrong, as data: each kind is a small record that a file or a test can write down.

Five families. *Request faults* strike one REST call, *stream faults* strike what a hub says, *acts* (see
`fault_acts`) happen once by themselves, *outside faults* (see `outside_faults`) strike the program
under test, its disk and the clocks, and *wire faults* (see `wire_faults`) the bytes in between.
`topstepx.sim.faults` decides when; the gateway carries them out.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

from topstepx.sim.fault_acts import ACTS as GATEWAY_ACTS
from topstepx.sim.fault_acts import (
    HUB_ACTS,
    SETTINGS,
    CanTrade,
    CloseHub,
    CutHub,
    ForeignOrder,
    Freeze,
    Gap,
    Halt,
    HideLegs,
    HubDown,
    HubShape,
    Kick,
    Kind,
    Limiter,
    Liquidate,
    PartialFills,
    RefuseNext,
    ReplayEvents,
    Revoke,
    Say,
    Set,
    Setting,
    Spread,
    Tokens,
    Visibility,
    default_of,
    kind_of,
    told,
)
from topstepx.sim.fault_acts import Act as GatewayAct
from topstepx.sim.outside_faults import (
    CLOCK_FAULTS,
    DISK_FAULTS,
    NETWORK_FAULTS,
    OUTSIDE_FAULTS,
    PROCESS_FAULTS,
    ClockFault,
    Crash,
    DiskFault,
    DiskFull,
    DiskHangs,
    DiskLies,
    DiskReadOnly,
    DiskSlow,
    DriftClock,
    HalfOpen,
    NetworkDown,
    NetworkFault,
    OutsideFault,
    ProcessFault,
    Quit,
    ResetNetwork,
    SlowNetwork,
    Stall,
    StepClock,
    Suspend,
)
from topstepx.sim.wire_faults import (
    WIRE_FAULTS,
    Direction,
    WireBlackHole,
    WireCut,
    WireFaultKind,
    WireHalfOpen,
    WireLatency,
    WireRefuse,
    WireReset,
    WireSlice,
    WireStall,
    WireThrottle,
    WireTruncate,
)

# ---------------------------------------------------------------- request faults


class DropAnswer(Kind, frozen=True, tag="drop_answer"):
    """The call is executed and its answer lost. `cut` False: the connection just stays silent."""

    cut: bool = True


class LoseRequest(Kind, frozen=True, tag="lose_request"):
    """The call never arrives. `cut` True: the connection breaks instead of staying silent."""

    cut: bool = False


class Hold(Kind, frozen=True, tag="hold"):
    """The call is kept and executed `seconds` later, even if the client has left by then."""

    seconds: float


class Answer(Kind, frozen=True, tag="answer"):
    """The client gets this answer; `when` says whether the call was executed first."""

    status: int
    body: str = ""
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    when: Literal["before", "after"] = "before"


class Edit(Kind, frozen=True, tag="edit"):
    """One place of the JSON answer (or of a hub event's arguments) changes.

    `path` like `orders[*].customTag`, `errorCode` or, for events, `[0].data.status`. `op`: "drop" the
    member, set it to "null", to `value`, or to the "raw" JSON text in `value` (such as `NaN`).
    """

    path: str
    op: Literal["drop", "null", "value", "raw"] = "drop"
    value: Any = None


class Delay(Kind, frozen=True, tag="delay"):
    """The call is executed at once and answered `seconds` later."""

    seconds: float


class Cut(Kind, frozen=True, tag="cut"):
    """The connection breaks after so many bytes of the answer's body."""

    after_bytes: int = 0


class SkewDate(Kind, frozen=True, tag="skew_date"):
    """The answer's `Date` header is off by so many seconds: the gateway's clock is wrong."""

    seconds: float


class Duplicate(Kind, frozen=True, tag="duplicate"):
    """The call reaches the gateway twice, `gap_s` seconds apart; the first answer is delivered."""

    gap_s: float = 0.0


# ---------------------------------------------------------------- stream faults


class RefuseUpgrade(Kind, frozen=True, tag="refuse_upgrade"):
    """The hub's WebSocket upgrade is answered with this status."""

    status: int = 401


class RefuseNegotiate(Kind, frozen=True, tag="refuse_negotiate"):
    """The hub's negotiate call is answered with this status."""

    status: int = 503


class RefuseHandshake(Kind, frozen=True, tag="refuse_handshake"):
    """The SignalR handshake is answered with this error."""

    error: str = "Handshake was canceled."


class Mute(Kind, frozen=True, tag="mute"):
    """The hub says nothing at all any more, pings included, and keeps the socket open."""


class DropEvents(Kind, frozen=True, tag="drop_events"):
    """Events with this name (`*` for all) are not sent; `about` narrows it to one contract or account."""

    event: str = "*"
    about: str | None = None


class DuplicateEvents(Kind, frozen=True, tag="duplicate_events"):
    """Events with this name are sent twice."""

    event: str = "*"
    about: str | None = None


class ReorderEvents(Kind, frozen=True, tag="reorder_events"):
    """An event with this name is kept back until the next event of the session has gone out."""

    event: str = "*"
    about: str | None = None


class DelayEvents(Kind, frozen=True, tag="delay_events"):
    """Events with this name are sent `seconds` late."""

    seconds: float
    event: str = "*"
    about: str | None = None


class EditEvents(Kind, frozen=True, tag="edit_events"):
    """One place of an event's arguments changes, as in `Edit`."""

    path: str
    op: Literal["drop", "null", "value", "raw"] = "drop"
    value: Any = None
    event: str = "*"
    about: str | None = None


class ReplaceEvents(Kind, frozen=True, tag="replace_events"):
    """Instead of the event, this text goes out as one record (poison, another target, anything)."""

    text: str = '{"type":1,"target":"GatewayUserOrder","arguments":[{"action":'
    event: str = "*"
    about: str | None = None


class FailInvocation(Kind, frozen=True, tag="fail_invocation"):
    """A hub method (`*` for all) is not executed and completes with this error."""

    error: str = "An unexpected error occurred invoking a method on the server."
    method: str = "*"


class IgnoreInvocation(Kind, frozen=True, tag="ignore_invocation"):
    """A hub method is not executed and never completes."""

    method: str = "*"


class LoseCompletion(Kind, frozen=True, tag="lose_completion"):
    """A hub method is executed and its completion lost."""

    method: str = "*"


class Slice(Kind, frozen=True, tag="slice"):
    """Everything leaves in WebSocket messages of at most so many bytes, records torn apart."""

    size: int = 1


RequestFault: TypeAlias = (
    DropAnswer | LoseRequest | Hold | Answer | Edit | Delay | Cut | SkewDate | Duplicate
)
UpgradeFault: TypeAlias = RefuseUpgrade | RefuseNegotiate | RefuseHandshake
EventFault: TypeAlias = (
    DropEvents | DuplicateEvents | ReorderEvents | DelayEvents | EditEvents | ReplaceEvents
)
InvocationFault: TypeAlias = FailInvocation | IgnoreInvocation | LoseCompletion
SessionFault: TypeAlias = Mute | Slice
Act: TypeAlias = GatewayAct | OutsideFault | WireFaultKind
"""What happens by itself at its time; process faults may wait for a call or a write instead."""
What: TypeAlias = RequestFault | UpgradeFault | EventFault | InvocationFault | SessionFault | Act

REQUEST_FAULTS = (DropAnswer, LoseRequest, Hold, Answer, Edit, Delay, Cut, SkewDate, Duplicate)
EVENT_FAULTS = (
    DropEvents,
    DuplicateEvents,
    ReorderEvents,
    DelayEvents,
    EditEvents,
    ReplaceEvents,
)
INVOCATION_FAULTS = (FailInvocation, IgnoreInvocation, LoseCompletion)
UPGRADE_FAULTS = (RefuseUpgrade, RefuseNegotiate, RefuseHandshake)
SESSION_FAULTS = (Mute, Slice)
HUB_ONLY = (*EVENT_FAULTS, *INVOCATION_FAULTS, *UPGRADE_FAULTS, *SESSION_FAULTS)
ACTS = (*GATEWAY_ACTS, *OUTSIDE_FAULTS, *WIRE_FAULTS)
KINDS: tuple[type[Kind], ...] = (
    *REQUEST_FAULTS,
    *UPGRADE_FAULTS,
    *EVENT_FAULTS,
    *INVOCATION_FAULTS,
    *SESSION_FAULTS,
    *ACTS,
)
"""Every kind there is."""

__all__ = [
    "ACTS",
    "CLOCK_FAULTS",
    "DISK_FAULTS",
    "EVENT_FAULTS",
    "HUB_ACTS",
    "HUB_ONLY",
    "INVOCATION_FAULTS",
    "KINDS",
    "NETWORK_FAULTS",
    "OUTSIDE_FAULTS",
    "PROCESS_FAULTS",
    "REQUEST_FAULTS",
    "SESSION_FAULTS",
    "SETTINGS",
    "UPGRADE_FAULTS",
    "WIRE_FAULTS",
    "Act",
    "Answer",
    "CanTrade",
    "ClockFault",
    "CloseHub",
    "Crash",
    "Cut",
    "CutHub",
    "Delay",
    "DelayEvents",
    "Direction",
    "DiskFault",
    "DiskFull",
    "DiskHangs",
    "DiskLies",
    "DiskReadOnly",
    "DiskSlow",
    "DriftClock",
    "DropAnswer",
    "DropEvents",
    "Duplicate",
    "DuplicateEvents",
    "Edit",
    "EditEvents",
    "EventFault",
    "FailInvocation",
    "ForeignOrder",
    "Freeze",
    "Gap",
    "HalfOpen",
    "Halt",
    "HideLegs",
    "Hold",
    "HubDown",
    "HubShape",
    "IgnoreInvocation",
    "InvocationFault",
    "Kick",
    "Kind",
    "Limiter",
    "Liquidate",
    "LoseCompletion",
    "LoseRequest",
    "Mute",
    "NetworkDown",
    "NetworkFault",
    "OutsideFault",
    "PartialFills",
    "ProcessFault",
    "Quit",
    "RefuseHandshake",
    "RefuseNegotiate",
    "RefuseNext",
    "RefuseUpgrade",
    "ReorderEvents",
    "ReplaceEvents",
    "ReplayEvents",
    "RequestFault",
    "ResetNetwork",
    "Revoke",
    "Say",
    "SessionFault",
    "Set",
    "Setting",
    "SkewDate",
    "Slice",
    "SlowNetwork",
    "Spread",
    "Stall",
    "StepClock",
    "Suspend",
    "Tokens",
    "UpgradeFault",
    "Visibility",
    "What",
    "WireBlackHole",
    "WireCut",
    "WireFaultKind",
    "WireHalfOpen",
    "WireLatency",
    "WireRefuse",
    "WireReset",
    "WireSlice",
    "WireStall",
    "WireThrottle",
    "WireTruncate",
    "default_of",
    "kind_of",
    "told",
]
