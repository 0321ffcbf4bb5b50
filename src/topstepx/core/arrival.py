"""How unevenly requests travel, learnt from the answers.

The gateway counts when requests *arrive*. Two that leave a window apart arrive closer together when
the first was slow and the second fast, so the client's window must be longer by the spread of
latencies. Measured: without this a perfect log of 200 became 231 at the server with 0.1 s of spread.
"""

from __future__ import annotations

from bisect import insort
from typing import Final

from topstepx.clock import NANOSECONDS

LEAST_NS: Final = NANOSECONDS // 2
MOST_NS: Final = 5 * NANOSECONDS
_SAMPLES: Final = 4096
_AGE_NS: Final = 600 * NANOSECONDS
_ONE_IN: Final = 1000
_KEPT: Final = _SAMPLES // _ONE_IN + 1
_NO_LEAST_NS: Final = MOST_NS << 20


class ArrivalSpread:
    """The spread of latencies: 99.9th percentile minus the least, held between 0.5 and 5 seconds.

    Two generations of samples, and the wider answer counts: one slow request keeps the window long for
    at least ten minutes (or four thousand requests), so it is still long when the window that holds
    that request ends.
    """

    def __init__(self) -> None:
        self._since_ns: int | None = None
        self._count = 0
        self._least_ns = _NO_LEAST_NS
        self._slowest = [0] * _KEPT
        self._old_high_ns, self._old_least_ns = 0, _NO_LEAST_NS
        self.spread_ns = LEAST_NS

    def observe(self, latency_ns: int, now_ns: int) -> None:
        """Learn from one answer: nanoseconds from leaving until its answer was here."""
        if latency_ns < 0:
            return
        if self._since_ns is None:
            self._since_ns = now_ns
        if self._count >= _SAMPLES or now_ns - self._since_ns > _AGE_NS:
            self._old_high_ns, self._old_least_ns = self._high_ns(), self._least_ns
            self._since_ns, self._count, self._least_ns = now_ns, 0, _NO_LEAST_NS
            self._slowest = [0] * _KEPT
        self._count += 1
        if self._least_ns <= latency_ns <= self._slowest[0] and self._count % _ONE_IN:
            return  # neither end of the spread moves
        self._least_ns = min(self._least_ns, latency_ns)
        if latency_ns > self._slowest[0]:
            insort(self._slowest, latency_ns)
            del self._slowest[0]
        high_ns = max(self._high_ns(), self._old_high_ns)
        least_ns = min(self._least_ns, self._old_least_ns)
        self.spread_ns = min(max(high_ns - least_ns, LEAST_NS), MOST_NS)

    def _high_ns(self) -> int:
        """The 99.9th percentile: of so many samples, the slowest few are all that it needs."""
        return self._slowest[-1 - self._count // _ONE_IN]
