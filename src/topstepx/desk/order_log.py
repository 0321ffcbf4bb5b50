"""What was told about one order: its first facts and its newest, and how many between them are not kept.

An order may be spoken of without end: a stop that trails is changed fifty thousand times a day. How it
came about and how it stands are what anybody asks for; what lies between is in the journal.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from topstepx.events import FactsLeftOut

if TYPE_CHECKING:
    from topstepx.events import Event

FIRST_KEPT: Final = 200
LAST_KEPT: Final = 800


class OrderLog:
    """The log of one order, or of an intent whose order has no id yet; `about` is that id."""

    def __init__(self, about: int | str) -> None:
        self._about = about
        self._first: list[Event] = []
        self._last: deque[Event] = deque(maxlen=LAST_KEPT)
        self._gone: Event | None = None
        self.noted = 0
        """How many facts there were, kept or not."""

    def note(self, event: Event) -> None:
        """One more."""
        self.noted += 1
        if len(self._first) < FIRST_KEPT:
            self._first.append(event)
            return
        if len(self._last) == LAST_KEPT:
            self._gone = self._last[0]
        self._last.append(event)

    @property
    def left_out(self) -> int:
        """How many are not kept."""
        return self.noted - len(self._first) - len(self._last)

    def facts(self) -> list[Event]:
        """Oldest first; where some are left out, one `FactsLeftOut` says how many."""
        if self._gone is None:
            return [*self._first, *self._last]
        gap = FactsLeftOut(
            at=self._gone.at,
            order_id=self._about if isinstance(self._about, int) else None,
            intent_id=self._about if isinstance(self._about, str) else None,
            left_out=self.left_out,
        )
        return [*self._first, gap, *self._last]


def missed_since(before: int, noted: int) -> int:
    """How many facts nobody can be told any more who was told the first `before` of `noted`."""
    return max(0, noted - LAST_KEPT - max(before, FIRST_KEPT))
