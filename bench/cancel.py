"""How long a cancel takes to reach the socket while everything else is in its way.

    python bench/cancel.py [cancels] [--json]

A whole client against the simulator on real sockets. In the way: a read lane that is used up with a queue
of readers behind it, a bars download that waits and parses, an isolated (open) breaker of trade
mutations, and all of them at once. Measured is the time from calling `order.cancel()` until the request is handed
to the HTTP library, one cancel after another; "nothing" is what it costs with nothing in the way. The
target is 50 ms for every cancel; cases that are over it are named.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from topstepx.client import Client
from topstepx.core.lanes import Lane
from topstepx.core.terms import Limit
from topstepx.net.transport_http import HttpTransport
from topstepx.net.transport_hub import PicowsTransport
from topstepx.ports import Ports
from topstepx.settings import Credentials, Secret, Settings, Timeouts, simulator_environment
from topstepx.sim.server import SimServer
from topstepx.wire.enums import Side

if TYPE_CHECKING:
    from collections.abc import Mapping

    from topstepx.net.transport import HttpAnswer

CANCELS = 100
ORDERS = 20
TARGET_MS = 50.0
PAUSE_S = 0.25
CASES = ("nothing", "drained reads", "bars download", "open breaker", "all at once")
FOREVER_NS = 10**18


class Noting(HttpTransport):
    """The real transport, which notes when a cancel is handed to it."""

    cancels: list[float]

    async def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes,
        timeout_s: float,
        leave_within_s: float | None = None,
    ) -> HttpAnswer:
        """Send, and note the moment."""
        if path.endswith("/cancel"):
            self.cancels.append(time.perf_counter())
        return await super().send(
            method,
            path,
            headers=headers,
            body=body,
            timeout_s=timeout_s,
            leave_within_s=leave_within_s,
        )


async def in_the_way(case: str, tsx: Client, stack: AsyncExitStack) -> None:
    """Put the case's obstacles up."""
    tasks: list[asyncio.Task[Any]] = []
    limiter = tsx._limiter  # noqa: SLF001  the obstacle is put into the part itself
    if case in {"drained reads", "all at once"}:
        while limiter.snapshot()[0].lanes[Lane.READ].free:
            await limiter.permit(Lane.READ, deadline_ns=FOREVER_NS)
        tasks += [
            asyncio.create_task(limiter.permit(Lane.READ, deadline_ns=FOREVER_NS))
            for _ in range(200)
        ]
    if case in {"bars download", "all at once"}:
        contract = await tsx.contracts.front("MNQ")

        async def download() -> None:
            while True:
                await tsx.market.bars(contract, "1m", last=20_000)

        tasks.append(asyncio.create_task(download()))
        await asyncio.sleep(0.5)
    if case in {"open breaker", "all at once"}:
        tsx.breakers.isolate("trade mutations", "measurement")
        stack.callback(tsx.breakers.reset, "trade mutations")

    def end() -> None:
        for task in tasks:
            task.cancel()

    stack.callback(end)


async def serve() -> None:
    """A simulator of its own process: what it does must not count."""
    async with SimServer(rate=0.2, limited=False) as sim:
        print(json.dumps([sim.url, sim.user_name, sim.api_key]), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def measure(case: str, count: int, url: str, credentials: Credentials) -> list[float]:
    """Milliseconds from the call to the socket."""
    took: list[float] = []
    while len(took) < count:
        async with AsyncExitStack() as stack:
            environment = simulator_environment(url)
            rest = Noting(url)
            rest.cancels = []
            settings = Settings(environment, timeouts=Timeouts(shutdown_s=0.5))
            ports = Ports(rest, PicowsTransport(environment.hub_url))
            tsx = await stack.enter_async_context(Client(settings, credentials, ports))
            account = await tsx.accounts.one("PRAC-V2-600001-47190001")
            contract = await tsx.contracts.front("MNQ")
            (bar,) = await tsx.market.bars(contract, "1m", last=1)
            low = contract.floor(str(bar.close - 200))
            orders = [
                await tsx.orders.place(
                    account,
                    contract,
                    Side.BUY,
                    1,
                    at=Limit(str(low - number * contract.tick_size)),
                )
                for number in range(ORDERS)
            ]
            await in_the_way(case, tsx, stack)
            await asyncio.sleep(0.2)
            cancels = []
            for order in orders:
                called, before = time.perf_counter(), len(rest.cancels)
                cancels.append(asyncio.create_task(order.cancel()))
                await asyncio.sleep(PAUSE_S)
                assert len(rest.cancels) > before, f"no cancel left within {PAUSE_S} s"
                took.append((rest.cancels[before] - called) * 1000)
            await asyncio.gather(*cancels, return_exceptions=True)
    return sorted(took)


def main() -> None:
    counts = [int(each) for each in sys.argv[1:] if each.isdigit()]
    count = counts[0] if counts else CANCELS
    found: dict[str, dict[str, float]] = {}
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        url, user, key = json.loads(server.stdout.readline())
        for case in CASES:
            took = asyncio.run(measure(case, count, url, Credentials(user, Secret(key))))
            at = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "most": 1.0}
            found[case] = {
                name: took[min(len(took) - 1, int(share * len(took)))] for name, share in at.items()
            }
        server.terminate()
    if "--json" in sys.argv:
        print(json.dumps(found))
    else:
        print(f"milliseconds to the socket, {count} cancels each")
        print(f"{'in the way':16}{'p50':>8}{'p90':>8}{'p99':>8}{'most':>8}")
        for case, row in found.items():
            print(f"{case:16}" + "".join(f"{value:8.1f}" for value in row.values()))
    over = [case for case, row in found.items() if row["p99"] > TARGET_MS]
    if over and "--json" not in sys.argv:
        print(f"over {TARGET_MS:.0f} ms at the 99th percentile: {', '.join(over)}")


if __name__ == "__main__":
    if "--serve" in sys.argv:
        asyncio.run(serve())
    else:
        main()
