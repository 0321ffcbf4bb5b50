"""Hub frames on a loopback socket to objects in the consumer's hands, through the whole client.

    python bench/ticks.py [--rounds 5] [--records 20000] [--paced 2000] [--contracts 50] [--only a,b] [--json]

Beside `topstepx` (typed and checked, in `async for`, three streams for each contract or one of the
facts) and `topstepx+batches` (the same by `stream.batches()`, three streams over all contracts) run
`bare`, which is picows and msgspec with the same types and nothing else, `bare+async` and
`bare+batches`, which hand the same out through just as many queues in either form, and `pysignalr`,
which hands out untyped dicts with floats in callbacks. A server process plays prepared frames, one record in each;
every contender is a process of its own and takes its turn in every round. Figures are medians, ratios
the medians of the ratios within a round. Delivery is checked: each record once, in order, and every
quote that was conflated into a later one counted by it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[1]
BASE = "bare"
CONTENDERS = ("topstepx", "topstepx+batches", BASE, "bare+async", "bare+batches", "pysignalr")
PLAYS = (("market", "blast"), ("user", "blast"), ("market", "paced"))
TITLES = {
    ("market", "blast"): "market data as fast as it is taken",
    ("user", "blast"): "orders, trades, positions and accounts as fast as they are taken",
    ("market", "paced"): "market data at 1000 a second",
}


class Child:
    """A process that answers lines with lines."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, said: dict[str, Any]) -> None:
        """Send it one line."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(said) + "\n")
        self._process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """Its next line."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"{self._process.args!r} ended early"
        heard: dict[str, Any] = json.loads(line)
        return heard

    def end(self) -> None:
        """Close its input and wait until it is gone."""
        self._process.communicate()


def measure(options: argparse.Namespace) -> dict[tuple[str, str], dict[str, list[dict[str, Any]]]]:
    """The figures of every round, by play and contender."""
    only = set(options.only.split(",")) if options.only else set(CONTENDERS)
    names = [name for name in CONTENDERS if name in only or name == BASE]
    if "pysignalr" in names and not find_spec("pysignalr"):
        names.remove("pysignalr")
    server = Child("bench.feed.server")
    server.tell(
        {"contracts": options.contracts, "records": options.records, "paced": options.paced}
    )
    about = server.hear()
    readers = {name: Child("bench.feed.readers", name) for name in names}
    found: dict[tuple[str, str], dict[str, list[dict[str, Any]]]] = {}
    try:
        for reader in readers.values():
            reader.tell(about)
        for number in range(-1, options.rounds):  # the first one only warms up
            for play, pace in PLAYS:
                for name, reader in readers.items():
                    reader.tell({"play": play, "pace": pace})
                    figures = reader.hear()
                    if number >= 0:
                        table = found.setdefault((play, pace), {})
                        table.setdefault(name, []).append(figures)
    finally:
        for child in (*readers.values(), server):
            child.end()
    return found


def summary(mine: Sequence[dict[str, Any]], base: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Medians, and the medians of the ratios within a round."""
    result: dict[str, Any] = {
        "sent": sum(one["sent"] for one in mine),
        "delivered": sum(one["delivered"] for one in mine),
        "merged": sum(one["merged"] for one in mine),
    }
    for name in ("cpu_us", "wall_s", "p50_us", "p99_us"):
        if mine[0][name] is not None:
            result[name] = statistics.median(one[name] for one in mine)
            ratios = [one[name] / its[name] for one, its in zip(mine, base, strict=True)]
            result[f"{name}_ratio"] = statistics.median(ratios)
    return result


def show(title: str, table: dict[str, dict[str, Any]]) -> None:
    paced = "p50_us" in next(iter(table.values()))
    print(f"\n{title}")
    late = "   p50 us   ratio   p99 us" if paced else "  events/s"
    print(f"  {'':16} {'delivered':>18}  merged  CPU us/event   ratio{late}")
    for name, row in table.items():
        share = f"{row['delivered']}/{row['sent']}"
        line = f"  {name:16} {share:>18} {row['merged']:7} {row['cpu_us']:13.2f} {row['cpu_us_ratio']:7.2f}"
        if paced:
            line += f" {row['p50_us']:8.0f} {row['p50_us_ratio']:7.2f} {row['p99_us']:8.0f}"
        else:
            line += f" {row['rate']:9.0f}"
        print(line)


def main() -> None:
    parser = argparse.ArgumentParser(description="Hub frames to objects, through the whole client.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--records", type=int, default=20_000, help="of a market play")
    parser.add_argument("--paced", type=int, default=2000, help="records of the play at 1000/s")
    parser.add_argument("--contracts", type=int, default=50)
    parser.add_argument("--only", default="", help="contenders, with commas between them")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    options = parser.parse_args()
    tables = {}
    for play, rounds in measure(options).items():
        table = {name: summary(mine, rounds[BASE]) for name, mine in rounds.items()}
        for name, row in table.items():
            row["rate"] = rounds[name][0]["sent"] / row["wall_s"]
        tables[play] = table
    if options.json:
        print(json.dumps({"_".join(play): table for play, table in tables.items()}))
    else:
        print(f"{options.rounds} rounds, {options.contracts} contracts, one record in a frame")
        for play, table in tables.items():
            show(TITLES[play], table)
    lost = [
        f"{name} at {TITLES[play]}"
        for play, table in tables.items()
        for name, row in table.items()
        if row["delivered"] != row["sent"]
    ]
    if lost:
        sys.exit(f"not everything arrived: {', '.join(lost)}")


if __name__ == "__main__":
    main()
