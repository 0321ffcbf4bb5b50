"""Places and numbers of faults; what plans as files are answered with is in test_fault_plans."""

from __future__ import annotations

import pytest

from topstepx.errors import InvalidRequest
from topstepx.sim import fault_kinds as f
from topstepx.sim.endpoints import ROUTE_NAMES
from topstepx.sim.fault_checks import check_numbers, check_place
from topstepx.sim.faults import Fault


@pytest.mark.parametrize(
    ("where", "what"),
    [
        ("client", f.Crash()),
        ("journal", f.Crash()),
        ("Order/Place", f.Quit()),
        ("Order/*", f.Stall(1)),
        ("*", f.Crash()),
        ("journal", f.DiskFull()),
        ("*", f.DiskSlow(1)),
        ("gateway", f.StepClock(1)),
        ("client", f.DriftClock(1.1)),
        ("client", f.Suspend(1)),
        ("hub/user", f.Mute()),
        ("Order/place", f.DropAnswer()),
    ],
)
def test_places_that_can_be_meant(where: str, what: f.What) -> None:
    fault = Fault(where=where, what=what)
    check_place(fault, ROUTE_NAMES)
    check_numbers(fault)


@pytest.mark.parametrize(
    ("where", "what", "hint"),
    [
        ("hub/user", f.Crash(), "Use client, journal, Account/search"),
        ("Order/plce", f.Crash(), "Did you mean Order/place?"),
        ("client", f.DiskFull(), "Use journal."),
        ("Order/place", f.DiskHangs(), "Use journal."),
        ("gateway", f.Suspend(1), "Use client."),
        ("journal", f.StepClock(1), "Use client, gateway."),
        ("gatway", f.StepClock(1), "Did you mean gateway?"),
        ("client", f.DropAnswer(), "Use hub/user, hub/market or"),
        ("journal", f.Mute(), "Use hub/user, hub/market or"),
    ],
)
def test_a_place_that_is_none_for_this_kind_is_told_with_those_that_are(
    where: str, what: f.What, hint: str
) -> None:
    with pytest.raises(InvalidRequest, match="no such place") as caught:
        check_place(Fault(where=where, what=what), ROUTE_NAMES)
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    ("what", "field"),
    [
        (f.Crash(restart_s=-1), "restart_s"),
        (f.Crash(restart_s=float("nan")), "restart_s"),
        (f.Stall(0), "seconds"),
        (f.Stall(-1), "seconds"),
        (f.DiskSlow(float("inf")), "seconds"),
        (f.StepClock(0), "seconds"),
        (f.StepClock(-1e9), "seconds"),
        (f.Suspend(0), "seconds"),
        (f.DriftClock(0), "rate"),
        (f.DriftClock(float("nan")), "rate"),
        (f.DriftClock(11), "rate"),
    ],
)
def test_numbers_that_cannot_be_meant(what: f.What, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_numbers(Fault(where="*", what=what))
    assert caught.value.field == field
