"""A failing storm made smaller: troubles and conditions that it does not need are taken out one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from topstepx.testing.storm.run import run_storm

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.testing.storm.options import Options
    from topstepx.testing.storm.run import Outcome


def smaller(failed: Outcome, run: Callable[[Options], Outcome] = run_storm) -> Outcome:
    """The same storm with as little in it as still makes one of the same auditors find something."""
    outcome = failed
    for name in (*failed.options.conditions, *failed.options.troubles):
        options = outcome.options
        fewer = replace(
            options,
            conditions={kept: one for kept, one in options.conditions.items() if kept != name},
            troubles={kept: one for kept, one in options.troubles.items() if kept != name},
        )
        tried = run(fewer)
        if tried.failed & failed.failed:
            outcome = tried
    return outcome
