"""The client's own life."""

from __future__ import annotations

from topstepx.events.fact import Event


class ClientStarted(Event, frozen=True, kw_only=True):
    """A client began; what the journal said before is history, and every link is down."""

    environment: str
    version: str


class ClientStopped(Event, frozen=True, kw_only=True):
    """A client ended; ``clean`` False: with intents still open, or by an error."""

    reason: str
    clean: bool


class JournalGapped(Event, frozen=True, kw_only=True):
    """So many facts are missing from the journal at this place: the disk refused them for too long."""

    count: int
