"""`topstepx sim` as a real process, with signals."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from topstepx.cli.main import main
from topstepx.cli.sim import SimOptions, real_bars, run_sim
from topstepx.errors import ConfigurationError, ContractUnknown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BARS = """timestamp_utc,open,high,low,close,volume
2024-01-02 15:00:00,1.0950,1.0955,1.0945,1.0951,500
2024-01-02 15:01:00,1.0951,1.0960,1.0950,1.0959,400
2024-01-02 15:02:00,1.0959,1.0961,1.0952,1.0953,300
2024-01-02 15:03:00,1.0953,1.0954,1.0950,1.0951,200
"""

windows = os.name == "nt"


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    with subprocess.Popen(  # noqa: S603  this interpreter on our own package
        [sys.executable, "-m", "topstepx", "sim", "--json", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, process.stderr.read() if process.stderr else ""
            yield process, json.loads(line)
        finally:
            process.kill()


def ask(url: str, route: str, body: Any, token: str = "") -> dict[str, Any]:  # noqa: ANN401  any JSON
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    request = urllib.request.Request(  # noqa: S310  a loopback address
        f"{url}/api/{route}", json.dumps(body).encode(), headers
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  a loopback address
        content: dict[str, Any] = json.loads(answer.read())
        return content


def log_in(hello: dict[str, Any]) -> str:
    body = {"userName": hello["user_name"], "apiKey": hello["api_key"]}
    token: str = ask(hello["url"], "Auth/loginKey", body)["token"]
    return token


@pytest.mark.skipif(windows, reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_hello_works_and_ends_on_a_signal(number: signal.Signals) -> None:
    with running("--at", "2026-01-05T15:00:00Z", "--seed", "7") as (process, hello):
        assert hello["event"] == "listening"
        assert hello["url"].startswith("http://127.0.0.1:")
        assert hello["at"].startswith("2026-01-05T15:00:")
        token = log_in(hello)
        found = ask(hello["url"], "Account/search", {"onlyActiveAccounts": True}, token)
        assert found["accounts"]
        process.send_signal(number)
        out, err = process.communicate(timeout=15)
        assert (process.returncode, err) == (0, "")
        assert json.loads(out.splitlines()[-1]) == {"event": "stopped"}


def test_a_plan_begins_at_once_and_reaches_the_wire(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(
        '[[faults]]\nwhere = "wire/Auth/loginKey"\nwhat = { kind = "wire_cut", step = "head came" }\n'
        '[[faults]]\nwhere = "Account/search"\nwhat = { kind = "answer", status = 503 }\n'
    )
    with running("--plan", str(plan)) as (_, hello):
        with pytest.raises(http.client.RemoteDisconnected):
            log_in(hello)
        token = log_in(hello)
        with pytest.raises(urllib.error.HTTPError, match="503"):
            ask(hello["url"], "Account/search", {"onlyActiveAccounts": True}, token)
        request = urllib.request.Request(  # noqa: S310  a loopback address
            hello["control_url"] + "faults/list",
            headers={"Authorization": f"Bearer {hello['control_token']}"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  a loopback address
            rows = json.loads(answer.read())["result"]["faults"]
        assert [(row["where"], row["struck"], row["state"]) for row in rows] == [
            ("wire/Auth/loginKey", 1, "on"),
            ("Account/search", 1, "spent"),
        ]


@pytest.mark.skipif(windows, reason="POSIX signals")
def test_real_bars_are_replayed_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "6E.csv.gz"
    path.write_bytes(gzip.compress(BARS.encode()))
    arguments = ("--bars", str(path), "--contract", "6E", "--at", "2024-01-02T15:02:30Z")
    with running(*arguments) as (_, hello):
        token = log_in(hello)
        body = {
            "contractId": "CON.F.US.EU6.H24",
            "live": False,
            "startTime": "2024-01-02T15:00:00Z",
            "endTime": "2024-01-02T15:01:00Z",
            "unit": 2,
            "unitNumber": 1,
            "limit": 10,
            "includePartialBar": False,
        }
        bars = ask(hello["url"], "History/retrieveBars", body, token)["bars"]
        oldest = bars[-1]
        assert (oldest["t"], oldest["o"], oldest["h"], oldest["l"], oldest["c"], oldest["v"]) == (
            "2024-01-02T15:00:00+00:00",
            1.0950,
            1.0955,
            1.0945,
            1.0951,
            500,
        )


@pytest.mark.skipif(windows, reason="POSIX signals")
def test_for_people_it_prints_addresses_and_a_line_to_try() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "topstepx", "sim"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            lines: list[str] = []
            while not lines or "Ctrl-C" not in lines[-1]:
                lines.append(process.stdout.readline())
                assert lines[-1]
            text = "".join(lines)
        finally:
            process.kill()
    assert "/hubs/market" in text
    assert "curl -s http://127.0.0.1:" in text
    assert "Nothing it does reaches a real market" in text


def test_a_port_in_use_fails_with_a_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert run_sim(SimOptions(port=port)) == 1
    assert f"port={port}: another program" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (SimOptions(contract="6E"), "--bars"),
        (SimOptions(at="yesterday"), "--at"),
        (SimOptions(at="2026-01-05T15:00:00"), "--at"),
        (SimOptions(speed=0), "speed"),
        (SimOptions(host="0.0.0.0"), "host"),
        (SimOptions(switches=("nothing=1",)), "switch"),
    ],
)
def test_options_that_cannot_be_meant(options: SimOptions, word: str) -> None:
    with pytest.raises(ConfigurationError, match=word):
        run_sim(options)


def test_files_and_contracts_that_are_not_there(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text(BARS)
    assert real_bars(path, "6E").listing.id == "CON.F.US.EU6.H24"
    assert real_bars(path, "con.f.us.eu6.h24").listing.id == "CON.F.US.EU6.H24"
    with pytest.raises(ContractUnknown):
        real_bars(path, "6Q")
    with pytest.raises(ConfigurationError, match="--contract 6E"):
        run_sim(SimOptions(bars=path))
    with pytest.raises(ConfigurationError, match=r"none\.csv"):
        real_bars(tmp_path / "none.csv", "6E")
    path.write_text(BARS + "2024-01-02 15:04:00,1,2,x,1,1\n")
    with pytest.raises(ConfigurationError, match="line 6"):
        real_bars(path, "6E")


@pytest.mark.parametrize("port", ["99999", "-1"])
def test_a_port_that_is_none_is_refused_in_words(
    port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sim", f"--port={port}"]) == 2
    assert "0 to 65535" in capsys.readouterr().err
