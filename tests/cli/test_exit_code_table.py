"""Each exit code of the table in docs/orders.md is what a command really ends with."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import Home, running_sim
from topstepx.cli.exit_codes import ExitCode
from topstepx.cli.main import main
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from topstepx.sim.server import SimServer

ROOT = Path(__file__).resolve().parents[2]
REFUSED = '{"success":false,"errorCode":%d,"errorMessage":"no"}'


@pytest.fixture(scope="module")
def sim() -> Iterator[SimServer]:
    with running_sim() as one:
        yield one


@pytest.fixture
def here(sim: SimServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The options of a command in this process, with a home of its own; no fault outlives a test."""
    monkeypatch.setenv("TOPSTEPX_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TOPSTEPX_USERNAME", sim.user_name)
    monkeypatch.setenv("TOPSTEPX_API_KEY", sim.api_key)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    monkeypatch.chdir(tmp_path)
    yield ["--environment", "sim", "--url", sim.url, "--account", "26282001", "--yes"]
    sim.gateway.faults.clear()


def broken(sim: SimServer, where: str, what: f.RequestFault) -> None:
    sim.gateway.faults.add(Fault(where=where, what=what, times=None))


BUY = ["buy", "1", "MNQ", "--at", "limit:26500"]


def test_the_table_lists_every_code() -> None:
    text = (ROOT / "docs" / "orders.md").read_text(encoding="utf-8")
    assert [int(one) for one in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)] == list(ExitCode)


def test_done_and_usage(here: list[str]) -> None:
    assert main([*BUY, *here]) == ExitCode.DONE
    assert main(["buy", "1", "MNQ", "--at", "26500", *here]) == ExitCode.USAGE
    assert main([*BUY, *here[:-1]]) == ExitCode.USAGE, "nobody said yes"


def test_failed_the_gateway_says_no(here: list[str], sim: SimServer) -> None:
    broken(sim, "Order/place", f.Answer(200, REFUSED % 3))
    assert main([*BUY, *here]) == ExitCode.FAILED


def test_refused_by_rule(here: list[str]) -> None:
    more = ["--max-contracts", "2"]
    assert main(["buy", "3", "MNQ", "--at", "market", *more, *here]) == ExitCode.REFUSED_BY_RULE
    assert main(["kill"]) == 0
    assert main([*BUY, *here]) == ExitCode.REFUSED_BY_RULE


def test_authentication(here: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOPSTEPX_API_KEY", "another")
    assert main([*BUY, *here]) == ExitCode.AUTHENTICATION


def test_limited(here: list[str], sim: SimServer) -> None:
    broken(sim, "Order/place", f.Answer(429))
    assert main([*BUY, *here]) == ExitCode.LIMITED


def test_unreachable(here: list[str]) -> None:
    here[3] = "http://127.0.0.1:9"
    began = time.monotonic()
    assert main([*BUY, *here]) == ExitCode.UNREACHABLE
    assert time.monotonic() - began < 10


@pytest.mark.soak
@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["close", "MNQ"], ExitCode.POSITION_LEFT_OPEN),
        (["flatten"], ExitCode.FLATTEN_INCOMPLETE),
    ],
)
def test_something_is_left(
    here: list[str], sim: SimServer, command: list[str], code: ExitCode
) -> None:
    """Both try for a minute first; tests/desk/test_flatten.py and test_exit_codes.py are the quick twins."""
    assert main(["buy", "1", "MNQ", "--at", "market", *here]) == ExitCode.DONE
    broken(sim, "Position/closeContract", f.Answer(200, REFUSED % 6))
    assert main([*command, *here]) == code
    sim.gateway.faults.clear()
    assert main(["flatten", *here]) == ExitCode.DONE


@pytest.mark.soak
def test_outcome_unknown(here: list[str], sim: SimServer) -> None:
    """Half a minute: ten seconds of looking, fifteen of leaving. Its quick twin is in test_exit_codes."""
    broken(sim, "Order/place", f.LoseRequest())
    assert main([*BUY, *here]) == ExitCode.OUTCOME_UNKNOWN


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_interrupted(here: list[str], sim: SimServer, tmp_path: Path) -> None:
    held = sim.gateway.faults.add(Fault(where="Account/search", what=f.Hold(20)))
    home = Home(tmp_path, {"TOPSTEPX_USERNAME": sim.user_name, "TOPSTEPX_API_KEY": sim.api_key})
    with (
        subprocess.Popen(  # noqa: S603  this interpreter on our own package
            [sys.executable, "-m", "topstepx", "orders", *here[:-1]],
            env=home.variables(),
            stderr=subprocess.PIPE,
            text=True,
        ) as process
    ):
        while not held.spent:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, complained = process.communicate(timeout=30)
    assert process.returncode == ExitCode.INTERRUPTED
    assert "Traceback" not in complained
