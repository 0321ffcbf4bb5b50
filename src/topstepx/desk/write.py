"""The write protocol: written down, sent once, and what came of it written down too.

The send runs on a task of its own, so a caller that is cancelled or times out never stops it half way;
what becomes of it is found in the record.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from topstepx.clock import NANOSECONDS
from topstepx.core import tags
from topstepx.core.lanes import Lane
from topstepx.core.outcome import Verdict
from topstepx.core.ownership import answered_id_is_foreign
from topstepx.desk.carrying import carried
from topstepx.desk.used_keys import note_of
from topstepx.desk.waiting import until
from topstepx.desk.wishes import Wishes
from topstepx.errors import AnswerLost, DeadlinePassed, NotSent, TopstepxError, sanitised
from topstepx.events import (
    Action,
    IntentAnswered,
    IntentRecorded,
    IntentResolved,
    IntentSent,
    Outcome,
)
from topstepx.net.rest import Sent
from topstepx.wire import codec, models
from topstepx.wire.enums import OrderStatus
from topstepx.wire.routes import Route

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from topstepx.clock import Clock
    from topstepx.desk.record import Record
    from topstepx.net.rest import Rest

_OUTCOMES: dict[Verdict, Outcome] = {
    Verdict.ACCEPTED: "accepted",
    Verdict.REFUSED: "refused",
    Verdict.NOT_EXECUTED: "not_executed",
    Verdict.DUPLICATE: "duplicate",
    Verdict.UNKNOWN: "unknown",
}

_SHOWS_WITHIN_S = 0.5
"""How long the hub may take to contradict an answer that says that nothing was done."""

_ANSWERED_OK = 200

_LOOKED_FOR: frozenset[Action] = frozenset({"place", "close", "partial_close"})
"""What makes an order, so that an unknown outcome is looked up among the orders."""


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be written and sent."""

    action: Action
    route: Route[Any, Any]
    request: models.Request
    account_id: int
    lane: Lane
    send_within_s: float
    timeout_s: float
    decided_ns: int | None = None
    """When it was decided on, from which `send_within_s` counts; None: now."""
    contract_id: str | None = None
    order_id: int | None = None
    intent_id: str = ""
    tag: str | None = None
    wishes: Wishes = Wishes()
    recheck: Callable[[], None] | None = None
    """Looks once more in the step in which it leaves; what it raises stops it."""


class Writer:
    """The one component that puts a mutating request on the wire.

    `installation` begins our tags. `last_look` is asked in the step in which an intent is handed to the
    wire; what it raises stops it. `epoch` gives the number of this process's turn on an account. `lost`
    is told of an order whose answer was lost, and by when (monotonic) it may still be sent.
    """

    def __init__(
        self,
        record: Record,
        rest: Rest,
        clock: Clock,
        *,
        chance: Callable[[int], bytes],
        spawn: Callable[[Coroutine[Any, Any, Sent], str], asyncio.Task[Sent]],
        unknown: Callable[[str, int], None],
        installation: str | None = None,
        last_look: Callable[[Intent], None] | None = None,
        epoch: Callable[[int], int] | None = None,
        lost: Callable[[Intent, int], None] | None = None,
    ) -> None:
        self._record = record
        self._rest = rest
        self._clock = clock
        self._chance = chance
        self._spawn = spawn
        self._unknown = unknown
        self._installation = installation or tags.installation_code(chance(tags.INSTALLATION_BYTES))
        self._last_look = last_look
        self._epoch = epoch
        self._lost = lost

    def name(self) -> tuple[str, str]:
        """A fresh intent id and its tag."""
        intent_id = tags.intent_id(self._chance(10), self._clock.now())
        return intent_id, tags.tag_of(self._installation, intent_id)

    async def write(self, intent: Intent, guard: Callable[[], None] | None = None) -> Sent:
        """Write down, send once, write down what came of it.

        `guard` looks once more, in the same step in which the intent becomes a fact, and raises what
        forbids it: two callers can therefore never pass it together. Raises what it raised, and what
        stopped the intent before it left (`RecordUnavailable`, `RateLimited`, `BreakerOpen`,
        `DeadlinePassed`, `AuthBroken`, `LoginRefused`); everything after that is in the answer.
        Cancelling the caller cancels nothing: the intent lives on.
        """
        told: asyncio.Future[Sent] = asyncio.get_running_loop().create_future()
        work = carried(partial(self._write, intent, guard), told)
        task = self._spawn(work, f"{intent.action} {intent.tag or ''}")
        task.add_done_callback(lambda _: told.cancel())  # it ended before it began
        return await told

    async def _write(self, intent: Intent, guard: Callable[[], None] | None) -> Sent:
        intent_id = intent.intent_id or self.name()[0]
        decided_ns = intent.decided_ns
        if decided_ns is None:
            decided_ns = self._clock.monotonic_ns()
        send_by_ns = decided_ns + round(intent.send_within_s * NANOSECONDS)
        if self._clock.monotonic_ns() >= send_by_ns:
            msg = "Getting ready took longer than the order's deadline, so it was not sent."
            raise DeadlinePassed(msg, next_step="Await ready(account) first; then decide anew.")
        if guard is not None:
            guard()
        await self._write_down(intent, intent_id)
        sent_ns = self._clock.monotonic_ns()
        if sent_ns >= send_by_ns:
            error = DeadlinePassed(
                "Writing it down took longer than the order's deadline, so it was not sent.",
                next_step="Decide anew; look at the disk of the journal if it happens again.",
            )
            self._answered(intent_id, intent.account_id, "not_sent", text=note_of(error))
            raise error
        leaves = partial(self._leaves, intent, intent_id)
        try:
            return await self._send(intent, intent_id, send_by_ns, leaves)
        finally:
            self._look_for(intent, intent_id, sent_ns, send_by_ns)

    def _look_for(self, intent: Intent, intent_id: str, sent_ns: int, send_by_ns: int) -> None:
        """Have an order looked for whose sending ended, in whatever way, without saying what became of it."""
        if (task := asyncio.current_task()) is None or task.cancelling():
            return  # the client is going: its next start looks
        belief = self._record.ledger.intent(intent_id)
        if intent.action in _LOOKED_FOR and belief is not None and belief.is_open:
            if self._lost is not None and intent.action == "place":
                self._lost(intent, send_by_ns)
            self._unknown(intent_id, sent_ns)  # here, so that it also happens when nobody waits

    async def send_again(
        self, intent: Intent, send_by_ns: int, guard: Callable[[], None]
    ) -> Outcome | None:
        """Send an order whose answer was lost once more, the same bytes, written down before it leaves.

        `guard` raises what forbids it; it is asked now and in the step in which the copy leaves. What came
        of the copy; None: it did not leave. Cancelling the caller does not stop a copy half way.
        """
        work = self._send_again(intent, send_by_ns, guard)
        sending = self._spawn(work, f"{intent.action} again {intent.tag or ''}")
        left_s = (send_by_ns - self._clock.monotonic_ns()) / NANOSECONDS
        # A disk that hangs must not stop the looking: the copy then misses its deadline by itself.
        await asyncio.wait({sending}, timeout=max(0.0, left_s) + intent.timeout_s)
        if not sending.done():
            return None
        with contextlib.suppress(TopstepxError):  # the first attempt is looked for all the same
            sending.result()
            belief = self._record.ledger.intent(intent.intent_id)
            return belief.answers[-1].outcome if belief is not None and belief.answers else None
        return None

    async def _send_again(self, intent: Intent, send_by_ns: int, guard: Callable[[], None]) -> Sent:
        guard()
        intent_id, account_id = intent.intent_id, intent.account_id
        belief = self._record.ledger.intent(intent_id)
        attempt = belief.attempts + 1 if belief is not None else 2
        at = self._record.stamp()
        await self._record.commit_durable(
            IntentSent(
                at=at, intent_id=intent_id, account_id=account_id, attempt=attempt, again=True
            )
        )
        left = False

        def leaves() -> None:
            nonlocal left
            if left:
                raise NotSent("A copy that met HTTP 401 is not sent a second time.")
            if self._last_look is not None:
                self._last_look(intent)
            guard()
            left = True

        return await self._send(intent, intent_id, send_by_ns, leaves, is_copy=True)

    async def _write_down(self, intent: Intent, intent_id: str) -> None:
        """The intent becomes a fact, and a durable one unless it is an exit."""
        ledger = self._record.ledger
        recorded = IntentRecorded(
            at=self._record.stamp(),
            intent_id=intent_id,
            account_id=intent.account_id,
            action=intent.action,
            route=intent.route.name,
            body=codec.encode(intent.request).decode(),
            contract_id=intent.contract_id,
            tag=intent.tag,
            order_id=intent.order_id,
            epoch=self._epoch(intent.account_id) if self._epoch is not None else 0,
            deadline_at=self._clock.now() + timedelta(seconds=intent.send_within_s),
            server_at=self._rest.server_now(),
            watermark=ledger.highest_order_id(intent.account_id),
            **intent.wishes.kept(),
        )
        if intent.lane is Lane.EXIT:
            self._record.commit(recorded)  # the exit is open also while the disk is not
            return
        try:
            await self._record.commit_durable(recorded)
        except asyncio.CancelledError:
            self._never_left(intent_id, intent.account_id, "the client was closed before it left")
            raise

    def _leaves(self, intent: Intent, intent_id: str) -> None:
        """The last look, and the fact that it may have left from here on: no wait until it does."""
        if self._last_look is not None:
            self._last_look(intent)
        if intent.recheck is not None:
            intent.recheck()
        belief = self._record.ledger.intent(intent_id)
        attempt = belief.attempts + 1 if belief is not None else 1
        self._record.commit(
            IntentSent(
                at=self._record.stamp(),
                intent_id=intent_id,
                account_id=intent.account_id,
                attempt=attempt,
            ),
            told_soon=True,  # the bytes first
        )

    async def _send(
        self,
        intent: Intent,
        intent_id: str,
        send_by_ns: int,
        leaves: Callable[[], None],
        *,
        is_copy: bool = False,
    ) -> Sent:
        account_id = intent.account_id
        try:
            sent = await self._rest.attempt(
                intent.route,
                intent.request,
                lane=intent.lane,
                send_by_ns=send_by_ns,
                timeout_s=intent.timeout_s,
                last_look=leaves,
                body=self._body(intent_id),
            )
        except TopstepxError as error:
            if (told := await self._shown(intent, intent_id)) is not None:
                return self._contradicted(intent, intent_id, told)
            self._answered(intent_id, account_id, "not_sent", text=note_of(error))
            raise
        if sent.error is not None:
            outcome: Outcome = "unknown" if isinstance(sent.error, AnswerLost) else "not_sent"
            self._answered(intent_id, account_id, outcome, text=note_of(sent.error))
            return sent
        judged = sent.outcome
        if judged is None:
            self._answered(intent_id, account_id, "unknown")
            return sent
        answer = judged.answer
        order_id = answer.order_id if isinstance(answer, models.PlaceAnswer) else None
        outcome = _OUTCOMES[judged.verdict]
        if outcome == "not_executed" and (told := await self._shown(intent, intent_id)) is not None:
            return self._contradicted(intent, intent_id, told)
        if is_copy and outcome == "refused" and judged.status == _ANSWERED_OK:
            outcome = "duplicate"  # whatever its words: the first copy may be why
        doubt = self._doubt(intent, intent_id, outcome, order_id)
        if doubt is not None:
            self._answered(intent_id, account_id, "unknown", text=doubt, status=judged.status)
            return sent
        self._answered(
            intent_id,
            account_id,
            outcome,
            order_id=order_id,
            code=judged.refusal.code if judged.refusal else None,
            text=answer.error_message if answer else judged.reason,
            status=judged.status,
        )
        if outcome == "not_executed" and not is_copy:  # and this layer does not try again
            self._never_left(intent_id, account_id, judged.reason)
        return sent

    def _body(self, intent_id: str) -> bytes | None:
        """What was written down: those bytes and no others leave."""
        belief = self._record.ledger.intent(intent_id)
        recorded = belief.recorded if belief is not None else None
        return recorded.body.encode() if recorded is not None else None

    async def _shown(self, intent: Intent, intent_id: str) -> str | None:
        """Whether the order is there although the gateway says that it did not act: a moment for the hub."""
        belief, tag = self._record.ledger.intent(intent_id), intent.tag
        if intent.action != "place" or tag is None or belief is None or not belief.attempts:
            return None

        def look() -> str | None:
            seen = self._record.ledger.order_by_tag(intent.account_id, tag)
            if seen is None or seen.status is OrderStatus.REJECTED:
                return None
            return (
                f"the gateway said that it did not act, and order {seen.id} with its tag was seen"
            )

        return await until(self._record, look, timeout_s=_SHOWS_WITHIN_S)

    def _contradicted(self, intent: Intent, intent_id: str, told: str) -> Sent:
        self._answered(intent_id, intent.account_id, "unknown", text=told)
        return Sent(None, AnswerLost(f"{intent.route.name}: {told}."))

    def _doubt(
        self, intent: Intent, intent_id: str, outcome: Outcome, order_id: int | None
    ) -> str | None:
        """What we have seen that contradicts the answer; None when nothing does."""
        ledger = self._record.ledger
        if intent.action != "place" or intent.tag is None:
            return None
        if outcome in {"refused", "not_executed"}:
            seen = ledger.order_by_tag(intent.account_id, intent.tag)
            if seen is not None and seen.status is not OrderStatus.REJECTED:
                return f"{outcome}, but order {seen.id} with its tag was seen {seen.status.name}"
        if outcome == "accepted" and order_id is not None:
            return answered_id_is_foreign(ledger, intent_id, intent.tag, order_id)
        return None

    def _never_left(self, intent_id: str, account_id: int, reason: str) -> None:
        self._record.commit(
            IntentResolved(
                at=self._record.stamp(),
                intent_id=intent_id,
                account_id=account_id,
                verdict="not_sent",
                evidence=(reason,),
            )
        )

    def _answered(
        self,
        intent_id: str,
        account_id: int,
        outcome: Outcome,
        *,
        order_id: int | None = None,
        code: int | None = None,
        text: str | None = None,
        status: int | None = None,
    ) -> None:
        belief = self._record.ledger.intent(intent_id)
        self._record.commit(
            IntentAnswered(
                at=self._record.stamp(),
                intent_id=intent_id,
                account_id=account_id,
                outcome=outcome,
                attempt=max(1, belief.attempts) if belief is not None else 1,
                order_id=order_id,
                code=code,
                text=sanitised(text),
                status=status,
            )
        )
