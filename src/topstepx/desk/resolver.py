"""The resolver: finds out by itself what became of orders whose answer was lost.

One task per open intent. It fences the contract (only exits pass), looks until there is evidence,
writes the evidence down and lifts the fence. An intent presumed absent stays watched for a trading day:
should its order appear after all, it is cancelled while it works and reported loudly if it filled.

A close whose answer was lost is looked for in the same way, because a close that arrives late would
close whatever was opened in between.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

from topstepx.clock import NANOSECONDS
from topstepx.core.ownership import claimed_by_others, rival_closes
from topstepx.core.resolve import CloseSearch, Fate, Finding, Looking, PlaceSearch, Search
from topstepx.core.searches import looked_of, looks_from, makes_orders, noun_of, search_for
from topstepx.desk.evidence import Baseline, baseline_of
from topstepx.desk.shared_looks import SharedLooks
from topstepx.errors import RecordUnavailable, TopstepxError
from topstepx.events import (
    AlarmRaised,
    CancelWanted,
    Event,
    IntentAnswered,
    IntentRecorded,
    IntentResolved,
    ModeCauseAdded,
    ModeCauseCleared,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from topstepx.clock import Clock
    from topstepx.core.ledger import Change
    from topstepx.core.ledger_intents import IntentBelief
    from topstepx.core.resolve import Round
    from topstepx.desk.evidence import Evidence, Reading
    from topstepx.desk.record import Record
    from topstepx.desk.resending import Resending
    from topstepx.events import Verdict
    from topstepx.wire.models import OrderModel, PlaceRequest

_LOG = logging.getLogger("topstepx.orders")
WATCH_S = 24 * 3600 + 300.0
"""How long an intent that is presumed absent stays watched and counted: past the end of its session."""

_ZOMBIE_EVERY_S = 30.0
_TRADES_LAG_NS = 60 * NANOSECONDS
"""How long a position may be ahead of the lists of trades (assumed: seconds were seen)."""

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
        cancel: Callable[[int, int, str], Awaitable[object]],
    ) -> None:
        self._record = record
        self._evidence = evidence
        self._clock = clock
        self._spawn = spawn
        self._cancel = cancel
        self._shared = SharedLooks(record, evidence)
        self._searches: dict[str, Search] = {}
        self._decisions: dict[str, asyncio.Event] = {}
        self._wake: dict[str, asyncio.Event] = {}
        self._baselines: dict[str, Baseline | None] = {}
        self.resending: Resending | None = (
            None  # set by who builds both; None: nothing is sent twice
        )
        record.listen(self._on_fact, IntentRecorded, IntentAnswered, ModeCauseCleared)

    # -- for callers

    def start(self, intent_id: str, sent_ns: int) -> None:
        """Fence the contract of an open intent and look for its order until it is found."""
        intent = self._record.ledger.intent(intent_id)
        if intent is None or intent_id in self._searches:
            return
        search = search_for(intent, sent_ns)
        if search is None:
            return
        self._searches[intent_id] = search
        self._decisions[intent_id] = asyncio.Event()
        self._wake[intent_id] = asyncio.Event()
        self._fence(intent, raised=True)
        tag = intent.recorded.tag if intent.recorded is not None else None
        seen = self._record.ledger.order_by_tag(intent.account_id, tag) if tag else None
        if seen is not None:
            search.heard(seen.order)
        self._spawn(self._resolve(intent_id, search), f"resolve {intent_id}")

    def watch(self, intent_id: str, sent_ns: int) -> None:
        """Watch on for the order of an intent that an earlier run presumed absent."""
        intent = self._record.ledger.intent(intent_id)
        if intent is None or intent_id in self._searches:
            return
        search = search_for(intent, sent_ns)
        if search is None:
            return
        search.decide(Finding(Fate.PRESUMED_ABSENT, ("presumed absent by an earlier run",)))
        self._searches[intent_id] = search
        self._decisions[intent_id] = asyncio.Event()
        self._decisions[intent_id].set()
        self._wake[intent_id] = asyncio.Event()
        self._spawn(self._watch_on(intent_id, search), f"watch {intent_id}")

    async def wait(self, intent_id: str, timeout_s: float | None) -> Finding | None:
        """The verdict on an intent, or None when there is none within `timeout_s`."""
        search, decided = self._searches.get(intent_id), self._decisions.get(intent_id)
        if search is None or decided is None:
            return None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await decided.wait()
        return search.finding

    def looking(self, intent_id: str) -> Looking | None:
        """How far the search for an intent has come; None when nothing was ever looked for."""
        search = self._searches.get(intent_id)
        return search.looking(self._clock.monotonic_ns()) if search is not None else None

    async def want_cancelled(self, intent_id: str, account_id: int) -> None:
        """The trader wants this unresolved order gone: it is cancelled on sight, also after a restart."""
        with contextlib.suppress(RecordUnavailable):  # the wish stands in memory all the same
            await self._record.commit_durable(
                CancelWanted(at=self._record.stamp(), intent_id=intent_id, account_id=account_id)
            )
        self._wake_up(intent_id)

    def halt(self, intent_id: str, account_id: int, told: str) -> None:
        """Somebody else uses our names, or one order became two: a person has to look."""
        at = self._record.stamp()
        self._record.commit(
            AlarmRaised(at=at, name="foreign_tag", detail=told, account_id=account_id)
        )
        # In this very step: a person who releases it in the next must not be overruled by it.
        self._record.commit(
            ModeCauseAdded(
                at=at, account_id=account_id, reason="foreign_tag", subject=intent_id, detail=told
            )
        )
        self._spawn(self._written(), f"halt {intent_id}")

    async def _written(self) -> None:
        with contextlib.suppress(RecordUnavailable):  # it halts in memory all the same
            await self._record.written()

    # -- looking

    async def _resolve(self, intent_id: str, search: Search) -> None:
        seen_ns = self._clock.monotonic_ns()
        while not _is_decided(search):
            await self._sleep(intent_id, search.next_ns)
            intent = self._record.ledger.intent(intent_id)
            if intent is None or intent.recorded is None:
                return
            await self._sleep(intent_id, self._shared.next_ns(intent, search.contract_id, seen_ns))
            intent = self._record.ledger.intent(intent_id) or intent
            if _is_decided(search) or not intent.is_open:  # the hub was faster
                break
            reading = await self._shared.read(intent, search.contract_id, seen_ns)
            seen, seen_ns = self._round(intent, search, reading), reading.began_ns
            finding = search.looked(seen, self._clock.monotonic_ns(), reading.began_ns)
            looked = looked_of(intent, search, reading.began_ns, self._record.stamp())
            if looked is not None:
                self._record.commit(looked)
            if finding is None and self.resending is not None and isinstance(search, PlaceSearch):
                await self.resending.consider(intent_id, search, seen)
        self._baselines.pop(intent_id, None)
        await self._decided(intent_id, search)
        await self._watch_on(intent_id, search)

    def _round(self, intent: IntentBelief, search: Search, reading: Reading) -> Round:
        return self._evidence.round_of(
            intent.account_id,
            search.contract_id,
            reading,
            claimed=claimed_by_others(self._record.ledger, intent),
            siblings=self._siblings(intent, search),
            baseline=self._baseline(intent.intent_id, search),
        )

    def _baseline(self, intent_id: str, search: Search) -> Baseline | None:
        """The position to compare with, while trades may lag behind it; later the trades tell."""
        waited_ns = self._clock.monotonic_ns() - search.sent_ns
        return self._baselines.get(intent_id) if waited_ns < _TRADES_LAG_NS else None

    async def _watch_on(self, intent_id: str, search: Search) -> None:
        """Look now and then for what was presumed absent: what is read goes through the record."""
        ends_ns = search.sent_ns + round(WATCH_S * NANOSECONDS)
        while _is_presumed(search) and self._clock.monotonic_ns() < ends_ns:
            await asyncio.sleep(_ZOMBIE_EVERY_S)
            intent = self._record.ledger.intent(intent_id)
            if intent is None or intent.recorded is None:
                return
            await self._evidence.look(
                intent.account_id, search.contract_id, looks_from(intent.recorded)
            )

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

    def _siblings(self, intent: IntentBelief, search: Search) -> int:
        if isinstance(search, CloseSearch):
            return rival_closes(self._record.ledger, intent)
        return sum(
            other.finding is None
            and intent_id != intent.intent_id
            and isinstance(other, PlaceSearch)
            and isinstance(search, PlaceSearch)
            and _terms(other.request) == _terms(search.request)
            for intent_id, other in self._searches.items()
        )

    # -- deciding

    async def _decided(self, intent_id: str, search: Search) -> None:
        intent, finding = self._record.ledger.intent(intent_id), search.finding
        if finding is None or intent is None:
            return
        if finding.fate is Fate.CONFLICT:
            self.halt(intent_id, intent.account_id, "; ".join(finding.evidence))
            self._decisions[intent_id].set()
            return
        self._resolved(intent, finding)
        self._fence(intent, raised=False)
        self._decisions[intent_id].set()
        order = finding.order
        if not intent.cancel_wanted or (order is not None and order.status.is_terminal):
            return
        order_id = order.id if order is not None else intent.order_id
        if order_id is not None:
            await self._cancelled(intent.account_id, order_id, search.contract_id)

    def _resolved(self, intent: IntentBelief, finding: Finding) -> None:
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

    def cancel_wanted(self, order: OrderModel) -> None:
        """An order whose cancel an earlier run wanted was found: it is cancelled until it is over."""
        work = self._cancelled(order.account_id, order.id, order.contract_id)
        self._spawn(work, f"cancel wanted {order.id}")

    async def _cancelled(self, account_id: int, order_id: int, contract_id: str) -> None:
        try:
            await self._cancel(account_id, order_id, contract_id)
        except TopstepxError as error:
            self._record.commit(
                AlarmRaised(
                    at=self._record.stamp(),
                    name="cancel_failed",
                    detail=f"order {order_id} could not be cancelled: {error}",
                    account_id=account_id,
                )
            )

    def _fence(self, intent: IntentBelief, *, raised: bool) -> None:
        fenced: dict[str, Any] = {
            "at": self._record.stamp(),
            "account_id": intent.account_id,
            "contract_id": intent.recorded.contract_id if intent.recorded is not None else None,
            "reason": "unresolved_intent",
            "subject": intent.intent_id,
        }
        if raised:
            self._record.commit(ModeCauseAdded(detail=noun_of(intent), **fenced))
        else:
            self._record.commit(ModeCauseCleared(**fenced))

    # -- what is told meanwhile

    def sighted_open(self, intent: IntentBelief, order: OrderModel) -> None:
        """An order with the tag of an unresolved intent was seen (`desk.sightings` says so)."""
        search = self._searches.get(intent.intent_id)
        if search is not None and not _is_decided(search) and search.heard(order) is not None:
            self._wake_up(intent.intent_id)

    def sighted_dead(self, intent: IntentBelief, order: OrderModel) -> None:
        """An order whose intent was taken for dead was seen: it is cancelled, or reported if it filled."""
        search = self._searches.get(intent.intent_id)
        told = f"order {order.id} appeared after its intent was taken for {intent.state}"
        finding = Finding(Fate.ACCEPTED, (told,), order)
        if search is not None:
            search.decide(finding)
        self._resolved(intent, finding)
        self._spawn(self._zombie(intent.intent_id, order, told), f"zombie {intent.intent_id}")

    async def _zombie(self, intent_id: str, order: OrderModel, told: str) -> None:
        if not order.status.is_terminal:
            _LOG.warning("%s: it is being cancelled", told)
            await self._cancelled(order.account_id, order.id, order.contract_id)
        belief = self._record.ledger.order(order.id)
        filled = belief.filled if belief is not None else order.fill_volume
        if not filled:
            return
        at, detail = self._record.stamp(), f"{told} and filled {filled}"
        self._record.commit(
            AlarmRaised(at=at, name="unexpected_fill", detail=detail, account_id=order.account_id)
        )
        self._record.commit(
            ModeCauseAdded(
                at=at,
                account_id=order.account_id,
                reason="unexpected_fill",
                subject=intent_id,
                detail=detail,
            )
        )
        await self._written()

    def _on_fact(self, event: Event, _changes: tuple[Change, ...]) -> None:
        match event:
            case IntentRecorded(contract_id=str() as contract_id) if makes_orders(event):
                at = event.server_at or event.at
                self._baselines[event.intent_id] = baseline_of(
                    self._record.ledger, event.account_id, contract_id, at
                )
            case IntentAnswered():
                self._answered(event)
            case ModeCauseCleared(reason="foreign_tag") if event.subject in self._searches:
                self._released(event)
            case _:
                pass

    def _answered(self, event: IntentAnswered) -> None:
        if event.attempt == 1 and event.outcome in {"accepted", "refused", "not_sent"}:
            self._baselines.pop(event.intent_id, None)
        intent = self._record.ledger.intent(event.intent_id)
        if event.outcome != "accepted" or event.order_id is None or intent is None:
            return
        if intent.cancel_wanted and intent.recorded is not None and intent.recorded.contract_id:
            # It was wanted while the order was on its way, and who wanted it may be gone.
            contract_id = intent.recorded.contract_id
            work = self._cancelled(intent.account_id, event.order_id, contract_id)
            self._spawn(work, f"cancel wanted {event.order_id}")

    def _released(self, event: ModeCauseCleared) -> None:
        """A person looked at a conflict and released it: the intent is no longer waited for."""
        intent = self._record.ledger.intent(event.subject)
        if intent is None or not intent.is_open:
            return
        told = f"released by {event.released_by}"
        finding = Finding(Fate.PRESUMED_ABSENT, (told,))
        self._resolved(intent, finding)
        self._fence(intent, raised=False)


def _terms(request: PlaceRequest) -> tuple[object, ...]:
    return request.contract_id, request.side, request.type, request.size


def _is_decided(search: Search) -> bool:
    """Whether the search has come to a verdict, looked at anew."""
    return search.finding is not None


def _is_presumed(search: Search) -> bool:
    return search.finding is not None and search.finding.fate is Fate.PRESUMED_ABSENT
