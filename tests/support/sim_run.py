"""A simulator in a thread of this process, found by its commands as a running one is."""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.sim_line import NOON
from topstepx.cli.sim_runs import Run, forget, remember
from topstepx.sim.server import SimServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest


@contextmanager
def served(home: Path, monkeypatch: pytest.MonkeyPatch, **options: object) -> Iterator[SimServer]:
    """The commands of this test find this simulator and no other."""
    monkeypatch.setenv("TOPSTEPX_HOME", str(home / "home"))
    ready, done = threading.Event(), threading.Event()
    made: list[SimServer] = []

    async def main() -> None:
        async with SimServer(at=NOON, **options) as sim:  # type: ignore[arg-type]  # passed through
            made.append(sim)
            ready.set()
            while not done.is_set():  # noqa: ASYNC110  the event is another thread's
                await asyncio.sleep(0.01)

    thread = threading.Thread(target=asyncio.run, args=(main(),), daemon=True)
    thread.start()
    assert ready.wait(20)
    (sim,) = made
    remember(
        Run(
            port=sim.port,
            process=os.getpid(),
            control_url=sim.control_url,
            token=sim.control_token,
        )
    )
    try:
        yield sim
    finally:
        forget(sim.port)
        done.set()
        thread.join(20)
