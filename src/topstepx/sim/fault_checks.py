"""Whether a fault can be meant: its place, its numbers, its window; with words for who slipped."""

from __future__ import annotations

import difflib
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, get_args, get_origin

import msgspec

from topstepx.errors import InvalidRequest
from topstepx.sim.fault_kinds import (
    CLOCK_FAULTS,
    DISK_FAULTS,
    HUB_ACTS,
    HUB_ONLY,
    NETWORK_FAULTS,
    OUTSIDE_FAULTS,
    PROCESS_FAULTS,
    REQUEST_FAULTS,
    WIRE_FAULTS,
    DriftClock,
    SkewDate,
    Stall,
    StepClock,
    Suspend,
    WireRefuse,
    kind_of,
)
from topstepx.sim.outside_faults import CLIENT, GATEWAY, JOURNAL, NETWORK
from topstepx.sim.wire_faults import BOTH_WAYS, WIRE_PLACES, is_wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from topstepx.sim.faults import Fault

_LEAST = {
    "count": 1,
    "window_s": 0.001,
    "size": 1,
    "gap_s": 0,
    "last": 1,
    "after_bytes": 0,
    "restart_s": 0,
    "bytes_per_s": 1,
}
_SECONDS_MAX = 366 * 86_400.0
_RATES = (0.1, 10.0)
_HUBS = ("hub/user", "hub/market")


def check_place(fault: Fault, routes: Sequence[str]) -> None:
    """Raises `InvalidRequest` when `where` is no place, or none for this kind."""
    if isinstance(fault.what, WIRE_FAULTS):
        _check_wire(fault, routes)
        return
    if fault.direction is not None:
        rule = "is for faults on the wire."
        raise InvalidRequest("direction", fault.direction, rule, "Leave it out.")
    if is_wire(fault.where):
        raise InvalidRequest(
            "where",
            fault.where,
            f"only bytes go wrong there, and {kind_of(type(fault.what))} knows none.",
            f"Leave wire/ out, or use {', '.join(kind_of(one) for one in WIRE_FAULTS)}.",
        )
    if isinstance(fault.what, OUTSIDE_FAULTS):
        _check_outside(fault, routes)
        return
    on_hub = fault.where.lower().startswith("hub/")
    _check_known(fault, _HUBS if on_hub else routes, (*_HUBS, *routes), sorted(routes))
    if on_hub and isinstance(fault.what, REQUEST_FAULTS):
        raise InvalidRequest(
            "what", fault.what, "strikes REST calls, not hubs.", "Name a route in `where`."
        )
    if fault.where != "*" and not on_hub and isinstance(fault.what, HUB_ONLY + HUB_ACTS):
        raise InvalidRequest(
            "what", fault.what, "strikes hubs, not REST calls.", "Use hub/user or hub/market."
        )


def _check_outside(fault: Fault, routes: Sequence[str]) -> None:
    """The places of what is outside the gateway; `*` stands for the usual one."""
    if isinstance(fault.what, PROCESS_FAULTS):
        _check_known(fault, (CLIENT, JOURNAL, *routes), (), [CLIENT, JOURNAL, *sorted(routes)])
        return
    if isinstance(fault.what, NETWORK_FAULTS):
        _check_known(fault, [NETWORK], (), [NETWORK])
        return
    places = [JOURNAL] if isinstance(fault.what, DISK_FAULTS) else [CLIENT]
    if isinstance(fault.what, CLOCK_FAULTS) and not isinstance(fault.what, Suspend):
        places.append(GATEWAY)
    _check_known(fault, places, (), places)


def _check_wire(fault: Fault, routes: Sequence[str]) -> None:
    """The places of a wire, and which way."""
    places = [*WIRE_PLACES, *(f"wire/{route}" for route in sorted(routes))]
    _check_known(fault, places, (), ["wire/*", *places])
    kind = kind_of(type(fault.what))
    if fault.direction is not None and isinstance(fault.what, BOTH_WAYS):
        raise InvalidRequest(
            "direction", fault.direction, f"{kind} has no direction.", "Leave it out."
        )
    if isinstance(fault.what, WireRefuse) and fault.where.lower() != "wire/*":
        rule = "a connection is refused before it says what it wants."
        raise InvalidRequest("where", fault.where, rule, "Use wire/*.")
    if isinstance(fault.what, WireRefuse):
        counted = {
            "times": (fault.times or 1, 1),
            "after": (fault.after, 0),
            "chance": (fault.chance, 1),
        }
        for name, (value, usual) in counted.items():
            if value != usual:
                rule = "counts connections, and one that is refused is seen by nobody."
                raise InvalidRequest(name, value, rule, "Leave it out; in_s and for_s say when.")


def _check_known(
    fault: Fault, places: Sequence[str], near_by: Sequence[str], told: list[str]
) -> None:
    where = fault.where.lower()
    # What is to strike bytes names its bytes: a "*" may be a member that was left out.
    fits = where == "*" or not places or any(fnmatchcase(one.lower(), where) for one in places)
    if fits and not (where == "*" and isinstance(fault.what, WIRE_FAULTS)):
        return
    as_written = {one.lower(): one for one in near_by or places}
    near = difflib.get_close_matches(where, as_written, n=1)
    meant = f"Did you mean {as_written[near[0]]}? " if near else ""
    hubs = "hub/user, hub/market or " if near_by else ""
    raise InvalidRequest(
        "where", fault.where, "no such place.", f"{meant}Use {hubs}{', '.join(told)}."
    )


def _check_choices(fault: Fault) -> None:
    """What a plan's reader refuses is refused in Python as well, where nobody reads."""
    if fault.direction not in {None, "up", "down"}:
        rule = "is no way that bytes go."
        raise InvalidRequest("direction", fault.direction, rule, "Use up (to the server) or down.")
    for one in msgspec.structs.fields(type(fault.what)):
        value, choices = getattr(fault.what, one.name), get_args(one.type)
        if get_origin(one.type) is Literal and value not in choices:
            told = ", ".join(map(str, choices))
            raise InvalidRequest(one.name, value, "is none of its choices.", f"Use {told}.")


def check_numbers(fault: Fault) -> None:
    """Raises `InvalidRequest` for a number, a choice or a window that cannot be meant."""
    _check_choices(fault)
    if fault.times is not None and fault.times < 1:
        raise InvalidRequest("times", fault.times, "must be 1 or more.", "For ever: None, or all.")
    if fault.after < 0:
        raise InvalidRequest("after", fault.after, "cannot be negative.", "0 strikes at once.")
    if not 0.0 < fault.chance <= 1.0:
        raise InvalidRequest("chance", fault.chance, "must be above 0, up to 1.", "1 is always.")
    for name, least in _LEAST.items():
        number = getattr(fault.what, name, None)
        if isinstance(number, int | float) and not isinstance(number, bool) and not number >= least:
            raise InvalidRequest(name, number, f"must be at least {least}.", "Use a larger number.")
    _check_seconds(fault)
    if isinstance(fault.what, DriftClock) and not _RATES[0] <= fault.what.rate <= _RATES[1]:
        raise InvalidRequest(
            "rate", fault.what.rate, f"must be from {_RATES[0]} to {_RATES[1]:g}.", "1 is right."
        )
    check_window(fault)


def check_window(fault: Fault) -> None:
    """Raises `InvalidRequest` for a window that no clock ever passes."""
    for name, moment in (("since", fault.since), ("until", fault.until)):
        if moment is not None and moment.tzinfo is None:
            raise InvalidRequest(name, moment, "has no time zone.", "Use an aware datetime.")
    if fault.since and fault.until and fault.since >= fault.until:
        raise InvalidRequest(
            "until", fault.until.isoformat(), "is not after since.", "Swap the two."
        )


def _check_seconds(fault: Fault) -> None:
    for name in ("seconds", "restart_s", "jitter_s", "pause_s"):
        seconds = getattr(fault.what, name, None)
        if not isinstance(seconds, int | float):
            continue
        # A clock may be behind.
        least = -_SECONDS_MAX if isinstance(fault.what, SkewDate | StepClock) else 0.0
        if not least <= seconds <= _SECONDS_MAX:  # no number at all is out of every range
            raise InvalidRequest(
                name, seconds, f"must be from {least:g} to a year.", "Use seconds."
            )
        if seconds == 0 and isinstance(fault.what, StepClock | Stall | Suspend):
            raise InvalidRequest(name, seconds, "changes nothing.", "Use more than none.")
