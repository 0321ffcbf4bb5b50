"""The words between a link machine and its shell: states, effects and facts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from topstepx.wire.hub_models import MarketEvents

if TYPE_CHECKING:
    from collections.abc import Iterable

    from topstepx.core.link_ends import EndKind
    from topstepx.core.signalr import Invocation
    from topstepx.wire.routes import HubMethod


class LinkState(Enum):
    """Where a link is in its life."""

    IDLE = "idle"
    CONNECTING = "connecting"
    HANDSHAKING = "handshaking"
    SUBSCRIBING = "subscribing"
    RECOVERING = "recovering"
    LIVE = "live"
    WAITING = "waiting"
    CONTESTED = "contested"
    CLOSED = "closed"

    @property
    def is_down(self) -> bool:
        """Whether there is no connection and none is being made."""
        return self in _DOWN

    @property
    def hears(self) -> bool:
        """Whether every wanted stream is confirmed, so that nothing is missed from here on."""
        return self in _HEARS


_DOWN = frozenset({LinkState.WAITING, LinkState.CONTESTED, LinkState.CLOSED})
_HEARS = frozenset({LinkState.RECOVERING, LinkState.LIVE})


@dataclass(frozen=True, slots=True)
class Subscription:
    """One wanted stream: a hub method and what it is asked for (an account id, a contract, or nothing)."""

    method: HubMethod
    key: int | str | None

    @property
    def arguments(self) -> tuple[int | str, ...]:
        """What the hub method is called with."""
        return () if self.key is None else (self.key,)


@dataclass(frozen=True, slots=True)
class Open:
    """Effect: open a socket for `generation`; with a fresh token if `fresh_token`."""

    generation: int
    fresh_token: bool


@dataclass(frozen=True, slots=True)
class Send:
    """Effect: send these bytes on the current socket."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Drop:
    """Effect: let go of the current socket."""

    reason: str


@dataclass(frozen=True, slots=True)
class Changed:
    """Fact: the link is in another state now.

    When it is down, `reason` and `kind` say why, `attempt` how many attempts in a row have failed and
    `wait_s` how long until the next.
    """

    state: LinkState
    generation: int
    reason: str = ""
    kind: EndKind | None = None
    attempt: int = 0
    wait_s: float | None = None

    @property
    def alarming(self) -> bool:
        """Whether so many failures in a row deserve an alarm: each power of two from 2 on."""
        return self.attempt > 1 and self.attempt & (self.attempt - 1) == 0


@dataclass(frozen=True, slots=True)
class Subscribed:
    """Fact: the hub confirmed a subscription, or (with `error`) refused one at its first try."""

    subscription: Subscription
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """Fact: the hub called one of our methods."""

    invocation: Invocation


@dataclass(frozen=True, slots=True)
class Malformed:
    """Fact: one record could not be read and was lost."""

    reason: str


Effect = Open | Send | Drop | Changed | Subscribed | Received | MarketEvents | Malformed


@dataclass(slots=True)
class Ask:
    """A link's own note: a hub method that was called and has not been answered."""

    subscription: Subscription
    deadline_ns: int
    subscribes: bool


def subscriptions_of(
    method: HubMethod, keys: Iterable[int | str | None]
) -> tuple[Subscription, ...]:
    """One subscription of `method` per key."""
    return tuple(Subscription(method, key) for key in keys)
