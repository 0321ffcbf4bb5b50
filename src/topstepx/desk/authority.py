"""The right to open positions: held per account, looked at before every send, lost when fenced.

Exits never ask here. A client without leases (the simulator, by default) has every right.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from topstepx.core.lanes import Lane
from topstepx.errors import ConfigurationError, ModeRefused, RecordUnavailable, TradingDisabled
from topstepx.events import AlarmRaised, ModeCauseAdded, ModeCauseCleared

if TYPE_CHECKING:
    from topstepx.desk.record import Record
    from topstepx.desk.write import Intent
    from topstepx.settings import Settings
    from topstepx.store.lease import Lease, Leases

_LOOK_EVERY_S = 1.0


class Authority:
    """Takes the lease of each account that is traded, and knows when it is lost."""

    def __init__(self, record: Record, settings: Settings, leases: Leases | None) -> None:
        self._record = record
        self._settings = settings
        self._leases = leases
        self._held: dict[int, Lease] = {}
        self._taking = asyncio.Lock()

    # -- taking

    async def take(self, account_id: int) -> bool:
        """Take the right to trade an account, if it can be had; else a cause says who has it.

        True: it is ours since now. What another process wrote into the journal meanwhile is read before
        that counts.
        """
        if self._leases is None or not may_enter(self._settings):
            return False
        if self._has(account_id):
            return False
        async with self._taking:  # our own second try would find the lock held: by us
            if self._has(account_id):
                return False
            lease = self._leases.lease(account_id)
            if not await self._try_take(account_id, lease):
                return False
            await self._begin(account_id, lease)
        return True

    def _has(self, account_id: int) -> bool:
        lease = self._held.get(account_id)
        return lease is not None and lease.is_taken

    async def _begin(self, account_id: int, lease: Lease) -> None:
        try:
            await self._record.catch_up()
        except BaseException:  # without it the right would rest on an old picture
            lease.release()
            raise
        self._held[account_id] = lease
        self._cause(account_id, "held_elsewhere", present=False)
        self._cause(account_id, "fenced", present=False)
        await self._latch_kills(account_id)

    async def _try_take(self, account_id: int, lease: Lease) -> bool:
        taking = asyncio.ensure_future(asyncio.to_thread(lease.try_take, self._record.stamp()))
        try:
            taken = await asyncio.shield(taking)
        except asyncio.CancelledError:
            taking.add_done_callback(lambda _: lease.release())  # nobody is left to use it
            raise
        except (OSError, ConfigurationError) as error:
            self._cause(account_id, "held_elsewhere", present=True, detail=str(error))
            return False
        if not taken:
            holder = lease.holder() or "a process that does not say its name"
            self._cause(account_id, "held_elsewhere", present=True, detail=holder)
        return taken

    async def _latch_kills(self, account_id: int) -> None:
        """A kill stays in force whatever the journal says: it may have been written without it."""
        if self._leases is None:
            return
        for whose in (account_id, None):
            kill = self._leases.kill(whose)
            if kill is None:
                continue
            latch = ModeCauseAdded(
                at=self._record.stamp(),
                account_id=whose,
                reason="killed",
                detail=f"by {kill.who}: {kill.why}",
            )
            with suppress(RecordUnavailable):  # it stands in memory, and in its own file
                await self._record.commit_durable(latch)

    async def resume(self, account_id: int | None, *, released_by: str) -> None:
        """A person gives the right back: kills end, and a lease that was fenced is taken anew."""
        if self._leases is None:
            return
        if self._leases.kill(account_id) is not None:
            await asyncio.to_thread(
                self._leases.raise_epoch,
                account_id,
                "release",
                self._record.stamp(),
                why=f"released by {released_by}",
            )
        for held_id, lease in self._held.items():
            if account_id in {None, held_id} and await self._try_take(held_id, lease):
                await self._record.catch_up()
                self._cause(held_id, "held_elsewhere", present=False)
                self._cause(held_id, "fenced", present=False)

    # -- looking

    def last_look(self, intent: Intent) -> None:
        """Nothing, if this may leave at this very moment; exits always may."""
        if intent.lane is Lane.ORDER:
            self.check(intent.account_id)

    def check(self, account_id: int) -> None:
        """Nothing, if this process may send an entry for the account at this very moment.

        Raises `TradingDisabled` for a client that opens nothing, `ModeRefused` when the right is not ours.
        """
        if self._settings.exits_only:
            msg = "This client only cancels and closes; it opens nothing."
            raise TradingDisabled(msg, next_step="Connect without exits_only.")
        if self._leases is None:
            return
        lease = self._held.get(account_id)
        if lease is None or not lease.is_taken:
            raise ModeRefused(
                f"Entries on account {account_id} are refused: this process does not hold the right to"
                " trade it.",
                mode="REDUCE_ONLY",
                causes=("held_elsewhere",),
                next_step="Await ready(account); it says who holds it.",
            )
        if not lease.is_current():
            detail = self._fenced(account_id, lease)
            raise ModeRefused(
                f"Entries on account {account_id} are refused: this process was fenced ({detail}).",
                mode="REDUCE_ONLY",
                causes=("fenced",),
                next_step="Look at the account; then resume(account) takes the right back.",
            )

    def is_ours(self, account_id: int) -> bool:
        """Whether this process is the one that trades the account, so that what is open there is its own."""
        if self._settings.exits_only:
            return False
        if self._leases is None:
            return True
        return self._has(account_id)

    def epoch(self, account_id: int) -> int:
        """The number of this process's turn on the account; 0 where there are no turns."""
        lease = self._held.get(account_id)
        return 0 if lease is None else lease.epoch

    async def run(self) -> None:
        """Notice being fenced also while nothing is sent."""
        if self._leases is None:
            return
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            for account_id, lease in self._held.items():
                if lease.is_taken and not lease.is_current():
                    self._fenced(account_id, lease)

    def _fenced(self, account_id: int, lease: Lease) -> str:
        notice = lease.fenced_by()
        if notice is None:
            detail = "its epoch file was changed or cannot be read"
        else:
            detail = f"{notice.kind} by {notice.who}" + (f", {notice.why}" if notice.why else "")
        causes = self._record.ledger.modes.causes(account_id)
        if not any(cause.reason == "fenced" for cause in causes):
            self._cause(account_id, "fenced", present=True, detail=detail)
            self._record.commit(
                AlarmRaised(
                    at=self._record.stamp(), name="fenced", detail=detail, account_id=account_id
                )
            )
            if notice is not None and notice.kind == "kill":
                self._record.commit(
                    ModeCauseAdded(
                        at=self._record.stamp(),
                        account_id=account_id,
                        reason="killed",
                        detail=detail,
                    )
                )
        return detail

    def close(self) -> None:
        """Give everything back."""
        for lease in self._held.values():
            lease.release()
        self._held.clear()

    def _cause(self, account_id: int, reason: str, *, present: bool, detail: str = "") -> None:
        if present:
            fact: ModeCauseAdded | ModeCauseCleared = ModeCauseAdded(
                at=self._record.stamp(), account_id=account_id, reason=reason, detail=detail
            )
        else:
            fact = ModeCauseCleared(at=self._record.stamp(), account_id=account_id, reason=reason)
        self._record.commit(fact)


def may_enter(settings: Settings) -> bool:
    """Whether this client may open positions at all."""
    return settings.may_trade and not settings.exits_only


def check_may_trade(settings: Settings) -> None:
    """Nothing, where orders may leave; raises `TradingDisabled` with what is missing."""
    environment = settings.environment
    if environment.simulated:
        return
    if not settings.trade:
        raise TradingDisabled(
            f"This client only reads: nothing may be placed, changed or closed at {environment.name}.",
            next_step=f'Connect with connect("{environment.name}", trade=True, max_contracts=N).',
        )
    if settings.limits.contracts_max is None and not settings.exits_only:
        raise TradingDisabled(
            f"trade=True at {environment.name} needs a bound on each position, and there is none.",
            next_step=f'Connect with connect("{environment.name}", trade=True, max_contracts=N).',
        )
