"""A failing storm made smaller: troubles that it does not need are taken out one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from topstepx.testing.storm.run import run_storm

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.testing.storm.options import Options
    from topstepx.testing.storm.run import Outcome


def smaller(failed: Outcome, run: Callable[[Options], Outcome] = run_storm) -> Outcome:
    """The same storm with as few troubles as still make one of the same auditors find something."""
    outcome = failed
    for name in tuple(failed.options.troubles):
        left = {kept: rate for kept, rate in outcome.options.troubles.items() if kept != name}
        tried = run(replace(outcome.options, troubles=left))
        if tried.failed & failed.failed:
            outcome = tried
    return outcome
