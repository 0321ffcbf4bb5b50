"""All scopes together: a lost network is booked on the network and nowhere else."""

from __future__ import annotations

import pytest

from topstepx.clock import NANOSECONDS
from topstepx.core.breakers import Breakers, Call, Refused, Scope, State

SECOND = NANOSECONDS
OTHERS = [scope for scope in Scope if scope is not Scope.NETWORK]


def breakers() -> Breakers:
    return Breakers(lambda: 0.5)


def call(them: Breakers, scope: Scope, now_ns: int = 0, *, exits: bool = False) -> Call:
    admitted = them.admit(scope, now_ns, exits=exits)
    assert isinstance(admitted, Call)
    return admitted


def fail(
    them: Breakers, scope: Scope, times: int = 5, now_ns: int = 0, *, local: bool = False
) -> None:
    for _ in range(times):
        them.settle(call(them, scope, now_ns), "bad", now_ns, cause="told", local=local)


@pytest.mark.parametrize("scope", OTHERS)
def test_only_the_sick_scope_opens(scope: Scope) -> None:
    them = breakers()
    fail(them, scope)
    assert [each for each in Scope if them.state(each) is not State.CLOSED] == [scope]
    refused = them.admit(scope, 0)
    assert isinstance(refused, Refused)
    assert refused.scope is scope
    assert all(each.in_flight == 0 for each in them.snapshot(0))


def test_a_dead_name_service_opens_the_network_alone() -> None:
    them = breakers()
    for scope in OTHERS[:5]:
        fail(them, scope, 1, local=True)
    assert [each for each in Scope if them.state(each) is not State.CLOSED] == [Scope.NETWORK]
    refused = them.admit(Scope.TRADE_READ, 0)
    assert isinstance(refused, Refused)
    assert refused.scope is Scope.NETWORK


def test_what_fails_while_the_network_is_down_is_excused() -> None:
    them = breakers()
    under_way = [call(them, Scope.TRADE_READ) for _ in range(10)]
    fail(them, Scope.AUTH, local=True)
    for each in under_way:
        assert them.settle(each, "bad", SECOND, cause="timeout") == ()
    assert them.state(Scope.TRADE_READ) is State.CLOSED


def test_while_the_network_is_down_nobody_spends_a_probe() -> None:
    them = breakers()
    fail(them, Scope.HISTORY)
    fail(them, Scope.AUTH, local=True)
    assert them.due(9 * SECOND) == (Scope.NETWORK,)
    assert them.probe(Scope.HISTORY, 9 * SECOND) is None
    assert them.deadline() == SECOND
    probe = them.probe(Scope.NETWORK, 9 * SECOND)
    assert probe is not None
    (change,) = them.settle(probe, "ok", 9 * SECOND)
    assert (change.scope, change.after) == (Scope.NETWORK, State.CLOSED)
    assert them.due(9 * SECOND) == (Scope.HISTORY,)


def test_a_probe_lost_with_the_network_does_not_lengthen_the_break() -> None:
    them = breakers()
    fail(them, Scope.HISTORY)
    assert them.probe(Scope.HISTORY, SECOND) is not None
    fail(them, Scope.AUTH, 5, SECOND, local=True)
    (change,) = them.advance(11 * SECOND)
    assert change.scope is Scope.HISTORY
    assert change.next_probe_ns == 12 * SECOND


def test_a_slow_answer_is_the_scopes_fault_not_the_networks() -> None:
    them = breakers()
    slow = [call(them, Scope.TRADE_READ) for _ in range(20)]
    for each in slow:
        them.settle(each, "ok", 9 * SECOND)
    assert them.state(Scope.TRADE_READ) is State.OPEN
    assert them.state(Scope.NETWORK) is State.CLOSED


def test_refused_calls_and_timeouts_say_nothing_about_the_network() -> None:
    them = breakers()
    for scope in OTHERS:
        fail(them, scope)
    assert them.state(Scope.NETWORK) is State.CLOSED


@pytest.mark.parametrize("scope", list(Scope))
def test_exits_pass_everything(scope: Scope) -> None:
    them = breakers()
    fail(them, Scope.AUTH, local=True)
    them.isolate(scope, "a person shut it", 0)
    exits = [call(them, scope, exits=True) for _ in range(40)]
    for each in exits:
        assert them.settle(each, "bad", 0) == ()


def test_a_call_is_settled_once() -> None:
    them = breakers()
    once = call(them, Scope.AUTH)
    for _ in range(10):
        them.settle(once, "bad", 0)
    assert them.state(Scope.AUTH) is State.CLOSED


def test_trade_mutations_need_two_good_probes_and_say_each_change() -> None:
    them = breakers()
    fail(them, Scope.TRADE_MUTATION)
    first = them.probe(Scope.TRADE_MUTATION, SECOND)
    assert first is not None
    assert first.change is not None
    assert (first.change.before, first.change.after) == (State.OPEN, State.PROBING)
    assert them.settle(first, "ok", SECOND) == ()
    second = them.probe(Scope.TRADE_MUTATION, SECOND)
    assert second is not None
    assert second.change is None
    (change,) = them.settle(second, "ok", SECOND)
    assert change.after is State.CLOSED


def test_a_person_isolates_and_resets() -> None:
    them = breakers()
    (change,) = them.isolate(Scope.HISTORY, "too slow today", 0)
    assert (change.after, change.cause, change.next_probe_ns) == (
        State.ISOLATED,
        "too slow today",
        None,
    )
    assert them.isolate(Scope.HISTORY, "again", 0) == ()
    assert them.due(10**15) == ()
    assert them.deadline() is None
    (change,) = them.reset(Scope.HISTORY, 5)
    assert change.after is State.CLOSED
    assert them.reset(Scope.HISTORY, 5) == ()
