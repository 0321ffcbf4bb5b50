"""How often a program may log in: once in 5 s and five times in 10 min, and never in a storm.

The fifth login of the ten minutes is kept for an exit: a program that used up its logins by losing
tokens must still get out of a position.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from topstepx.clock import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable

GAP_NS = 5 * NANOSECONDS
WINDOW_NS = 600 * NANOSECONDS
PER_WINDOW = 5
FOR_EXITS = 1


def next_login_ns(past_ns: Iterable[int], *, exit_waits: bool = False) -> int:
    """From when on (monotonic nanoseconds) another login may leave, after those of the past."""
    past = sorted(past_ns)
    if not past:
        return 0
    allowed = PER_WINDOW if exit_waits else PER_WINDOW - FOR_EXITS
    due_ns = past[-1] + GAP_NS
    if len(past) >= allowed:
        due_ns = max(due_ns, past[-allowed] + WINDOW_NS)
    return due_ns


class LoginBounds:
    """The logins of this process, and until when others (or an earlier run) hold it back."""

    def __init__(self) -> None:
        self._past: deque[int] = deque(maxlen=PER_WINDOW)
        self._held_until_ns = 0

    def next_ns(self, *, exit_waits: bool = False) -> int:
        """From when on the next login may leave."""
        return max(self._held_until_ns, next_login_ns(self._past, exit_waits=exit_waits))

    def leaves(self, now_ns: int) -> None:
        """A login leaves for the gateway."""
        self._past.append(now_ns)

    def take_back(self) -> None:
        """The last one certainly never left."""
        if self._past:
            self._past.pop()

    def hold(self, until_ns: int) -> None:
        """The log of all processes says: not before then."""
        self._held_until_ns = until_ns


class LoginLog(Protocol):
    """The port to the log that all processes and restarts share. Calls may block for milliseconds."""

    def claim(self, *, exit_waits: bool) -> float:
        """Seconds to wait before a login may leave; 0.0: it may now, and is written down."""
        ...

    def take_back(self) -> None:
        """The login claimed last by this object certainly never left."""
        ...
