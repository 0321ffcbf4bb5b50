"""`topstepx kill`: reaches every program of the user whatever journal it has, and refuses nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import Home, running_sim
from tests.support.small_disk import small_disk
from topstepx.cli.exit_codes import ExitCode
from topstepx.cli.main import main
from topstepx.store.journal_file import stored_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from topstepx.sim.server import SimServer

PRACTICE = "26282001"
NAME = "PRAC-V2-600001-47190001"
NOBODY = {"TOPSTEPX_USERNAME": "", "TOPSTEPX_API_KEY": ""}

BOT = """
import asyncio, sys, topstepx
from topstepx.errors import ModeRefused

async def main():
    async with topstepx.connect("sim", url=sys.argv[1], user_name=sys.argv[2], api_key=sys.argv[3],
                                on_exit="keep") as tsx:
        account = await tsx.accounts.exact(int(sys.argv[4]))
        contract = await tsx.contracts.front("MNQ")
        await tsx.ready(account)
        print("ready", flush=True)
        desk = tsx.desk(account, contract)
        # In a thread: a loop that stood still for half a minute would think that the computer slept.
        while line := await asyncio.to_thread(sys.stdin.readline):
            try:
                order = await desk.buy(1, at=topstepx.Limit(line.strip()))
                print("placed", order.id, flush=True)
            except ModeRefused as error:
                print("refused", " ".join(error.causes), flush=True)

asyncio.run(main())
"""
"""A program like any trader's: it knows nothing of the command, and its journal is in memory."""


@pytest.fixture(scope="module")
def sim() -> Iterator[SimServer]:
    with running_sim() as one:
        yield one


@pytest.fixture
def home(tmp_path: Path, sim: SimServer) -> Home:
    return Home(tmp_path, {"TOPSTEPX_USERNAME": sim.user_name, "TOPSTEPX_API_KEY": sim.api_key})


def at(sim: SimServer, *more: str) -> list[str]:
    return ["--environment", "sim", "--url", sim.url, "--account", PRACTICE, "--yes", *more]


def test_it_stops_every_program_with_and_without_a_journal_until_it_is_released(
    home: Home, sim: SimServer
) -> None:
    with subprocess.Popen(  # noqa: S603  this interpreter on the program above
        [sys.executable, "-c", BOT, sim.url, sim.user_name, sim.api_key, PRACTICE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=home.variables(),
        text=True,
    ) as bot:
        try:
            assert bot.stdin is not None
            assert bot.stdout is not None

            def ask(price: str) -> str:
                bot.stdin.write(f"{price}\n")  # type: ignore[union-attr]  # asserted above
                bot.stdin.flush()  # type: ignore[union-attr]  # asserted above
                return bot.stdout.readline()  # type: ignore[union-attr]  # asserted above

            assert bot.stdout.readline() == "ready\n"
            assert ask("26500").startswith("placed")
            killed = home.run("kill", "--why", "enough", **NOBODY)
            assert killed.returncode == 0, killed.stderr
            assert "every gateway and simulator" in killed.stdout
            assert "Not reached" in killed.stdout
            assert ask("26501") == "refused killed\n", "a journal in memory hides nobody"
            journal = home.folder / "journals" / "j.sqlite"
            journal.parent.mkdir(mode=0o700)
            for more in ([], ["--journal", str(journal)]):
                refused = home.run("buy", "1", "MNQ", "--at", "limit:26502", *at(sim, *more))
                assert refused.returncode == ExitCode.REFUSED_BY_RULE, refused.stdout
                assert "killed" in refused.stderr
                assert "enough" in refused.stderr
                assert "topstepx kill --release" in refused.stderr
            status = home.run("status", **NOBODY)
            assert "KILL SWITCH ON" in status.stdout
            assert "enough" in status.stdout
            assert home.run("flatten", *at(sim)).returncode == 0
            assert sim.gateway.venue.truth.working(int(PRACTICE)) == []
            released = home.run("kill", "--release", "--yes", **NOBODY)
            assert released.returncode == 0, released.stderr
            assert "Kill switch: off" in home.run("status", **NOBODY).stdout
            assert ask("26503") == "refused killed\n", "a running one does not go on by itself"
            placed = home.run(
                "buy", "1", "MNQ", "--at", "limit:26504", "--journal", str(journal), *at(sim)
            )
            assert placed.returncode == 0, placed.stderr
        finally:
            bot.kill()
    assert home.run("flatten", *at(sim)).returncode == 0


def test_in_a_fresh_home_it_latches_for_what_starts_later(home: Home, sim: SimServer) -> None:
    said = home.run("kill", "--json", **NOBODY)
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout.splitlines()[0])["killed"]["environment"] is None
    refused = home.run("buy", "1", "MNQ", "--at", "limit:26500", *at(sim))
    assert refused.returncode == ExitCode.REFUSED_BY_RULE
    assert sim.gateway.venue.truth.working(int(PRACTICE)) == []


def test_a_name_that_is_known_here_stops_that_account_and_one_that_is_not_stops_more(
    home: Home, sim: SimServer
) -> None:
    journal = home.folder / "journals" / "j.sqlite"
    journal.parent.mkdir(mode=0o700)
    here = ["--journal", str(journal)]
    unknown = home.run("kill", "--account", "PRAC-nobody", "--environment", "sim", **NOBODY)
    assert unknown.returncode == 0, unknown.stderr
    assert "more is stopped than you named" in unknown.stdout
    assert "Killed: sim." in unknown.stdout
    assert home.run("kill", "--release", "--yes").returncode == 0
    assert home.run("buy", "1", "MNQ", "--at", "limit:26500", *at(sim, *here)).returncode == 0
    known = home.run("kill", "--account", NAME, "--json", *here, **NOBODY)
    assert known.returncode == 0, known.stderr
    assert json.loads(known.stdout.splitlines()[0])["killed"]["account_id"] == int(PRACTICE)
    refused = home.run("buy", "1", "MNQ", "--at", "limit:26501", *at(sim, *here))
    assert "killed" in refused.stderr
    out = home.run("kill", "--flatten", "--environment", "sim", "--url", sim.url, "--account",
                   NAME, "--yes")  # fmt: skip
    assert out.returncode == 0, out.stderr
    assert "is flat" in out.stdout
    assert sim.gateway.venue.truth.working(int(PRACTICE)) == []
    narrower = home.run("kill", "--release", "--yes", "--environment", "topstepx")
    assert narrower.returncode == ExitCode.REFUSED_BY_RULE
    assert "STILL KILLED" in narrower.stdout


def test_it_is_written_into_the_journals_and_a_damaged_one_keeps_no_kill_out(
    home: Home, sim: SimServer
) -> None:
    journal = home.folder / "journals" / "j.sqlite"
    journal.parent.mkdir(mode=0o700)
    here = at(sim, "--journal", str(journal))
    assert home.run("buy", "1", "MNQ", "--at", "limit:26500", *here).returncode == 0
    assert home.run("kill", "--journal", str(journal), **NOBODY).returncode == 0
    assert any(
        row.kind == "ModeCauseAdded" and '"killed"' in row.body for row in stored_rows(journal)
    )
    for path in journal.parent.glob("j.sqlite-*"):
        path.unlink()
    journal.write_bytes(b"no database" * 1000)
    again = home.run("kill", "--journal", str(journal))
    assert again.returncode == 0, again.stderr
    assert "not in the journal" in again.stdout
    assert home.run("flatten", *here).returncode == 0
    assert sim.gateway.venue.truth.working(int(PRACTICE)) == []
    assert home.run("kill", "--release", "--yes").returncode == 0
    refused = home.run("buy", "1", "MNQ", "--at", "limit:26490", *here)
    assert refused.returncode == ExitCode.REFUSED_BY_RULE
    assert "Restore a backup" in refused.stderr or "name another file" in refused.stderr


# ---- what needs no gateway, without the cost of a process each


class Here:
    """The command in this process, with a home of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        self.out = self.err = ""

    def run(self, *arguments: str) -> int:
        code = main(arguments)
        self.out, self.err = self._capsys.readouterr()
        return code


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    monkeypatch.setenv("TOPSTEPX_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return Here(tmp_path / "home", capsys)


@pytest.mark.parametrize(
    "options",
    [
        ["--environment", "topstpx"],
        ["--profile", "mine"],
        ["--environment", "sim"],
        ["--url", "http://127.0.0.1:1"],
        ["--account", "12345678"],
    ],
)
def test_it_never_refuses(here: Here, options: list[str]) -> None:
    assert here.run("kill", *options) == 0, here.err
    assert "Killed: " in here.out


def test_a_release_asks_and_says_what_stands(here: Here) -> None:
    assert here.run("kill", "--release") == 0
    assert "Nothing is killed" in here.out
    here.run("kill", "--why", "a crash")
    assert here.run("kill", "--release") == ExitCode.USAGE
    assert "a crash" in here.err
    assert "add --yes" in here.err
    assert here.run("kill", "--release", "--yes", "--account", "PRAC-nobody") == ExitCode.USAGE
    assert "Nothing was released" in here.err
    here.run("status")
    assert "KILL SWITCH ON" in here.out


@pytest.mark.skipif(os.name != "posix", reason="a FIFO")
def test_it_waits_for_nobody(here: Here) -> None:
    """What stands in the way of the record must not stand in the way of the kill."""
    folder = here.folder / "state" / "trading" / "sim-x"
    folder.mkdir(parents=True, mode=0o700)
    os.mkfifo(folder / "journal.sqlite")
    assert here.run("kill", "--account", "PRAC-1") == 0, here.err
    assert "Killed" in here.out


def test_on_a_full_disk_it_stops_everything_and_where_nothing_can_be_written_it_says_so(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_disk(tmp_path) as disk:
        monkeypatch.setenv("TOPSTEPX_HOME", str(disk.folder / "home"))
        disk.fill()
        assert here.run("kill", "--environment", "topstepx") == 0, here.err
        assert "every gateway and simulator" in here.out
        disk.free()
        assert here.run("kill", "--release", "--yes") == 0
        disk.read_only(on=True)
        assert here.run("kill") == ExitCode.FAILED
        assert "NOTHING IS STOPPED" in here.err
        assert "web platform" in here.err
