"""One scope's breaker: when it opens, what probes it, and what cannot fool it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.support.breaker_model import MODULES, SECOND, Copied, breaker_machine
from tests.support.mutants import Mutant, load
from topstepx.core.breaker import Breaker, BreakerPolicy, Refused, Scope, State, Ticket

KIT = load(MODULES)
LONG = settings(deadline=None, suppress_health_check=list(HealthCheck), stateful_step_count=50)
QUICK = settings(
    LONG,
    max_examples=250,
    derandomize=True,
    database=None,
    report_multiple_bugs=False,
    phases=[Phase.generate],
    print_blob=False,
)
NOTICED = (
    AssertionError, KeyError, ValueError, TypeError, AttributeError, BaseExceptionGroup,
)  # fmt: skip

TestBreakerAgainstModel = breaker_machine(KIT).TestCase
TestBreakerAgainstModel.settings = LONG


@pytest.mark.soak
def test_the_model_at_length() -> None:
    run_state_machine_as_test(breaker_machine(KIT), settings=settings(LONG, max_examples=5000))


MUTANTS = [
    Mutant("many probes at once", "breaker", "now_ns >= self._probe_at_ns and self._probe is None", "now_ns >= self._probe_at_ns"),
    Mutant("probe before its time", "breaker", "due = now_ns >= self._probe_at_ns and", "due = now_ns >= 0 and"),
    Mutant("probes while isolated", "breaker", "due and self.state in {State.OPEN, State.PROBING}", "due and self.state is not State.CLOSED"),
    Mutant("calls pass while probing", "breaker", "if self.state is State.CLOSED or exits:", "if self.state in {State.CLOSED, State.PROBING} or exits:"),
    Mutant("exits are refused", "breaker", "if self.state is State.CLOSED or exits:", "if self.state is State.CLOSED:"),
    Mutant("exits refused when isolated", "breaker", "if self.state is State.CLOSED or exits:", "if self.state is State.CLOSED or (exits and self.state is not State.ISOLATED):"),
    Mutant("settles twice", "breaker", "self._out.pop(ticket.number, None) is None", "self._out.get(ticket.number) is None"),
    Mutant("late results count", "breaker", 'if verdict == "void" or ticket.life != self._life:', 'if verdict == "void":'),
    Mutant("void counts", "breaker", 'if verdict == "void" or ticket.life != self._life:', "if ticket.life != self._life:"),
    Mutant("slow is fine", "breaker", "> self.policy.slow_s * NANOSECONDS", "> 1e30"),
    Mutant("slow at the boundary", "breaker", "ticket.began_ns > self.policy.slow_s", "ticket.began_ns >= self.policy.slow_s"),
    Mutant("one too many in a row", "breaker", "if self._row >= self.policy.consecutive", "if self._row > self.policy.consecutive"),
    Mutant("the row never breaks", "breaker", 'self._row + 1 if verdict == "bad" else 0', 'self._row + 1 if verdict == "bad" else self._row'),
    Mutant("no rate rule", "breaker", "if total >= self.policy.rate_least", "if total >= 10**9"),
    Mutant("rate rule forgets its least", "breaker", "if total >= self.policy.rate_least", "if total >= 2"),
    Mutant("more than half", "breaker", "bad >= self.policy.rate * total", "bad > self.policy.rate * total"),
    Mutant("the minute never ends", "breaker", "> self._rate_window_ns", "> 10**30"),
    Mutant("the minute ends early", "breaker", "> self._rate_window_ns", ">= self._rate_window_ns"),
    Mutant("breaks do not grow", "breaker", "self.policy.open_s * 2.0 ** min(self._openings, 30)", "self.policy.open_s"),
    Mutant("breaks have no cap", "breaker", "min(self.policy.open_s * 2.0 ** min(self._openings, 30), self.policy.open_cap_s)", "self.policy.open_s * 2.0 ** min(self._openings, 30)"),
    Mutant("breaks stay long after closing", "breaker", "        self._openings = 0\n        self._begin_life()\n", "        self._begin_life()\n"),
    Mutant("too much jitter", "breaker", "* (2 * self._jitter() - 1)", "* (4 * self._jitter() - 1)"),
    Mutant("a lost probe wedges", "breaker", "        if probe is None or now_ns", "        if True or now_ns"),
    Mutant("a lost probe still counts", "breaker", "        self._out.pop(probe.number, None)\n        self._probe = None\n        cause", "        self._probe = None\n        cause"),
    Mutant("one good probe is enough", "breaker", "if self._good_probes < self.policy.probes_to_close:", "if self._good_probes < 1:"),
    Mutant("good probes are remembered", "breaker", "        self._good_probes = 0\n        self._probe_at_ns", "        self._probe_at_ns"),
    Mutant("an overtaken probe decides", "breaker", "        if self._probe is not ticket:\n            return None", "        if False:\n            return None"),
    Mutant("a void probe closes", "breaker", '        if verdict == "void":\n            # It', '        if verdict == "never":\n            # It'),
    Mutant("the next life remembers", "breaker", "        self._results.clear()\n", ""),
    Mutant("lives are one", "breaker", "        self._life += 1\n", ""),
    Mutant("nobody is woken for a probe", "breaker", "return self._probe_at_ns if self.state in {State.OPEN, State.PROBING} else None", "return None"),
]  # fmt: skip


def breaker(kit: Copied, probes_to_close: int = 1) -> Copied:
    policy = kit.BreakerPolicy(probes_to_close=probes_to_close)
    return kit.Breaker(kit.Scope.TRADE_MUTATION, policy, lambda: 0.5)


def fail(it: Copied, times: int, now_ns: int = 0) -> list[Copied]:
    changes = [it.settle(it.admit(now_ns), "bad", now_ns, "timeout") for _ in range(times)]
    return [change for change in changes if change is not None]


def opens_on_the_fifth(kit: Copied) -> None:
    it = breaker(kit)
    assert fail(it, 4) == []
    (change,) = fail(it, 1)
    assert (change.before, change.after) == (kit.State.CLOSED, kit.State.OPEN)
    assert change.cause == "5 failures in a row, last: timeout"
    assert change.next_probe_ns == SECOND


def opens_on_half_of_six(kit: Copied) -> None:
    it = breaker(kit)
    for verdict in ("bad", "ok", "bad", "ok", "ok"):
        assert it.settle(it.admit(0), verdict, 0) is None
    assert it.settle(it.admit(60 * SECOND), "bad", 60 * SECOND).cause.startswith("3 of 6")


def forgets_after_a_minute(kit: Copied) -> None:
    it = breaker(kit)
    for verdict in ("bad", "ok", "bad", "ok", "ok"):
        it.settle(it.admit(0), verdict, 0)
    assert it.settle(it.admit(0), "bad", 60 * SECOND + 1) is None


def breaks_double_to_the_cap_and_start_again(kit: Copied) -> None:
    it, now_ns = breaker(kit), 0
    for _ in range(2):
        fail(it, 5, now_ns)
        waits = []
        for _ in range(7):
            waits.append((it.deadline() - now_ns) / SECOND)
            now_ns = it.deadline()
            it.settle(it.probe(now_ns), "bad", now_ns)
        assert waits == [1, 2, 4, 8, 16, 30, 30]
        now_ns = it.deadline()
        assert it.settle(it.probe(now_ns), "ok", now_ns).after is kit.State.CLOSED


def a_lost_probe_is_replaced(kit: Copied) -> None:
    it = breaker(kit)
    fail(it, 5)
    lost = it.probe(SECOND)
    assert it.probe(SECOND) is None
    assert it.deadline() == 11 * SECOND
    assert it.advance(11 * SECOND - 1) is None
    assert it.advance(11 * SECOND).next_probe_ns == 13 * SECOND
    assert it.settle(lost, "ok", 12 * SECOND) is None
    assert it.probe(13 * SECOND) is not None


def a_probe_overtaken_by_hand_is_ignored(kit: Copied) -> None:
    it = breaker(kit)
    fail(it, 5)
    probe = it.probe(SECOND)
    it.isolate("maintenance", SECOND)
    assert it.settle(probe, "ok", SECOND) is None
    assert it.snapshot(SECOND).state is kit.State.ISOLATED


def two_in_a_row_must_come_back(kit: Copied) -> None:
    it = breaker(kit, probes_to_close=2)
    fail(it, 5)
    assert it.settle(it.probe(SECOND), "ok", SECOND) is None
    again = it.settle(it.probe(SECOND), "bad", SECOND).next_probe_ns
    assert it.settle(it.probe(again), "ok", again) is None
    assert it.settle(it.probe(again), "ok", again).after is kit.State.CLOSED


def a_void_probe_in_between_starts_over(kit: Copied) -> None:
    it = breaker(kit, probes_to_close=2)
    fail(it, 5)
    it.settle(it.probe(SECOND), "ok", SECOND)
    again = it.settle(it.probe(SECOND), "void", SECOND).next_probe_ns
    assert it.settle(it.probe(again), "ok", again) is None


def what_began_before_counts_for_nothing(kit: Copied) -> None:
    it = breaker(kit)
    old = [it.admit(0) for _ in range(12)]
    fail(it, 5)
    assert [it.settle(each, "ok", SECOND) for each in old[:5]] == [None] * 5
    assert it.settle(it.probe(SECOND), "ok", SECOND).after is kit.State.CLOSED
    assert [it.settle(each, "bad", SECOND) for each in old[5:]] == [None] * 7
    assert it.snapshot(SECOND).state is kit.State.CLOSED


def a_new_life_starts_clean(kit: Copied) -> None:
    it = breaker(kit)
    fail(it, 5)
    it.settle(it.probe(SECOND), "ok", SECOND)
    for verdict in ("ok", "ok", "bad"):
        assert it.settle(it.admit(SECOND), verdict, SECOND) is None
    assert it.snapshot(SECOND).recent == 3


def only_more_than_five_seconds_are_slow(kit: Copied) -> None:
    it = breaker(kit)
    for _ in range(10):
        assert it.settle(it.admit(0), "ok", 5 * SECOND) is None
    assert it.snapshot(5 * SECOND).recent_bad == 0
    changes = [it.settle(it.admit(0), "ok", 5 * SECOND + 1) for _ in range(5)]
    assert changes[-1] is not None


def a_void_call_proves_nothing(kit: Copied) -> None:
    it = breaker(kit)
    fail(it, 4)
    for _ in range(10):
        assert it.settle(it.admit(0), "void", 0) is None
    assert len(fail(it, 1)) == 1


def a_good_call_breaks_the_row(kit: Copied) -> None:
    it = breaker(kit)
    for number, verdict in enumerate(["bad"] * 4 + ["ok"] + ["bad"] * 4):
        at_ns = number * 61 * SECOND
        assert it.settle(it.admit(at_ns), verdict, at_ns) is None


def only_the_probe_passes(kit: Copied) -> None:
    it = breaker(kit)
    fail(it, 5)
    assert it.probe(SECOND - 1) is None
    assert it.probe(SECOND).probe
    assert it.probe(SECOND) is None
    assert isinstance(it.admit(SECOND), kit.Refused)
    assert isinstance(it.admit(SECOND, exits=True), kit.Ticket)


def a_lost_probe_leaves_no_trace(kit: Copied) -> None:
    it = breaker(kit)
    fail(it, 5)
    it.probe(SECOND)
    it.advance(11 * SECOND)
    assert it.snapshot(11 * SECOND).in_flight == 0


DIRECTED = [
    what_began_before_counts_for_nothing,
    a_new_life_starts_clean,
    only_more_than_five_seconds_are_slow,
    a_void_call_proves_nothing,
    a_good_call_breaks_the_row,
    only_the_probe_passes,
    a_lost_probe_leaves_no_trace,
    opens_on_the_fifth,
    opens_on_half_of_six,
    forgets_after_a_minute,
    breaks_double_to_the_cap_and_start_again,
    a_lost_probe_is_replaced,
    a_probe_overtaken_by_hand_is_ignored,
    two_in_a_row_must_come_back,
    a_void_probe_in_between_starts_over,
]


@pytest.mark.parametrize("check", DIRECTED, ids=lambda check: check.__name__)
def test_directed(check: Copied) -> None:
    check(KIT)


def examine(kit: Copied) -> None:
    for check in DIRECTED:
        check(kit)
    run_state_machine_as_test(breaker_machine(kit), settings=QUICK)


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_broken_breaker_is_noticed(mutant: Mutant) -> None:
    kit = load(MODULES, mutant)
    with pytest.raises(NOTICED):
        examine(kit)


def test_three_orders_a_minute_are_enough_to_open_it() -> None:
    """A quiet hour must not hide a dead gateway behind a least number of calls."""
    it = Breaker(Scope.TRADE_MUTATION, BreakerPolicy(), lambda: 0.5)
    states = []
    for number in range(5):
        ticket = it.admit(number * 20 * SECOND)
        assert isinstance(ticket, Ticket)
        it.settle(ticket, "bad", number * 20 * SECOND)
        states.append(it.state)
    assert states == [State.CLOSED] * 4 + [State.OPEN]


def test_a_brown_out_opens_it_though_every_answer_is_good() -> None:
    it = Breaker(Scope.TRADE_READ, BreakerPolicy(), lambda: 0.5)
    change = None
    for number in range(5):
        ticket = it.admit(number * SECOND)
        assert isinstance(ticket, Ticket)
        change = it.settle(ticket, "ok", (number + 9) * SECOND)
    assert change is not None
    assert "slower than 5 s" in change.cause


def test_a_refusal_says_when_the_next_look_is() -> None:
    it = Breaker(Scope.TRADE_READ, BreakerPolicy(), lambda: 0.5)
    fail(it, 5)
    assert it.admit(0) == Refused(it.scope, "5 failures in a row, last: timeout", SECOND)
    it.probe(SECOND)
    refused = it.admit(2 * SECOND)
    assert isinstance(refused, Refused)
    assert refused.next_probe_ns == 11 * SECOND


def test_flapping_costs_one_probe_per_break() -> None:
    """One second up, one second down, for ten minutes."""
    it, now_ns, probes = Breaker(Scope.AUTH, BreakerPolicy(), lambda: 0.5), 0, 0
    while now_ns < 600 * SECOND:
        up = (now_ns // SECOND) % 2 == 0
        for _ in range(20):
            ticket = it.admit(now_ns)
            if isinstance(ticket, Ticket):
                it.settle(ticket, "ok" if up else "bad", now_ns)
        probe = it.probe(now_ns)
        if probe is not None:
            probes += 1
            it.settle(probe, "ok" if up else "bad", now_ns)
        now_ns += SECOND // 4
    assert 0 < probes < 400
