"""REST stands in for the user hub: from the moment it is missed until it is trusted again."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from topstepx.desk.complaint import Complaint
from topstepx.desk.lookout import RECENT, WHOLE_DAY
from topstepx.errors import TopstepxError
from topstepx.events import PollingStarted, PollingStopped

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from datetime import timedelta

    from topstepx.desk.lookout import Seen
    from topstepx.desk.record import Record
    from topstepx.desk.recovery import Recovery
    from topstepx.events import Source

_LOG = logging.getLogger("topstepx.hub")
EVERY_S: Final = 3.0
CALLS_PER_MINUTE: Final = 100
_CALLS_EACH: Final = 4
_LOOK_S: Final = 0.5
_WHOLE_EVERY: Final = 20
"""Every so many rounds the whole day is read: an old trade may have been voided."""


def pause_s(accounts: int) -> float:
    """Seconds from one round to the next, for so many accounts, inside the budget."""
    return max(EVERY_S, (_CALLS_EACH * accounts + 1) * 60 / CALLS_PER_MINUTE)


class Poller:
    """Looks at every account again and again while it is on."""

    def __init__(
        self,
        record: Record,
        recovery: Recovery,
        *,
        read_accounts: Callable[[Source], Awaitable[object]],
        spawn: Callable[[Coroutine[Any, Any, None], str], object],
    ) -> None:
        self._record = record
        self._recovery = recovery
        self._read_accounts = read_accounts
        self._spawn = spawn
        self.is_paused = False
        """Somebody else looks at the accounts meanwhile."""
        self.looked: Callable[[int, Seen], None] | None = None
        """Hears what each look showed."""
        self._reason: str | None = None
        self._round = 0
        self._told: set[int] = set()
        self._unanswered: dict[int | None, str] = {}
        self._complaint = Complaint(_LOG, "polling instead of the user hub")

    def _pause_s(self) -> float:
        accounts = len(self._recovery.accounts)
        return self._recovery.pause_s(_CALLS_EACH * accounts + 1, pause_s(accounts))

    @property
    def note(self) -> str | None:
        """What it does and why, for people; None while it is off."""
        if self._reason is None:
            return None
        pause = self._pause_s()
        note = f"REST is asked every {pause:.0f} s instead of the user hub ({self._reason})"
        if self._unanswered:
            note += f", in vain: {next(iter(self._unanswered.values()))}"
        return note

    @property
    def is_on(self) -> bool:
        """Whether it polls."""
        return self._reason is not None

    def start(self, reason: str) -> None:
        """Begin now; if it is on already, this is why it goes on."""
        was_on, self._reason = self._reason is not None, reason
        if was_on:
            return
        self._unanswered.clear()
        self._round += 1
        self._tell()
        self._spawn(self._run(self._round), "polling instead of the user hub")

    def stop(self) -> None:
        """The hub is trusted again."""
        if self._reason is None:
            return
        self._reason = None
        for account_id in sorted(self._told):
            at = self._record.stamp()
            self._record.commit(PollingStopped(at=at, account_id=account_id))
        self._told.clear()

    def _tell(self) -> None:
        for account_id in self._recovery.accounts:
            if account_id not in self._told and self._reason is not None:
                self._told.add(account_id)
                at = self._record.stamp()
                self._record.commit(
                    PollingStarted(at=at, account_id=account_id, reason=self._reason)
                )

    async def _run(self, number: int) -> None:
        loop = asyncio.get_running_loop()
        looks = 0
        while self._is(number):
            began_s = loop.time()
            self._tell()
            if self.is_paused:
                await asyncio.sleep(_LOOK_S)
                continue
            back = WHOLE_DAY if looks % _WHOLE_EVERY == 0 else RECENT
            looks += 1
            for account_id in self._recovery.accounts:
                if self._is(number) and not self.is_paused:
                    await self._quietly(self._look(account_id, back), account_id)
            if self._is(number):
                await self._quietly(self._read_accounts("poll"), None)
            pause = self._pause_s() - (loop.time() - began_s)
            await asyncio.sleep(max(0.5, pause))

    async def _look(self, account_id: int, back: timedelta) -> None:
        seen = await self._recovery.snapshot(
            account_id, origin="reconciled", source="poll", back=back
        )
        if self.looked is not None:
            self.looked(account_id, seen)

    def _is(self, number: int) -> bool:
        return self._reason is not None and number == self._round

    async def _quietly(self, reading: Awaitable[object], about: int | None) -> None:
        """Read; what fails is tried again in the next round, and its age tells everybody."""
        try:
            await reading
        except TopstepxError as error:
            self._complaint.failed(error, about)
            self._unanswered[about] = str(error)
        else:
            self._complaint.worked(about)
            self._unanswered.pop(about, None)
