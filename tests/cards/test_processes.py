"""The rows about processes and disks on real ones: a disk that fills up, a process that stands still."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import Home, running_sim
from tests.support.killing import Arena, arena
from tests.support.small_disk import small_disk
from topstepx import Limit, Market, connect
from topstepx.errors import ModeRefused, RecordUnavailable
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault
from topstepx.store.journal_file import stored_rows
from topstepx.testing.eventually import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from topstepx.client import Client
    from topstepx.connecting import Connection
    from topstepx.desk.desk import Desk
    from topstepx.sim.server import SimServer

pytestmark = pytest.mark.skipif(os.name != "posix", reason="mounts, fork and signals of POSIX")

ACCOUNT = 26282001


def _client(sim: SimServer, journal: Path) -> Connection:
    return connect(
        "sim", url=sim.url, user_name=sim.user_name, api_key=sim.api_key, journal=journal
    )


async def _desk(tsx: Client) -> Desk:
    account = await tsx.accounts.exact(ACCOUNT)
    await tsx.ready(account)
    return tsx.desk(account, await tsx.contracts.front("MNQ"))


def _use_up_much_of_the_log(journal: Path) -> None:
    """Orders alone would take sixty, and as many cancels: with the rest that is near 200 a minute."""
    with closing(sqlite3.connect(journal, isolation_level=None, timeout=10)) as other:
        other.execute("CREATE TABLE ballast (bytes BLOB)")
        other.execute("INSERT INTO ballast VALUES (zeroblob(300000))")
        other.execute("DROP TABLE ballast")


def test_p05_a_disk_that_fills_up_stops_entries_and_no_exit_and_ends_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOPSTEPX_HOME", str(tmp_path / "home"))
    with small_disk(tmp_path, "4m") as disk, running_sim() as sim:
        truth = sim.gateway.venue.truth
        journal = disk.folder / "j.sqlite"

        async def run() -> None:
            async with _client(sim, journal) as tsx:
                desk = await _desk(tsx)
                await (await desk.buy(1, at=Market())).filled(timeout=20)
                resting = await desk.buy(1, at=Limit("26500"))
                _use_up_much_of_the_log(journal)
                disk.fill()
                refusals: list[RecordUnavailable | ModeRefused] = []
                for tick in range(60):  # what room the log still has is used up first
                    try:
                        await desk.buy(1, at=Limit(26400 - tick))
                    except (RecordUnavailable, ModeRefused) as error:
                        refusals.append(error)
                        if len(refusals) == 2:
                            break
                assert [error.did_it_happen for error in refusals] == ["no", "no"]
                assert "disk" in str(refusals[0]).lower()
                sent = len(truth.orders(ACCOUNT))
                await asyncio.sleep(0.3)
                assert len(truth.orders(ACCOUNT)) == sent, "no record, no send"
                assert not tsx.health().ok
                await resting.cancel()
                await desk.close()
                assert truth.positions(ACCOUNT) == []
                assert truth.working(ACCOUNT) == []
                disk.free()
                await eventually(lambda: tsx.health().ok, timeout_s=20)
                again = await desk.buy(1, at=Limit("26200"))
                await again.cancel()

        asyncio.run(run())
        kinds = [row.kind for row in stored_rows(journal)]
        assert "JournalGapped" in kinds or kinds.count("IntentRecorded") >= 3


def test_p05_a_disk_that_is_read_only_lets_nobody_in_and_everybody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOPSTEPX_HOME", str(tmp_path / "home"))
    with small_disk(tmp_path, "4m") as disk, running_sim() as sim:
        journal = disk.folder / "j.sqlite"

        async def run(*, writable: bool) -> None:
            async with _client(sim, journal) as tsx:
                desk = await _desk(tsx)
                if writable:
                    await (await desk.buy(1, at=Market())).filled(timeout=20)
                    return
                with pytest.raises((RecordUnavailable, ModeRefused)) as refused:
                    await desk.buy(1, at=Limit("26500"))
                assert "the journal cannot be written" in str(refused.value)
                assert "writable" in str(refused.value)
                assert "another process" not in str(refused.value)
                await desk.close()

        asyncio.run(run(writable=True))
        disk.read_only(on=True)
        asyncio.run(run(writable=False))
        disk.read_only(on=False)
        assert sim.gateway.venue.truth.positions(ACCOUNT) == []
        assert len(sim.gateway.venue.truth.working(ACCOUNT)) == 0


# ---- a process that stands still


async def _stopped_at(place: Arena, account: int, point: str, still_s: float) -> list[str]:
    bot = await place.run(account, "place", point=point, signal=int(signal.SIGSTOP), live_s=5)
    async with asyncio.timeout(40):
        while not bot.all("armed"):
            bot.news.clear()
            await bot.news.wait()
        while await asyncio.to_thread(_state_of, bot.pid) != "T":
            continue
        await asyncio.sleep(still_s)
        os.kill(bot.pid, signal.SIGCONT)
        await bot.ended.wait()
    return [line["error"] for line in bot.all("failed")]


def _state_of(pid: int) -> str:
    done = subprocess.run(  # noqa: S603  a fixed program
        ["/bin/ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return done.stdout[:1]


@pytest.mark.parametrize(
    "still_s", [2.2, pytest.param(20.0, marks=pytest.mark.soak)], ids=["2.2 s", "20 s"]
)
def test_p09_what_stood_still_before_the_send_sends_nothing_late(
    tmp_path: Path, still_s: float
) -> None:
    tmp_path.chmod(0o700)

    async def run() -> None:
        async with arena(tmp_path, 1) as place:
            account = place.new_account()
            failed = await _stopped_at(place, account, "IntentRecorded:durable", still_s)
            assert "DeadlinePassed" in failed[0]
            assert place.sim.gateway.venue.truth.orders(account) == []
            rows = stored_rows(tmp_path / str(account) / "journal.sqlite")
            answered = [row.body for row in rows if row.kind == "IntentAnswered"]
            assert '"not_sent"' in answered[0], "and it is known that it was not sent"

    asyncio.run(run())


# ---- signals

BOT = """
import asyncio, sys, topstepx

async def main():
    async with topstepx.connect("sim", url=sys.argv[1], journal=sys.argv[2]) as tsx:
        account = await tsx.accounts.exact(int(sys.argv[3]))
        desk = tsx.desk(account, await tsx.contracts.front("MNQ"))
        await desk.buy(1, at=topstepx.Limit("26500"), key="one")
        print("placed", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("signals", ["TERM TERM", "INT INT", "INT TERM"])
def test_p16_a_second_signal_forces_the_end_and_the_journal_is_whole(
    tmp_path: Path, signals: str
) -> None:
    tmp_path.chmod(0o700)
    journal = tmp_path / "j.sqlite"
    with running_sim() as sim:
        home = Home(tmp_path, {"TOPSTEPX_USERNAME": sim.user_name, "TOPSTEPX_API_KEY": sim.api_key})
        # Leaving cancels the order; a gateway that does not answer makes that last.
        held = sim.gateway.faults.add(Fault(where="Order/cancel", what=f.Hold(600), times=None))
        with subprocess.Popen(  # noqa: S603  this interpreter on the program above
            [sys.executable, "-c", BOT, sim.url, str(journal), str(ACCOUNT)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=home.variables(), text=True,
        ) as bot:  # fmt: skip
            assert bot.stdout is not None
            assert bot.stdout.readline() == "placed\n"
            first, *second = (getattr(signal, f"SIG{name}") for name in signals.split())
            bot.send_signal(first)
            if second:
                while not held.struck:
                    assert bot.poll() is None, "the first one ends it in order, which lasts"
                    time.sleep(0.02)
                bot.send_signal(second[0])
            began = time.monotonic()
            bot.communicate(timeout=20)
            assert time.monotonic() - began < 10
            assert bot.returncode != 0
        sim.gateway.faults.clear()
        assert list(stored_rows(journal)), "the whole chain is proven on the way"

        async def audit() -> None:
            async with _client(sim, journal) as tsx:
                desk = await _desk(tsx)
                order = await desk.buy(1, at=Limit("26500"), key="one")
                (only,) = sim.gateway.venue.truth.orders(ACCOUNT)
                assert order.id == only.id

        asyncio.run(audit())
