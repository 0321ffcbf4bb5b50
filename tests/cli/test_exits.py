"""Out, from another terminal: while a program that trades hangs, and without a key or a network."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import Home, running_sim
from tests.support.killing import arena
from topstepx.cli.exit_codes import ExitCode
from topstepx.store.journal_file import stored_rows

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from topstepx.sim.server import SimServer

PRACTICE = "26282001"


@pytest.fixture(scope="module")
def sim() -> Iterator[SimServer]:
    with running_sim() as one:
        yield one


@pytest.fixture
def home(tmp_path: Path, sim: SimServer) -> Home:
    (tmp_path / "journals").mkdir(mode=0o700)
    return Home(tmp_path, {"TOPSTEPX_USERNAME": sim.user_name, "TOPSTEPX_API_KEY": sim.api_key})


def at(sim: SimServer, home: Home, *more: str) -> list[str]:
    journal = str(home.folder / "journals" / "j.sqlite")
    return [
        "--environment", "sim", "--url", sim.url, "--account", PRACTICE,
        "--journal", journal, "--json", *more,
    ]  # fmt: skip


def say(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    assert done.returncode == 0, done.stderr
    told: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_an_order_by_hand_from_its_placing_to_flat(sim: SimServer, home: Home) -> None:
    bought = say(home.run("buy", "2", "MNQ", "--at", "market", "--stop-ticks", "400", "--yes",
                          "--key", "hand", "--label", "by hand", *at(sim, home)))  # fmt: skip
    again = say(home.run("buy", "2", "MNQ", "--at", "market", "--stop-ticks", "400", "--yes",
                         "--key", "hand", *at(sim, home)))  # fmt: skip
    assert again["order_id"] == bought["order_id"], "the same key, also in another process"
    resting = say(home.run("buy", "1", "MNQ", "--at", "limit:26500", "--yes", *at(sim, home)))
    held = say(home.run("positions", *at(sim, home)))
    assert (held["side"], held["size"]) == ("LONG", 2)
    listed = [json.loads(line) for line in home.run("orders", *at(sim, home)).stdout.splitlines()]
    assert {(one["type"], one["label"]) for one in listed} == {("STOP", "by hand"), ("LIMIT", None)}
    gone = say(home.run("cancel", str(resting["order_id"]), "--yes", *at(sim, home)))
    assert gone["status"] == "CANCELLED"
    (stop,) = sim.gateway.venue.truth.working(int(PRACTICE))
    smaller = say(home.run("close", "MNQ", "--size", "1", "--yes", *at(sim, home)))
    assert (smaller["net"], smaller["too_large"]) == (1, [stop.id]), "it may not change orders"
    assert say(home.run("close", "MNQ", "--yes", *at(sim, home)))["net"] == 0
    assert sim.gateway.venue.truth.working(int(PRACTICE)) == []
    kinds = [row.kind for row in stored_rows(home.folder / "journals" / "j.sqlite")]
    assert kinds.count("IntentRecorded") >= 4


def test_nobody_is_asked_in_a_script(sim: SimServer, home: Home) -> None:
    for command in (["flatten"], ["buy", "1", "MNQ", "--at", "market"], ["close", "MNQ"]):
        done = home.run(*command, *at(sim, home))
        assert done.returncode == ExitCode.USAGE
        assert "add --yes" in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="signals and fork")
def test_flatten_works_while_the_bot_hangs_with_the_lock_and_fences_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)

    async def run() -> None:
        async with arena(tmp_path, 1) as place:
            account = place.new_account()
            bot = await place.run(account, "hang", live_s=60)
            async with asyncio.timeout(40):
                while not bot.all("armed"):
                    bot.news.clear()
                    await bot.news.wait()
            os.kill(bot.pid, signal.SIGSTOP)
            folder = tmp_path / str(account)
            truth = place.sim.gateway.venue.truth
            assert truth.positions(account)
            flatten = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "topstepx", "flatten", "--environment", "sim",
                "--url", place.sim.url, "--account", str(account), "--yes",
                "--journal", str(folder / "journal.sqlite"),
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
                env={**os.environ, "TOPSTEPX_HOME": str(folder),
                     "TOPSTEPX_USERNAME": place.sim.user_name,
                     "TOPSTEPX_API_KEY": place.sim.api_key},
            )  # fmt: skip
            said, complained = await asyncio.wait_for(flatten.communicate(), 60)
            assert flatten.returncode == 0, complained.decode()
            assert b"is flat" in said
            assert truth.positions(account) == []
            assert truth.working(account) == []
            # Stopped in the midst of a write the bot keeps the file locked: then it is beside it.
            beside = folder.glob("journal.sqlite.unwritten-*[0-9a-f]")
            kept = [folder / "journal.sqlite", *beside]
            kinds = {row.kind for path in kept for row in stored_rows(path)}
            assert "Flattened" in kinds, "written down by who did it"
            os.kill(bot.pid, signal.SIGCONT)
            async with asyncio.timeout(20):
                while not bot.all("refused"):
                    assert bot.code is None, bot.lines
                    bot.news.clear()
                    await bot.news.wait()
            (refused,) = bot.all("refused")
            assert "fenced" in refused["error"]
            assert truth.positions(account) == []
            place.end(bot)

    asyncio.run(run())
