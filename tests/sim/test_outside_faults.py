from __future__ import annotations

import msgspec
import pytest

from topstepx.sim import fault_kinds as f
from topstepx.sim.outside_faults import OUTSIDE_FAULTS, at_a_point


@pytest.mark.parametrize(
    "kind", [f.Crash(when="before", restart=False), f.Stall(3), f.DiskSlow(0.5), f.DriftClock(1.1)]
)
def test_a_kind_survives_being_written_down(kind: f.OutsideFault) -> None:
    assert msgspec.json.decode(msgspec.json.encode(kind), type=f.What) == kind


def test_all_of_them_are_kinds_and_acts() -> None:
    assert set(OUTSIDE_FAULTS) <= set(f.KINDS)
    assert set(OUTSIDE_FAULTS) <= set(f.ACTS)


@pytest.mark.parametrize(
    ("where", "point"),
    [("*", False), ("Client", False), ("Order/place", True), ("Order/*", True), ("journal", True)],
)
def test_a_call_or_a_write_is_a_point_and_the_client_is_not(where: str, point: bool) -> None:
    assert at_a_point(where) is point
