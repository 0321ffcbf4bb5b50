"""What can go wrong on a wire, as data: the kinds of faults of `FaultProxy`, and its plan.

A `WireFault` says where, when and what, like the simulator's own `Fault`; but it knows bytes only,
so it works for every client and every server, and for TLS as well.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, Literal, TypeAlias

import msgspec

from topstepx.errors import InvalidRequest

Direction: TypeAlias = Literal["up", "down"]
"""`up` is from the client to the server, `down` from the server to the client."""
Step: TypeAlias = Literal[
    "head came",
    "body came",
    "half passed on",
    "all passed on",
    "answer began",
    "answer nearly whole",
]
STEPS: Final[tuple[Step, ...]] = (
    "head came",
    "body came",
    "half passed on",
    "all passed on",
    "answer began",
    "answer nearly whole",
)
"""The moments in the life of one HTTP request at which `CutAt` can break its connection."""


class Latency(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Every byte arrives later by `seconds` and up to `jitter_s` more; order is kept."""

    seconds: float
    jitter_s: float = 0.0


class Throttle(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """A slow line: so many bytes a second."""

    bytes_per_s: float


class Slice(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """At most `size` bytes per write, each in a packet of its own, `pause_s` apart."""

    size: int
    pause_s: float = 0.0


class Truncate(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """So many more bytes pass, then the connection ends: politely (`fin`) or not (`reset`)."""

    after_bytes: int
    how: Literal["fin", "reset"] = "fin"


class HalfOpen(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """So many more bytes pass, then the direction swallows everything, its end included."""

    after_bytes: int = 0


class Stall(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Nothing is taken any more: the sender's buffers fill."""


class BlackHole(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Both directions swallow everything; a new connection is accepted and leads nowhere."""


class Reset(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """The connection is reset (RST) on both sides, as soon as the plan says so."""


class Refuse(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Nobody listens: a new connection is refused, those that are open live on. `where` is `*`."""


class CutAt(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """One plain HTTP request loses its connection at this step."""

    step: Step


What: TypeAlias = (
    Latency | Throttle | Slice | Truncate | HalfOpen | Stall | BlackHole | Reset | Refuse | CutAt
)
KINDS: Final = (
    Latency,
    Throttle,
    Slice,
    Truncate,
    HalfOpen,
    Stall,
    BlackHole,
    Reset,
    Refuse,
    CutAt,
)
_BOTH_WAYS: Final = (BlackHole, Reset, Refuse, CutAt)
_LEAST: Final[dict[str, float]] = {
    "seconds": 0,
    "jitter_s": 0,
    "pause_s": 0,
    "after_bytes": 0,
    "size": 1,
    "bytes_per_s": 1,
}


class WireFault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of the plan.

    `where`: `rest`, a route such as `Order/place`, `hub/user`, `hub/market`, `tls` for a connection
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

    def __init__(self, fault: WireFault, number: int, seed: int) -> None:
        self.fault = fault
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
            self.seen += 1
            spent = fault.times is not None and self.struck >= fault.times
            meant = not spent and self.seen > fault.after and self._chance.random() < fault.chance
            self.struck += meant
            self._meant[passage.number] = meant
        return meant

    def forget(self, passage: Passage) -> None:
        """The passage is over."""
        self._meant.pop(passage.number, None)


class WirePlan:
    """The faults of one proxy; the same seed and the same passages give the same faults."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._added = 0
        self._planned: list[PlannedWireFault] = []

    def add(self, fault: WireFault) -> PlannedWireFault:
        """Put a fault into the plan. Raises `InvalidRequest` for a number that cannot be meant."""
        check(fault)
        self._added += 1
        planned = PlannedWireFault(fault, self._added, self._seed)
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
    """Whether the place is meant; `rest` means every plain HTTP request."""
    pattern, place = pattern.lower(), place.lower()
    if pattern == "rest":
        return not place.startswith(("hub/", "tls"))
    return fnmatchcase(place, pattern)


def load_wire_plan(data: bytes) -> list[WireFault]:
    """Faults from TOML, a list of tables named `wire`.

    Raises `InvalidRequest` with the path of the first thing that is wrong, and the known kinds.
    """

    class _Plan(msgspec.Struct, forbid_unknown_fields=True):
        wire: list[WireFault]

    try:
        plan = msgspec.toml.decode(data, type=_Plan).wire
    except msgspec.DecodeError as error:
        names = ", ".join(kind.__name__ for kind in KINDS)
        raise InvalidRequest(
            "wire plan", str(error), "is not a plan of wire faults.", f"The kinds are {names}."
        ) from error
    for index, fault in enumerate(plan):
        check(fault, f"wire[{index}].")
    return plan


def check(fault: WireFault, path: str = "") -> None:
    """Raise `InvalidRequest` for numbers that cannot be meant."""
    what, kind = fault.what, type(fault.what).__name__
    for name, least in _LEAST.items():
        value = getattr(what, name, least)
        if not value >= least:
            raise InvalidRequest(f"{path}what.{name}", value, "is too small.", f"{least} or more.")
    if fault.direction is not None and isinstance(what, _BOTH_WAYS):
        rule = f"{kind} has no direction."
        raise InvalidRequest(f"{path}direction", fault.direction, rule, "Leave it out.")
    if isinstance(what, Refuse) and fault.where != "*":
        rule = "a connection is refused before it says what it wants."
        raise InvalidRequest(f"{path}where", fault.where, rule, 'Use "*".')
    if fault.times is not None and fault.times < 1:
        raise InvalidRequest(f"{path}times", fault.times, "must be 1 or more.", "None means all.")
    if fault.after < 0:
        raise InvalidRequest(f"{path}after", fault.after, "cannot be negative.", "0 spares none.")
    if not 0.0 < fault.chance <= 1.0:
        rule = "must be above 0, up to 1."
        raise InvalidRequest(f"{path}chance", fault.chance, rule, "1 is always.")
    if fault.until_s is not None and fault.until_s <= fault.since_s:
        raise InvalidRequest(f"{path}until_s", fault.until_s, "is not after since_s.", "Swap them.")
