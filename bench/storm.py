"""How fast the simulated world runs: storms a second, virtual seconds a second, microseconds a callback.

`python bench/storm.py` runs forty storms on one core and prints one line; `--keep` also adds it, with
the date, to bench/storm.txt, so that a trend can be seen. Times are of the processor, not of the clock.
"""

from __future__ import annotations

import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from topstepx.testing.storm.run import run_storm

STORMS = 40
TARGET_US = 150.0
KEPT = Path(__file__).with_name("storm.txt")


def main() -> int:
    run_storm(0)  # everything is imported and warm
    outcomes = [run_storm(seed) for seed in range(STORMS)]
    cpu_s = sum(one.cpu_s for one in outcomes)
    virtual_s = sum(one.virtual_s for one in outcomes)
    callbacks = sum(one.callbacks for one in outcomes)
    each_us = cpu_s / callbacks * 1e6
    line = (
        f"{STORMS / cpu_s:.2f} storms/s, {virtual_s / cpu_s:.0f} virtual s/s,"
        f" {each_us:.0f} us/callback, {callbacks // STORMS} callbacks/storm"
        f" (Python {platform.python_version()})"
    )
    print(
        f"{line}; target {TARGET_US:.0f} us/callback: {'met' if each_us <= TARGET_US else 'MISSED'}"
    )
    if "--keep" in sys.argv:
        with KEPT.open("a", encoding="utf-8") as file:
            file.write(f"{datetime.now(UTC):%Y-%m-%d} {line}\n")
    return 0 if each_us <= TARGET_US else 1


if __name__ == "__main__":
    raise SystemExit(main())
