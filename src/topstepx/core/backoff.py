"""How long to wait before trying again: exponential, with full jitter.

Full jitter means a uniform choice between the floor and the exponential bound. A thousand clients that
were cut off together then come back spread over the whole interval instead of in waves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Backoff:
    """The waits of one kind of attempt, in seconds.

    Wait number n (from 0) is at most ``base_s * factor**n``, never above ``cap_s`` and never below
    ``floor_s``.
    """

    base_s: float = 0.3
    cap_s: float = 8.0
    floor_s: float = 0.0
    factor: float = 2.0

    def __post_init__(self) -> None:
        parts = (self.base_s, self.cap_s, self.floor_s, self.factor)
        if not all(math.isfinite(part) for part in parts):
            raise ValueError(f"{self}: every part must be a finite number.")
        if not (self.base_s > 0 and self.factor >= 1 and 0 <= self.floor_s <= self.cap_s):
            raise ValueError(f"{self}: needs base_s > 0, factor >= 1 and 0 <= floor_s <= cap_s.")

    def bound_s(self, attempt: int) -> float:
        """The longest wait number `attempt` (from 0) can be, in seconds."""
        if attempt <= 0:
            return max(self.floor_s, min(self.cap_s, self.base_s))
        # Compared as logarithms: factor**attempt would overflow long before a patient reconnect ends.
        if self.factor > 1 and attempt * math.log(self.factor) >= math.log(
            max(self.cap_s / self.base_s, 1.0)
        ):
            return self.cap_s
        return max(self.floor_s, min(self.cap_s, self.base_s * self.factor**attempt))

    def delay_s(self, attempt: int, jitter: Callable[[], float]) -> float:
        """Seconds to wait, chosen by `jitter` (a number in [0, 1)) between the floor and the bound."""
        bound_s = self.bound_s(attempt)
        chosen_s = self.floor_s + (bound_s - self.floor_s) * jitter()
        return min(max(chosen_s, self.floor_s), bound_s)
