"""What can go wrong on a wire, as data: the kinds of faults of `FaultProxy`, and its plan.

A `WireFault` says where, when and what, like the simulator's own `Fault`; but it knows bytes only,
so it works for every client and every server, and for TLS as well.
"""

from __future__ import annotations

import difflib
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from topstepx.errors import InvalidRequest
from topstepx.sim.fault_acts import kind_of
from topstepx.sim.fault_checks import check_numbers
from topstepx.sim.fault_plans import FaultPlan
from topstepx.sim.fault_plans import at as found_at
from topstepx.sim.wire_faults import (
    BOTH_WAYS,
    STEPS,
    WIRE_FAULTS,
    WIRE_PLACES,
    Direction,
    Step,
    WireFaultKind,
    is_wire,
)
from topstepx.sim.wire_faults import WireBlackHole as BlackHole
from topstepx.sim.wire_faults import WireCut as CutAt
from topstepx.sim.wire_faults import WireHalfOpen as HalfOpen
from topstepx.sim.wire_faults import WireLatency as Latency
from topstepx.sim.wire_faults import WireRefuse as Refuse
from topstepx.sim.wire_faults import WireReset as Reset
from topstepx.sim.wire_faults import WireSlice as Slice
from topstepx.sim.wire_faults import WireStall as Stall
from topstepx.sim.wire_faults import WireThrottle as Throttle
from topstepx.sim.wire_faults import WireTruncate as Truncate
from topstepx.wire.routes import ROUTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.sim.fault_plans import Entry

__all__ = [
    "STEPS",
    "BlackHole",
    "CutAt",
    "Direction",
    "HalfOpen",
    "Latency",
    "Passage",
    "PlannedWireFault",
    "Refuse",
    "Reset",
    "Slice",
    "Stall",
    "Step",
    "Throttle",
    "Truncate",
    "What",
    "WireFault",
    "WirePlan",
    "check",
    "load_wire_plan",
    "matches",
    "on_wire",
]

What: TypeAlias = WireFaultKind
_NEVER_READ: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""A now for windows of which only the length counts."""
_LEAST: Final[dict[str, float]] = {
    "seconds": 0,
    "jitter_s": 0,
    "pause_s": 0,
    "after_bytes": 0,
    "size": 1,
    "bytes_per_s": 1,
}


_KNOWN_PLACES: Final = (*WIRE_PLACES, "wire/tls", *(f"wire/{route.name}" for route in ROUTES))
_PLACES_TOLD: Final = "wire/*, wire/user, wire/market, wire/rest, or a path as wire/Order/place"
_NEAR: Final = 0.85


class WireFault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of the plan.

    `where`: a place as plans have it, `wire/user`, or without `wire/`: `rest`, a route such as `Order/place`, `hub/user`, `hub/market`, `tls` for a connection
    that cannot be read, with `*` and `?`, in any case. `direction`: `up`, `down`, or None for both.
    `times`: how many requests (or whole connections, for hubs and TLS) it strikes, None for all;
    `after`: how many of them are spared first. `since_s`, `until_s`: seconds since the proxy started.
    `chance`: probability for each of them, drawn from the proxy's seed.
    """

    where: str
    what: What
    direction: Direction | None = None
    times: int | None = None
    after: int = 0
    since_s: float = 0.0
    until_s: float | None = None
    chance: float = 1.0


@dataclass(slots=True)
class Passage:
    """One HTTP request with its answer, or one whole connection of anything else."""

    place: str
    number: int
    cut: Step | None = None


class PlannedWireFault:
    """A fault in the plan, with its history."""

    def __init__(
        self,
        fault: WireFault,
        number: int,
        seed: int,
        strikes: Callable[[str], bool] | None = None,
    ) -> None:
        self.fault = fault
        self._decide = strikes or self._drawn
        self.seen = 0
        self.struck = 0
        self._chance = random.Random(f"{seed}/{number}")  # noqa: S311  repeatable chance is the point
        self._meant: dict[int, bool] = {}

    def is_on(self, now_s: float) -> bool:
        """Whether its window is open."""
        until_s = self.fault.until_s
        return now_s >= self.fault.since_s and (until_s is None or now_s < until_s)

    def strikes(self, passage: Passage, now_s: float) -> bool:
        """Whether this passage suffers from it now; decided once for each passage."""
        fault = self.fault
        if not self.is_on(now_s) or isinstance(fault.what, Refuse):
            return False
        if not matches(fault.where, passage.place):
            return False
        meant = self._meant.get(passage.number)
        if meant is None:
            meant = self._decide(passage.place)
            self.seen += 1
            self.struck += meant
            self._meant[passage.number] = meant
        return meant

    def _drawn(self, _place: str) -> bool:
        fault = self.fault
        spent = fault.times is not None and self.struck >= fault.times
        return not spent and self.seen >= fault.after and self._chance.random() < fault.chance

    def forget(self, passage: Passage) -> None:
        """The passage is over."""
        self._meant.pop(passage.number, None)


class WirePlan:
    """The faults of one proxy; the same seed and the same passages give the same faults."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._added = 0
        self._planned: list[PlannedWireFault] = []

    def add(
        self, fault: WireFault, strikes: Callable[[str], bool] | None = None
    ) -> PlannedWireFault:
        """Put a fault into the plan. Raises `InvalidRequest` for a number that cannot be meant.

        `strikes` decides for each passage by its place, instead of `times`, `after` and `chance`.
        """
        check(fault)
        self._added += 1
        planned = PlannedWireFault(fault, self._added, self._seed, strikes)
        self._planned.append(planned)
        return planned

    def remove(self, planned: PlannedWireFault) -> None:
        """Take it out again."""
        if planned in self._planned:
            self._planned.remove(planned)

    def clear(self) -> None:
        """Calm."""
        self._planned.clear()

    @property
    def planned(self) -> tuple[PlannedWireFault, ...]:
        """All faults in the plan, spent ones included."""
        return tuple(self._planned)

    def striking(
        self, passage: Passage, direction: Direction, now_s: float
    ) -> list[PlannedWireFault]:
        """What happens to this passage in this direction now, in the order of the plan."""
        if not self._planned:
            return []
        return [
            one
            for one in self._planned
            if one.fault.direction in {None, direction} and one.strikes(passage, now_s)
        ]

    def refuses(self, now_s: float) -> bool:
        """Whether nobody listens now."""
        return any(isinstance(one.fault.what, Refuse) and one.is_on(now_s) for one in self._planned)

    def next_change_s(self, now_s: float) -> float | None:
        """When a window next opens or closes."""
        edges = [
            edge
            for one in self._planned
            for edge in (one.fault.since_s, one.fault.until_s)
            if edge is not None and edge > now_s
        ]
        return min(edges, default=None)

    def forget(self, passage: Passage) -> None:
        """The passage is over."""
        for one in self._planned:
            one.forget(passage)


def matches(pattern: str, place: str) -> bool:
    """Whether the place is meant, with or without `wire/`; `rest` means every plain HTTP request."""
    pattern, place = pattern.lower(), place.lower()
    is_rest = not place.startswith(("hub/", "tls"))
    if is_wire(pattern):
        named = fnmatchcase(on_wire(place), pattern)
        return named or (is_rest and fnmatchcase("wire/rest", pattern))
    if pattern == "rest":
        return is_rest
    return fnmatchcase(place, pattern)


def on_wire(place: str) -> str:
    """A place of the proxy as plans of faults name it: `wire/user`, `wire/Order/place`."""
    return f"wire/{place.removeprefix('hub/')}"


def load_wire_plan(data: bytes | str) -> list[WireFault]:
    """The entries of a `FaultPlan` in TOML, for a proxy before any server; seconds are the proxy's own.

    Raises `InvalidRequest` with the path of the first thing that is wrong: a slip, a time of day (no
    simulator's clock is there), or a kind that is none of the wire.
    """
    found = []
    for index, entry in enumerate(FaultPlan.from_toml(data).faults):
        try:
            found.append(_alone(entry))
        except InvalidRequest as error:
            raise found_at(f"faults[{index}]", error) from error
    return found


def _alone(entry: Entry) -> WireFault:
    """An entry without a simulator."""
    if not isinstance(entry.what, WIRE_FAULTS):
        raise InvalidRequest(
            "kind",
            kind_of(type(entry.what)),
            "needs the simulator.",
            f"On a wire alone: {', '.join(kind_of(one) for one in WIRE_FAULTS)}.",
        )
    _check_place(entry.where)
    for name, moment in (("since", entry.since), ("until", entry.until)):
        if moment is not None:
            rule = "is a simulator's time, and none is here."
            raise InvalidRequest(name, moment, rule, "Use in_s and for_s.")
    meant = entry.fault(_NEVER_READ)
    check_numbers(meant)
    since_s = entry.in_s or 0.0
    fault = WireFault(
        where=entry.where,
        what=entry.what,
        direction=entry.direction,
        times=meant.times,
        after=entry.after,
        since_s=since_s,
        until_s=None if entry.for_s is None else since_s + entry.for_s,
        chance=entry.chance,
    )
    check(fault)
    return fault


def _check_place(where: str) -> None:
    """Any server's paths are places, but what does not begin with `wire/` is none, and slips have a look."""
    named = where.lower()
    if not is_wire(where) or named == "wire/":
        raise InvalidRequest("where", where, "is no place of a wire.", f"Use {_PLACES_TOLD}.")
    known = {one.lower(): one for one in _KNOWN_PLACES}
    if named in known or any(sign in named for sign in "*?["):
        return
    near = difflib.get_close_matches(named, known, n=1, cutoff=_NEAR)
    if near:
        rule = f"looks like a slip. Did you mean {known[near[0]]}?"
        raise InvalidRequest("where", where, rule, f"A path of that very name: {where}*.")


def check(fault: WireFault) -> None:
    """Raise `InvalidRequest` for numbers that cannot be meant."""
    what, kind = fault.what, kind_of(type(fault.what))
    for name, least in _LEAST.items():
        value = getattr(what, name, least)
        if not value >= least:
            raise InvalidRequest(f"what.{name}", value, "is too small.", f"{least} or more.")
    if fault.direction is not None and isinstance(what, BOTH_WAYS):
        rule = f"{kind} has no direction."
        raise InvalidRequest("direction", fault.direction, rule, "Leave it out.")
    if isinstance(what, Refuse) and fault.where.lower() not in {"*", "wire/*"}:
        rule = "a connection is refused before it says what it wants."
        raise InvalidRequest("where", fault.where, rule, 'Use "*".')
    if fault.times is not None and fault.times < 1:
        raise InvalidRequest("times", fault.times, "must be 1 or more.", "None means all.")
    if fault.after < 0:
        raise InvalidRequest("after", fault.after, "cannot be negative.", "0 spares none.")
    if not 0.0 < fault.chance <= 1.0:
        rule = "must be above 0, up to 1."
        raise InvalidRequest("chance", fault.chance, rule, "1 is always.")
    if fault.until_s is not None and fault.until_s <= fault.since_s:
        raise InvalidRequest("until_s", fault.until_s, "is not after since_s.", "Swap them.")
