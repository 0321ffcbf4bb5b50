"""What becomes of the hubs, in the words of whoever trades on them.

`LinkConnecting`, `LinkLive` and `LinkDown` tell each attempt; these tell what it means.
"""

from __future__ import annotations

from datetime import datetime

from topstepx.events.fact import Event
from topstepx.events.links import Hub


class HubDegraded(Event, frozen=True, kw_only=True):
    """A hub cannot be relied upon from here on; for the user hub, polling stands in."""

    hub: Hub
    reason: str


class HubReconnecting(Event, frozen=True, kw_only=True):
    """The next attempt comes in ``wait_s``; so many ``attempt``s in a row have failed."""

    hub: Hub
    generation: int
    attempt: int
    wait_s: float
    reason: str


class HubReconnected(Event, frozen=True, kw_only=True):
    """A hub is relied upon again; what it did not tell between ``since`` and now was looked up.

    ``found`` is how many facts that were; on the market hub nothing can be looked up.
    """

    hub: Hub
    generation: int
    since: datetime
    found: int = 0


class HubContested(Event, frozen=True, kw_only=True):
    """Another program keeps taking the session; nothing is tried until that is over."""

    hub: Hub
    reason: str


class HubClosed(Event, frozen=True, kw_only=True):
    """Nothing is tried any more on this hub: we closed it, or a person must act first."""

    hub: Hub
    generation: int
    reason: str


class GapSuspected(Event, frozen=True, kw_only=True):
    """Something may have been missed on a hub that stayed connected; it is being looked up."""

    hub: Hub
    reason: str


class StreamSilenced(Event, frozen=True, kw_only=True):
    """A market stream says nothing although its market trades; it was asked for anew.

    ``method`` and ``contract_id`` name it, ``evidence`` is what shows that it is not merely quiet.
    """

    contract_id: str
    method: str
    silent_s: float
    evidence: str


class StreamHeard(Event, frozen=True, kw_only=True):
    """A silenced stream speaks again; what it did not say for ``silent_s`` is missing."""

    contract_id: str
    method: str
    silent_s: float


class MarketGapped(Event, frozen=True, kw_only=True):
    """What the market hub would have told of a contract from ``since`` to ``until`` is missing.

    ``volume_missed`` is what its bars say traded meanwhile, in contracts, whole seconds or minutes
    counted; None: the bars could not be had.
    """

    contract_id: str
    since: datetime
    until: datetime
    reason: str
    volume_missed: int | None = None
