"""How many requests may leave, and whose turn it is: one machine per bucket of the gateway.

Theory of operation
-------------------
Verified: `History/retrieveBars` allows 50 requests per 30 s and everything else together 200 per 60 s;
HTTP 429 beyond. Unknown: what kind of window, whose (user or address), and what else the 429 says.

*The promise.* As long as latencies stay within the observed spread J, no window of length W at the
gateway holds more than N of our arrivals. A log remembers when each attempt left and admits another only
while the last W + J + 0.25 s hold fewer than allowed. If two attempts arrive within W of each other they
left within W + J, so they were in one window here. A log that keeps to N in *every* window also keeps to
N in every fixed window and within a token bucket of N; the reverse is false.

*Lines instead of queues.* Each lane is admitted while the window holds fewer attempts than the lane's
line: the limit less what is reserved for the lanes above it. With 40 for exits, 20 for resolving and 30
for orders: exits 200, resolving 160, orders 140, the rest 110. Nobody below can push the count past 160,
so 40 exits at once always find room. The first 40 of a window do not even look at the count: when a slow
answer has just made the window longer, or somebody else overfilled it, they leave all the same.

*What is kept for looks.* A recovery must not wait for a minute because its user has just read all he may.
So `keep` takes a part of the room of reads away, as far as reconciling has not used it itself: together
they have what they had.

*Exits always leave.* When even the whole window is spent, by more exits than anybody should need, they
go on at one a second and may meet a 429: a rejected exit is better than one never tried.

*Orders never wait.* An order that waits is an order at yesterday's price: it goes now or is refused with
the time to come back. Everything else waits in turn, each with its own deadline.

*The past.* Unless it is known (a simulator just started, a shared store that remembers), the window is
taken to be full for five seconds after start or resume, exits excepted, and each lane to be half used for
one window more.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from topstepx.clock import NANOSECONDS
from topstepx.core.arrival import MOST_NS, ArrivalSpread
from topstepx.core.lanes import Lane, Ticket, WaitingRoom
from topstepx.core.permits import (
    BucketPolicy,
    BucketState,
    Denied,
    Effect,
    Granted,
    LaneState,
    Permit,
    UnknownPast,
    Waiting,
)
from topstepx.core.sliding_log import FOREVER_NS, SlidingLog
from topstepx.core.throttle import WHOLE, Steps, Throttle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SLACK_NS: Final = NANOSECONDS // 4
EXIT_PACE_NS: Final = NANOSECONDS

_PATIENT: Final = (Lane.RECONCILE, Lane.READ)
_OVERRULED_NS: Final = 10 * NANOSECONDS // 1000
_OTHERS: Final = "other programs of this user filled the window"


class Limiter:
    """The machine of one bucket. Every `now_ns` is the suspend-aware monotonic clock's."""

    def __init__(self, policy: BucketPolicy, unknown_past: UnknownPast | None, now_ns: int) -> None:
        self.policy = policy
        self.note: str | None = None
        self._unknown_past = unknown_past
        # What never changes is worked out once: every request asks for it.
        self._documented_ns = policy.window_ns
        self._has_reserves = bool(policy.reserves)
        self._lines = {lane: policy.line(lane) for lane in Lane}
        self._keep_ns = policy.window_ns + MOST_NS + 2 * SLACK_NS
        self._log = SlidingLog(self._keep_ns)
        self._exits = SlidingLog(self._keep_ns)
        self._looks = SlidingLog(self._keep_ns)
        self._own = {Lane.EXIT: self._exits, Lane.RECONCILE: self._looks}
        self._kept = 0
        self._watched = {Lane.EXIT}
        self._spread = ArrivalSpread()
        self._throttle = Throttle(policy.window_ns)
        self._steps = {Lane.EXIT: Steps(), Lane.RESOLVE: Steps()}
        self._rooms = {lane: WaitingRoom() for lane in Lane}
        # Who goes first, as plain dicts: this is looked at for every request.
        self._ahead = {
            lane: ()
            if lane is Lane.ORDER
            else tuple(self._rooms[each].tickets for each in Lane if each <= lane)
            for lane in Lane
        }
        # Ordered, because a dict that loses its first key again and again looks for the next one.
        self._live: OrderedDict[int, int] = OrderedDict()
        self._numbers = 0
        self._quota = 1.0
        self._last_exit_ns = self._overruled_until_ns = -FOREVER_NS
        self._full_until_ns = self._half_until_ns = -FOREVER_NS
        self._now_ns = self._tidy_at_ns = now_ns
        self._calm_from_ns = FOREVER_NS
        self.resumed(now_ns)

    @property
    def window_ns(self) -> int:
        """The documented window, the spread of latencies and a quarter of a second."""
        return self._documented_ns + self._spread.spread_ns + SLACK_NS

    # Asking

    def ask(
        self, lane: Lane, caller: str, deadline_ns: int, now_ns: int
    ) -> Granted | Waiting | Denied:
        """A permit now, a place in the waiting room, or no. Call `advance` afterwards."""
        self._see(now_ns)
        lane = lane if self._has_reserves or (self._kept and lane is Lane.RECONCILE) else Lane.READ
        if now_ns >= self._calm_from_ns and lane not in self._watched:
            free_at_ns = self._log.free_at_ns(self._lines[lane], self.window_ns)
        else:
            free_at_ns = self._free_at_ns(lane, now_ns)
        if deadline_ns <= now_ns:
            return Denied(lane, "its deadline has passed", self._known(free_at_ns))
        ahead = any(self._ahead[lane])
        if free_at_ns <= now_ns and not ahead:
            return Granted(self._grant(lane, caller, now_ns))
        reason = self._reason(lane, now_ns) or "others came first"
        if lane is Lane.ORDER:
            return Denied(lane, reason, self._known(free_at_ns))
        if len(self._rooms[lane]) >= self.policy.waiting_max:
            reason = f"{self.policy.waiting_max} requests wait already"
            return Denied(lane, reason, self._known(free_at_ns))
        self._numbers += 1
        ticket = Ticket(self._numbers, lane, caller, now_ns, deadline_ns)
        self._rooms[lane].join(ticket)
        return Waiting(ticket, reason, free_at_ns)

    def leave(self, ticket: Ticket, now_ns: int) -> None:
        """The waiting caller went away: its place is free."""
        self._see(now_ns)
        self._rooms[ticket.lane].leave(ticket)

    def advance(self, now_ns: int) -> tuple[Effect, ...]:
        """Turn away whose deadline has come and let go whose turn it is.

        An exit that is both goes: nobody is better off without it.
        """
        self._see(now_ns)
        effects: list[Effect] = []
        self._let_go(Lane.EXIT, now_ns, effects)
        for lane, room in self._rooms.items():
            for ticket in room.expire(now_ns):
                reason = self._reason(lane, now_ns) or "others came first"
                retry_at_ns = self._known(self._free_at_ns(lane, now_ns))
                effects.append(Denied(lane, reason, retry_at_ns, ticket))
        for lane in self._rooms:
            self._let_go(lane, now_ns, effects)
        return tuple(effects)

    def _let_go(self, lane: Lane, now_ns: int, effects: list[Effect]) -> None:
        room = self._rooms[lane]
        while room and self._free_at_ns(lane, now_ns) <= now_ns:
            ticket = room.next()
            effects.append(Granted(self._grant(lane, ticket.caller, now_ns), ticket))

    def deadline(self) -> int | None:
        """When `advance` is wanted next, or None while nobody waits."""
        moments: list[int] = []
        for lane, room in self._rooms.items():
            if (gives_up_ns := room.deadline()) is not None:
                moments += [gives_up_ns, self._free_at_ns(lane, self._now_ns)]
        if moments and (grows_at_ns := self._throttle.grows_at_ns(self._now_ns)) is not None:
            moments.append(grows_at_ns)
        return min(moments, default=None)

    # What became of a permit

    def answered(self, permit: Permit, now_ns: int) -> None:
        """An answer that is no 429 came: learn its latency; exits are past their 429s."""
        self._see(now_ns)
        self._spread.observe(now_ns - permit.at_ns, now_ns)
        if permit.lane <= Lane.RESOLVE:
            self._steps[permit.lane].passed(permit.at_ns)

    def throttled(
        self,
        permit: Permit,
        retry_after_s: float | None,
        now_ns: int,
        jitter: Callable[[], float],
    ) -> int | None:
        """A 429 came; when this lane may try again (None: not known)."""
        self._see(now_ns)
        self._calm_from_ns = FOREVER_NS
        self._throttle.throttled(permit.at_ns, retry_after_s, now_ns, jitter)
        self._steps[Lane.RESOLVE].throttled(permit.at_ns, now_ns)
        if permit.lane is Lane.EXIT:
            self._steps[Lane.EXIT].throttled(permit.at_ns, now_ns)
        return self._known(self._free_at_ns(permit.lane, now_ns))

    def unsent(self, permit: Permit, now_ns: int) -> None:
        """It certainly never left: its slot is free again. A second time does nothing."""
        self._see(now_ns)
        if (at_ns := self._live.pop(permit.number, None)) is not None:
            self._log.remove(at_ns)
            if permit.lane in self._own:
                self._own[permit.lane].remove(at_ns)

    def resumed(self, now_ns: int) -> None:
        """After start or suspend: what was sent before, or what leaves a socket late, is not known."""
        if self._unknown_past is None:
            return
        self._full_until_ns = now_ns + round(self._unknown_past.full_s * NANOSECONDS)
        self._half_until_ns = now_ns + self.window_ns
        self._calm_from_ns = FOREVER_NS

    # Sharing with other processes

    def past_known(self) -> None:
        """A shared store remembers everything that a window can reach."""
        self._full_until_ns = self._half_until_ns = -FOREVER_NS

    def foreign(self, sent_ns: Iterable[int]) -> None:
        """Count what other processes sent."""
        for each in sent_ns:
            self._log.add(each)

    def confirmed(self, permit: Permit, at_ns: int) -> Permit:
        """The permit as the shared store dated it."""
        if permit.number in self._live:
            self._log.remove(self._live[permit.number])
            self._log.add(at_ns)
            if permit.lane in self._own:
                self._own[permit.lane].remove(self._live[permit.number])
                self._own[permit.lane].add(at_ns)
            self._live[permit.number] = at_ns
        return Permit(permit.number, permit.bucket, permit.lane, permit.caller, at_ns)

    def overruled(self, granted: Granted, deadline_ns: int, now_ns: int) -> Waiting | Denied:
        """The shared store said no to a permit: back to the head of the row; an order is refused."""
        permit = granted.permit
        self.unsent(permit, now_ns)
        free_at_ns = self._free_at_ns(permit.lane, now_ns)
        # What the store knows and this log does not yet will come with its next answer.
        self._overruled_until_ns = now_ns + _OVERRULED_NS
        self._calm_from_ns = FOREVER_NS
        if permit.lane is Lane.ORDER:
            return Denied(permit.lane, _OTHERS, self._known(free_at_ns), granted.ticket)
        ticket = granted.ticket
        if ticket is None:
            self._numbers += 1
            ticket = Ticket(self._numbers, permit.lane, permit.caller, permit.at_ns, deadline_ns)
        self._rooms[permit.lane].rejoin(ticket)
        return Waiting(ticket, _OTHERS, free_at_ns)

    def use_share(self, share: float, note: str | None) -> None:
        """Use this share of the limit (exits: all of it), and say why in `note`."""
        self._quota, self.note = share, note
        self._calm_from_ns = FOREVER_NS

    def keep(self, count: int) -> None:
        """Keep so many of a window's attempts for RECONCILE, out of reach of READ."""
        self._kept = min(count, max(0, self._lines[Lane.READ] - 1))
        self._watched = {Lane.EXIT, Lane.READ} if self._kept else {Lane.EXIT}

    def room(self, lane: Lane, now_ns: int) -> tuple[int, int]:
        """What this lane may still send now, and in a whole window if all others go on as they do."""
        self._see(now_ns)
        own = self._own[lane].count(self.window_ns, self._now_ns) if lane in self._own else 0
        free = self.line(lane, now_ns) - self._log.count(self.window_ns, self._now_ns)
        return max(0, free), free + own

    def line(self, lane: Lane, at_ns: int) -> int:
        """How many attempts the window may hold before `lane` stops, all reductions counted."""
        if lane is Lane.EXIT:
            return self.policy.limit
        line = self._lines[lane]
        if lane is Lane.READ and self._kept:
            line -= max(0, self._kept - self._looks.count(self.window_ns, at_ns))
        line = int(line * self._quota)
        if lane in _PATIENT:
            line = line * self._throttle.share(at_ns) // WHOLE
        if at_ns < self._half_until_ns and self._unknown_past is not None:
            line = int(line * (1.0 - self._unknown_past.used_share))
        return max(1, line)

    # Looking

    def snapshot(self, now_ns: int) -> BucketState:
        """Everything about this bucket that a person may want to see."""
        self._see(now_ns)
        used = self._log.count(self.window_ns, self._now_ns)
        lanes = {}
        two = self._kept or self._rooms[Lane.RECONCILE]
        for lane in Lane if self._has_reserves else _PATIENT if two else (Lane.READ,):
            line, free_at_ns = self.line(lane, now_ns), self._free_at_ns(lane, now_ns)
            lanes[lane] = LaneState(
                line=line,
                free=max(line - used, 0) if free_at_ns <= now_ns else 0,
                reserved=self.policy.reserves.get(lane, 0),
                waiting=len(self._rooms[lane]),
                next_free_s=max(free_at_ns - now_ns, 0) / NANOSECONDS
                if free_at_ns < FOREVER_NS
                else None,
                reason=self._reason(lane, now_ns),
            )
        return BucketState(
            bucket=self.policy.bucket,
            limit=self.policy.limit,
            used=used,
            window_s=self.window_ns / NANOSECONDS,
            share=self._throttle.share(now_ns) / WHOLE,
            paused_s=max(self._throttle.paused_until_ns - now_ns, 0) / NANOSECONDS,
            note=self.note,
            lanes=lanes,
        )

    # Inside

    def _see(self, now_ns: int) -> None:
        self._now_ns = max(self._now_ns, now_ns)
        if self._now_ns >= self._tidy_at_ns:
            self._tidy()

    def _tidy(self) -> None:
        """Forget what no window can reach any more; now and then is enough."""
        self._tidy_at_ns = self._now_ns + NANOSECONDS
        self._log.prune(self._now_ns)
        for own in self._own.values():
            own.prune(self._now_ns)
        oldest_ns = self._now_ns - self._keep_ns
        self._calm_from_ns = self._calm(self._now_ns)
        while self._live and (first := next(iter(self._live))) and self._live[first] < oldest_ns:
            del self._live[first]

    def _calm(self, now_ns: int) -> int:
        """From when on the log alone says when a lane is free, exits excepted: as nearly always.

        Whatever could make it otherwise sets it to `FOREVER_NS`; the next tidying works it out again.
        """
        shrunk = self._quota != 1.0 or self._throttle.share(now_ns) < WHOLE
        if shrunk or any(each.gate_ns(now_ns) for each in self._steps.values()):
            return FOREVER_NS
        return max(
            self._full_until_ns,
            self._half_until_ns,
            self._overruled_until_ns,
            self._throttle.paused_until_ns,
        )

    def _grant(self, lane: Lane, caller: str, now_ns: int) -> Permit:
        self._numbers += 1
        self._log.add(now_ns)
        self._live[self._numbers] = now_ns
        if lane <= Lane.RESOLVE:
            self._steps[lane].left(now_ns)
        if lane is Lane.EXIT:
            self._last_exit_ns = now_ns
        if lane in self._own:
            self._own[lane].add(now_ns)
        return Permit(self._numbers, self.policy.bucket, lane, caller, now_ns)

    def _gate_ns(self, lane: Lane, now_ns: int) -> int:
        """Before this moment the lane is shut, however empty the window is."""
        if lane in self._steps:
            shut_until_ns = self._steps[lane].gate_ns(now_ns)
        else:
            shut_until_ns = self._throttle.paused_until_ns
        if lane is Lane.EXIT:
            return shut_until_ns
        return max(shut_until_ns, self._full_until_ns, self._overruled_until_ns)

    def _free_at_ns(self, lane: Lane, now_ns: int) -> int:
        gate_ns = self._gate_ns(lane, now_ns)
        free_ns = self._log.free_at_ns(self.line(lane, now_ns), self.window_ns)
        if lane is Lane.EXIT:
            own_ns = self._exits.free_at_ns(self.policy.reserves.get(lane, 0), self.window_ns)
            return max(gate_ns, min(free_ns, own_ns, self._last_exit_ns + EXIT_PACE_NS))
        if now_ns < self._half_until_ns:
            whole_ns = self._log.free_at_ns(self.line(lane, self._half_until_ns), self.window_ns)
            free_ns = min(free_ns, max(self._half_until_ns, whole_ns))
        return max(gate_ns, free_ns)

    def _reason(self, lane: Lane, now_ns: int) -> str | None:
        if lane is not Lane.EXIT and now_ns < self._full_until_ns:
            return "what was sent before the start is not known"
        if lane is not Lane.EXIT and now_ns < self._overruled_until_ns:
            return _OTHERS
        if now_ns < self._gate_ns(lane, now_ns):
            return "the gateway answered 429"
        if self._free_at_ns(lane, now_ns) > now_ns:
            return "the window is full"
        return None

    @staticmethod
    def _known(moment_ns: int) -> int | None:
        return moment_ns if moment_ns < FOREVER_NS else None
