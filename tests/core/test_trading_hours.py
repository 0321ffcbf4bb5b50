"""The weekly calendar, in Chicago's time, summer and winter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from topstepx.core.trading_hours import are_neighbours, root_of_id, traded_throughout, trades_at
from topstepx.sim.calendar import GlobexHours
from topstepx.sim.products import PRODUCTS

CHICAGO = ZoneInfo("America/Chicago")
MNQ = "CON.F.US.MNQ.Z26"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHICAGO).astimezone(UTC)


@pytest.mark.parametrize(
    ("when", "trades"),
    [
        ("2026-11-22T16:59", False),  # Sunday
        ("2026-11-22T17:00", True),
        ("2026-11-23T15:59:59", True),
        ("2026-11-23T16:00", False),  # the daily halt
        ("2026-11-23T17:00", True),
        ("2026-11-27T15:59", True),  # Friday
        ("2026-11-27T17:00", False),
        ("2026-11-28T12:00", False),
        ("2026-07-06T16:30", False),  # summer time
        ("2026-07-06T17:00", True),
    ],
)
def test_globex(when: str, trades: bool) -> None:
    assert trades_at(MNQ, at(when)) is trades


@pytest.mark.parametrize("month", [7, 11])
def test_every_product_keeps_the_hours_that_the_simulated_exchange_keeps(month: int) -> None:
    hours = GlobexHours()
    start = datetime(2026, month, 1, tzinfo=UTC)
    for product in PRODUCTS:
        contract_id = f"CON.F.US.{product.root}.Z26"
        for step in range(0, 7 * 24 * 4, 5):
            now = start + timedelta(minutes=15 * step)
            assert trades_at(contract_id, now) == hours.is_open(product, now), (product.root, now)


def test_throughout_means_without_a_halt_in_between() -> None:
    assert traded_throughout(MNQ, at("2026-11-23T15:30"), 600)
    assert not traded_throughout(MNQ, at("2026-11-23T17:05"), 600)
    assert not traded_throughout(MNQ, at("2026-11-23T16:05"), 30)
    assert traded_throughout(MNQ, at("2026-11-23T17:01"), 30)


def test_neighbours_keep_the_same_hours_and_move_alike() -> None:
    assert are_neighbours(MNQ, "CON.F.US.EP.Z26")
    assert are_neighbours("CON.F.US.XYZ.Z26", "CON.F.US.XYZ.H27")
    assert not are_neighbours(MNQ, "CON.F.US.GCE.Z26")
    assert not are_neighbours("CON.F.US.XYZ.Z26", "CON.F.US.ZZZ.Z26")
    assert root_of_id("odd") == "ODD"
