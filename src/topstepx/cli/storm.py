"""`topstepx sim storm`: many storms of faults against the real client, judged by the venue's books."""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from topstepx.cli.exit_codes import ExitCode
from topstepx.errors import ConfigurationError

if TYPE_CHECKING:
    from topstepx.testing.storm.run import Outcome

_SHOWN = (
    ("orders of ours", "orders placed"),
    ("trades", "trades"),
    ("faults struck", "faults struck"),
    ("told unknown", "answers unknown to the trader"),
    ("LinkDown", "hub connections lost"),
    ("runs crashed", "crashes"),
    ("acts of others", "acts of other programs"),
)


def storm_command(
    *,
    seeds: int = 20,
    seed: int | None = None,
    trace: Annotated[bool, Parameter(negative=())] = False,
    smaller: Annotated[bool, Parameter(negative=())] = False,
    out: Path | None = None,
) -> int:
    """Run storms: a client in a simulated world where everything goes wrong, and check every promise.

    A seed decides everything, so a failing one fails again, step by step the same. Nothing leaves this
    process, and virtual hours take seconds. Exit code 0: no auditor found anything.

    Args:
        seeds: How many storms, of seeds 0, 1, 2 and so on (or from --seed on).
        seed: Begin at this seed; alone, it runs only this one and prints its trace if it fails.
        trace: Print the whole trace, one line for each step, also of a storm that passes.
        smaller: Take out of a failing storm every trouble that it does not need.
        out: Write the trace of the first failing storm to this file instead of printing it.
    """
    from topstepx.testing.storm.run import run_storm
    from topstepx.testing.storm.smaller import smaller as made_smaller

    if seeds < 1 or (seed is not None and seed < 0):
        raise ConfigurationError(
            f"--seeds {seeds} --seed {seed}: seeds are counted from 0, and at least one is run.",
            next_step="Give for example --seeds 200, or --seed 7 --seeds 1.",
        )
    first = seed if seed is not None else 0
    count = 1 if seed is not None and seeds == _SEEDS_DEFAULT else seeds
    total: Counter[str] = Counter()
    began, failed, virtual_s, callbacks = time.perf_counter(), 0, 0.0, 0
    for number in range(first, first + count):
        outcome = run_storm(number)
        if outcome.findings and smaller:
            outcome = made_smaller(outcome)
        total.update(outcome.counts)
        virtual_s, callbacks = virtual_s + outcome.virtual_s, callbacks + outcome.callbacks
        if outcome.findings:
            failed += 1
            _tell(outcome, out if failed == 1 else None, story=count == 1 or failed == 1)
        elif trace:
            sys.stdout.write(outcome.text())
    took_s = max(time.perf_counter() - began, 1e-9)
    _say(
        f"{count} storms, {failed} failed, {took_s:.1f} s"
        f" ({virtual_s / took_s:.0f} virtual seconds a second, {callbacks} callbacks)"
    )
    _say("; ".join(f"{total[name]} {words}" for name, words in _SHOWN))
    return ExitCode.FAILED if failed else ExitCode.DONE


_SEEDS_DEFAULT = 20


def _tell(outcome: Outcome, out: Path | None, *, story: bool) -> None:
    if out is not None:
        out.write_text(outcome.text(), encoding="utf-8")
        _say(f"trace of seed {outcome.options.seed}: {out}")
    elif story:
        sys.stdout.write(outcome.text())
    _say(f"FAILED {outcome.options.describe()}")
    for finding in outcome.findings:
        _say(f"  {finding}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
