"""Books that are not whole: a gateway tells a book once, to who asks for it, so it is asked for anew.

Where asking brings no Reset it is done ever more seldom: perhaps this gateway tells none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from topstepx.clock import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Collection

FIRST_S: Final = 2.0
"""How long a Reset may come by itself."""

_MOST_S: Final = 600.0


class BrokenBooks:
    """`due` once a second."""

    def __init__(self) -> None:
        self._waits: dict[str, tuple[int, float]] = {}
        """Since when each is waited for, and for how many seconds."""

    def due(self, broken: Collection[str], now_ns: int) -> tuple[str, ...]:
        """Which contracts to ask for now, given all whose book is not whole."""
        for contract_id in self._waits.keys() - set(broken):
            del self._waits[contract_id]
        due = []
        for contract_id in broken:
            since_ns, wait_s = self._waits.setdefault(contract_id, (now_ns, FIRST_S))
            if now_ns - since_ns >= wait_s * NANOSECONDS:
                self._waits[contract_id] = now_ns, min(_MOST_S, 4 * wait_s)
                due.append(contract_id)
        return tuple(due)
