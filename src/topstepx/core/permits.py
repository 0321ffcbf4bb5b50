"""What the limiter is told and what it answers: policies, permits and states."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from topstepx.clock import NANOSECONDS
from topstepx.core.lanes import Lane, Ticket
from topstepx.wire.routes import Bucket

if TYPE_CHECKING:
    from collections.abc import Mapping

_EXIT_RESERVES: Final = MappingProxyType({Lane.EXIT: 40, Lane.RESOLVE: 20, Lane.ORDER: 30})


@dataclass(frozen=True, slots=True)
class BucketPolicy:
    """One limit: `limit` requests per `window_s` seconds, what of it is reserved, who may wait.

    A bucket without reserves treats every lane alike.
    """

    bucket: Bucket
    limit: int
    window_s: float
    reserves: Mapping[Lane, int] = field(default_factory=dict)
    waiting_max: int = 1000

    def __post_init__(self) -> None:
        if self.limit < 1 or not self.window_s > 0:
            raise ValueError(f"{self.bucket.value}: needs limit >= 1 and window_s > 0.")
        if sum(self.reserves.values()) >= self.limit or min(self.reserves.values(), default=0) < 0:
            raise ValueError(
                f"{self.bucket.value}: the reserves must leave room below limit={self.limit}."
            )

    @property
    def window_ns(self) -> int:
        """The documented window in nanoseconds."""
        return round(self.window_s * NANOSECONDS)

    def line(self, lane: Lane) -> int:
        """How many attempts the window may hold before this lane stops."""
        return self.limit - sum(count for other, count in self.reserves.items() if other < lane)


_GENERAL: Final = BucketPolicy(Bucket.GENERAL, 200, 60.0, _EXIT_RESERVES)
_BARS: Final = BucketPolicy(Bucket.BARS, 50, 30.0)
DOCUMENTED: Final = (_GENERAL, _BARS)
"""The documented limits (verified: 50 bars requests per 30 s; an older page said 30)."""


def policies_of(
    general_limit_per_60s: int = 200, bars_limit_per_30s: int = 50
) -> tuple[BucketPolicy, ...]:
    """The policies for these limits; a general limit below 200 shrinks its reserves alike."""
    share = min(1.0, general_limit_per_60s / _GENERAL.limit)
    reserves = {lane: int(count * share) for lane, count in _EXIT_RESERVES.items()}
    return (
        BucketPolicy(Bucket.GENERAL, general_limit_per_60s, _GENERAL.window_s, reserves),
        BucketPolicy(Bucket.BARS, bars_limit_per_30s, _BARS.window_s),
    )


@dataclass(frozen=True, slots=True)
class UnknownPast:
    """What to assume after start or resume when nobody knows what was sent before."""

    full_s: float = 5.0
    used_share: float = 0.5


class Permit(msgspec.Struct, frozen=True, gc=False):
    """Leave to send one attempt, counted at `at_ns`."""

    number: int
    bucket: Bucket
    lane: Lane
    caller: str
    at_ns: int


class Granted(msgspec.Struct, frozen=True):
    """Send now. `ticket` is None when there was no wait."""

    permit: Permit
    ticket: Ticket | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Its turn will come, at `free_at_ns` at the earliest; `reason` in words."""

    ticket: Ticket
    reason: str
    free_at_ns: int


@dataclass(frozen=True, slots=True)
class Denied:
    """Not now; `retry_at_ns` is when there should be room (None: not known)."""

    lane: Lane
    reason: str
    retry_at_ns: int | None
    ticket: Ticket | None = None


Effect: TypeAlias = Granted | Denied


@dataclass(frozen=True, slots=True)
class LaneState:
    """One lane, for people: its line, how many could leave now, who waits, when the next slot is free."""

    line: int
    free: int
    reserved: int
    waiting: int
    next_free_s: float | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class BucketState:
    """One bucket, for people. Seconds count from now."""

    bucket: Bucket
    limit: int
    used: int
    window_s: float
    share: float
    paused_s: float
    note: str | None
    lanes: Mapping[Lane, LaneState]


# News for people and logs


@dataclass(frozen=True, slots=True)
class Waits:
    """A caller begins to wait, because of `reason`, for about `wait_s` seconds (None: not known).

    The window holds `used` attempts, and this lane stops at `line`; `ahead` wait in its row already.
    """

    bucket: Bucket
    lane: Lane
    caller: str
    reason: str
    wait_s: float | None
    used: int = 0
    line: int = 0
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class Throttled:
    """The gateway answered 429: this lane waits `wait_s`, patient lanes keep `share` of the limit."""

    bucket: Bucket
    lane: Lane
    wait_s: float
    share: float
    used: int = 0
    line: int = 0


@dataclass(frozen=True, slots=True)
class BudgetNote:
    """The shared budget was lost (`note` says why and what follows) or found again (None)."""

    note: str | None


News: TypeAlias = Waits | Throttled | BudgetNote
