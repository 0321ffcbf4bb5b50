"""Books that are not whole: a gateway tells a book once, to who asks for it, so it is asked for anew.

Where asking brings no Reset it is done ever more seldom: perhaps this gateway tells none. So it is where a
book breaks again soon: what breaks it, a record that nobody can read, say, may come every few seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from topstepx.clock import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Collection

FIRST_S: Final = 2.0
"""How long a Reset may come by itself."""

_MOST_S: Final = 600.0
_QUIET_S: Final = 30.0
"""How long a book must have been whole until its next break is a first one again."""


class BrokenBooks:
    """`due` once a second."""

    def __init__(self) -> None:
        self._broken: dict[str, int] = {}
        """Since when each Reset is waited for."""
        self._waits: dict[str, float] = {}
        """For how many seconds."""
        self._whole: dict[str, int] = {}
        """Since when those that broke lately are whole."""

    def due(self, broken: Collection[str], now_ns: int) -> tuple[str, ...]:
        """Which contracts to ask for now, given all whose book is not whole."""
        for contract_id in self._broken.keys() - set(broken):
            del self._broken[contract_id]
            self._whole[contract_id] = now_ns
        for contract_id, since_ns in list(self._whole.items()):
            if now_ns - since_ns >= _QUIET_S * NANOSECONDS:
                del self._whole[contract_id], self._waits[contract_id]
        due = []
        for contract_id in broken:
            self._whole.pop(contract_id, None)
            since_ns = self._broken.setdefault(contract_id, now_ns)
            wait_s = self._waits.setdefault(contract_id, FIRST_S)
            if now_ns - since_ns >= wait_s * NANOSECONDS:
                self._broken[contract_id] = now_ns
                self._waits[contract_id] = min(_MOST_S, 4 * wait_s)
                due.append(contract_id)
        return tuple(due)
