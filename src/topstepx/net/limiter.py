"""The request budget at work: waits for the limiter's turns and asks the shared store.

All decisions are the machine's (`core.limiter`); here are only the futures, the timers and, when
several processes share one budget, the round trip to their common store.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from topstepx.clock import NANOSECONDS
from topstepx.core.lanes import Lane
from topstepx.core.limiter import Limiter
from topstepx.core.permits import (
    DOCUMENTED,
    BucketPolicy,
    BucketState,
    BudgetNote,
    Denied,
    Granted,
    News,
    Permit,
    Throttled,
    UnknownPast,
    Waiting,
    Waits,
)
from topstepx.core.retry_after import retry_after_s
from topstepx.core.sliding_log import FOREVER_NS
from topstepx.errors import RateLimited
from topstepx.net.shared_budget import SharedBudget
from topstepx.wire.routes import Bucket

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from topstepx.clock import Clock
    from topstepx.core.budget import BudgetStore

ALONE_SHARE = 0.25
_DOCUMENTED_LIMITS = {each.bucket: each.limit for each in DOCUMENTED}


class RateLimiter:
    """Leave to send, for every lane and bucket of one gateway user.

    `jitter` gives numbers in [0, 1). `unknown_past` is what to assume about requests before the start
    (None: there were none, as with a simulator just started). `store` shares the budget with other
    processes; call `start` first then. `listener` hears who waits and why; it must not block.
    """

    def __init__(
        self,
        clock: Clock,
        jitter: Callable[[], float],
        *,
        policies: Sequence[BucketPolicy] = DOCUMENTED,
        unknown_past: UnknownPast | None = None,
        store: BudgetStore | None = None,
        listener: Callable[[News], None] | None = None,
    ) -> None:
        self._clock, self._jitter, self._listener = clock, jitter, listener
        now_ns = clock.monotonic_ns()
        self._limiters = {
            policy.bucket: Limiter(policy, unknown_past, now_ns) for policy in policies
        }
        self._turns: dict[tuple[Bucket, int], asyncio.Future[Granted | Denied]] = {}
        self._timers: dict[Bucket, asyncio.TimerHandle] = {}
        self._shared: SharedBudget | None = None
        if store is not None:
            keep_ns = max(each.window_ns for each in self._limiters.values()) + 6 * NANOSECONDS
            self._shared = SharedBudget(store, clock, keep_ns, self._foreign, self._alone)

    async def start(self) -> None:
        """Read what other processes sent; without a store there is nothing to do."""
        if self._shared is None:
            return
        known_since_ns = await self._shared.start()
        now_ns = self._clock.monotonic_ns()
        for limiter in self._limiters.values():
            if known_since_ns is not None and now_ns - known_since_ns > limiter.window_ns:
                limiter.past_known()

    async def permit(
        self, lane: Lane, bucket: Bucket = Bucket.GENERAL, *, deadline_ns: int, caller: str = ""
    ) -> Permit:
        """Leave to send one attempt now.

        An order never waits; every other lane waits its turn until `deadline_ns` (monotonic). `caller`
        names who asks, so that callers take turns. Cancelling the wait frees the place. Raises
        `RateLimited`, with `retry_after_s` where known; nothing was sent then.
        """
        answer = self.ask(lane, bucket, deadline_ns=deadline_ns, caller=caller)
        return await self.turn(answer, bucket, deadline_ns=deadline_ns)

    def ask(
        self, lane: Lane, bucket: Bucket, *, deadline_ns: int, caller: str
    ) -> Granted | Waiting | Denied:
        """The first step of `permit`, which is all of it for a `Granted` while `is_alone`."""
        return self._limiters[bucket].ask(lane, caller, deadline_ns, self._clock.monotonic_ns())

    @property
    def is_alone(self) -> bool:
        """Whether no other process has a say."""
        return self._shared is None

    async def turn(
        self, answer: Granted | Waiting | Denied, bucket: Bucket, *, deadline_ns: int
    ) -> Permit:
        """The other steps of `permit`, from what `ask` gave."""
        limiter = self._limiters[bucket]
        while True:
            if isinstance(answer, Granted):
                if self._shared is None:
                    return answer.permit
                shared = await self._share(self._shared, limiter, answer, deadline_ns)
                if isinstance(shared, Permit):
                    return shared
                answer = shared
            if isinstance(answer, Waiting):
                self._tell_wait(bucket, answer)
                answer = await self._turn(limiter, answer)
            if isinstance(answer, Denied):
                raise self._refusal(bucket, answer)

    def answered(self, permit: Permit) -> None:
        """Any HTTP answer but 429 has come: its latency is learnt."""
        self._limiters[permit.bucket].answered(permit, self._clock.monotonic_ns())

    def throttled(self, permit: Permit, retry_after: str | None) -> float:
        """HTTP 429 has come, with this `Retry-After` header; how many seconds its lane waits now."""
        limiter, now_ns = self._limiters[permit.bucket], self._clock.monotonic_ns()
        wait_s = retry_after_s(retry_after, self._clock.now())
        again_ns = limiter.throttled(permit, wait_s, now_ns, self._jitter)
        lane_waits_s = max((again_ns or now_ns) - now_ns, 0) / NANOSECONDS
        state = limiter.snapshot(now_ns)
        line = limiter.line(permit.lane, now_ns)
        self._tell(
            Throttled(permit.bucket, permit.lane, lane_waits_s, state.share, state.used, line)
        )
        self._drive(permit.bucket)
        return lane_waits_s

    def unsent(self, permit: Permit) -> None:
        """It certainly never left; its slot goes to the next.

        An attempt that may have left stays counted: then call nothing.
        """
        self._limiters[permit.bucket].unsent(permit, self._clock.monotonic_ns())
        if self._shared is not None:
            self._shared.release(permit.bucket.value, permit.at_ns)
        self._drive(permit.bucket)

    def keep(self, lane: Lane, count: int, bucket: Bucket = Bucket.GENERAL) -> None:
        """Keep so many of a window for looks (`Lane.RECONCILE`), out of reach of other reads.

        `count` is of the documented limit: a smaller one of ours shrinks it alike.
        """
        limiter = self._limiters.get(bucket)
        if limiter is not None and lane is Lane.RECONCILE:
            limiter.keep(round(count * min(1.0, limiter.policy.limit / _DOCUMENTED_LIMITS[bucket])))
            self._drive(bucket)

    def room(self, lane: Lane) -> tuple[int, int]:
        """How many requests this lane may send now, and a minute if all others go on as they do."""
        return self._limiters[Bucket.GENERAL].room(lane, self._clock.monotonic_ns())

    def resumed(self) -> None:
        """The computer slept: what its sockets still held may leave now, uncounted."""
        for bucket, limiter in self._limiters.items():
            limiter.resumed(self._clock.monotonic_ns())
            self._drive(bucket)

    def snapshot(self) -> tuple[BucketState, ...]:
        """What is used, reserved and free, bucket by bucket and lane by lane."""
        now_ns = self._clock.monotonic_ns()
        return tuple(limiter.snapshot(now_ns) for limiter in self._limiters.values())

    async def close(self) -> None:
        """Turn away whoever waits, stop the timers and let go of the store."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for (_, number), turn in list(self._turns.items()):
            if not turn.done():
                turn.set_result(Denied(Lane.READ, f"the client closes (ticket {number})", None))
        self._turns.clear()
        if self._shared is not None:
            await self._shared.close()

    # Turns

    async def _turn(self, limiter: Limiter, waiting: Waiting) -> Granted | Denied:
        bucket, ticket = limiter.policy.bucket, waiting.ticket
        turn: asyncio.Future[Granted | Denied] = asyncio.get_running_loop().create_future()
        self._turns[bucket, ticket.number] = turn
        self._drive(bucket)
        try:
            return await turn
        except asyncio.CancelledError:
            now_ns = self._clock.monotonic_ns()
            if turn.done() and not turn.cancelled() and isinstance(turn.result(), Granted):
                granted = turn.result()
                if isinstance(granted, Granted):
                    limiter.unsent(granted.permit, now_ns)
            else:
                limiter.leave(ticket, now_ns)
            self._turns.pop((bucket, ticket.number), None)
            self._drive(bucket)
            raise

    def _drive(self, bucket: Bucket) -> None:
        limiter = self._limiters[bucket]
        again = True
        while again:
            again = False
            now_ns = self._clock.monotonic_ns()
            for effect in limiter.advance(now_ns):
                number = effect.ticket.number if effect.ticket else 0
                turn = self._turns.pop((bucket, number), None)
                if turn is not None and not turn.done():
                    turn.set_result(effect)
                elif isinstance(effect, Granted):
                    # Its caller was cancelled a moment ago: the turn goes to the next.
                    limiter.unsent(effect.permit, now_ns)
                    again = True
        self._set_timer(bucket, limiter.deadline())

    def _set_timer(self, bucket: Bucket, deadline_ns: int | None) -> None:
        if (timer := self._timers.pop(bucket, None)) is not None:
            timer.cancel()
        if deadline_ns is None:
            return
        wait_s = max(deadline_ns - self._clock.monotonic_ns(), 0) / NANOSECONDS
        loop = asyncio.get_running_loop()
        self._timers[bucket] = loop.call_later(wait_s, self._drive, bucket)

    # Other processes

    async def _share(
        self, shared: SharedBudget, limiter: Limiter, granted: Granted, deadline_ns: int
    ) -> Permit | Granted | Waiting | Denied:
        permit = granted.permit
        bucket, now_ns = permit.bucket, self._clock.monotonic_ns()
        line = None if permit.lane is Lane.EXIT else limiter.line(permit.lane, now_ns)
        try:
            claim = await shared.confirm(bucket.value, line, limiter.window_ns, permit.at_ns)
        except asyncio.CancelledError:
            limiter.unsent(permit, self._clock.monotonic_ns())
            self._drive(bucket)
            raise
        now_ns = self._clock.monotonic_ns()
        if claim is None:
            limiter.unsent(permit, now_ns)
            return limiter.ask(permit.lane, permit.caller, deadline_ns, now_ns)
        if claim.granted:
            return limiter.confirmed(permit, claim.at_ns)
        return limiter.overruled(granted, deadline_ns, now_ns)

    def _foreign(self, bucket: str, sent_ns: int) -> None:
        for each, limiter in self._limiters.items():
            if each.value == bucket:
                limiter.foreign((sent_ns,))

    def _alone(self, note: str | None) -> None:
        for limiter in self._limiters.values():
            limiter.use_share(1.0 if note is None else ALONE_SHARE, note)
        self._tell(BudgetNote(note))
        for bucket in self._limiters:
            self._drive(bucket)

    # News

    def _tell(self, news: News) -> None:
        if self._listener is not None:
            self._listener(news)

    def _tell_wait(self, bucket: Bucket, waiting: Waiting) -> None:
        if self._listener is None:
            return
        now_ns = self._clock.monotonic_ns()
        wait_s = max(waiting.free_at_ns - now_ns, 0) / NANOSECONDS
        ticket, limiter = waiting.ticket, self._limiters[bucket]
        state = limiter.snapshot(now_ns)
        self._tell(
            Waits(
                bucket,
                ticket.lane,
                ticket.caller,
                waiting.reason,
                wait_s if waiting.free_at_ns < FOREVER_NS else None,
                used=state.used,
                line=limiter.line(ticket.lane, now_ns),
                ahead=state.lanes[ticket.lane].waiting - 1,
            )
        )

    def _refusal(self, bucket: Bucket, denied: Denied) -> RateLimited:
        lane = denied.lane.name.lower()
        message = f"No request budget for this {lane} ({bucket.value} bucket): {denied.reason}."
        if denied.retry_at_ns is None:
            return RateLimited(message, next_step="Ask for less at a time.")
        wait_s = max(denied.retry_at_ns - self._clock.monotonic_ns(), 0) / NANOSECONDS
        return RateLimited(
            message,
            next_step=f"Nothing was sent. There should be room in {wait_s:.1f} s.",
            retry_after_s=wait_s,
        )
