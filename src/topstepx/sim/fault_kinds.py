"""What can go wrong, as data: each kind is a small record that a file or a test can write down.

Three families. *Request faults* strike one REST call, *stream faults* strike what a hub says, and
*acts* happen once by themselves. `topstepx.sim.faults` decides when; the gateway carries them out.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec


class _Kind(msgspec.Struct, frozen=True, tag_field="kind", forbid_unknown_fields=True):
    """Base: the field `kind` names the class in files."""


# ---------------------------------------------------------------- request faults


class DropAnswer(_Kind, frozen=True, tag="drop_answer"):
    """The call is executed and its answer lost. `cut` False: the connection just stays silent."""

    cut: bool = True


class LoseRequest(_Kind, frozen=True, tag="lose_request"):
    """The call never arrives. `cut` True: the connection breaks instead of staying silent."""

    cut: bool = False


class Hold(_Kind, frozen=True, tag="hold"):
    """The call is kept and executed `seconds` later, even if the client has left by then."""

    seconds: float


class Answer(_Kind, frozen=True, tag="answer"):
    """The client gets this answer; `when` says whether the call was executed first."""

    status: int
    body: str = ""
    headers: dict[str, str] = {}
    when: Literal["before", "after"] = "before"


class Edit(_Kind, frozen=True, tag="edit"):
    """One place of the JSON answer (or of a hub event's arguments) changes.

    `path` like `orders[*].customTag`, `errorCode` or, for events, `[0].data.status`. `op`: "drop" the
    member, set it to "null", to `value`, or to the "raw" JSON text in `value` (such as `NaN`).
    """

    path: str
    op: Literal["drop", "null", "value", "raw"] = "drop"
    value: Any = None


class Delay(_Kind, frozen=True, tag="delay"):
    """The call is executed at once and answered `seconds` later."""

    seconds: float


class Cut(_Kind, frozen=True, tag="cut"):
    """The connection breaks after so many bytes of the answer's body."""

    after_bytes: int = 0


class Duplicate(_Kind, frozen=True, tag="duplicate"):
    """The call reaches the gateway twice, `gap_s` seconds apart; the first answer is delivered."""

    gap_s: float = 0.0


# ---------------------------------------------------------------- stream faults


class RefuseUpgrade(_Kind, frozen=True, tag="refuse_upgrade"):
    """The hub's WebSocket upgrade is answered with this status."""

    status: int = 401


class RefuseNegotiate(_Kind, frozen=True, tag="refuse_negotiate"):
    """The hub's negotiate call is answered with this status."""

    status: int = 503


class RefuseHandshake(_Kind, frozen=True, tag="refuse_handshake"):
    """The SignalR handshake is answered with this error."""

    error: str = "Handshake was canceled."


class Mute(_Kind, frozen=True, tag="mute"):
    """The hub says nothing at all any more, pings included, and keeps the socket open."""


class DropEvents(_Kind, frozen=True, tag="drop_events"):
    """Events with this name (`*` for all) are not sent; `about` narrows it to one contract or account."""

    event: str = "*"
    about: str | None = None


class DuplicateEvents(_Kind, frozen=True, tag="duplicate_events"):
    """Events with this name are sent twice."""

    event: str = "*"
    about: str | None = None


class ReorderEvents(_Kind, frozen=True, tag="reorder_events"):
    """An event with this name is kept back until the next event of the session has gone out."""

    event: str = "*"
    about: str | None = None


class DelayEvents(_Kind, frozen=True, tag="delay_events"):
    """Events with this name are sent `seconds` late."""

    seconds: float
    event: str = "*"
    about: str | None = None


class EditEvents(_Kind, frozen=True, tag="edit_events"):
    """One place of an event's arguments changes, as in `Edit`."""

    path: str
    op: Literal["drop", "null", "value", "raw"] = "drop"
    value: Any = None
    event: str = "*"
    about: str | None = None


class ReplaceEvents(_Kind, frozen=True, tag="replace_events"):
    """Instead of the event, this text goes out as one record (poison, another target, anything)."""

    text: str = '{"type":1,"target":"GatewayUserOrder","arguments":[{"action":'
    event: str = "*"
    about: str | None = None


class FailInvocation(_Kind, frozen=True, tag="fail_invocation"):
    """A hub method (`*` for all) is not executed and completes with this error."""

    error: str = "An unexpected error occurred invoking a method on the server."
    method: str = "*"


class IgnoreInvocation(_Kind, frozen=True, tag="ignore_invocation"):
    """A hub method is not executed and never completes."""

    method: str = "*"


class LoseCompletion(_Kind, frozen=True, tag="lose_completion"):
    """A hub method is executed and its completion lost."""

    method: str = "*"


class Slice(_Kind, frozen=True, tag="slice"):
    """Everything leaves in WebSocket messages of at most so many bytes, records torn apart."""

    size: int = 1


# ---------------------------------------------------------------- acts


class CloseHub(_Kind, frozen=True, tag="close_hub"):
    """Open sessions get a SignalR Close record and are closed."""

    error: str | None = "Connection closed with an error."
    allow_reconnect: bool | None = None


class CutHub(_Kind, frozen=True, tag="cut_hub"):
    """Open sessions lose their socket without a word."""


class Kick(_Kind, frozen=True, tag="kick"):
    """Open sessions get `GatewayLogout` (its argument is unknown); `close` ends them afterwards."""

    arguments: tuple[Any, ...] = ()
    close: bool = True
    revoke: bool = False


class Say(_Kind, frozen=True, tag="say"):
    """Open sessions get this text as one record: unknown events, poison, stale repeats."""

    text: str


class Revoke(_Kind, frozen=True, tag="revoke"):
    """All tokens, or one user's, are refused from now on."""

    user_name: str | None = None


class Set(_Kind, frozen=True, tag="set"):
    """A switch takes another value, such as `limits.kind`, `tokens.rotation`, `hubs.shape`."""

    switch: str
    value: Any


RequestFault: TypeAlias = DropAnswer | LoseRequest | Hold | Answer | Edit | Delay | Cut | Duplicate
UpgradeFault: TypeAlias = RefuseUpgrade | RefuseNegotiate | RefuseHandshake
EventFault: TypeAlias = (
    DropEvents | DuplicateEvents | ReorderEvents | DelayEvents | EditEvents | ReplaceEvents
)
InvocationFault: TypeAlias = FailInvocation | IgnoreInvocation | LoseCompletion
SessionFault: TypeAlias = Mute | Slice
Act: TypeAlias = CloseHub | CutHub | Kick | Say | Revoke | Set
What: TypeAlias = RequestFault | UpgradeFault | EventFault | InvocationFault | SessionFault | Act

REQUEST_FAULTS = (DropAnswer, LoseRequest, Hold, Answer, Edit, Delay, Cut, Duplicate)
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
HUB_ACTS = (CloseHub, CutHub, Kick, Say)
ACTS = (*HUB_ACTS, Revoke, Set)


def told(what: What) -> str:
    """A kind and what is not its default, for people: `hold(seconds=30.0)`."""
    fields = msgspec.structs.fields(what)
    given = [
        f"{one.name}={getattr(what, one.name)!r}"
        for one in fields
        if one.required or getattr(what, one.name) != default_of(one)
    ]
    return f"{kind_of(type(what))}({', '.join(given)})"


def default_of(member: msgspec.structs.FieldInfo) -> object:
    """What a member is when nobody says."""
    if member.default_factory is not msgspec.NODEFAULT:
        return member.default_factory()
    return member.default


def kind_of(kind: type[msgspec.Struct]) -> str:
    """The name of a kind in files."""
    return str(kind.__struct_config__.tag)
