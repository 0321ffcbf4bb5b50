"""What happened at the simulator that is not on the wire: faults that struck, hands that interfered.

Kept for people who look (the page, `topstepx sim`) and for tests; the wire's own traffic is not here.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime  # noqa: TC003  saved states read it at run time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

KEPT = 5_000


class Noted(NamedTuple):
    """One line: its number (they never repeat), the simulated time, a kind and plain words."""

    number: int
    at: datetime
    kind: str
    text: str

    def plain(self) -> dict[str, object]:
        """The same for JSON."""
        return {
            "number": self.number,
            "at": self.at.isoformat(timespec="milliseconds"),
            "kind": self.kind,
            "text": self.text,
        }


class EventLog:
    """The last few thousand lines, oldest first."""

    def __init__(self) -> None:
        self._lines: deque[Noted] = deque(maxlen=KEPT)
        self._count = 0

    @property
    def count(self) -> int:
        """The number of the newest line; 0 before there is one."""
        return self._count

    def note(self, at: datetime, kind: str, text: str) -> None:
        """Write a line."""
        self._count += 1
        self._lines.append(Noted(self._count, at, kind, text))

    def take_up(self, lines: Iterable[Noted]) -> None:
        """Go on from the lines of an earlier run, with their numbers."""
        self._lines.extend(lines)
        self._count = self._lines[-1].number if self._lines else self._count

    def after(self, number: int = 0, most: int = KEPT) -> list[Noted]:
        """The lines behind that number, oldest first; at most the newest `most` of them."""
        found = [line for line in self._lines if line.number > number]
        return found[-most:] if most > 0 else []
