"""`topstepx sim info`, `events` and `scenarios`: what runs, what happened, what can be started."""

from __future__ import annotations

import json
import sys
import time
from typing import Annotated

from cyclopts import Parameter

from topstepx.cli.exit_codes import ExitCode
from topstepx.cli.sim_runs import Which, tell
from topstepx.cli.sim_told import event_line, show

_ANY = Which()
_LOOK_S = 0.3


def info_command(*, which: Which = _ANY) -> int:
    """What runs: clock, accounts, faults, switches, and what is not modelled.

    Args:
        which: Which simulator.
    """
    return show(tell(which, "info"), which)


def events_command(
    *,
    last: int = 30,
    follow: Annotated[bool, Parameter(negative=())] = False,
    which: Which = _ANY,
) -> int:
    """Faults that struck, hands that interfered, the house's acts.

    Args:
        last: How many.
        follow: Go on showing new ones until Ctrl-C.
        which: Which simulator.
    """
    told = tell(which, "events", most=last)
    while True:
        for event in told["events"]:
            line = json.dumps(event) if which.as_json else event_line(event)
            sys.stdout.write(line + "\n")
        sys.stdout.flush()
        if not follow:
            return ExitCode.DONE
        time.sleep(_LOOK_S)
        told = tell(which, "events", after=told["newest"])


def scenarios_command(
    *, as_json: Annotated[bool, Parameter(name="--json", negative=())] = False
) -> int:
    """The ready-made worlds for `topstepx sim --scenario`.

    Args:
        as_json: Print them as one JSON object.
    """
    from topstepx.sim.scenarios import SCENARIOS

    told = {one.name: one.summary for one in SCENARIOS.values()}
    return show(told, Which(as_json=as_json))
