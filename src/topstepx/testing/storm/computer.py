"""What the programs of one user on one computer share, and what outlives a crash: twins of its files."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from topstepx.clock import NANOSECONDS
from topstepx.core.budget import Claim, Claimed, Foreign
from topstepx.core.logins import PER_WINDOW, next_login_ns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from topstepx.core.budget import Want
    from topstepx.testing.loop import LoopClock


class MemoryLogins:
    """The log of logins that outlives a crash: the twin of the file."""

    def __init__(self, clock: LoopClock) -> None:
        self._clock = clock
        self._past: deque[int] = deque(maxlen=PER_WINDOW)

    def claim(self, *, exit_waits: bool) -> float:
        """See `LoginLog.claim`."""
        now_ns = self._clock.monotonic_ns()
        wait_ns = next_login_ns(self._past, exit_waits=exit_waits) - now_ns
        if wait_ns > 0:
            return wait_ns / NANOSECONDS
        self._past.append(now_ns)
        return 0.0

    def take_back(self) -> None:
        """See `LoginLog.take_back`."""
        if self._past:
            self._past.pop()


class MemoryBudget:
    """The request log of one user on one computer: the twin of the file."""

    def __init__(self, clock: LoopClock) -> None:
        self.clock = clock
        self.since_ns = clock.monotonic_ns()
        self.attempts: list[tuple[str, int, int]] = []
        """Bucket, time, and the number of the program."""

    def of(self, number: int) -> BudgetView:
        """One program's connection to it."""
        return BudgetView(self, number)


class BudgetView:
    """One program's connection to the shared log; see `core.budget.BudgetStore`."""

    def __init__(self, budget: MemoryBudget, number: int) -> None:
        self._budget, self._number, self._seen = budget, number, 0

    def open(self) -> tuple[int, tuple[Foreign, ...]]:
        """Since when the log is complete, and what others sent."""
        return self._budget.since_ns, self._news()

    def claim(self, wants: Sequence[Want]) -> Claimed:
        """Write down and allow what fits."""
        now_ns, foreign = self._budget.clock.monotonic_ns(), self._news()
        claims = []
        for want in wants:
            granted = want.line is None or self._count(want, now_ns) < want.line
            if granted:
                self._budget.attempts.append((want.bucket, now_ns, self._number))
            claims.append(Claim(granted=granted, at_ns=now_ns))
        return Claimed(tuple(claims), foreign)

    def record(self, attempts: Sequence[Foreign]) -> None:
        """Write down what left while the log was out of reach."""
        self._budget.attempts += [(one.bucket, one.at_ns, self._number) for one in attempts]

    def release(self, bucket: str, at_ns: int) -> None:
        """Take back an own attempt: as old as if it had never been."""
        mine = (bucket, at_ns, self._number)
        if mine in self._budget.attempts:
            self._budget.attempts[self._budget.attempts.index(mine)] = (bucket, 0, self._number)

    def close(self) -> None:
        """Nothing to let go of."""

    def _count(self, want: Want, now_ns: int) -> int:
        since_ns = now_ns - want.window_ns
        return sum(
            bucket == want.bucket and at_ns >= since_ns
            for bucket, at_ns, _ in self._budget.attempts
        )

    def _news(self) -> tuple[Foreign, ...]:
        news = self._budget.attempts[self._seen :]
        self._seen = len(self._budget.attempts)
        return tuple(Foreign(bucket, at) for bucket, at, number in news if number != self._number)


class Computer:
    """A name that begins the tags of every run here, and what its programs share.

    `budget` is there where two programs run at once: one alone knows what it sent.
    """

    def __init__(self, installation: str, clock: LoopClock, *, shared: bool) -> None:
        self.installation = installation
        self.logins = MemoryLogins(clock)
        self.budget = MemoryBudget(clock) if shared else None
