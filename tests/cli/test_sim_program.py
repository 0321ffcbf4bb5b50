"""`topstepx sim run`: a real program of this library that loses its life, or its order's answer."""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from topstepx.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

BOT = """
import asyncio, os, sys
from topstepx import Limit, connect

async def main():
    url = os.environ["TOPSTEPX_SIM_URL"]
    async with connect("sim", url=url, trade=True, journal=sys.argv[1]) as tsx:
        account = await tsx.accounts.one("PRAC")
        desk = tsx.desk(account, await tsx.contracts.front("MNQ"))
        await desk.buy(1, at=Limit("25000"), key="opening")

asyncio.run(main())
"""
CRASH = """
[[faults]]
where = "Order/place"
what = { kind = "crash", restart_s = 0.1 }
"""
CUT = """
[[faults]]
where = "wire/Order/place"
what = { kind = "wire_cut", step = "all passed on" }
"""


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOPSTEPX_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize(
    ("fault", "starts", "struck"),
    [
        pytest.param(
            CRASH,
            2,
            "Order/place: crash(restart_s=0.1)",
            id="killed",
            marks=pytest.mark.skipif(os.name != "posix", reason="signals of POSIX"),
        ),
        pytest.param(
            CUT, 1, "wire/Order/place: wire_cut(step='all passed on')", id="answer lost on the wire"
        ),
    ],
)
def test_its_order_was_executed_and_it_makes_no_second_one(
    fault: str, starts: int, struck: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bot, plan = tmp_path / "bot.py", tmp_path / "plan.toml"
    bot.write_text(BOT)
    plan.write_text(fault)
    command = [sys.executable, str(bot), str(tmp_path / "journal.sqlite")]
    at = ["--at", "2026-11-23T15:00:00Z", "--json"]
    assert main(["sim", "run", "--plan", str(plan), *at, "--", *command]) == 0
    left = json.loads(capfd.readouterr().err.splitlines()[-1])
    assert left == {
        "event": "ended",
        "exit_code": 0,
        "starts": starts,
        "faults": [struck],
        "working_orders": 1,
        "positions": [],
    }


def test_a_program_that_fails_is_told_and_fails_the_command(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert main(["sim", "run", "--", sys.executable, "-S", "-c", "raise SystemExit(7)"]) == 1
    told = capfd.readouterr().err
    assert "ended with 7 after 1 start." in told
    assert "At the venue: 0 working orders, positions: none." in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Which program?"),
        (["--", "/no/such/program"], "cannot be started"),
        (["--plan", "none.toml", "--", "true"], "none.toml"),
    ],
)
def test_what_cannot_be_meant(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sim", "run", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_plan_that_this_run_cannot_do_is_refused_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text('[[faults]]\nwhere = "journal"\nwhat = { kind = "disk_lies" }\n')
    assert main(["sim", "run", "--plan", str(plan), "--", "/no/such/program"]) == 2
    told = capsys.readouterr().err
    assert "faults[0].what.kind='disk_lies'" in told
    assert "Use the kit" in told


def test_a_port_in_use_is_no_wrong_option_and_nothing_is_started(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for verb in (["serve"], ["run"]):
            program = ["--", sys.executable, "-c", "print('started')"] if verb == ["run"] else []
            assert main(["sim", *verb, "--port", port, *program]) == 1
            told = capsys.readouterr()
            assert f"port={port}: another program on this machine listens there already" in told.err
            assert "--port 0" in told.err
            assert "started" not in told.out
