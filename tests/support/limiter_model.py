"""The limiter beside a brute-force model that recounts everything from the list of what left."""

from __future__ import annotations

import copy
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, Any, TypeAlias

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from topstepx.wire.routes import Bucket

if TYPE_CHECKING:
    from types import SimpleNamespace

Copied: TypeAlias = Any
"""Something of a copied module, which has no type of its own."""

MODULES = ("sliding_log", "arrival", "throttle", "lanes", "permits", "limiter")
SECOND = 1_000_000_000
LIMIT, WINDOW_S, EXITS, RESOLVES, ORDERS = 12, 10, 3, 2, 2
CALLERS = st.sampled_from(["ann", "bob", "cy"])
# Small steps meet boundaries, large ones empty the window.
STEPS = st.one_of(
    st.integers(0, 5),
    st.integers(0, 3 * SECOND),
    st.sampled_from([SECOND, WINDOW_S * SECOND + 750_000_000, WINDOW_S * SECOND + 750_000_001]),
    st.integers(0, 30 * SECOND),
)


class LimiterModel(RuleBasedStateMachine):
    """What the limiter did is recounted here the slow way; `kit` holds the modules under test."""

    kit: SimpleNamespace

    @initialize(unknown=st.booleans(), start_ns=st.sampled_from([0, 10**15]))
    def begin(self, *, unknown: bool, start_ns: int) -> None:
        kit = self.kit
        self.lanes = list(kit.Lane)
        reserves = {kit.Lane.EXIT: EXITS, kit.Lane.RESOLVE: RESOLVES, kit.Lane.ORDER: ORDERS}
        policy = kit.BucketPolicy(Bucket.GENERAL, LIMIT, float(WINDOW_S), reserves, 6)
        self.unknown = kit.UnknownPast() if unknown else None
        self.now = self.touched = start_ns
        self.limiter: Any = kit.Limiter(policy, self.unknown, start_ns)
        self.sent: list[list[Any]] = []  # [moment, lane, permit or None]
        self.waiting: dict[Any, list[Any]] = {lane: [] for lane in self.lanes}
        self.turns: dict[Any, list[str]] = {lane: [] for lane in self.lanes}
        self.latencies: list[tuple[int, int]] = []
        self.paused_until = self.overruled_until = -1
        self.shrunk: tuple[Fraction, int] | None = None
        self.kept = 0
        self.urgent_unknown = False
        self.last_exit = -(10**18)
        self.known_from(start_ns)

    def known_from(self, start_ns: int) -> None:
        self.full_until = self.half_until = -1
        if self.unknown:
            self.full_until = start_ns + 5 * SECOND
            self.half_until = start_ns + self.limiter.window_ns

    # The model

    def share(self, at: int) -> Fraction:
        if self.shrunk is None:
            return Fraction(1)
        share, since = self.shrunk
        return min(Fraction(1), share + Fraction(5, 100) * ((at - since) // (WINDOW_S * SECOND)))

    def reserve(self, at: int) -> int:
        """What of the part kept for reconciling it has not used itself."""
        window, lane = self.limiter.window_ns, self.kit.Lane.RECONCILE
        used = sum(1 for moment, one, _ in self.sent if one == lane and at - moment <= window)
        return max(0, min(self.kept, LIMIT - EXITS - RESOLVES - ORDERS - 1) - used)

    def line(self, lane: Copied, at: int) -> int:
        lines = [LIMIT, LIMIT - EXITS, LIMIT - EXITS - RESOLVES]
        below = LIMIT - EXITS - RESOLVES - ORDERS
        line: int = [*lines, below, below - self.reserve(at)][lane]
        if lane >= self.kit.Lane.RECONCILE:
            line = floor(line * self.share(at))
        if lane != self.kit.Lane.EXIT and at < self.half_until:
            line //= 2
        return max(1, line)

    def count(self, at: int) -> int:
        window = self.limiter.window_ns
        return sum(1 for moment, _, _ in self.sent if at - moment <= window)

    def exits(self, at: int) -> int:
        sent = [moment for moment, lane, _ in self.sent if lane == self.kit.Lane.EXIT]
        return sum(at - moment <= self.limiter.window_ns for moment in sent)

    def may_leave(self, lane: Copied, at: int) -> bool | None:
        """Whether the lane may send at this moment; None: a 429 schedule decides, tested elsewhere."""
        Lane = self.kit.Lane  # noqa: N806  it is a class
        if lane == Lane.EXIT:
            if self.urgent_unknown:
                return None
            reserved = self.exits(at) < EXITS
            return self.count(at) < LIMIT or reserved or at >= self.last_exit + SECOND
        if at < max(self.full_until, self.overruled_until):
            return False
        if lane >= Lane.ORDER and at < self.paused_until:
            return False
        if self.count(at) >= self.line(lane, at):
            return False
        return None if lane == Lane.RESOLVE and self.urgent_unknown else True

    def left(self, permit: Copied) -> None:
        self.sent.append([self.now, permit.lane, permit])
        assert permit.at_ns == self.now
        if permit.lane == self.kit.Lane.EXIT:
            self.last_exit = self.now

    def stand(self, ticket: Copied, *, first: bool = False) -> None:
        lane, turns = ticket.lane, self.turns[ticket.lane]
        self.waiting[lane].insert(0 if first else len(self.waiting[lane]), ticket)
        if first and ticket.caller in turns:
            turns.remove(ticket.caller)
        if ticket.caller not in turns:
            turns.insert(0 if first else len(turns), ticket.caller)

    def go(self, ticket: Copied, *, turn: bool) -> None:
        lane, turns = ticket.lane, self.turns[ticket.lane]
        self.waiting[lane].remove(ticket)
        still = any(each.caller == ticket.caller for each in self.waiting[lane])
        if turn:
            turns.remove(ticket.caller)
            if still:
                turns.append(ticket.caller)
        elif not still:
            turns.remove(ticket.caller)

    # Time

    def wake(self, at: int) -> None:
        before = self.touched
        self.now = self.touched = at
        effects = self.limiter.advance(at)
        for effect in [each for each in effects if isinstance(each, self.kit.Denied)]:
            assert effect.ticket.deadline_ns <= at, "turned away before its deadline"
            self.go(effect.ticket, turn=False)
        for effect in [each for each in effects if isinstance(each, self.kit.Granted)]:
            ticket = effect.ticket
            lane = ticket.lane
            assert ticket in self.waiting[lane], "let go though it does not wait"
            if lane != self.kit.Lane.EXIT:
                assert ticket.deadline_ns > at, "let go after its deadline"
            assert self.may_leave(lane, at) is not False, "too many in the window"
            if at - 1 >= max(before, ticket.asked_ns):
                assert self.may_leave(lane, at - 1) is not True, "let go too late"
            assert ticket.caller == self.turns[lane][0], "out of turn"
            first = next(each for each in self.waiting[lane] if each.caller == ticket.caller)
            assert ticket is first, "overtook its own caller's earlier request"
            self.go(ticket, turn=True)
            self.left(effect.permit)
        for lane in self.lanes:
            if self.waiting[lane]:
                assert all(each.deadline_ns > at for each in self.waiting[lane])
                assert self.may_leave(lane, at) is not True, "left waiting though there is room"

    @rule(step=STEPS)
    def pass_time(self, step: int) -> None:
        target = self.now + step
        while (due := self.limiter.deadline()) is not None and due <= target:
            self.wake(max(due, self.now))
            later = self.limiter.deadline()
            assert later is None or later > self.now, "asks to be woken at once, for ever"
        self.wake(target)

    # What callers do

    @rule(
        lane=st.integers(0, 4),
        caller=CALLERS,
        patience=st.one_of(STEPS, st.just(10**12)),
        times=st.integers(1, 7),
    )
    def ask(self, lane: int, caller: str, patience: int, times: int) -> None:
        kit = self.kit
        which = kit.Lane(lane)
        for _ in range(times):
            ahead = any(self.waiting[each] for each in self.lanes if each <= which)
            may = self.may_leave(which, self.now)
            answer = self.limiter.ask(which, caller, self.now + patience, self.now)
            self.touched = self.now
            if isinstance(answer, kit.Granted):
                assert patience > 0
                assert may is not False, "too many in the window"
                assert which == kit.Lane.ORDER or not ahead, "jumped the queue"
                self.left(answer.permit)
            elif isinstance(answer, kit.Waiting):
                assert which != kit.Lane.ORDER, "an order waits"
                assert may is not True or ahead, "made to wait for nothing"
                assert len(self.waiting[which]) < 6, "the waiting room has no bound"
                self.stand(answer.ticket)
            elif patience and which == kit.Lane.ORDER:
                assert may is not True, "an order was refused for nothing"
                retry = answer.retry_at_ns
                assert retry is not None
                assert self.may_leave(which, retry), "come back at a time when there is no room"
                assert not self.may_leave(which, retry - 1), "there would be room earlier"
            else:
                assert patience == 0 or len(self.waiting[which]) == 6, "turned away for nothing"
        self.wake(self.now)

    @precondition(lambda self: any(self.waiting.values()))
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from([each for row in self.waiting.values() for each in row]))
        self.limiter.leave(ticket, self.now)
        self.go(ticket, turn=False)
        self.wake(self.now)

    def own(self) -> list[list[Any]]:
        return [each for each in self.sent if each[2] is not None]

    @precondition(lambda self: self.own())
    @rule(data=st.data(), twice=st.booleans())
    def not_sent(self, data: st.DataObject, *, twice: bool) -> None:
        entry = data.draw(st.sampled_from(self.own()[-5:]))
        for _ in range(1 + twice):
            self.limiter.unsent(entry[2], self.now)
        self.sent.remove(entry)
        self.wake(self.now)

    @precondition(lambda self: self.own())
    @rule(data=st.data())
    def answered(self, data: st.DataObject) -> None:
        entry = data.draw(st.sampled_from(self.own()[-3:]))
        self.limiter.answered(entry[2], self.now)
        self.latencies.append((self.now, self.now - entry[0]))
        # What was seen in the last ten minutes counts; what is older may be forgotten.
        recent = [each for at, each in self.latencies if self.now - at <= 600 * SECOND]
        ever = [each for _, each in self.latencies]
        shortest, longest = (
            WINDOW_S * SECOND
            + min(max(max(seen) - min(seen), SECOND // 2), 5 * SECOND)
            + SECOND // 4
            for seen in (recent, ever)
        )
        window = self.limiter.window_ns
        assert shortest <= window <= longest, "the window is not lengthened by the spread"
        self.wake(self.now)

    @precondition(lambda self: self.own())
    @rule(data=st.data(), header=st.sampled_from([None, 0.0, 3.0, 7.0, 500.0]))
    def throttled(self, data: st.DataObject, header: float | None) -> None:
        moment, _, permit = data.draw(st.sampled_from(self.own()[-3:]))
        self.limiter.throttled(permit, header, self.now, lambda: 0.5)
        together = self.shrunk is not None and moment < self.shrunk[1]
        if header is not None:
            self.pause(min(max(header, 1.0), 120.0) + 0.5)
        elif not together:
            self.pause(WINDOW_S * 0.625)
        if not together:
            share = floor(self.share(self.now) * 700_000)
            self.shrunk = (max(Fraction(1, 10), Fraction(share, 1_000_000)), self.now)
        self.urgent_unknown = True
        self.wake(self.now)

    def pause(self, seconds: float) -> None:
        self.paused_until = max(self.paused_until, self.now + round(seconds * SECOND))

    @rule(count=st.integers(0, 2 * LIMIT))
    def keep(self, count: int) -> None:
        self.limiter.keep(count)
        self.kept = count
        self.wake(self.now)

    @rule(ago=st.integers(0, 12 * SECOND))
    def others_sent(self, ago: int) -> None:
        self.limiter.foreign((self.now - ago,))
        self.sent.append([self.now - ago, None, None])

    @rule(lane=st.integers(0, 4), caller=CALLERS)
    def overruled_by_others(self, lane: int, caller: str) -> None:
        kit, which = self.kit, self.kit.Lane(lane)
        if which == kit.Lane.EXIT or any(
            self.waiting[each] for each in self.lanes if each <= which
        ):
            return
        answer = self.limiter.ask(which, caller, self.now + 10**12, self.now)
        if not isinstance(answer, kit.Granted):
            if isinstance(answer, kit.Waiting):
                self.stand(answer.ticket)
            return
        again = self.limiter.overruled(answer, self.now + 10**12, self.now)
        self.overruled_until = self.now + 10_000_000
        if which == kit.Lane.ORDER:
            assert isinstance(again, kit.Denied)
        else:
            assert isinstance(again, kit.Waiting)
            self.stand(again.ticket, first=True)
        self.wake(self.now)

    @rule()
    def resumed(self) -> None:
        self.limiter.resumed(self.now)
        self.known_from(self.now)
        self.wake(self.now)

    # What holds at every moment

    @invariant()
    def exits_find_room(self) -> None:
        """The reserve is there whatever the others did: what exits have not used, they can use now."""
        kit = self.kit
        if self.urgent_unknown or self.waiting[kit.Lane.EXIT]:
            return
        trial = copy.deepcopy(self.limiter)
        for _ in range(EXITS - self.exits(self.now)):
            answer = trial.ask(kit.Lane.EXIT, "exit", self.now + 1, self.now)
            assert isinstance(answer, kit.Granted), "no room for an exit"

    @invariant()
    def the_state_tells_the_truth(self) -> None:
        state = self.limiter.snapshot(self.now)
        assert state.used == self.count(self.now)
        for lane in self.lanes:
            shown = state.lanes[lane]
            assert shown.waiting == len(self.waiting[lane])
            assert shown.line == self.line(lane, self.now)
            may = self.may_leave(lane, self.now)
            if may is not None:
                assert (shown.next_free_s == 0) is may
                assert (shown.reason is None) is may


def limiter_machine(kit: SimpleNamespace) -> type[LimiterModel]:
    """The model for these copies of the modules."""
    return type("Limiter", (LimiterModel,), {"kit": kit})
