from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, get_args

import msgspec
import pytest

from tests.support.sim_line import NOON, Line
from topstepx.errors import InvalidRequest
from topstepx.sim import fault_kinds as f
from topstepx.sim.fault_plans import FaultPlan
from topstepx.sim.faults import Fault
from topstepx.sim.outside import Outside
from topstepx.sim.wire_faults import BOTH_WAYS, STEPS, WIRE_FAULTS, Step, WireFaultKind, is_wire

if TYPE_CHECKING:
    from collections.abc import Callable


class Wire:
    """Notes what it is asked for."""

    def __init__(self) -> None:
        self.on: list[tuple[Fault, Callable[[str], bool]]] = []

    def begin(self, fault: Fault, strikes: Callable[[str], bool]) -> Callable[[], None]:
        begun = (fault, strikes)
        self.on.append(begun)
        return lambda: self.on.remove(begun)


def wired() -> tuple[Line, Wire]:
    line, wire = Line().log_in(), Wire()
    line.gateway.acts.outside = Outside(wire=wire)
    return line, wire


def test_all_of_them_are_kinds_that_survive_being_written_down() -> None:
    assert set(WIRE_FAULTS) == set(get_args(WireFaultKind)) <= set(f.KINDS)
    assert set(BOTH_WAYS) < set(WIRE_FAULTS)
    assert get_args(Step) == STEPS
    kind = f.WireCut("answer began")
    assert msgspec.json.decode(msgspec.json.encode(kind), type=f.What) == kind
    assert is_wire("Wire/user")
    assert not is_wire("wired")


def test_one_lasts_its_window_and_counts_what_it_struck() -> None:
    line, wire = wired()
    planned = line.gateway.faults.add(
        Fault(
            where="wire/user",
            what=f.WireLatency(0.1),
            times=2,
            after=1,
            since=NOON + timedelta(seconds=5),
            until=NOON + timedelta(seconds=10),
        )
    )
    line.pass_time(4)
    assert not wire.on
    assert planned.state(line.gateway.now) == "to come"
    line.pass_time(2)
    ((_, strikes),) = wire.on
    assert (planned.struck, planned.state(line.gateway.now)) == (0, "on")
    assert line.gateway.faults.next_at(line.gateway.now) == planned.fault.until, "no busy waiting"
    assert [strikes("wire/user") for _ in range(5)] == [False, True, True, False, False]
    assert (planned.seen, planned.struck) == (3, 2)
    now = line.gateway.now
    assert list(line.gateway.faults.struck) == [(now, "wire/user", f.WireLatency(0.1))] * 2
    line.pass_time(5)
    assert not wire.on
    assert planned.state(line.gateway.now) == "over"
    line.pass_time(5)
    assert not wire.on


def test_taking_it_out_ends_it_and_a_refusal_is_told_when_it_begins() -> None:
    line, wire = wired()
    faults = line.gateway.faults
    one = faults.add(Fault(where="wire/*", what=f.WireStall(), times=None, direction="up"))
    two = faults.add(Fault(where="wire/*", what=f.WireRefuse()))
    line.pass_time(1)
    assert [fault for fault, _ in wire.on] == [one.fault, two.fault]
    assert [what for _, _, what in faults.struck] == [f.WireRefuse()]
    faults.remove(one)
    assert [fault for fault, _ in wire.on] == [two.fault]
    faults.clear()
    assert not wire.on


def test_the_seed_of_the_plan_chooses() -> None:
    def chosen(seed: int) -> list[bool]:
        line, wire = wired()
        line.gateway.faults.seed = seed
        line.gateway.faults.add(
            Fault(where="wire/rest", what=f.WireReset(), times=None, chance=0.3)
        )
        line.pass_time(1)
        return [wire.on[0][1]("wire/Order/place") for _ in range(100)]

    assert chosen(1) == chosen(1) != chosen(2)
    assert 15 < sum(chosen(1)) < 50


def test_without_a_proxy_it_is_refused_with_where_it_works() -> None:
    line = Line().log_in()
    plan = FaultPlan.from_toml('[[faults]]\nwhere = "wire/user"\nwhat = { kind = "wire_reset" }\n')
    with pytest.raises(InvalidRequest) as caught:
        plan.add_to(line.gateway.faults, line.gateway.now)
    told = str(caught.value)
    assert "faults[0].what.kind='wire_reset': no proxy carries the bytes" in told
    assert all(word in told for word in ("sim run --plan", "SocketPair", "network_down"))
    assert not line.gateway.faults.planned


def _add(text: str, line: Line) -> None:
    FaultPlan.from_toml(text).add_to(line.gateway.faults, line.gateway.now)


@pytest.mark.parametrize(
    ("text", "path", "hint"),
    [
        ('where="wire/usr"\nwhat={kind="wire_reset"}', "where", "Did you mean wire/user?"),
        ('where="hub/user"\nwhat={kind="wire_reset"}', "where", "wire/market"),
        ('where="wire/user"\nwhat={kind="mute"}', "where", "Leave wire/ out, or use wire_latency"),
        ('where="wire/user"\nwhat={kind="wire_rest"}', "what.kind", "Did you mean wire_reset?"),
        ('where="wire/user"\nwhat={kind="wire_refuse"}', "where", "Use wire/*."),
        ('where="wire/*"\ndirection="up"\nwhat={kind="wire_reset"}', "direction", "no direction"),
        ('where="hub/user"\ndirection="up"\nwhat={kind="mute"}', "direction", "on the wire"),
        ('where="wire/*"\ndirection="left"\nwhat={kind="wire_stall"}', "direction", "up, down"),
        ('where="wire/*"\ntimes="many"\nwhat={kind="wire_stall"}', "times", "a whole number, all"),
        ('where="wire/*"\nwhat={kind="wire_cut",step="hed came"}', "what.step", "mean head came?"),
        ('where="*"\nwhat={kind="wire_stall"}', "where", "Use wire/*"),
        ('what={kind="wire_refuse"}', "where", "Use wire/*"),
        ('where="wire/*"\nafter=1\nwhat={kind="wire_refuse"}', "after", "in_s and for_s"),
        ('where="wire/*"\nchance=0.5\nwhat={kind="wire_refuse"}', "chance", "in_s and for_s"),
        ('where="wire/*"\ntimes=3\nwhat={kind="wire_refuse"}', "times", "seen by nobody"),
        ('where="wire/order/plce"\nwhat={kind="wire_stall"}', "where", "mean wire/Order/place?"),
        ('where="wire/*"\nuntil=2020-01-01T00:00:00Z\nwhat={kind="wire_stall"}', "until", "over"),
        ('where="wire/*"\nuntil=2020-01-01T00:00:00\nwhat={kind="wire_stall"}', "until", "zone"),
        ('where="wire/*"\nwhat={kind="wire_throttle",bytes_per_s=0}', "what.bytes_per_s", "1"),
        ('where="wire/*"\nwhat={kind="wire_throttle",bytes_per_s=nan}', "what.bytes_per_s", "1"),
        ('where="wire/*"\nwhat={kind="wire_latency",seconds=-1}', "what.seconds", "a year"),
        (
            'where="wire/*"\nwhat={kind="wire_latency",seconds=1,jitter_s=inf}',
            "what.jitter_s",
            "year",
        ),
        ('where="wire/*"\nfor_s=0\nwhat={kind="wire_stall"}', "for_s", "no window"),
    ],
)
def test_what_cannot_be_meant_is_named_with_its_path(text: str, path: str, hint: str) -> None:
    line, _ = wired()
    with pytest.raises(InvalidRequest) as caught:
        _add(f"[[faults]]\n{text}\n", line)
    assert caught.value.field == f"faults[0].{path}"
    assert hint in str(caught.value)
    assert not line.gateway.faults.planned


@pytest.mark.parametrize(
    ("fault", "field", "hint"),
    [
        (Fault(where="*", what=f.WireStall()), "where", "wire/user"),
        (Fault(where="wire/user", what=f.WireStall(), direction="sideways"), "direction", "up"),  # type: ignore[arg-type]  # the slip is the point
        (
            Fault(where="wire/rest", what=f.WireCut(step="hed came")),  # type: ignore[arg-type]  # the same
            "step",
            "head came, body came",
        ),
        (
            Fault(where="wire/rest", what=f.WireTruncate(5, how="rst")),  # type: ignore[arg-type]  # the same
            "how",
            "fin, reset",
        ),
    ],
)
def test_a_choice_that_is_none_is_refused_in_python_as_well(
    fault: Fault, field: str, hint: str
) -> None:
    line, _ = wired()
    with pytest.raises(InvalidRequest) as caught:
        line.gateway.faults.add(fault)
    assert caught.value.field == field
    assert hint in str(caught.value)
