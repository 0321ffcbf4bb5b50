"""What stands in for a journal that cannot be used: it keeps nothing and promises nothing.

Exits need no record, so a client can still get out. Whatever waits for the disk is refused, with the
reason, so no entry can leave.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from topstepx.errors import RecordUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from topstepx.events import Event
    from topstepx.store.rows import Row


class UnwritableJournal:
    """A `Journal` that refuses with the reason why the real one cannot be used."""

    def __init__(self, why: RecordUnavailable) -> None:
        self._why = str(why)

    async def open(self) -> None:
        """Nothing to open."""

    def append(self, event: Event) -> None:
        """Forget a fact."""
        del event

    def append_durable(self, event: Event) -> Awaitable[None]:
        """Refuse."""
        del event
        refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        refused.set_exception(RecordUnavailable(self._why))
        refused.add_done_callback(asyncio.Future.exception)  # also when nobody awaits it
        return refused

    async def rows(self, after: int = 0, limit: int = 1000) -> list[Row]:
        """None are kept."""
        del after, limit
        return []

    async def flush(self) -> None:
        """Refuse: nothing is on the disk."""
        raise RecordUnavailable(self._why)

    async def close(self) -> None:
        """Nothing to let go of."""

    def watch(self, listener: Callable[[str | None], None]) -> None:
        """It never works again, so there is nothing to tell."""
        del listener
