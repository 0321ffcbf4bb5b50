"""What can go wrong with the bytes between a program and its gateway, as data.

A gateway sees none of it: a TCP proxy that stands before it does it (`topstepx.testing.proxy`), for any
client and any server. The places are `wire/user`, `wire/market`, `wire/rest`, a route as `wire/Order/place`,
and `wire/*`.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

from topstepx.sim.fault_acts import Kind

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
STEPS: Final[tuple[Step, ...]] = get_args(Step)
"""The moments in the life of one HTTP request at which `WireCut` can break its connection."""


class WireLatency(Kind, frozen=True, tag="wire_latency"):
    """Every byte arrives later by `seconds` and up to `jitter_s` more; order is kept."""

    seconds: float
    jitter_s: float = 0.0


class WireThrottle(Kind, frozen=True, tag="wire_throttle"):
    """A slow line: so many bytes a second."""

    bytes_per_s: float


class WireSlice(Kind, frozen=True, tag="wire_slice"):
    """At most `size` bytes per write, each in a packet of its own, `pause_s` apart."""

    size: int
    pause_s: float = 0.0


class WireTruncate(Kind, frozen=True, tag="wire_truncate"):
    """So many more bytes pass, then the connection ends: politely (`fin`) or not (`reset`)."""

    after_bytes: int
    how: Literal["fin", "reset"] = "fin"


class WireHalfOpen(Kind, frozen=True, tag="wire_half_open"):
    """So many more bytes pass, then the direction swallows everything, its end included."""

    after_bytes: int = 0


class WireStall(Kind, frozen=True, tag="wire_stall"):
    """Nothing is taken any more: the sender's buffers fill."""


class WireBlackHole(Kind, frozen=True, tag="wire_black_hole"):
    """Both directions swallow everything; a new connection is accepted and leads nowhere."""


class WireReset(Kind, frozen=True, tag="wire_reset"):
    """The connection is reset (RST) on both sides, as soon as the plan says so."""


class WireRefuse(Kind, frozen=True, tag="wire_refuse"):
    """Nobody listens: a new connection is refused, those that are open live on. `where` is `wire/*`.

    It strikes once, when it begins: what the system refuses, nobody sees.
    """


class WireCut(Kind, frozen=True, tag="wire_cut"):
    """One plain HTTP request loses its connection at this step."""

    step: Step


WireFaultKind: TypeAlias = (
    WireLatency
    | WireThrottle
    | WireSlice
    | WireTruncate
    | WireHalfOpen
    | WireStall
    | WireBlackHole
    | WireReset
    | WireRefuse
    | WireCut
)
WIRE_FAULTS: Final = (
    WireLatency,
    WireThrottle,
    WireSlice,
    WireTruncate,
    WireHalfOpen,
    WireStall,
    WireBlackHole,
    WireReset,
    WireRefuse,
    WireCut,
)
BOTH_WAYS: Final = (WireBlackHole, WireReset, WireRefuse, WireCut)
"""Kinds that have no direction."""
WIRE_PLACES: Final = ("wire/user", "wire/market", "wire/rest")


def is_wire(where: str) -> bool:
    """Whether a place is one of the wire."""
    return where.lower().startswith("wire/")
