"""The right to open positions: held per account, looked at before every send, lost when fenced.

Exits never ask here. A client without leases (the simulator, by default) needs no turn, but it looks at
the user's kill switch like every other.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from topstepx.core.lanes import Lane
from topstepx.core.mode import Operation
from topstepx.errors import ConfigurationError, ModeRefused, TradingDisabled
from topstepx.events import AlarmRaised, ModeCauseAdded, ModeCauseCleared

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.desk.record import Record
    from topstepx.desk.write import Intent
    from topstepx.settings import Settings
    from topstepx.store.kill_switch import KillView, Pulled
    from topstepx.store.lease import Lease, Leases

_LOOK_EVERY_S = 1.0


class Authority:
    """Takes the lease of each account that is traded, and knows when it is lost."""

    def __init__(
        self,
        record: Record,
        settings: Settings,
        leases: Leases | None,
        kills: KillView | None = None,
    ) -> None:
        self._record = record
        self._settings = settings
        self._leases = leases
        self._kills = kills
        self._watched: set[int] = set()
        self._held: dict[int, Lease] = {}
        self._taking = asyncio.Lock()
        self.retaken: Callable[[int], None] = lambda _account_id: None
        """Told of an account that a person gave back, before anything may enter; set by who builds both."""

    # -- taking

    async def take(self, account_id: int) -> bool:
        """Take the right to trade an account, if it can be had; else a cause says who has it.

        True: it is ours since now. What another process wrote into the journal meanwhile is read before
        that counts.
        """
        if not may_enter(self._settings):
            return False
        if account_id not in self._watched:
            self._watched.add(account_id)
            self._follow_switch(account_id)
        if self._leases is None or self._has(account_id):
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
        self._follow_switch(account_id)  # the journal may tell of a kill that was released since

    async def _try_take(self, account_id: int, lease: Lease) -> bool:
        taking = asyncio.ensure_future(asyncio.to_thread(lease.try_take, self._record.stamp()))
        try:
            taken = await asyncio.shield(taking)
        except asyncio.CancelledError:
            taking.add_done_callback(lambda _: lease.release())  # nobody is left to use it
            raise
        except (OSError, ConfigurationError) as error:
            self._cause(account_id, "lease_unusable", present=True, detail=str(error))
            return False
        self._cause(account_id, "lease_unusable", present=False)
        if not taken:
            holder = lease.holder() or "a process that does not say its name"
            self._cause(account_id, "held_elsewhere", present=True, detail=holder)
        return taken

    async def resume(self, account_id: int | None) -> None:
        """A person gives the right back: a lease that was fenced is taken anew.

        Raises `ModeRefused` while the kill switch stands: that is released with `topstepx kill --release`
        and by nothing that a program does.
        """
        for held_id, lease in tuple(self._held.items()):
            if account_id in {None, held_id} and await self._try_take(held_id, lease):
                await self._record.catch_up()
                self.retaken(held_id)
                self._cause(held_id, "held_elsewhere", present=False)
                self._cause(held_id, "fenced", present=False)
        for watched_id in sorted(self._watched):
            if account_id in {None, watched_id}:
                self._follow_switch(watched_id)
                self._check_switch(watched_id)

    # -- the kill switch

    def _follow_switch(self, account_id: int) -> None:
        """What the record believes about kills becomes what the switch says.

        Only at a start and when a person resumes: a program that was stopped does not run on by itself.
        """
        if self._kills is None:
            return
        kill = self._kills.on(account_id)
        if kill is not None:
            self._killed(account_id, kill)
            return
        for cause in self._record.ledger.modes.causes(account_id):
            if cause.reason == "killed":
                self._record.commit(
                    ModeCauseCleared(
                        at=self._record.stamp(),
                        account_id=cause.account_id,
                        reason="killed",
                        released_by=self._kills.switch.released_by() or "the kill switch is off",
                    )
                )

    def _check_switch(self, account_id: int) -> None:
        kill = self._kills.on(account_id) if self._kills is not None else None
        if kill is not None:
            self._killed(account_id, kill)
            self._record.ledger.modes.check(Operation.ENTRY, account_id)

    def _killed(self, account_id: int, kill: Pulled) -> None:
        """Latch it here too, once, so that it is shown and survives in the journal."""
        if any(c.reason == "killed" for c in self._record.ledger.modes.causes(account_id)):
            return
        detail = str(kill)
        self._cause(account_id, "killed", present=True, detail=detail)
        alarm = AlarmRaised(
            at=self._record.stamp(), name="killed", detail=detail, account_id=account_id
        )
        self._record.commit(alarm)

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
        self._check_switch(account_id)
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
        """Notice being fenced or killed also while nothing is sent."""
        if self._leases is None and self._kills is None:
            return
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            for account_id in self._watched:
                kill = self._kills.on(account_id) if self._kills is not None else None
                if kill is not None:
                    self._killed(account_id, kill)
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
