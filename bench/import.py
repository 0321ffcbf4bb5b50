"""What importing and installing topstepx costs: time, memory, distributions, size.

    python bench/import.py [--rounds 15] [--json]

Times are wall times of a whole interpreter. The cases take turns in every round, so that a busy
moment of the machine hits all of them; a ratio is the median of the ratios within a round.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable

CASES = {
    "bare interpreter": "pass",
    "import topstepx": "import topstepx",
    "import aiohttp": "import aiohttp",
    "the command": "import topstepx.cli.main",
}
MEMORY = """
try:
    with open("/proc/self/status") as status:
        kib = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
except OSError:
    try:
        import resource, sys
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        kib = peak // 1024 if sys.platform == "darwin" else peak
    except ImportError:
        kib = 0
print(kib)
"""
MAX_DISTRIBUTIONS = 30
MAX_BYTES = 30_000_000


class Case(TypedDict):
    """One row of the first table."""

    median_ms: float
    times_bare: float
    times_aiohttp: float
    memory_mib: float


class Distribution(TypedDict):
    """One row of the second table; compiled caches do not count."""

    name: str
    version: str
    bytes: int


class Result(TypedDict):
    """All figures."""

    python: str
    rounds: int
    cases: dict[str, Case]
    distributions: list[Distribution]
    total_bytes: int


def run(code: str) -> tuple[float, str]:
    """Seconds of a whole interpreter running `code`, and what it printed."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return time.perf_counter() - start, done.stdout


def measure(rounds: int) -> dict[str, Case]:
    """Time and memory of each case."""
    cases = dict(CASES)
    if util.find_spec("topstepx.cli.main") is None:
        del cases["the command"]
    for code in cases.values():  # warm: caches of compiled files, the disk
        run(code)
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, code in cases.items():
            seconds[name].append(run(code)[0])
    return {
        name: {
            "median_ms": round(statistics.median(taken) * 1000, 1),
            "times_bare": ratio(taken, seconds["bare interpreter"]),
            "times_aiohttp": ratio(taken, seconds["import aiohttp"]),
            "memory_mib": round(int(run(cases[name] + MEMORY)[1]) / 1024, 1),
        }
        for name, taken in seconds.items()
    }


def ratio(taken: Iterable[float], base: Iterable[float]) -> float:
    """The median ratio within a round."""
    return round(statistics.median(a / b for a, b in zip(taken, base, strict=True)), 2)


def runtime_set(root: str) -> list[Distribution]:
    """The distributions that installing `root` without extras brings on this system, without it."""
    found: dict[str, Distribution] = {}
    waiting = [Requirement(root)]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if name in found:
            continue
        installed = metadata.distribution(name)
        found[name] = {"name": name, "version": installed.version, "bytes": size(installed)}
        for line in installed.requires or []:
            needed = Requirement(line)
            extras = wanted.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": e}) for e in extras):
                waiting.append(needed)
    del found[canonicalize_name(root)]
    return sorted(found.values(), key=lambda row: -row["bytes"])


def size(installed: metadata.Distribution) -> int:
    """Bytes of the installed files; compiled caches do not count."""
    paths = (installed.locate_file(file) for file in installed.files or [] if file.suffix != ".pyc")
    return sum(path.stat().st_size for path in (Path(str(path)) for path in paths) if path.exists())


def show(result: Result) -> None:
    print(f"Python {result['python']}, {result['rounds']} rounds, cases interleaved\n")
    print(f"{'':18}{'median ms':>10}{'x bare':>8}{'x aiohttp':>11}{'memory MiB':>12}")
    for name, row in result["cases"].items():
        print(
            f"{name:18}{row['median_ms']:>10.1f}{row['times_bare']:>8.2f}"
            f"{row['times_aiohttp']:>11.2f}{row['memory_mib']:>12.1f}"
        )
    print("\nruntime set, without topstepx itself")
    for dist in result["distributions"]:
        print(f"  {dist['name']:20}{dist['version']:>14}{dist['bytes'] / 1e6:>8.2f} MB")
    count, total = len(result["distributions"]), result["total_bytes"]
    print(
        f"  {count} distributions of at most {MAX_DISTRIBUTIONS}, {total / 1e6:.1f} MB of about 30 MB"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args()
    distributions = runtime_set("topstepx")
    result: Result = {
        "python": ".".join(map(str, sys.version_info[:3])),
        "rounds": chosen.rounds,
        "cases": measure(chosen.rounds),
        "distributions": distributions,
        "total_bytes": sum(row["bytes"] for row in distributions),
    }
    if chosen.json:
        print(json.dumps(result))
    else:
        show(result)
    within = len(distributions) <= MAX_DISTRIBUTIONS and result["total_bytes"] <= MAX_BYTES * 1.1
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
