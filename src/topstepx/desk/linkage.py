"""What a link's lives mean for the accounts and for whoever listens.

The user hub is trusted from the moment two looks at every account agree until its link ends or it is
found deaf. While it is not, every account is REDUCE_ONLY and REST polling stands in for it. What was
missed is told as it would have been, marked `reconciled`, before what the new life tells.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from topstepx.core.link_effects import Changed, LinkState
from topstepx.desk.complaint import Complaint
from topstepx.desk.fill_watch import FillWatch
from topstepx.desk.hub_watch import HubWatch
from topstepx.desk.polling import Poller
from topstepx.errors import TopstepxError
from topstepx.events import (
    AlarmRaised,
    GapSuspected,
    HubClosed,
    HubContested,
    HubDegraded,
    HubReconnected,
    HubReconnecting,
    LinkConnecting,
    LinkDown,
    LinkLive,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from datetime import datetime

    from topstepx.core.backoff import Backoff
    from topstepx.desk.intake import Intake
    from topstepx.desk.market import MarketData
    from topstepx.desk.record import Record
    from topstepx.desk.recovery import Recovery
    from topstepx.events import Hub, Source
    from topstepx.net.hub import HubLink

_LOG = logging.getLogger("topstepx.hub")
_PAUSE_S: Final = 0.5
_LOOKS: Final = 2
_MOVE_TRIES: Final = 3
_STALL_S: Final = 10.0
_WAKES_IN: Final = timedelta(seconds=30)
"""How long after a sleep a hub may be found lost that was lost in it."""


class Linkage:
    """Listens to both links."""

    def __init__(
        self,
        record: Record,
        recovery: Recovery,
        market: MarketData,
        intake: Intake,
        hub: HubLink,
        *,
        read_accounts: Callable[[Source], Awaitable[object]],
        spawn: Callable[[Coroutine[Any, Any, None], str], object],
        backoff: Backoff,
        jitter: Callable[[], float],
    ) -> None:
        self._record = record
        self._recovery = recovery
        self._market = market
        self._intake = intake
        self._hub = hub
        self._read_accounts = read_accounts
        self._spawn = spawn
        self._backoff = backoff
        self._jitter = jitter
        self._life: int | None = None
        self._is_trusted = False
        self._lost_at: dict[Hub, datetime] = {}
        """Since when nothing that it tells can be relied upon: when it was last heard."""
        self._stood_still: tuple[datetime, datetime] | None = None
        self._lost_why = ""
        intake.suspect = self.suspect
        self.poller = Poller(record, recovery, read_accounts=read_accounts, spawn=spawn)
        self.watch = HubWatch(
            hub,
            record,
            recovery,
            intake,
            deaf=self._deaf,
            hears=self._hears,
            read_accounts=read_accounts,
            spawn=spawn,
        )
        self.poller.looked = self.watch.looked
        intake.look = self.watch.look
        recovery.missing = self._missing
        self.fills = FillWatch(record, intake, self.watch)

    @property
    def notes(self) -> tuple[str, ...]:
        """What stands in for the user hub, in words."""
        return tuple(note for note in (self.poller.note, self.watch.note) if note is not None)

    def kept_ns(self, account_id: int) -> int | None:
        """When the trusted user hub, which would tell all of the account, last gave a sign of life."""
        if not self._is_trusted or not self.watch.is_proven:
            return None
        return self._hub.link.heard_ns if account_id in self._recovery.accounts else None

    # -- the user hub

    def user(self, change: Changed) -> None:
        """The user hub's link is in another state."""
        self._tell("user", change)
        match change.state:
            case LinkState.SUBSCRIBING if self._recovery.accounts and not self._is_trusted:
                self._intake.hold()
            case LinkState.RECOVERING:
                self._heard(change.generation)
            case LinkState.LIVE:
                self._live(change.generation)
            case _ if change.state.is_down:
                self._down(change)

    def _heard(self, generation: int) -> None:
        """Every stream is confirmed: nothing is missed from here on."""
        if self._is_trusted:
            self._spawn(self._moving(generation), "look while moving to a new token")
            return
        self._life = generation
        if self._recovery.accounts:
            self._spawn(self._recover(generation), "recover after the user hub came back")
        else:
            self._intake.release()
            self._hub.recovered(generation)
            # The list of accounts was read before this hub told anything: what filled in between
            # has moved the balance, and nobody tells that again.
            self._spawn(self._read_balances("rest"), "look at balances")

    def _live(self, generation: int) -> None:
        self._life, self._is_trusted = generation, True
        if not self.watch.is_deaf:
            self.poller.stop()
        self.watch.begin(generation)

    def _down(self, change: Changed) -> None:
        self._life, self._is_trusted = None, False
        self.poller.is_paused = False
        self.watch.end()
        self._intake.release()
        ours = change.reason == "closed by us"
        self._recovery.hub_lost(given_up=change.state is LinkState.CLOSED and not ours)
        if self._recovery.accounts and not ours:
            self.poller.start(change.reason)

    async def _recover(self, generation: int) -> None:
        self.poller.is_paused = True
        try:
            found = await self._look_until_level(generation)
        finally:
            if generation == self._life:
                self.poller.is_paused = False
        if generation == self._life:
            await self._finish(generation, found)

    async def _look_until_level(self, generation: int) -> int:
        """Look until two looks agree, account by account, or this life of the hub is over."""
        looks = dict.fromkeys(self._recovery.accounts, 0)
        for account_id in looks:
            self._recovery.recovering(account_id)
        found = failures = 0
        complaint = Complaint(_LOG, "reading after a reconnect failed, trying again")
        while looks and generation == self._life:
            failed = False
            for account_id in list(looks):
                try:
                    seen = await self._recovery.snapshot(account_id, origin="reconciled")
                except TopstepxError as error:  # one account's trouble does not hold the others up
                    complaint.failed(error, account_id)
                    failed, looks[account_id] = True, 0
                    continue
                complaint.worked(account_id)
                if generation != self._life:
                    return found
                found += seen.news
                looks[account_id] += 1
                if looks[account_id] >= _LOOKS and seen.agrees:
                    del looks[account_id]
                    self._recovery.level(account_id)
            self._intake.release()
            failures = failures + 1 if failed else 0
            if looks:
                await asyncio.sleep(
                    self._backoff.delay_s(failures, self._jitter) if failed else _PAUSE_S
                )
        return found

    async def _finish(self, generation: int, found: int) -> None:
        await self._read_balances("reconciled")
        if generation != self._life:
            return
        self._hub.recovered(generation)
        self._told_back("user", generation, found)

    async def _read_balances(self, source: Source) -> None:
        try:
            await self._read_accounts(source)
        except TopstepxError as error:
            _LOG.warning("balances could not be read after a connect: %s", error)
            self.watch.money_unread()

    async def _moving(self, generation: int) -> None:
        """Both lines are heard, so nothing is missed: look all the same, then move."""
        trusted = self._life
        for _ in range(_MOVE_TRIES):
            try:
                for account_id in self._recovery.accounts:
                    await self._recovery.snapshot(account_id, origin="reconciled")
            except TopstepxError as error:
                _LOG.warning("reading while moving to a new token failed: %s", error)
                await asyncio.sleep(self._backoff.delay_s(1, self._jitter))
            else:
                break
        if self._is_trusted and self._life == trusted:  # lost meanwhile: then it is recovery's
            self._hub.recovered(generation)

    def _missing(self) -> None:
        """An account became ready while the hub is away, perhaps the first, so that nobody polled."""
        if not self.poller.is_on:
            self.poller.start("the user hub is not connected")

    # -- connected and not to be trusted

    def _deaf(self, reason: str) -> None:
        self._recovery.deaf(present=True, detail=reason)
        self._degraded("user", f"the user hub is deaf: {reason}")
        self.poller.start(f"the user hub is deaf: {reason}")

    def _hears(self) -> None:
        self._recovery.deaf(present=False)
        self.poller.stop()
        if self._life is not None:
            self._told_back("user", self._life, 0)

    def resume(self) -> None:
        """A person's release: a hub that was given up or contested is tried again, a doubted one trusted."""
        self._hub.resume()
        self.watch.resume()

    def suspect(self, reason: str) -> None:
        """Something on the user hub was lost: look at once."""
        self.watch.suspect(reason)

    def stalled(self, seconds: float) -> None:
        """We ourselves did nothing for so long: what came meanwhile may be lost."""
        if seconds >= _STALL_S:
            reason = f"this program stood still for {seconds:.0f} s"
            self._missed(seconds, reason)
            if self._record.ledger.link("market") is not None:
                at = self._record.stamp()
                self._record.commit(GapSuspected(at=at, hub="market", reason=reason))
            self.watch.suspect(reason)

    def slept(self, seconds: float) -> None:
        """The computer slept for so long: no book is whole, and the timekeeper has the accounts read."""
        self._missed(seconds, "the computer slept")

    def _missed(self, seconds: float, reason: str) -> None:
        """Nobody listened for so long: a hub that was lost meanwhile, or is found lost now, was lost then."""
        at = self._record.stamp()
        since = at - timedelta(seconds=seconds)
        self._stood_still = since, at
        for hub, lost_at in self._lost_at.items():
            self._lost_at[hub] = min(lost_at, since)
        self._market.gapped(since, reason)

    # -- the market hub

    def market(self, change: Changed) -> None:
        """The market hub's link is in another state."""
        self._tell("market", change)
        if change.state is LinkState.LIVE:
            since = self._lost_at.get("market")
            if since is not None:
                self._market.resumed(since, self._record.stamp(), self._lost_why)
                self._lost_why = ""
                self._told_back("market", change.generation, 0)
            else:
                self._market.gapped()  # moved to a new token: books begin anew, whole ones at once
        elif change.state.is_down:
            self._lost_why = self._lost_why or change.reason
            self._market.interrupted()

    # -- telling

    def _tell(self, hub: Hub, change: Changed) -> None:
        at, generation = self._record.stamp(), change.generation
        if change.state is LinkState.CONNECTING:
            self._record.commit(LinkConnecting(at=at, hub=hub, generation=generation))
        elif change.state is LinkState.LIVE:
            self._record.commit(LinkLive(at=at, hub=hub, generation=generation))
        elif change.state.is_down:
            self._record.commit(
                LinkDown(at=at, hub=hub, generation=generation, reason=change.reason)
            )
            self._told_down(hub, change)

    def _told_down(self, hub: Hub, change: Changed) -> None:
        if change.reason != "closed by us":
            self._degraded(hub, change.reason)
        at = self._record.stamp()
        match change.state:
            case LinkState.WAITING:
                self._record.commit(
                    HubReconnecting(
                        at=at,
                        hub=hub,
                        generation=change.generation,
                        attempt=change.attempt,
                        wait_s=change.wait_s or 0.0,
                        reason=change.reason,
                    )
                )
                if change.alarming:
                    detail = (
                        f"the {hub} hub was lost or not reached {change.attempt} times in a row, last: "
                        f"{change.reason.rstrip('.')}. The next try is in {change.wait_s or 0.0:.0f} s."
                    )
                    self._alarm("hub_unreachable", detail)
            case LinkState.CONTESTED:
                self._record.commit(HubContested(at=at, hub=hub, reason=change.reason))
            case _:
                self._record.commit(
                    HubClosed(at=at, hub=hub, generation=change.generation, reason=change.reason)
                )
                if change.reason != "closed by us":
                    detail = (
                        f"the {hub} hub is given up: {change.reason}. Release it with `resume`."
                    )
                    self._alarm("hub_closed", detail)

    def _degraded(self, hub: Hub, reason: str) -> None:
        """Once per outage."""
        if hub not in self._lost_at:
            at = self._record.stamp()
            self._lost_at[hub] = self._last_heard(hub, at)
            self._record.commit(HubDegraded(at=at, hub=hub, reason=reason))
            _LOG.warning("the %s hub cannot be relied upon: %s", hub, reason)

    def _last_heard(self, hub: Hub, at: datetime) -> datetime:
        """Until when a hub that is lost at `at` was heard: a dead one is found out half a minute later."""
        heard_ns = self._hub.link.heard_ns if hub == "user" else self._market.heard_ns
        silent_ns = self._record.now_ns() - heard_ns if heard_ns else 0
        since = at - timedelta(microseconds=silent_ns // 1000)
        if self._stood_still is not None and at - self._stood_still[1] <= _WAKES_IN:
            since = min(since, self._stood_still[0])
        return since

    def _told_back(self, hub: Hub, generation: int, found: int) -> None:
        since = self._lost_at.pop(hub, None)
        if since is not None:
            at = self._record.stamp()
            self._record.commit(
                HubReconnected(at=at, hub=hub, generation=generation, since=since, found=found)
            )
            _LOG.info("the %s hub is relied upon again", hub)

    def _alarm(self, name: str, detail: str) -> None:
        self._record.commit(AlarmRaised(at=self._record.stamp(), name=name, detail=detail))
