"""Hands that there are and hands that there are not."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.support.sim_line import NOON, Line
from topstepx.errors import InvalidRequest
from topstepx.sim import fault_kinds as f
from topstepx.sim.fault_plans import FaultPlan
from topstepx.sim.faults import Fault
from topstepx.sim.outside import Outside

if TYPE_CHECKING:
    from collections.abc import Callable


class Hands:
    """Notes what it is asked for."""

    kinds = (f.DiskFull, *f.PROCESS_FAULTS)

    def __init__(self) -> None:
        self.did: list[object] = []

    def crash(self, restart_s: float | None) -> None:
        self.did.append(("crash", restart_s))

    def leave(self, restart_s: float | None) -> None:
        self.did.append(("leave", restart_s))

    def stall(self, seconds: float) -> None:
        self.did.append(("stall", seconds))

    def step(self, seconds: float) -> None:
        self.did.append(("step", seconds))

    def suspend(self, seconds: float, *, cut: bool) -> None:
        self.did.append(("suspend", seconds, cut))

    def drift(self, rate: float) -> Callable[[], None]:
        self.did.append(("drift", rate))
        return lambda: self.did.append("no drift")

    def begin(self, what: f.DiskFault) -> Callable[[], None]:
        self.did.append(what)
        return lambda: self.did.append("healthy")


def held() -> tuple[Line, Hands]:
    line, hands = Line().log_in(), Hands()
    line.gateway.acts.outside = Outside(hands, hands, hands, hands, journal_writes=True)
    return line, hands


def test_everything_reaches_its_hand_and_is_taken_back_when_its_window_ends() -> None:
    line, hands = held()
    for what, where in (
        (f.Crash(), "client"),
        (f.Crash(restart=False), "*"),
        (f.Quit(restart_s=3), "client"),
        (f.Stall(2), "client"),
        (f.DiskFull(), "journal"),
        (f.StepClock(-5), "client"),
        (f.StepClock(5), "gateway"),
        (f.DriftClock(1.5), "client"),
        (f.Suspend(60, cut=True), "*"),
    ):
        line.gateway.faults.add(Fault(where=where, what=what, until=NOON + timedelta(seconds=10)))
    line.pass_time(1)
    assert hands.did == [
        ("crash", 1.0),
        ("crash", None),
        ("leave", 3),
        ("stall", 2),
        f.DiskFull(),
        ("step", -5),
        ("step", 5),
        ("drift", 1.5),
        ("suspend", 60, True),
    ]
    hands.did.clear()
    line.pass_time(10)
    assert hands.did == ["healthy", "no drift"]


def test_a_crash_at_a_call_comes_before_or_after_it_and_nobody_hears_the_answer() -> None:
    line, hands = held()
    line.gateway.faults.add(Fault(where="Order/place", what=f.Crash(when="before")))
    line.gateway.faults.add(Fault(where="Order/*", what=f.Crash(), after=1))
    body = {
        "accountId": 26282001,
        "contractId": "CON.F.US.MNQ.H26",
        "type": 2,
        "side": 0,
        "size": 1,
    }
    answer = line.send("/api/Order/place", body)
    assert (answer.deliver, answer.hang) == (False, True)
    assert line.gateway.venue.truth.requests == []
    assert hands.did == [("crash", 1.0)]
    answer = line.send("/api/Order/place", body)
    assert (answer.deliver, answer.hang) == (False, True)
    assert len(line.gateway.venue.truth.requests) == 1
    assert len(hands.did) == 2
    assert line.send("/api/Order/place", body).deliver


def test_a_stall_at_a_call_lets_the_answer_come() -> None:
    line, hands = held()
    line.gateway.faults.add(Fault(where="Account/search", what=f.Stall(5)))
    assert line.call("Account/search", {"onlyActiveAccounts": True})["success"]
    assert hands.did == [("stall", 5)]


@pytest.mark.parametrize(
    ("text", "path", "hint"),
    [
        ("what = { kind = 'crash' }", "faults[1].what.kind", "topstepx sim run -- COMMAND"),
        ("what = { kind = 'disk_full' }", "faults[1].what.kind", "Use the kit"),
        ("what = { kind = 'suspend', seconds = 5 }", "faults[1].what.kind", "Use the kit"),
        ("what = { kind = 'half_open' }", "faults[1].what.kind", "TCP fault proxy"),
        ("where = 'client'\nwhat = { kind = 'half_open' }", "faults[1].where", "Use network."),
        ("what = { kind = 'suspend', seconds = 5 }", "faults[1].what.kind", "drift_clock"),
        (
            "what = { kind = 'step_clock', seconds = 5 }",
            "faults[1].where",
            'where = "gateway" moves',
        ),
        (
            "where = 'gateway'\nwhat = { kind = 'step_clock', seconds = -5 }",
            "faults[1].what.seconds",
            "skew_date",
        ),
        ("what = { kind = 'disk_ful' }", "faults[1].what.kind", "Did you mean disk_full?"),
        ("where = 'hub/user'\nwhat = { kind = 'crash' }", "faults[1].where", "Use client, journal"),
    ],
)
def test_a_plan_that_finds_no_hand_is_refused_whole_with_its_path(
    text: str, path: str, hint: str
) -> None:
    line, hands = held()
    line.gateway.acts.outside = Outside(gateway_clock=hands)
    plan = "[[faults]]\nwhat = { kind = 'cut' }\n[[faults]]\n" + text
    with pytest.raises(InvalidRequest) as caught:
        FaultPlan.from_toml(plan).add_to(line.gateway.faults, NOON)
    assert caught.value.field == path, str(caught.value)
    assert hint in str(caught.value)
    assert line.gateway.faults.planned == ()


def test_without_any_hand_nothing_outside_can_act_and_the_journal_is_not_seen() -> None:
    gateway = Line().gateway
    with pytest.raises(InvalidRequest, match="Nothing outside the gateway is"):
        gateway.faults.add(Fault(where="gateway", what=f.DriftClock(2)))
    gateway.acts.outside = Outside(program=Hands())
    with pytest.raises(InvalidRequest, match="nobody here sees"):
        gateway.faults.add(Fault(where="journal", what=f.Crash()))
