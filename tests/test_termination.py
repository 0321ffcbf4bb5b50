"""SIGTERM on real processes: entries are taken back, what protects stays, and a second one ends it at once."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import Home, running_sim
from topstepx.termination import BLOCKED_S, EXIT_CODE, Termination

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from topstepx.sim.server import SimServer

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGTERM is sent on POSIX")

ACCOUNT = 26282001

BOT = """
import asyncio, signal, sys, time, topstepx

url, how = sys.argv[1:3]
if how == "blocked, and asked twice":
    topstepx.termination.BLOCKED_S = 600.0
options = {"on_exit": "flatten"} if how == "flatten" else {}
if how == "off":
    options = {"sigterm": False}
if how == "own":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))

async def trade(price):
    async with topstepx.connect("sim", url=url, **options) as tsx:
        account = await tsx.accounts.exact(26282001)
        desk = tsx.desk(account, await tsx.contracts.front("MNQ"))
        await tsx.ready(account)
        if how == "flatten":
            await (await desk.buy(1, at=topstepx.Market())).filled(timeout=20)
        await desk.buy(1, at=topstepx.Limit(price))
        print("placed", flush=True)
        try:
            if how.startswith("blocked"):
                while signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
                    time.sleep(0.02)
                print("heard", flush=True)
                time.sleep(600)
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            if how != "swallowed":
                raise
    print("after", flush=True)

async def main():
    if how == "two":
        await asyncio.gather(trade("26500"), trade("26400"))
    else:
        await trade("26500")

try:
    asyncio.run(main())
finally:
    print("end", flush=True)
"""


@contextmanager
def bot(tmp_path: Path, how: str) -> Iterator[tuple[subprocess.Popen[str], SimServer]]:
    tmp_path.chmod(0o700)
    with running_sim() as sim:
        home = Home(tmp_path, {"TOPSTEPX_USERNAME": sim.user_name, "TOPSTEPX_API_KEY": sim.api_key})
        with subprocess.Popen(  # noqa: S603  this interpreter on the program above
            [sys.executable, "-c", BOT, sim.url, how],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=home.variables(),
            text=True,
        ) as process:
            try:
                assert process.stdout is not None
                for _ in range(2 if how == "two" else 1):
                    assert process.stdout.readline() == "placed\n"
                yield process, sim
            finally:
                process.kill()


def working(sim: SimServer) -> int:
    return len(sim.gateway.venue.truth.working(ACCOUNT))


@pytest.mark.parametrize("how", ["swallowed", "two", "flatten"])
def test_it_leaves_in_order(tmp_path: Path, how: str) -> None:
    with bot(tmp_path, how) as (process, sim):
        assert working(sim) == (2 if how == "two" else 1)
        process.send_signal(signal.SIGTERM)
        said, errors = process.communicate(timeout=30)
        assert process.returncode == EXIT_CODE == 143
        assert said == "end\n", (
            "the program's own way out is gone, and nothing after the block runs"
        )
        assert "SIGTERM" in errors
        assert how == "two" or "Traceback" not in errors  # asyncio tells of exits in inner tasks
        assert working(sim) == 0
        assert sim.gateway.venue.truth.positions(ACCOUNT) == []


@pytest.mark.parametrize(("how", "code"), [("off", -signal.SIGTERM), ("own", 7)])
def test_it_is_left_alone_where_it_is_not_wanted_or_somebody_else_has_it(
    tmp_path: Path, how: str, code: int
) -> None:
    with bot(tmp_path, how) as (process, sim):
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        assert process.returncode == code
        assert working(sim) == (1 if how == "off" else 0), "sys.exit leaves by an exception"


def test_a_loop_that_hangs_does_not_keep_the_program_alive(tmp_path: Path) -> None:
    with bot(tmp_path, "blocked") as (process, _sim):
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=BLOCKED_S + 20)
        assert process.returncode == -signal.SIGTERM
        assert time.monotonic() - began >= BLOCKED_S


def test_a_second_one_ends_it_on_the_spot(tmp_path: Path) -> None:
    with bot(tmp_path, "blocked, and asked twice") as (process, _sim):
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        assert process.stdout.readline() == "heard\n"
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)  # by itself it would end in ten minutes
        assert process.returncode == -signal.SIGTERM


def test_the_handler_comes_and_goes_with_the_connections() -> None:
    asyncio.run(_comes_and_goes())


async def _comes_and_goes() -> None:
    before = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        one, two = Termination(), Termination()
        one.begin()
        two.begin()
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        one.leave()
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        two.leave()
        await two.end()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert not two.was_asked
        await asyncio.to_thread(_begin_elsewhere)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_run_that_never_left_its_block_does_not_keep_the_next_one_from_it() -> None:
    before = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)

    async def again() -> None:
        one = Termination()
        one.begin()
        one.leave()

    try:
        _begin_elsewhere()
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        asyncio.run(again())
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


def _begin_elsewhere() -> None:
    async def begin() -> None:
        Termination().begin()

    asyncio.run(begin())
