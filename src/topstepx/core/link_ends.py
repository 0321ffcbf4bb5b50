"""What ended a hub connection, and what to do about it: one table.

Three things can be done. *Retry*: the usual back-off (`core.link_waits`). *Refresh*: the token may be the reason, so ask for
a fresh one first, then go on slowly. *Stop*: nothing that we could repeat will help, so say so and stay
closed until a person acts. Retrying has a slow lane for what a repeat at once is unlikely to cure, and
between the two there is *ease off* for a hub that is busy: perhaps for a moment, perhaps because of us.

Everything that can come is in here: each HTTP status an upgrade can be refused with, each WebSocket
close code, each handshake answer and SignalR Close, and our own reasons. What nobody has seen falls into
its class's row. Replace any of it with `Reconnecting.judge`; None from there means "as always".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, unique
from typing import TYPE_CHECKING, Final

from topstepx.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.core.signalr import Close


@unique
class EndKind(Enum):
    """How a connection, or an attempt at one, ended."""

    UNREACHABLE = "unreachable"
    """No answer at all: DNS, connect, TLS, time-out. `code` is None."""
    UNTRUSTED = "identity not proven"
    """None of the pinned keys: whoever answers may not be the gateway. `code` is None."""
    UPGRADE = "upgrade refused"
    """An HTTP status instead of a WebSocket; `code` is that status."""
    HANDSHAKE = "handshake refused"
    """The hub's own words against our SignalR handshake."""
    CLOSE_RECORD = "closed by the hub"
    """A SignalR Close; `allow_reconnect` is what it said."""
    SOCKET = "socket lost"
    """The WebSocket ended; `code` is its close code, None when it broke without one."""
    SILENCE = "silent"
    """Nothing came in time: no handshake answer, no completion, no sign of life."""
    PROTOCOL = "protocol broken"
    """Bytes that are not SignalR."""
    SUBSCRIPTION = "subscription refused"
    """A stream that worked before is refused again and again."""
    EVICTED = "logged out"
    """`GatewayLogout`: another program, the website or maintenance ended the session."""
    DEAF = "deaf"
    """Connected, and things happened that the hub did not tell."""
    NO_TOKEN = "no token"  # noqa: S105  a reason, not a token
    """A token could not be had in time."""
    NO_SESSION = "no session"
    """The login is refused for good, or this session was logged out."""
    MOVING = "moving"
    """We let go ourselves, to come back with a new token."""


@unique
class Reaction(Enum):
    """What to do after an end."""

    RETRY = "retry"
    EASE_OFF = "retry soon, then slowly"
    RETRY_SLOWLY = "retry slowly"
    REFRESH = "refresh the token, then retry slowly"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class LinkEnd:
    """One end of one connection. `reason` is for people."""

    kind: EndKind
    reason: str
    code: int | None = None
    allow_reconnect: bool | None = None

    @classmethod
    def of(cls, message: Close) -> LinkEnd:
        """The end that a hub announced."""
        reason = "the hub closed" if message.allow_reconnect else "the hub closed for good"
        reason += f": {message.error}" if message.error else ""
        return cls(EndKind.CLOSE_RECORD, reason, allow_reconnect=message.allow_reconnect)

    @property
    def is_final(self) -> bool:
        """Whether the hub said goodbye for good: a Close that does not ask us to come back."""
        return self.kind is EndKind.CLOSE_RECORD and not self.allow_reconnect


@dataclass(frozen=True, slots=True)
class Reconnecting:
    """How a hub comes back: ``connect(..., reconnecting=Reconnecting(attempts_max=20))``.

    `attempts_max`: so many attempts in a row may fail before it stays CLOSED, with `HubClosed` and an
    alarm, until `tsx.resume`; None: it goes on for ever. `judge`: your own word on what follows from an
    end; None from it means the table's. One that raises, or gives anything else, leaves it to the table
    too, and the reason of the end says so.
    """

    attempts_max: int | None = None
    judge: Callable[[LinkEnd], Reaction | None] | None = None

    def __post_init__(self) -> None:
        most: object = self.attempts_max
        if most is not None and (not isinstance(most, int) or isinstance(most, bool) or most < 1):
            raise InvalidRequest(
                "attempts_max", most, "must be a whole number from 1 on.", "Or None: for ever."
            )
        if self.judge is not None and not callable(self.judge):
            raise InvalidRequest(
                "judge", self.judge, "is called with a LinkEnd.", "Give a function."
            )

    def reaction(self, end: LinkEnd) -> tuple[Reaction, LinkEnd]:
        """What follows from an end, and the end: its reason says so where the user's judge failed."""
        if self.judge is None:
            return classify(end), end
        try:
            own: object = self.judge(end)
        # boundary: a judge of the user's that raises must not keep a hub from coming back
        except Exception as error:  # noqa: BLE001  whatever it raises is told with the end
            return classify(end), replace(end, reason=f"{end.reason}; your judge raised {error!r}")
        if own is None or isinstance(own, Reaction):
            return own or classify(end), end
        return classify(end), replace(
            end, reason=f"{end.reason}; your judge gave {own!r}, which is no Reaction"
        )


_R, _S, _F = Reaction.RETRY, Reaction.RETRY_SLOWLY, Reaction.REFRESH

HTTP_STATUSES: Final[dict[int, Reaction]] = {
    401: _F,
    # A repeat at once does not cure these; on the slow lane it costs nothing, and gateways come back.
    400: _S,
    402: _S,
    403: _S,
    404: _S,
    405: _S,
    406: _S,
    407: _S,
    409: _S,
    410: _S,
    411: _S,
    413: _S,
    414: _S,
    415: _S,
    418: _S,
    421: _S,
    426: _S,
    428: _S,
    431: _S,
    451: _S,
    501: _S,
    505: _S,
    429: _S,  # too many of us: come back, but not in a hurry
    503: Reaction.EASE_OFF,  # they restart, or are busy
    # Passing troubles.
    408: _R,
    425: _R,
    500: _R,
    502: _R,
    504: _R,
    520: _R,
    521: _R,
    522: _R,
    523: _R,
    524: _R,
}
"""HTTP statuses of a refused upgrade; by class below for all others."""

_HTTP_CLASSES: Final = {1: _S, 2: _S, 3: _S, 4: _S, 5: _R}

CLOSE_CODES: Final[dict[int, Reaction]] = {
    1000: _R,  # normal
    1001: _R,  # going away: a restart, maintenance
    1002: _S,  # we are said to break the protocol
    1003: _S,  # … to send data of a kind it does not take
    1004: _S,  # reserved
    1005: _R,  # closed without a code
    1006: _R,  # broken without a close
    1007: _S,  # … to send text that is not UTF-8
    1008: _F,  # policy: what an expired or withdrawn token usually gets
    1009: _S,  # message too big
    1010: _S,  # an extension is missing
    1011: _R,  # an error of theirs
    1012: _R,  # restart
    1013: _S,  # try again later
    1014: _R,  # a gateway in between
    1015: _S,  # TLS
    3000: _F,  # unauthorized
    3003: _S,  # forbidden
    3008: _R,  # timeout
    4001: _F,  # private codes that mirror HTTP's
    4401: _F,
    4403: _S,
    4429: _S,
}
"""WebSocket close codes; by range below for all others."""

_KINDS: Final[dict[EndKind, Reaction]] = {
    EndKind.UNREACHABLE: _R,
    EndKind.UNTRUSTED: Reaction.STOP,
    EndKind.HANDSHAKE: _S,
    EndKind.SILENCE: _R,
    EndKind.PROTOCOL: _S,
    EndKind.SUBSCRIPTION: _S,
    EndKind.EVICTED: _F,
    EndKind.DEAF: _R,
    EndKind.NO_TOKEN: _R,
    EndKind.NO_SESSION: Reaction.STOP,
    EndKind.MOVING: _R,
}

_HANDSHAKE_WORDS: Final = (
    ("unauthor", _F),
    ("token", _F),
    ("cancel", _R),
    ("timeout", _R),
    ("timed out", _R),
)
_PRIVATE_CODES: Final = 4000


def classify(end: LinkEnd) -> Reaction:
    """The table's reaction to an end; total."""
    match end.kind:
        case EndKind.UPGRADE:
            status = end.code if end.code is not None else 0
            return HTTP_STATUSES.get(status, _HTTP_CLASSES.get(status // 100, _S))
        case EndKind.SOCKET:
            if end.code is None:
                return _R
            return CLOSE_CODES.get(end.code, _R if end.code >= _PRIVATE_CODES else _S)
        case EndKind.CLOSE_RECORD:
            return _R if end.allow_reconnect else _F
        case EndKind.HANDSHAKE:
            words = end.reason.casefold()
            return next((found for word, found in _HANDSHAKE_WORDS if word in words), _S)
        case _:
            return _KINDS[end.kind]
