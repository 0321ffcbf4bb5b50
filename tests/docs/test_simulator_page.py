"""The simulator's page tells every command and every kind of fault, with its members."""

from __future__ import annotations

import re

import msgspec

from tests.house.tree import ROOT
from topstepx.sim.control import COMMANDS
from topstepx.sim.endpoints import ROUTE_NAMES
from topstepx.sim.fault_kinds import KINDS, kind_of
from topstepx.sim.fault_plans import FaultPlan
from topstepx.sim.scenarios import SCENARIOS
from topstepx.wire.routes import HUB_METHODS

PAGE = (ROOT / "docs/simulator.md").read_text(encoding="utf-8")


def members(struct: type[msgspec.Struct]) -> str:
    names = [f"`{one.encode_name}`" for one in msgspec.structs.fields(struct)]
    return ", ".join(names) or "-"


def test_every_command_is_there() -> None:
    for one in COMMANDS.values():
        method = "GET" if one.reads else "POST"
        assert f"| `{method} {one.name}` | {members(one.body)} | {one.text} |" in PAGE, one.name


def test_every_kind_of_fault_is_there() -> None:
    for kind in KINDS:
        assert f"| `{kind_of(kind)}` | {members(kind)} |" in PAGE, kind


def test_every_scenario_is_there_and_the_plan_can_be_read() -> None:
    for name in SCENARIOS:
        assert f"`{name}`" in PAGE
    plans = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert [len(FaultPlan.from_toml(plan).faults) for plan in plans] == [2, 2, 2]


def test_the_table_says_how_sure_of_every_route_and_every_event() -> None:
    table = PAGE.partition("| Behaviour | How sure | But |")[2].partition("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    how_sure = {row[1] for row in rows}
    assert all(len(row) == 3 for row in rows)
    assert how_sure == {"verified", "documented", "assumed", "invented"}
    subjects = " ".join(row[0] for row in rows)
    events = {one.event for one in HUB_METHODS} | {"GatewayLogout"}
    missing = [name for name in (*ROUTE_NAMES, *events) if f"`{name}`" not in subjects]
    assert missing == []
