"""The gateway's own request limits, and the log of who arrived when.

Verified: `History/retrieveBars` 50 per 30 s, everything else (login included) 200 per 60 s, the excess
gets 429. Unknown and therefore a switch here: the kind of window, its scope, what the 429 says. Hub
invocations do not count (unknown).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from enum import Enum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from topstepx.sim.switches import Switches


class WindowKind(Enum):
    """How a limit forgets."""

    SLIDING = "sliding"
    """No stretch of the window's length ever holds more than the limit: the strictest."""
    FIXED = "fixed"
    """Counted from round clock marks; twice the limit fits around a mark."""
    BUCKET = "token_bucket"
    """A bucket of `count` permits that refills evenly."""
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Limit:
    """So many requests in so many seconds."""

    count: int
    window_s: float


GENERAL = Limit(200, 60.0)
BARS = Limit(50, 30.0)


@dataclass(slots=True)
class LimitPolicy:
    """The switches.

    `per_user` False counts all callers together. `retry_after`: no header, or the
    wait in whole seconds or as an HTTP date; `retry_after_lie` is sent instead when it is set.
    `refused_count`: refused requests use up room as well.
    """

    kind: WindowKind = WindowKind.SLIDING
    general: Limit = GENERAL
    bars: Limit = BARS
    per_user: bool = False
    retry_after: Literal["none", "seconds", "date"] = "none"
    retry_after_lie: str | None = None
    refused_count: bool = False

    @classmethod
    def of(cls, switches: Switches) -> LimitPolicy:
        """The policy that the named switches ask for."""
        return cls(kind=WindowKind(switches.limiter_window), retry_after=switches.retry_after)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request as it reached the gateway; `admitted` False means it got 429."""

    at: datetime
    bucket: str
    route: str
    caller: str
    admitted: bool


@dataclass(slots=True)
class _Window:
    """What one limit remembers of one caller."""

    times: deque[datetime] = field(default_factory=deque)
    mark: int = -1
    counted: int = 0
    permits: float = -1.0
    filled_at: datetime | None = None


class RequestLimits:
    """Decides who gets 429, and keeps the last arrivals for auditors."""

    def __init__(self, policy: LimitPolicy | None = None, arrivals_kept: int = 100_000) -> None:
        self.policy = policy or LimitPolicy()
        self.arrivals: deque[Arrival] = deque(maxlen=arrivals_kept)
        self.seen = 0
        self.refused = 0
        self._windows: dict[tuple[str, str], _Window] = {}

    def admit(self, bucket: str, route: str, caller: str, now: datetime) -> float | None:
        """None when the request may pass, else the seconds until one would."""
        self.seen += 1
        key = (bucket, caller if self.policy.per_user else "")
        limit = self.policy.bars if bucket == "bars" else self.policy.general
        window = self._windows.setdefault(key, _Window())
        wait_s = self._wait_s(window, limit, now)
        if wait_s is None or self.policy.refused_count:
            self._take(window, limit, now)
        self.arrivals.append(Arrival(now, bucket, route, caller, wait_s is None))
        if wait_s is not None:
            self.refused += 1
        return wait_s

    def retry_after(self, wait_s: float, now: datetime) -> str | None:
        """The `Retry-After` header of a 429; None when the policy sends none."""
        if self.policy.retry_after_lie is not None:
            return self.policy.retry_after_lie
        match self.policy.retry_after:
            case "none":
                return None
            case "seconds":
                return str(max(1, -int(-wait_s // 1)))
            case "date":
                # HTTP dates have whole seconds; one more makes sure that the wait is over.
                return format_datetime(now + timedelta(seconds=wait_s + 1), usegmt=True)

    def _wait_s(self, window: _Window, limit: Limit, now: datetime) -> float | None:
        match self.policy.kind:
            case WindowKind.OFF:
                return None
            case WindowKind.SLIDING:
                span = timedelta(seconds=limit.window_s)
                while window.times and now - window.times[0] > span:
                    window.times.popleft()
                if len(window.times) < limit.count:
                    return None
                return (window.times[-limit.count] + span - now).total_seconds()
            case WindowKind.FIXED:
                seconds = now.timestamp()
                mark = int(seconds // limit.window_s)
                if mark != window.mark:
                    window.mark, window.counted = mark, 0
                if window.counted < limit.count:
                    return None
                return (mark + 1) * limit.window_s - seconds
            case WindowKind.BUCKET:
                rate = limit.count / limit.window_s
                if window.filled_at is None:
                    window.permits = float(limit.count)
                else:
                    passed_s = max(0.0, (now - window.filled_at).total_seconds())
                    window.permits = min(float(limit.count), window.permits + passed_s * rate)
                window.filled_at = now
                return None if window.permits >= 1.0 else (1.0 - window.permits) / rate

    def _take(self, window: _Window, limit: Limit, now: datetime) -> None:
        match self.policy.kind:
            case WindowKind.SLIDING:
                window.times.append(now)
                if len(window.times) > limit.count:
                    window.times.popleft()
            case WindowKind.FIXED:
                window.counted += 1
            case WindowKind.BUCKET:
                window.permits = max(0.0, window.permits - 1.0)
            case WindowKind.OFF:
                pass
