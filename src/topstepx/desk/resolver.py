"""The resolver: finds out by itself what became of orders whose answer was lost.

One task per open intent. It fences the contract (only exits pass), looks until there is evidence,
writes the evidence down and lifts the fence. An intent presumed absent stays watched: should its order
appear after all, it is cancelled while it works and reported loudly if it filled.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from topstepx.clock import NANOSECONDS
from topstepx.core.ledger_orders import OrderChanged
from topstepx.core.resolve import Fate, Finding, Search, highest_id, same_tag
from topstepx.events import (
    AlarmRaised,
    Event,
    IntentResolved,
    ModeCauseAdded,
    ModeCauseCleared,
    OrderObserved,
)
from topstepx.wire.models import PlaceRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from topstepx.clock import Clock
    from topstepx.core.ledger import Change
    from topstepx.core.ledger_intents import IntentBelief
    from topstepx.desk.evidence import Evidence
    from topstepx.desk.record import Record
    from topstepx.events import Verdict
    from topstepx.wire.models import OrderModel

_LOG = logging.getLogger("topstepx.orders")
_LOOK_BACK = timedelta(seconds=120)
"""How far before the sending to start looking: clocks disagree."""

_ZOMBIE_EVERY_S = 30.0
_VERDICTS: dict[Fate, Verdict] = {
    Fate.ACCEPTED: "accepted",
    Fate.REFUSED: "refused",
    Fate.PRESUMED_ABSENT: "presumed_absent",
}


class Resolver:
    """Resolves every open order intent; `start` it for one, `wait` for its verdict."""

    def __init__(
        self,
        record: Record,
        evidence: Evidence,
        clock: Clock,
        *,
        spawn: Callable[[Coroutine[Any, Any, None], str], object],
        cancel: Callable[[OrderModel], Awaitable[object]],
    ) -> None:
        self._record = record
        self._evidence = evidence
        self._clock = clock
        self._spawn = spawn
        self._cancel = cancel
        self._searches: dict[str, Search] = {}
        self._found: dict[str, asyncio.Event] = {}
        self._wake: dict[str, asyncio.Event] = {}
        self._cancel_wanted: set[str] = set()
        record.listen(self._on_fact)

    # -- for callers

    def start(self, intent_id: str, sent_ns: int) -> None:
        """Fence the contract of an open order intent and look for its order until it is found."""
        intent = self._record.ledger.intent(intent_id)
        if intent is None or intent.recorded is None or intent_id in self._searches:
            return
        request = msgspec.json.decode(intent.recorded.body, type=PlaceRequest)
        before = [
            belief.order
            for belief in self._record.ledger.orders(intent.account_id)
            if belief.order.creation_timestamp < intent.recorded.at
            and not same_tag(belief.order.custom_tag, intent.recorded.tag)
        ]
        search = Search(request, sent_ns, highest_id(before))
        self._searches[intent.intent_id] = search
        self._found[intent.intent_id] = asyncio.Event()
        self._wake[intent.intent_id] = asyncio.Event()
        self._fence(intent, raised=True)
        self._spawn(self._resolve(intent, search), f"resolve {intent.intent_id}")

    async def wait(self, intent_id: str, timeout_s: float) -> Finding | None:
        """The verdict on an intent, or None when there is none within `timeout_s`."""
        search, found = self._searches.get(intent_id), self._found.get(intent_id)
        if search is None or found is None:
            return None
        try:
            async with asyncio.timeout(timeout_s):
                await found.wait()
        except TimeoutError:
            return None
        return search.finding

    def want_cancelled(self, intent_id: str) -> None:
        """The trader wants this unresolved order gone: cancel it on sight."""
        self._cancel_wanted.add(intent_id)
        self._wake_up(intent_id)

    # -- looking

    async def _resolve(self, intent: IntentBelief, search: Search) -> None:
        recorded = intent.recorded
        if recorded is None:
            return
        since = recorded.at - _LOOK_BACK
        while not _is_found(search):
            await self._sleep(intent.intent_id, search.next_ns)
            if _is_found(search):  # the hub was faster
                break
            seen = await self._evidence.look(
                intent.account_id,
                search.request.contract_id,
                since,
                claimed=self._claimed(intent),
                siblings=self._siblings(intent, search),
            )
            search.looked(seen, self._clock.monotonic_ns())
        await self._decided(intent, search.finding)
        while _is_presumed(search):
            await asyncio.sleep(_ZOMBIE_EVERY_S)
            await self._evidence.look(
                intent.account_id,
                search.request.contract_id,
                since,
                claimed=frozenset(),
                siblings=0,
            )  # what it reads goes through the record, and `_on_fact` sees the tag

    async def _sleep(self, intent_id: str, until_ns: int) -> None:
        wake = self._wake[intent_id]
        wait_s = max(0.0, (until_ns - self._clock.monotonic_ns()) / NANOSECONDS)
        try:
            async with asyncio.timeout(wait_s):
                await wake.wait()
        except TimeoutError:
            return
        wake.clear()

    def _wake_up(self, intent_id: str) -> None:
        wake = self._wake.get(intent_id)
        if wake is not None:
            wake.set()

    def _claimed(self, intent: IntentBelief) -> frozenset[int]:
        return frozenset(
            other.order_id
            for other in self._record.ledger.intents(intent.account_id)
            if other.order_id is not None and other.intent_id != intent.intent_id
        )

    def _siblings(self, intent: IntentBelief, search: Search) -> int:
        mine = search.request
        return sum(
            other.finding is None
            and intent_id != intent.intent_id
            and (
                other.request.contract_id,
                other.request.side,
                other.request.type,
                other.request.size,
            )
            == (mine.contract_id, mine.side, mine.type, mine.size)
            for intent_id, other in self._searches.items()
        )

    # -- deciding

    async def _decided(self, intent: IntentBelief, finding: Finding | None) -> None:
        if finding is None:
            return
        if finding.fate is Fate.CONFLICT:
            self._record.commit(
                ModeCauseAdded(
                    at=self._record.stamp(),
                    account_id=intent.account_id,
                    contract_id=None,
                    reason="foreign_tag",
                    subject=intent.intent_id,
                    detail="; ".join(finding.evidence),
                )
            )
            self._found[intent.intent_id].set()
            return
        self._record.commit(
            IntentResolved(
                at=self._record.stamp(),
                intent_id=intent.intent_id,
                account_id=intent.account_id,
                verdict=_VERDICTS[finding.fate],
                order_id=finding.order.id if finding.order is not None else None,
                evidence=finding.evidence,
            )
        )
        self._fence(intent, raised=False)
        self._found[intent.intent_id].set()
        order = finding.order
        if intent.intent_id in self._cancel_wanted and order is not None:
            await self._cancel(order)

    def _fence(self, intent: IntentBelief, *, raised: bool) -> None:
        kind = ModeCauseAdded if raised else ModeCauseCleared
        self._record.commit(
            kind(
                at=self._record.stamp(),
                account_id=intent.account_id,
                contract_id=intent.recorded.contract_id if intent.recorded is not None else None,
                reason="unresolved_intent",
                subject=intent.intent_id,
            )
        )

    # -- what the hub and every read say

    def _on_fact(self, event: Event, changes: tuple[Change, ...]) -> None:
        if not isinstance(event, OrderObserved) or not self._searches:
            return
        if not any(isinstance(change, OrderChanged) for change in changes):
            return
        for intent_id, search in self._searches.items():
            presumed = _is_presumed(search)
            if _is_found(search) and not presumed:
                continue
            finding = search.heard(event.order)
            if finding is None:
                continue
            self._wake_up(intent_id)
            if presumed:
                self._spawn(self._zombie(intent_id, finding), f"zombie {intent_id}")

    async def _zombie(self, intent_id: str, finding: Finding) -> None:
        """An order that was taken for absent is there."""
        intent, order = self._record.ledger.intent(intent_id), finding.order
        if intent is None or order is None:
            return
        await self._decided(intent, finding)
        told = f"order {order.id} appeared after its intent was presumed absent"
        if not order.status.is_terminal:
            _LOG.warning("%s: it is being cancelled", told)
            await self._cancel(order)
        if order.fill_volume:
            self._record.commit(
                AlarmRaised(
                    at=self._record.stamp(),
                    name="unexpected_fill",
                    detail=f"{told} and filled {order.fill_volume}",
                    account_id=intent.account_id,
                )
            )
            await self._record.commit_durable(
                ModeCauseAdded(
                    at=self._record.stamp(),
                    account_id=intent.account_id,
                    contract_id=None,
                    reason="unexpected_fill",
                    subject=intent_id,
                    detail=told,
                )
            )


def _is_found(search: Search) -> bool:
    """Whether the search has come to a verdict, looked at anew."""
    return search.finding is not None


def _is_presumed(search: Search) -> bool:
    return search.finding is not None and search.finding.fate is Fate.PRESUMED_ABSENT
