"""What follows when time did something else than pass: see `core.clockwatch`.

After a sleep or a set clock nothing that was believed is fresh: every account goes to REDUCE_ONLY, all
timers look again, and the accounts are read anew before they open. A blocked loop is only told: it is
the program's own, and most often a slow callback.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from topstepx.clock import NANOSECONDS
from topstepx.core.clockwatch import EVERY_S, ClockWatch, Jump, Reading
from topstepx.desk.complaint import Complaint
from topstepx.errors import TopstepxError
from topstepx.events import AlarmRaised, ModeCauseAdded, ModeCauseCleared

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from topstepx.clock import Clock
    from topstepx.core.backoff import Backoff
    from topstepx.desk.record import Record
    from topstepx.desk.recovery import Recovery

_LOG = logging.getLogger("topstepx.clock")
CAUSE = "clock_jumped"


class Timekeeper:
    """`run` it. `slept` hears of a sleep and its seconds at once; `look_again` are the parts whose timers stood still."""

    def __init__(
        self,
        record: Record,
        recovery: Recovery,
        clock: Clock,
        *,
        slept: Callable[[float], None],
        blocked: Callable[[float], None] | None = None,
        look_again: Sequence[Callable[[], None]],
        spawn: Callable[[Coroutine[Any, Any, None], str], object],
        backoff: Backoff,
        jitter: Callable[[], float],
    ) -> None:
        self._record = record
        self._recovery = recovery
        self._clock = clock
        self._slept = slept
        self._blocked = blocked
        self._look_again = look_again
        self._spawn = spawn
        self._backoff = backoff
        self._jitter = jitter
        self._jumps = 0

    async def run(self) -> None:
        """Look once a second; runs until cancelled."""
        watch = ClockWatch(self._read())
        while True:
            await asyncio.sleep(EVERY_S)
            for jump in watch.look(self._read()):
                self._happened(jump)

    def _read(self) -> Reading:
        loop_ns = round(asyncio.get_running_loop().time() * NANOSECONDS)
        return Reading(self._clock.monotonic_ns(), loop_ns, self._clock.now())

    def _happened(self, jump: Jump) -> None:
        _LOG.warning("%s", jump.words)
        if jump.kind == "blocked":
            if self._blocked is not None:
                self._blocked(jump.seconds)
            self._alarm(
                "loop_blocked",
                f"{jump.words}: quotes, fills and stops waited. Look for a slow callback.",
            )
            return
        if jump.kind == "slept":
            self._slept(jump.seconds)
        at = self._record.stamp()
        self._record.commit(ModeCauseAdded(at=at, reason=CAUSE, account_id=None, detail=jump.words))
        self._alarm(CAUSE, f"{jump.words}. Nothing opens a position until all is read again.")
        for look in self._look_again:
            look()
        self._jumps += 1
        self._spawn(self._resync(self._jumps), "read again after the clock jumped")

    async def _resync(self, number: int) -> None:
        """Read every account until it succeeds or the clock jumped once more."""
        attempt, complaint = (
            0,
            Complaint(_LOG, "reading after the clock jumped failed, trying again"),
        )
        while number == self._jumps:
            try:
                for account_id in self._recovery.accounts:
                    await self._recovery.snapshot(account_id, origin="reconciled")
            except TopstepxError as error:
                complaint.failed(error)
                await asyncio.sleep(self._backoff.delay_s(attempt, self._jitter))
                attempt += 1
                continue
            if number == self._jumps:
                at = self._record.stamp()
                self._record.commit(ModeCauseCleared(at=at, reason=CAUSE, account_id=None))
            return

    def _alarm(self, name: str, detail: str) -> None:
        self._record.commit(AlarmRaised(at=self._record.stamp(), name=name, detail=detail))
