"""The two hub links, the polling that stands in for them, the session, and what could not be read.

No token value ever appears here: a session is known by its generation.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from topstepx.events.fact import Event

Hub = Literal["user", "market"]
"""The gateway's two streams."""


class LinkConnecting(Event, frozen=True, kw_only=True):
    """A hub link began an attempt to connect; ``generation`` is the one it will be if it succeeds."""

    hub: Hub
    generation: int
    attempt: int = 1


class LinkLive(Event, frozen=True, kw_only=True):
    """A hub link is connected, subscribed and recovered."""

    hub: Hub
    generation: int


class LinkDown(Event, frozen=True, kw_only=True):
    """A hub link, or an attempt at one, ended."""

    hub: Hub
    generation: int
    reason: str


class PollingStarted(Event, frozen=True, kw_only=True):
    """REST reads stand in for the user hub."""

    account_id: int
    reason: str


class PollingStopped(Event, frozen=True, kw_only=True):
    """The user hub is trusted again."""

    account_id: int


class PayloadMalformed(Event, frozen=True, kw_only=True):
    """Something arrived that could not be read; ``count`` so far at this place in this run."""

    where: str
    reason: str
    count: int


class TokenRefreshed(Event, frozen=True, kw_only=True):
    """There is a new session token."""

    generation: int
    expires_at: datetime


class TokenSuspect(Event, frozen=True, kw_only=True):
    """The session token may not work any more; it is kept until a better one exists."""

    generation: int
    reason: str


class SessionLocked(Event, frozen=True, kw_only=True):
    """The gateway refuses the login for good: nothing more will be tried without a person."""

    reason: str
