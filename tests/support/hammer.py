"""One process that asks for permits as fast as it gets them; prints when it sent, one moment a line.

Arguments: the shared log, how many permits it wants, its name, and what to do: `hammer`, `hold` the lock
and hang, or `die` right after a claim, before sending.

A hammer says `ready`, waits for a line, and at the end prints `stood` with the nanoseconds for which this
machine did not let it work: who measures what the limiter wastes must not count those.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from topstepx.clock import NANOSECONDS, SystemClock
from topstepx.core.budget import Want
from topstepx.core.lanes import Lane
from topstepx.core.permits import BucketPolicy
from topstepx.net.limiter import RateLimiter
from topstepx.store.budget import SqliteBudget
from topstepx.wire.routes import Bucket

if TYPE_CHECKING:
    from collections.abc import Sequence

    from topstepx.core.budget import Claimed

POLICY = BucketPolicy(Bucket.BARS, 30, 1.0)
CALLERS = 10
TICK_NS = 10_000_000
USUAL_NS = 10_000_000
"""What a wake-up or a look into the log may be late on a machine that has time."""


class Timed(SqliteBudget):
    """The shared log, and how long its looks took beyond the usual."""

    stood_ns = 0

    def claim(self, wants: Sequence[Want]) -> Claimed:
        began_ns = time.monotonic_ns()
        try:
            return super().claim(wants)
        finally:
            self.stood_ns += max(0, time.monotonic_ns() - began_ns - USUAL_NS)


class Metronome:
    """How long the loop was kept from its work."""

    stood_ns = 0

    async def run(self) -> None:
        while True:
            due_ns = time.monotonic_ns() + TICK_NS
            await asyncio.sleep(TICK_NS / NANOSECONDS)
            self.stood_ns += max(0, time.monotonic_ns() - due_ns - USUAL_NS)


async def hammer(path: Path, permits: int, name: str) -> None:
    clock, metronome = SystemClock(), Metronome()
    # Patience with who holds the lock: on a machine that stands still it is not hung.
    store = Timed(path, clock, name, busy_s=30.0)
    limiter = RateLimiter(clock, random.random, policies=[POLICY], store=store)
    await limiter.start()
    print("ready", flush=True)  # noqa: T201  the parent lets all begin together
    await asyncio.to_thread(sys.stdin.readline)
    deadline_ns = clock.monotonic_ns() + 600 * NANOSECONDS
    listening = asyncio.create_task(metronome.run())

    async def caller() -> None:
        for _ in range(permits // CALLERS):
            await limiter.permit(Lane.READ, Bucket.BARS, deadline_ns=deadline_ns)
            print(clock.monotonic_ns())  # noqa: T201  the parent reads it

    async with asyncio.TaskGroup() as group:
        for _ in range(CALLERS):
            group.create_task(caller())
    assert limiter.snapshot()[0].note is None
    listening.cancel()
    with suppress(asyncio.CancelledError):
        await listening
    await limiter.close()
    print("stood", metronome.stood_ns + store.stood_ns)  # noqa: T201  the parent reads it


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
    log, wanted, own_name, deed = sys.argv[1:]
    if deed == "hammer":
        asyncio.run(hammer(Path(log), int(wanted), own_name))
    elif deed == "hold":
        hold(Path(log))
    else:
        die(Path(log))
