"""`faults/*`: what is to go wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from topstepx.errors import InvalidRequest
from topstepx.sim.control.command import Body, Command, Machine, Nothing
from topstepx.sim.fault_kinds import KINDS, default_of, kind_of, told
from topstepx.sim.fault_plans import Entry, FaultPlan

if TYPE_CHECKING:
    from datetime import datetime

    from topstepx.sim.faults import PlannedFault


class Number(Body):
    """The number of a fault, as `faults/list` shows it."""

    number: int


def listed(machine: Machine, _body: Nothing) -> object:
    """The plan, with how often each has struck."""
    return {"faults": [_row(one, machine.gateway.now) for one in machine.gateway.faults.planned]}


def add(machine: Machine, body: Entry) -> object:
    """Add one."""
    gateway = machine.gateway
    planned = gateway.faults.add(body.fault(gateway.now))
    gateway.advance(gateway.now)
    return {"fault": _row(planned, gateway.now)}


def plan(machine: Machine, body: FaultPlan) -> object:
    """Add all of a plan, or none."""
    gateway = machine.gateway
    added = body.add_to(gateway.faults, gateway.now)
    gateway.advance(gateway.now)
    return {"faults": [_row(one, gateway.now) for one in added]}


def remove(machine: Machine, body: Number) -> object:
    """Take one out."""
    faults = machine.gateway.faults
    for planned in faults.planned:
        if planned.number == body.number:
            faults.remove(planned)
            return {"removed": [body.number]}
    known = ", ".join(str(one.number) for one in faults.planned) or "none"
    raise InvalidRequest("number", body.number, "no such fault.", f"In the plan: {known}.")


def clear(machine: Machine, _body: Nothing) -> object:
    """Take all out."""
    faults = machine.gateway.faults
    removed = [one.number for one in faults.planned]
    faults.clear()
    gateway = machine.gateway
    gateway.market.refresh(gateway.hubs, gateway.now)
    return {"removed": removed}


def kinds(machine: Machine, _body: Nothing) -> object:
    """Every kind with its members, and whether it can act here."""
    outside = machine.gateway.acts.outside
    return {
        "kinds": [
            {
                "kind": kind_of(kind),
                "text": " ".join((kind.__doc__ or "").split()),
                "here": outside.reaches(kind),
                "members": {
                    one.encode_name: "(needed)" if one.required else default_of(one)
                    for one in msgspec.structs.fields(kind)
                },
            }
            for kind in KINDS
        ]
    }


def _row(planned: PlannedFault, now: datetime) -> dict[str, object]:
    fault = planned.fault
    return {
        "number": planned.number,
        "where": fault.where,
        "text": told(fault.what),
        "what": msgspec.to_builtins(fault.what),
        "direction": fault.direction,
        "times": fault.times,
        "after": fault.after,
        "chance": fault.chance,
        "since": fault.since.isoformat() if fault.since else None,
        "until": fault.until.isoformat() if fault.until else None,
        "seen": planned.seen,
        "struck": planned.struck,
        "spent": planned.spent,
        "state": planned.state(now),
    }


COMMANDS = (
    Command(
        "faults/list",
        Nothing,
        "The plan, with how often each fault has struck.",
        listed,
        reads=True,
    ),
    Command("faults/kinds", Nothing, "Every kind of fault with its members.", kinds, reads=True),
    Command("faults/add", Entry, "Add one fault.", add),
    Command("faults/plan", FaultPlan, "Add all faults of a plan, or none.", plan),
    Command("faults/remove", Number, "Take one fault out; a switch it set goes back.", remove),
    Command("faults/clear", Nothing, "Take all faults out.", clear),
)
