"""What we believe about the hub links, the polling, the session and the breakers of this run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from topstepx import events

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class LinkBelief:
    """One hub link; ``reason`` says why it is down."""

    hub: events.Hub
    state: Literal["connecting", "live", "down"]
    generation: int
    since: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SessionBelief:
    """The session, without its token."""

    generation: int
    state: Literal["good", "suspect", "locked"]
    since: datetime
    expires_at: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """A change of the ledger: a hub link moved."""

    before: LinkBelief | None
    after: LinkBelief


@dataclass(frozen=True, slots=True)
class SessionChanged:
    """A change of the ledger: there is a new token, a doubt about it, or no session any more."""

    before: SessionBelief | None
    after: SessionBelief


LINK_FACTS: Final = (
    events.LinkConnecting,
    events.LinkLive,
    events.LinkDown,
    events.TokenRefreshed,
    events.TokenSuspect,
    events.SessionLocked,
    events.PollingStarted,
    events.PollingStopped,
    events.BreakerChanged,
)
"""What moves a link, the session, the polling or a breaker, a start of the client aside."""


class Links:
    """Folded from facts in the order in which they became true; a start of the client begins anew."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._links: dict[events.Hub, LinkBelief] = {}
        self._session: SessionBelief | None = None
        self._polling: dict[int, events.PollingStarted] = {}
        self._breakers: dict[str, events.BreakerChanged] = {}

    def apply(self, event: events.Event) -> LinkChanged | SessionChanged | None:
        """Fold one fact; None when no link and no session moved."""
        if (link := _link(event)) is not None:
            return self._move(link)
        if (session := self._next_session(event)) is not None:
            return self._session_is(session)
        match event:
            case events.PollingStarted():
                self._polling[event.account_id] = event
            case events.PollingStopped():
                self._polling.pop(event.account_id, None)
            case events.BreakerChanged():
                self._breakers[event.scope] = event
            case events.ClientStarted():
                self._begin()
            case _:
                pass
        return None

    def link(self, hub: events.Hub) -> LinkBelief | None:
        """One hub's link; None: it was never tried in this run."""
        return self._links.get(hub)

    @property
    def session(self) -> SessionBelief | None:
        """The session; None: no login in this run."""
        return self._session

    @property
    def polling(self) -> tuple[int, ...]:
        """The accounts that are being polled."""
        return tuple(sorted(self._polling))

    @property
    def breakers(self) -> tuple[events.BreakerChanged, ...]:
        """The last word of each breaker."""
        return tuple(self._breakers[scope] for scope in sorted(self._breakers))

    def state(self) -> object:
        """Everything believed here, for comparing two ledgers."""
        return dict(self._links), self._session, self.polling, self.breakers

    def _move(self, after: LinkBelief) -> LinkChanged | None:
        before = self._links.get(after.hub)
        # A word from an earlier life of the link changes nothing.
        if before is not None and after.generation < before.generation:
            return None
        self._links[after.hub] = after
        return LinkChanged(before, after)

    def _next_session(self, event: events.Event) -> SessionBelief | None:
        expires_at = self._session.expires_at if self._session else None
        match event:
            case events.TokenRefreshed():
                return SessionBelief(event.generation, "good", event.at, event.expires_at)
            case events.TokenSuspect():
                return SessionBelief(
                    event.generation, "suspect", event.at, expires_at, event.reason
                )
            case events.SessionLocked():
                generation = self._session.generation if self._session else 0
                return SessionBelief(generation, "locked", event.at, expires_at, event.reason)
            case _:
                return None

    def _session_is(self, after: SessionBelief) -> SessionChanged | None:
        before = self._session
        if before is not None and after.generation < before.generation:
            return None
        self._session = after
        return SessionChanged(before, after)


def _link(event: events.Event) -> LinkBelief | None:
    match event:
        case events.LinkConnecting():
            return LinkBelief(event.hub, "connecting", event.generation, event.at)
        case events.LinkLive():
            return LinkBelief(event.hub, "live", event.generation, event.at)
        case events.LinkDown():
            return LinkBelief(event.hub, "down", event.generation, event.at, event.reason)
        case _:
            return None
