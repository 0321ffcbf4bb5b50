"""Start is recovery: what an earlier run wanted, sent and left behind is found out before anything new.

The journal is read first. An intent without a definite answer may be at the gateway, even if the sending
itself is not written down; orders are looked for by the resolver, and what a cancel or a modify came to
is read off the order it was about. Orders under our installation's name that the journal does not know
mean that the journal is not the whole story (a restored backup, a new one): they are *orphans*, and the
account opens nothing until a person has looked.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from topstepx.clock import NANOSECONDS
from topstepx.core import tags
from topstepx.core.modifying import can_be_read
from topstepx.core.moot import may_arrive, settled_by
from topstepx.errors import RecordDamaged, RecordUnavailable
from topstepx.events import (
    AlarmRaised,
    ClientStarted,
    Event,
    ExitVerified,
    IntentRecorded,
    IntentResolved,
    ModeCauseAdded,
    ModeCauseCleared,
    OrphanFound,
)
from topstepx.version import __version__
from topstepx.wire.models import ModifyRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.core.ledger import Change
    from topstepx.core.ledger_intents import IntentBelief
    from topstepx.core.ledger_orders import OrderBelief
    from topstepx.desk.authority import Authority
    from topstepx.desk.record import Record
    from topstepx.desk.resolver import Resolver
    from topstepx.events import Verdict
    from topstepx.settings import Settings
    from topstepx.wire.models import AccountModel

_ABOUT_ORDERS = frozenset({"cancel", "modify"})
_GOES_ON_S = 900.0
"""How old a cancel may be to be repeated after a crash: an older one is no longer surely what is wanted."""
_WATCHED = timedelta(hours=26)
"""How long an order that was presumed absent may still show up: a trading day and a margin."""


class Starting:
    """Opens the record, and brings each account from the last run's end to this run's beginning."""

    def __init__(
        self,
        record: Record,
        authority: Authority,
        resolver: Resolver,
        settings: Settings,
        installation: str | None,
    ) -> None:
        self._record = record
        self._authority = authority
        self._resolver = resolver
        self._settings = settings
        self._installation = installation
        self.carry_on: Callable[[int], None] = lambda _account_id: None
        """What goes on of an earlier run, on one account; set by who builds both."""
        self._own: set[str] = set()
        self._verified: dict[int, str] = {}
        authority.retaken = self._take_up_others
        record.listen(self._on_fact, IntentRecorded)

    def _on_fact(self, event: Event, _changes: tuple[Change, ...]) -> None:
        if isinstance(event, IntentRecorded):
            self._own.add(event.intent_id)  # what is read back comes by here never

    async def open(self) -> None:
        """Read the journal back. One that cannot be used leaves the exits open and nothing else.

        A client for exits does not wait for the reading: what it closes and cancels it reads anew.
        """
        unusable: RecordUnavailable | None = None
        try:
            await self._record.open(replay=not self._settings.exits_only)
        except RecordUnavailable as error:
            unusable = error
            await self._record.keep_nothing(error)
        self._record.commit(
            ClientStarted(
                at=self._record.stamp(),
                environment=self._settings.environment.name,
                version=__version__,
            )
        )
        if unusable is None:
            return
        damaged = isinstance(unusable, RecordDamaged)
        reason = "journal_damaged" if damaged else "journal_unwritable"
        told = str(unusable)
        self._record.commit(AlarmRaised(at=self._record.stamp(), name=reason, detail=told))
        self._record.commit(ModeCauseAdded(at=self._record.stamp(), reason=reason, detail=told))

    # -- an account

    async def take(self, account_id: int) -> bool:
        """Take the right to trade it, where that is meant; whether it is ours newly."""
        return await self._authority.take(account_id)

    async def adopt(self, account: AccountModel) -> None:
        """After the account was read whole: find out what is open, and whose the orders are.

        Only in the process that trades the account: another one's orders may be under way right now.
        """
        self._look_at_exit(account)
        if not self._authority.is_ours(account.id):
            return
        for intent in self._record.ledger.open_intents(account.id):
            self._take_up(intent)
        self._watch_again(account.id)
        self.carry_on(account.id)
        await self._find_orphans(account.id)

    def _take_up(self, intent: IntentBelief) -> None:
        recorded = intent.recorded
        if recorded is None:
            return
        verdict, evidence = self._already(intent)
        if verdict is None:
            self._resolver.start(intent.intent_id, self._sent_ns(intent))
            return
        if recorded.action == "cancel" and verdict == "presumed_absent":
            self._cancel_again(intent)
        self._record.commit(
            IntentResolved(
                at=self._record.stamp(),
                intent_id=intent.intent_id,
                account_id=intent.account_id,
                verdict=verdict,
                order_id=recorded.order_id,
                evidence=(evidence,),
            )
        )

    def _take_up_others(self, account_id: int) -> None:
        """Look for what other processes sent while this one was fenced, and nobody has heard of since.

        A close of theirs may still arrive. What they changed and cancelled they saw to themselves.
        """
        for intent in self._record.ledger.open_intents(account_id):
            if intent.intent_id not in self._own:  # what this process sends it looks for itself
                self._resolver.start(intent.intent_id, self._sent_ns(intent))

    def _cancel_again(self, intent: IntentBelief) -> None:
        """A cancel that a crash cut off is repeated until the order is over, as it would have been."""
        recorded = intent.recorded
        if recorded is None or recorded.order_id is None or self._age_s(intent) > _GOES_ON_S:
            return
        belief = self._record.ledger.order(recorded.order_id)
        if belief is not None and not belief.is_terminal:
            self._resolver.cancel_wanted(belief.order)

    def _already(self, intent: IntentBelief) -> tuple[Verdict | None, str]:
        """What is known at once from the account as it was just read; None: it has to be looked for."""
        recorded = intent.recorded
        if recorded is not None and recorded.action in _ABOUT_ORDERS:
            return self._read_off(intent)
        flat = settled_by(self._record.ledger, intent)
        if flat is not None and not may_arrive(intent, self._age_s(intent)):
            return "accepted", flat
        return None, ""

    def _age_s(self, intent: IntentBelief) -> float:
        at = intent.recorded_at
        return 0.0 if at is None else (self._record.stamp() - at).total_seconds()

    def _sent_ns(self, intent: IntentBelief) -> int:
        """When it may have left: a close is as old as its record says.

        An order is looked for in full: for it only the time counts in which programs looked.
        """
        now_ns, recorded = self._record.now_ns(), intent.recorded
        if recorded is None or recorded.action == "place":
            looked_s = intent.looked.waited_s if intent.looked is not None else 0.0
            return now_ns - round(looked_s * NANOSECONDS)
        return now_ns - round(max(0.0, self._age_s(intent)) * NANOSECONDS)

    def _read_off(self, intent: IntentBelief) -> tuple[Verdict, str]:
        """What became of a cancel or a modify, by the order as it is now."""
        recorded = intent.recorded
        belief = None
        if recorded is not None and recorded.order_id is not None:
            belief = self._record.ledger.order(recorded.order_id)
        if recorded is None or belief is None:
            return "presumed_absent", "the order it was about is not listed"
        now = f"order {belief.id} is {belief.status.name} after the restart"
        if recorded.action == "cancel":
            return ("accepted" if belief.is_terminal else "presumed_absent"), now
        wanted = msgspec.json.decode(recorded.body, type=ModifyRequest)
        order = belief.order
        has = {
            "size": order.size,
            "limit_price": order.limit_price,
            "stop_price": order.stop_price,
        }
        same = can_be_read(wanted) and all(
            getattr(wanted, name) in {None, value} for name, value in has.items()
        )
        return ("accepted" if same else "presumed_absent"), f"{now}, with {has}"

    def _watch_again(self, account_id: int) -> None:
        """Orders presumed absent today may still appear."""
        now = self._record.stamp()
        for intent in self._record.ledger.intents(account_id):
            recorded = intent.recorded
            if intent.state != "presumed_absent" or recorded is None:
                continue
            if recorded.action not in _ABOUT_ORDERS and now - recorded.at < _WATCHED:
                self._resolver.watch(intent.intent_id, self._record.now_ns())

    async def _find_orphans(self, account_id: int) -> None:
        """Orders under our name that the journal does not know: a person must look."""
        ledger = self._record.ledger
        found = [
            belief
            for belief in ledger.orders(account_id)
            if self._is_ours_unknown(belief) and not ledger.is_orphan(belief.id)
        ]
        if not found:
            return
        ids = ", ".join(str(belief.id) for belief in found)
        cause = ModeCauseAdded(
            at=self._record.stamp(),
            account_id=account_id,
            reason="orphan_orders",
            detail=f"orders {ids}",
        )
        try:
            await self._record.commit_durable(cause)  # first, so that a crash here forgets nothing
        except RecordUnavailable:
            return  # the journal's own cause stands already; the latch holds for this run
        for belief in found:
            self._record.commit(
                OrphanFound(
                    at=self._record.stamp(),
                    account_id=account_id,
                    order_id=belief.id,
                    contract_id=belief.order.contract_id,
                    tag=belief.order.custom_tag or "",
                )
            )

    def _is_ours_unknown(self, belief: OrderBelief) -> bool:
        """Whether an order bears this installation's name and no intent of the journal's."""
        tag = belief.order.custom_tag
        if self._installation is None or tag is None or not tags.is_of(self._installation, tag):
            return False
        entry = tags.entry_tag(tag)
        return self._record.ledger.intent_by_tag(belief.order.account_id, entry) is None

    def _look_at_exit(self, account: AccountModel) -> None:
        """Say how it is known that the account can be left again, before its first entry."""
        belief = self._record.ledger.account(account.id)
        if belief is not None:
            account = belief.account  # the firm may have locked it while it was read
        trading = account.can_trade
        kind = ModeCauseCleared if trading else ModeCauseAdded
        self._record.commit(
            kind(at=self._record.stamp(), account_id=account.id, reason="account_cannot_trade")
        )
        if not trading:
            self._verified.pop(account.id, None)
            return
        how = (
            f"account flags read: canTrade is true, isVisible is {str(account.is_visible).lower()};"
            f" orders, positions and trades were read whole. No probe order was placed."
        )
        if self._verified.get(account.id) != how:
            self._verified[account.id] = how
            self._record.commit(
                ExitVerified(at=self._record.stamp(), account_id=account.id, how=how)
            )

    # -- what to tell

    def exit_of(self, account_id: int) -> str | None:
        """How the account's exit was verified; None: it was not."""
        return self._verified.get(account_id)

    def adopted(self, account_id: int) -> tuple[OrderBelief, ...]:
        """Working orders that an earlier run of this installation placed, legs included."""
        ledger = self._record.ledger
        found = []
        for belief in ledger.working(account_id):
            tag = belief.order.custom_tag
            intent = ledger.intent_by_tag(account_id, tags.entry_tag(tag)) if tag else None
            if intent is not None and intent.intent_id not in self._own:
                found.append(belief)
        return tuple(found)

    def orphans(self, account_id: int) -> tuple[OrderBelief, ...]:
        """Working orders under our name that the journal does not know."""
        working = self._record.ledger.working(account_id)
        return tuple(belief for belief in working if self._is_ours_unknown(belief))
