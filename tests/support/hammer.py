"""One process that asks for permits as fast as it gets them; prints when it sent, one moment a line.

Arguments: the shared log, seconds to run, its name, and what to do: `hammer`, `hold` the lock and hang,
or `die` right after a claim, before sending.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from pathlib import Path

from topstepx.clock import NANOSECONDS, SystemClock
from topstepx.core.budget import Want
from topstepx.core.lanes import Lane
from topstepx.core.permits import BucketPolicy
from topstepx.errors import RateLimited
from topstepx.net.limiter import RateLimiter
from topstepx.store.budget import SqliteBudget
from topstepx.wire.routes import Bucket

POLICY = BucketPolicy(Bucket.BARS, 30, 1.0)


async def hammer(path: Path, seconds: float, name: str) -> None:
    clock = SystemClock()
    store = SqliteBudget(path, clock, name, busy_s=2.0)
    limiter = RateLimiter(clock, random.random, policies=[POLICY], store=store)
    await limiter.start()
    end_ns = clock.monotonic_ns() + round(seconds * NANOSECONDS)

    async def caller() -> None:
        while clock.monotonic_ns() < end_ns:
            try:
                await limiter.permit(Lane.READ, Bucket.BARS, deadline_ns=end_ns)
            except RateLimited:
                return
            print(clock.monotonic_ns())  # noqa: T201  the parent reads it

    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(caller())
    assert limiter.snapshot()[0].note is None
    await limiter.close()


def hold(path: Path) -> None:
    store = SqliteBudget(path, SystemClock(), "holder")
    store.open()
    store._connect().execute("BEGIN IMMEDIATE")
    print("held", flush=True)  # noqa: T201  the parent waits for it
    time.sleep(600)


def die(path: Path) -> None:
    store = SqliteBudget(path, SystemClock(), "dying")
    store.open()
    store.claim([Want("bars", 30, 60 * NANOSECONDS)] * 10)
    os._exit(9)


if __name__ == "__main__":
    log, duration, own_name, deed = sys.argv[1:]
    if deed == "hammer":
        asyncio.run(hammer(Path(log), float(duration), own_name))
    elif deed == "hold":
        hold(Path(log))
    else:
        die(Path(log))
