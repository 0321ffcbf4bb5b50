"""The simulated exchange, without a wire around it."""

from __future__ import annotations

from topstepx.sim.venue.accounts import VenueAccount
from topstepx.sim.venue.contracts import VenueContract
from topstepx.sim.venue.faults import VenueFaults
from topstepx.sim.venue.floor import EVENT_TARGET, VenueEvent
from topstepx.sim.venue.truth import RequestSeen, Transition, Truth
from topstepx.sim.venue.venue import Venue

__all__ = [
    "EVENT_TARGET",
    "RequestSeen",
    "Transition",
    "Truth",
    "Venue",
    "VenueAccount",
    "VenueContract",
    "VenueEvent",
    "VenueFaults",
]
