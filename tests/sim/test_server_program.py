"""A real program that a plan ends, stops, starts again, and leaves without room on its disk."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.running import run
from topstepx.errors import ConfigurationError
from topstepx.sim.outside_faults import DiskFull
from topstepx.sim.server_program import SupervisedProgram
from topstepx.testing.eventually import eventually

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
SAYS = """
import os, sys, time
start = os.environ["TOPSTEPX_SIM_START"]
out = open(sys.argv[1], "a", buffering=1)
out.write(f"start {start} {os.environ['TOPSTEPX_SIM_URL']}\\n")
if start == sys.argv[2]:
    sys.exit(int(sys.argv[3]))
while True:
    time.sleep(0.01)
    with open(sys.argv[1] + ".beat", "w") as file:
        file.write(str(time.monotonic()))
"""

DEAF = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1], "w").close()
time.sleep(60)
"""


def program(out: Path, *arguments: str, speed: float = 1.0) -> SupervisedProgram:
    command = [sys.executable, "-S", "-c", SAYS, str(out), *arguments]
    return SupervisedProgram(command, {"TOPSTEPX_SIM_URL": "here"}, lambda: speed)


def lines(out: Path) -> list[str]:
    return out.read_text().splitlines() if out.exists() else []


def size(out: Path) -> int:
    return out.stat().st_size


def beat(out: Path) -> float:
    text = out.with_name(out.name + ".beat")
    return float(text.read_text() or 0) if text.exists() else 0.0


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_killed_and_started_again_in_simulated_time_until_it_ends_by_itself(out: Path) -> None:
    async def main() -> None:
        held = program(out, "2", "3", speed=10.0)
        running = asyncio.create_task(held.run())
        await eventually(lambda: lines(out) == ["start 1 here"])
        began = time.monotonic()
        held.crash(5.0)
        assert await running == 3
        assert time.monotonic() - began >= 0.5
        assert lines(out) == ["start 1 here", "start 2 here"]
        assert held.starts == 2

    run(main())


@pytest.mark.parametrize(("how", "code"), [("crash", -signal.SIGKILL), ("leave", -signal.SIGTERM)])
def test_ended_for_good_it_tells_the_signal(out: Path, how: str, code: int) -> None:
    async def main() -> None:
        held = program(out, "0", "0")
        running = asyncio.create_task(held.run())
        await eventually(lambda: bool(lines(out)))
        getattr(held, how)(None)
        assert await running == code
        getattr(held, how)(None)  # nobody is there any more

    run(main())


def test_it_stands_still_and_goes_on(out: Path) -> None:
    async def main() -> None:
        held = program(out, "0", "0")
        running = asyncio.create_task(held.run())
        await eventually(lambda: beat(out) > 0)
        stalled = time.monotonic()
        held.stall(0.5)
        # By its own clock: how late this test looks does not matter.
        await eventually(lambda: beat(out) > stalled + 0.1)
        assert beat(out) >= stalled + 0.5
        held.crash(None)
        await running

    run(main())


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
def test_no_file_of_it_can_grow_until_that_is_undone_also_not_after_a_restart(out: Path) -> None:
    async def main() -> None:
        held = program(out, "0", "0")
        running = asyncio.create_task(held.run())
        await eventually(lambda: beat(out) > 0)
        disk = held.disk()
        assert disk is not None
        free = disk.begin(DiskFull())
        assert await running == 1  # this one does not expect it
        full = size(out)
        again = asyncio.create_task(held.run())
        assert await again == 1
        assert size(out) == full
        free()
        last = asyncio.create_task(held.run())
        await eventually(lambda: size(out) > full)
        held.crash(None)
        await last

    run(main())


def test_a_signal_is_passed_on_once_and_the_second_ends_it(out: Path) -> None:
    async def main() -> None:
        held = program(out, "0", "0")
        running = asyncio.create_task(held.run())
        await eventually(lambda: bool(lines(out)))
        held.stall(60)
        held.ask_to_end(signal.SIGTERM)
        assert await running == -signal.SIGTERM
        deaf = SupervisedProgram([sys.executable, "-S", "-c", DEAF, str(out.with_name("deaf"))], {})
        running = asyncio.create_task(deaf.run())
        await eventually(out.with_name("deaf").exists)
        deaf.ask_to_end(signal.SIGTERM)
        await asyncio.sleep(0.1)
        assert not running.done()
        deaf.ask_to_end(signal.SIGTERM)
        assert await running == -signal.SIGKILL

    run(main())


def test_cancelled_it_leaves_no_process_behind(out: Path) -> None:
    async def main() -> None:
        held = program(out, "0", "0")
        running = asyncio.create_task(held.run())
        await eventually(lambda: beat(out) > 0)
        running.cancel()
        await asyncio.wait({running})
        stood = beat(out)
        await asyncio.sleep(0.1)
        assert beat(out) == stood

    run(main())


def test_what_is_no_program() -> None:
    with pytest.raises(ConfigurationError, match="cannot be started"):
        run(SupervisedProgram(["/no/such/program"], {}).run())
