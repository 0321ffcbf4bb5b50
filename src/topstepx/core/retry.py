"""Repeating reads: at most three attempts, and never more than a tenth of the traffic.

Only routes that are READ come here. A gateway in trouble is not helped by clients that ask three times
as often, so every first attempt earns a tenth of a repeat and every repeat spends a whole one: in good
times there is a reserve of ten, in a storm repeats die out by themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from topstepx.core.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable

ATTEMPTS_MAX: Final = 3
_EARNED: Final = 1
_PRICE: Final = 10
_RESERVE_MAX: Final = 100
_WAIT: Final = Backoff(base_s=0.3, cap_s=8.0)


class RetryBudget:
    """Says whether, and after how long, a read that failed is sent again. One per client."""

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self._saved = _RESERVE_MAX

    def first(self) -> None:
        """A read is sent for the first time."""
        self._saved = min(_RESERVE_MAX, self._saved + _EARNED)

    def again(self, failures: int) -> float | None:
        """How many seconds to wait before another attempt after so many; None: no more attempts."""
        if failures >= ATTEMPTS_MAX or self._saved < _PRICE:
            return None
        self._saved -= _PRICE
        return _WAIT.delay_s(failures - 1, self._jitter)

    @property
    def left(self) -> int:
        """How many repeats are saved up now."""
        return self._saved // _PRICE
