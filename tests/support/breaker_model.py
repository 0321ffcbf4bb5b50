"""The breaker beside a model that keeps every result for ever and recounts from the list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

if TYPE_CHECKING:
    from types import SimpleNamespace

Copied: TypeAlias = Any
"""Something of a copied module, which has no type of its own."""

MODULES = ("breaker", "breakers")
SECOND = 1_000_000_000
STEPS = st.one_of(
    st.integers(0, 2 * SECOND),
    st.sampled_from([SECOND, 5 * SECOND, 5 * SECOND + 1, 10 * SECOND, 60 * SECOND]),
    st.integers(0, 90 * SECOND),
)


class BreakerModel(RuleBasedStateMachine):
    """What the breaker did is recounted here; `kit` holds the module under test."""

    kit: SimpleNamespace

    @initialize(probes=st.integers(1, 2), chances=st.lists(st.floats(0, 0.999), min_size=1))
    def begin(self, probes: int, chances: list[float]) -> None:
        kit = self.kit
        self.drawn = 0

        def jitter() -> float:
            self.drawn += 1
            return chances[self.drawn % len(chances)]

        policy = kit.BreakerPolicy(probes_to_close=probes)
        self.breaker: Copied = kit.Breaker(kit.Scope.TRADE_MUTATION, policy, jitter)
        self.need = probes
        self.now = 0
        self.state = "closed"
        self.life = 0
        self.results: list[tuple[int, bool]] = []  # of this closed life
        self.tickets: list[tuple[Copied, int]] = []  # in flight, with the life they began in
        self.spent: list[Copied] = []
        self.probe: Copied = None
        self.probe_at = 0
        self.good = 0
        self.openings = 0

    # The model

    def opens(self, change: Copied, *, grows: bool = True) -> None:
        assert change is not None, "should have opened"
        assert change.after.name == "OPEN"
        assert change.at_ns == self.now
        assert change.cause
        base = min(2.0**self.openings, 30.0) if grows else 1.0
        wait = (change.next_probe_ns - self.now) / SECOND
        assert 0.75 * base - 1e-6 <= wait <= 1.25 * base + 1e-6, "the break is of another length"
        if grows:
            self.openings += 1
            self.new_life()
        self.state, self.probe, self.good = "open", None, 0
        self.probe_at = change.next_probe_ns

    def closes(self, change: Copied) -> None:
        assert change is not None, "should have closed"
        assert change.after.name == "CLOSED"
        assert change.next_probe_ns is None
        self.state, self.probe, self.openings = "closed", None, 0
        self.new_life()

    def new_life(self) -> None:
        self.life += 1
        self.results = []
        self.good = 0

    def too_bad(self) -> bool:
        row = 0
        for _, bad in reversed(self.results):
            if not bad:
                break
            row += 1
        recent = [bad for at, bad in self.results if self.now - at <= 60 * SECOND]
        return row >= 5 or (len(recent) >= 6 and 2 * sum(recent) >= len(recent))

    # What happens

    @rule(step=STEPS)
    def pass_time(self, step: int) -> None:
        self.now += step

    @rule()
    def jump_to_the_deadline(self) -> None:
        due = self.breaker.deadline()
        assert (due is None) == (self.state in {"closed", "isolated"}), "forgets to be woken"
        if due is None:
            return
        self.now = max(self.now, due)
        self.advance()
        if self.probe is None and self.state != "closed":
            due = self.breaker.deadline()
            assert due is not None
            assert due > self.now or self.breaker.wants_probe(self.now), "wakes for nothing"

    @rule()
    def advance(self) -> None:
        lost = self.probe is not None and self.now - self.probe.began_ns >= 10 * SECOND
        change = self.breaker.advance(self.now)
        if lost:
            self.tickets = [each for each in self.tickets if each[0] is not self.probe]
            self.spent.append(self.probe)
            self.opens(change)
        else:
            assert change is None

    @rule(exits=st.booleans(), times=st.integers(1, 6))
    def ask(self, *, exits: bool, times: int) -> None:
        for _ in range(times):
            answer = self.breaker.admit(self.now, exits=exits)
            if isinstance(answer, self.kit.Ticket):
                assert exits or self.state == "closed", "an ordinary call passed"
                assert not answer.probe
                self.tickets.append((answer, self.life))
            else:
                assert not exits, "an exit was refused"
                assert self.state != "closed", "a call was refused for nothing"
                assert answer.cause
                assert (answer.next_probe_ns is None) == (self.state == "isolated")

    @rule()
    def ask_for_a_probe(self) -> None:
        due = self.state in {"open", "probing"} and self.probe is None and self.now >= self.probe_at
        assert self.breaker.wants_probe(self.now) == due
        ticket = self.breaker.probe(self.now)
        assert (ticket is not None) == due, "one probe, when it is due, and only one"
        if ticket is not None:
            assert ticket.probe
            assert (ticket.change is not None) == (self.state == "open")
            self.state, self.probe = "probing", ticket
            self.tickets.append((ticket, self.life))

    @precondition(lambda self: self.tickets)
    @rule(data=st.data(), verdict=st.sampled_from(["ok", "bad", "bad", "bad", "void"]))
    def settle(self, data: st.DataObject, verdict: str) -> None:
        place = data.draw(st.integers(max(0, len(self.tickets) - 8), len(self.tickets) - 1))
        self.settle_one(place, verdict)

    @rule(verdicts=st.lists(st.sampled_from(["ok", "bad", "bad", "bad"]), max_size=8))
    def storm(self, verdicts: list[str]) -> None:
        """Calls that are answered at once."""
        for verdict in verdicts:
            before = len(self.tickets)
            self.ask(exits=False, times=1)
            if len(self.tickets) > before:
                self.settle_one(before, verdict)

    @rule(verdict=st.sampled_from(["ok", "ok", "bad", "void"]), slow=st.booleans())
    def probe_when_due(self, verdict: str, *, slow: bool) -> None:
        if self.state != "open":
            return
        self.now = max(self.now, self.probe_at)
        self.ask_for_a_probe()
        self.now += 6 * SECOND if slow else SECOND
        self.settle_one(len(self.tickets) - 1, verdict)

    def settle_one(self, place: int, verdict: str) -> None:
        ticket, life = self.tickets.pop(place)
        change = self.breaker.settle(ticket, verdict, self.now, "told")
        self.spent.append(ticket)
        if verdict == "ok" and self.now - ticket.began_ns > 5 * SECOND:
            verdict = "bad"
        if ticket is self.probe:
            self.settle_probe(verdict, change)
        elif ticket.probe or verdict == "void" or life != self.life or self.state != "closed":
            assert change is None, "a late or void result changed the state"
        else:
            self.results.append((self.now, verdict == "bad"))
            if verdict == "bad" and self.too_bad():
                self.opens(change)
            else:
                assert change is None, "opened too early"

    def settle_probe(self, verdict: str, change: Copied) -> None:
        self.probe = None
        if verdict == "bad":
            self.opens(change)
        elif verdict == "void":
            self.opens(change, grows=False)
        elif self.good + 1 < self.need:
            self.good += 1
            self.probe_at = self.now
            assert change is None, "closed on too few probes"
        else:
            self.closes(change)

    @precondition(lambda self: self.spent)
    @rule(data=st.data(), verdict=st.sampled_from(["ok", "bad", "void"]))
    def settle_again(self, data: st.DataObject, verdict: str) -> None:
        ticket = data.draw(st.sampled_from(self.spent[-5:]))
        assert self.breaker.settle(ticket, verdict, self.now) is None, "settled twice"

    @rule(really=st.sampled_from([False, False, False, True]))
    def isolate(self, *, really: bool) -> None:
        if not really:
            return
        change = self.breaker.isolate("by hand", self.now)
        assert (change is None) == (self.state == "isolated")
        if change is not None:
            assert change.next_probe_ns is None
            self.state, self.probe = "isolated", None
            self.new_life()

    @rule(really=st.sampled_from([False, False, True]))
    def reset(self, *, really: bool) -> None:
        if not really:
            return
        change = self.breaker.reset(self.now)
        if self.state == "closed":
            assert change is None
            self.new_life()
        else:
            self.closes(change)

    # What holds at every moment

    @invariant()
    def the_state_is_the_models(self) -> None:
        shown = self.breaker.snapshot(self.now)
        assert shown.state.value == self.state
        assert (shown.cause is None) == (self.state == "closed")
        assert shown.in_flight == len(self.tickets)
        assert sum(1 for each, _ in self.tickets if each is self.probe) == (self.probe is not None)


def breaker_machine(kit: SimpleNamespace) -> type[BreakerModel]:
    """The model for this copy of the module."""
    return type("Breaker", (BreakerModel,), {"kit": kit})
