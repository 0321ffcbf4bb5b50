"""`state/*`, `info` and `events`."""

from __future__ import annotations

from topstepx.sim.control.accounts import listed as accounts_listed
from topstepx.sim.control.clock import show as clock_show
from topstepx.sim.control.command import Body, Command, Machine, Nothing
from topstepx.sim.control.faults import listed as faults_listed
from topstepx.sim.not_modelled import NOT_MODELLED
from topstepx.sim.switches import changed


class File(Body):
    """`path`: a file on the simulator's machine; none: the one it was started with."""

    path: str | None = None


class Reset(Body):
    """`scenario`: another one than before."""

    scenario: str | None = None


class After(Body):
    """Lines with a number above `after`, at most the newest `most`."""

    after: int = 0
    most: int = 200


def save(machine: Machine, body: File) -> object:
    """Save."""
    return {"path": machine.save(body.path)}


def load(machine: Machine, body: File) -> object:
    """Load."""
    return {"path": machine.load(body.path), "clock": clock_show(machine, Nothing())}


def reset(machine: Machine, body: Reset) -> object:
    """Begin anew."""
    return {"scenario": machine.reset(body.scenario), "clock": clock_show(machine, Nothing())}


def events(machine: Machine, body: After) -> object:
    """What happened."""
    log = machine.gateway.log
    return {
        "newest": log.count,
        "events": [line.plain() for line in log.after(body.after, body.most)],
    }


def info(machine: Machine, body: Nothing) -> object:
    """Everything at a glance."""
    gateway = machine.gateway
    return {
        **machine.facts(),
        "clock": clock_show(machine, body),
        "accounts": accounts_listed(machine, body)["accounts"],  # type: ignore[index]  # it is a dict
        "faults": faults_listed(machine, body)["faults"],  # type: ignore[index]  # it is a dict
        "switches": changed(gateway.switches),
        "hubSessions": len(gateway.sessions),
        "requests": {
            "seen": gateway.limits.seen,
            "refusedByLimit": gateway.limits.refused,
        },
        "notModelled": list(NOT_MODELLED),
    }


COMMANDS = (
    Command("info", Nothing, "What runs: everything at a glance.", info, reads=True),
    Command(
        "events",
        After,
        "Faults that struck, hands that interfered, the house's acts.",
        events,
        reads=True,
    ),
    Command("state/save", File, "Save the state to a file.", save),
    Command("state/load", File, "Go on from a saved state; hub sessions are cut.", load),
    Command("state/reset", Reset, "Begin the scenario anew; hub sessions are cut.", reset),
)
