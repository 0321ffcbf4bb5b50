"""Whether somebody else keeps taking the session away from us.

The gateway says `GatewayLogout` on a hub when another program takes over. Once is a nuisance; twice
within five minutes is a fight that nobody wins, because each new login throws the other one out again.
One eviction may be told on both hubs: the second hub's word within ten seconds is the same one.
"""

from __future__ import annotations

from topstepx.clock import NANOSECONDS

_FIGHT_NS = 300 * NANOSECONDS
_SAME_NS = 10 * NANOSECONDS


class Evictions:
    """Counts evictions."""

    def __init__(self) -> None:
        self._last_ns: int | None = None
        self._hubs: set[str] = set()

    def add(self, hub: str, now_ns: int) -> bool:
        """A hub was told to log out; True if that makes it a fight."""
        last_ns = self._last_ns
        since_ns = None if last_ns is None else now_ns - last_ns
        if since_ns is not None and since_ns <= _SAME_NS and hub not in self._hubs:
            self._hubs.add(hub)
            return False
        self._last_ns, self._hubs = now_ns, {hub}
        return since_ns is not None and since_ns <= _FIGHT_NS

    def clear(self) -> None:
        """Forget them: a person says that it is over."""
        self._last_ns = None
        self._hubs.clear()
