"""Full demand against every kind of limit, over real sockets with jittered arrival: no 429, little unused.

The windows are compressed; the documented ones are kept up for ten minutes by the long version.
"""

from __future__ import annotations

import asyncio
import json
import math
import statistics
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.demand import Demand, client_of, policies, worst
from topstepx.settings import Credentials, Secret
from topstepx.sim import limits as sim_limits
from topstepx.sim.limits import WindowKind
from topstepx.sim.server import SimServer
from topstepx.testing.proxy import FaultProxy
from topstepx.testing.proxy_faults import Latency, WireFault

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from topstepx.core.permits import BucketPolicy

KINDS = (WindowKind.SLIDING, WindowKind.FIXED, WindowKind.BUCKET)
JITTER_S = 0.25
LOOKS_MIN = 20
FATES = {
    "read", "bars", "order placed", "order refused here", "cancel",
    "read: RateLimited", "order: DeadlinePassed",
}  # fmt: skip
"""What may come of a request here; everything else is a failure.

Orders take what room there is, so a read may wait for its two minutes; a machine that stands still for
seconds makes an order too late, which is then not sent.
"""


def limited(sim: SimServer, kind: WindowKind, limits: tuple[BucketPolicy, ...]) -> None:
    """Make the gateway enforce these limits."""
    general, bars = limits
    sim.gateway.limits.policy = sim_limits.LimitPolicy(
        kind=kind,
        general=sim_limits.Limit(general.limit, general.window_s),
        bars=sim_limits.Limit(bars.limit, bars.window_s),
    )


def moments(sim: SimServer, bucket: str) -> list[datetime]:
    return sorted(one.at for one in sim.gateway.limits.arrivals if one.bucket == bucket)


async def demanded(
    kind: WindowKind, limits: tuple[BucketPolicy, ...], seconds: float, ramp_s: float
) -> None:
    late = WireFault(where="rest", what=Latency(0.0, jitter_s=JITTER_S), direction="up")
    async with (
        SimServer(rate=0.02) as sim,
        FaultProxy(sim.port, plan=[late], seed=7) as proxy,
    ):
        limited(sim, kind, limits)
        credentials = Credentials(sim.user_name, Secret(sim.api_key))
        async with client_of(proxy.url, sim.url, credentials, limits) as tsx:
            demand = Demand(tsx, sim.now)
            await demand.run(seconds)
        refused = sim.gateway.limits.refused
        most = [worst(moments(sim, each.bucket.value), each.window_s) for each in limits]
        steady = [shares for at_s, *shares in demand.used if at_s > ramp_s]
        # Where the machine never once had time, nobody can say what the limiter left unused.
        general, bars = (
            statistics.fmean(share[at] for share in steady) if len(steady) > LOOKS_MIN else math.nan
            for at in (0, 1)
        )
        said = f"worst windows {most}, {refused} times 429, used {general:.3f} and {bars:.3f} in {len(steady)} looks"
        said += f", the loop stood still for at most {demand.stall_s:.2f} s, {demand.fates}"
        print(f"{kind.value}: {said}")  # noqa: T201  the figures of `make soak`
        assert refused == 0, said
        for policy, count in zip(limits, most, strict=True):
            assert 0 < count <= policy.limit, said
        assert demand.fates["cancel"] >= 20, said
        assert demand.fates["order placed"] >= 30, said
        assert set(demand.fates) <= FATES, said
        assert math.isnan(general) or min(general, bars) >= 0.97, said


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.value)
def test_full_demand_meets_no_429(kind: WindowKind) -> None:
    asyncio.run(demanded(kind, policies(200, 50, 3.0), seconds=9.0, ramp_s=2.0))


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.value)
def test_full_demand_for_ten_minutes(kind: WindowKind) -> None:
    asyncio.run(demanded(kind, policies(200, 50, 60.0), seconds=600.0, ramp_s=5.0))


def test_three_processes_stay_within_one_limit(tmp_path: Path) -> None:
    limits = policies(200, 50, 3.0)

    async def run() -> None:
        async with SimServer(rate=0.02) as sim:
            limited(sim, WindowKind.SLIDING, limits)
            command = [sys.executable, "-m", "tests.support.demand", sim.url]
            command += [sim.user_name, str(tmp_path / "log.sqlite")]
            command += ["6", "200", "50", "3"]
            started = [
                await asyncio.create_subprocess_exec(
                    *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
                )
                for _ in range(3)
            ]
            for each in started:
                assert each.stdin is not None
                each.stdin.write(f"{sim.api_key}\n".encode())
            for each in started:
                assert each.stdout is not None
                assert await each.stdout.readline() == b"ready\n"
            said = await asyncio.gather(*(each.communicate(b"go\n") for each in started))
            assert [each.returncode for each in started] == [0, 0, 0]
            fates = [json.loads(out) for out, _ in said]
            assert all(fate["alone"] == [] for fate in fates), fates
            assert all(fate.get("read", 0) and fate.get("bars", 0) for fate in fates), fates
            assert set().union(*fates) == {"read", "bars", "alone"}, fates
            assert sim.gateway.limits.refused == 0
            for policy in limits:
                most = worst(moments(sim, policy.bucket.value), policy.window_s)
                assert policy.limit / 3 < most <= policy.limit, "they did hammer"

    asyncio.run(run())
