"""`topstepx doctor`: every line fine against a simulator, and each trouble by its name."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import Home, running_sim
from topstepx.cli.doctor import Visit, _quota, _scheme
from topstepx.cli.targets import target_of
from topstepx.clock import SystemClock
from topstepx.sim import fault_kinds as f
from topstepx.sim.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from topstepx.sim.server import SimServer


@pytest.fixture(scope="module")
def sim() -> Iterator[SimServer]:
    with running_sim() as one:
        yield one


@pytest.fixture
def home(tmp_path: Path, sim: SimServer) -> Iterator[Home]:
    yield Home(tmp_path, {"TOPSTEPX_USERNAME": sim.user_name, "TOPSTEPX_API_KEY": sim.api_key})
    sim.gateway.faults.clear()


def examine(home: Home, url: str, **variables: str) -> tuple[int, dict[str, dict[str, str]]]:
    done = home.run("doctor", "--environment", "sim", "--url", url, "--json", **variables)
    assert "Traceback" not in done.stderr
    found: dict[str, dict[str, str]] = {}
    for line in done.stdout.splitlines():
        one = json.loads(line)
        found.setdefault(one["name"], one)
    return done.returncode, found


def test_all_is_well(home: Home, sim: SimServer) -> None:
    code, found = examine(home, sim.url)
    assert code == 0
    assert list(found) == [
        "program",
        "time zones",
        "journal folder",
        "keychain",
        "certificates",
        "gateway",
        "clock",
        "credentials",
        "quota",
        "login",
        "user hub",
        "market hub",
    ]
    assert {one["level"] for one in found.values()} == {"ok", "note"}
    assert found["keychain"]["level"] == "note"
    assert "header" in found["user hub"]["detail"]
    assert "0 of 200 general requests in 60 s" in found["quota"]["detail"]
    assert sim.api_key not in str(found)


def test_for_people(home: Home, sim: SimServer) -> None:
    done = home.run("doctor", "--environment", "sim", "--url", sim.url)
    assert done.returncode == 0
    assert "ok    market hub" in done.stdout


def test_nobody_there(home: Home) -> None:
    code, found = examine(home, "http://127.0.0.1:9")
    assert code == 8
    assert found["gateway"]["level"] == "bad"
    assert found["gateway"]["fix"]
    assert "not tried" in found["user hub"]["detail"]


def test_a_wrong_key(home: Home, sim: SimServer) -> None:
    code, found = examine(home, sim.url, TOPSTEPX_API_KEY="wrong")
    assert code == 4
    assert "InvalidCredentials" in found["login"]["detail"]


def test_a_hub_that_wants_the_token_in_the_address(home: Home, sim: SimServer) -> None:
    sim.gateway.faults.add(Fault(where="*", what=f.Set("hubs.auth_in", "query"), times=None))
    code, found = examine(home, sim.url)
    assert code == 0
    assert "address only" in found["user hub"]["detail"]


def test_a_hub_that_is_broken(home: Home, sim: SimServer) -> None:
    sim.gateway.faults.add(Fault(where="hub/market", what=f.RefuseUpgrade(503), times=None))
    sim.gateway.faults.add(Fault(where="hub/user", what=f.RefuseHandshake(), times=None))
    code, found = examine(home, sim.url)
    assert code != 0
    assert "503" in found["market hub"]["detail"]
    assert found["user hub"]["level"] == "bad"


def test_maintenance(home: Home, sim: SimServer) -> None:
    sim.gateway.faults.add(Fault(where="Status/ping", what=f.Answer(503), times=None))
    code, found = examine(home, sim.url)
    assert code == 1
    assert "503" in found["gateway"]["detail"]


def test_a_simulators_own_time_is_fine(home: Home) -> None:
    then = datetime(2024, 1, 2, 12, tzinfo=UTC)  # noon: its date stays while the commands run
    with running_sim(at=then) as replay:
        code, found = examine(
            home, replay.url, TOPSTEPX_USERNAME=replay.user_name, TOPSTEPX_API_KEY=replay.api_key
        )
    assert code == 0
    assert f"{then:%Y-%m-%d}" in found["clock"]["detail"]
    assert "24.0 h" in found["login"]["detail"]


def test_a_folder_that_others_may_write(home: Home, sim: SimServer) -> None:
    state = home.folder / "home/state"
    state.mkdir(parents=True)
    state.chmod(0o777)
    code, found = examine(home, sim.url)
    assert code != 0
    assert "chmod 700" in found["journal folder"]["fix"]


def test_what_is_shown_of_the_way_to_a_real_gateway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOPSTEPX_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    pins = ", ".join(f'"{b64encode(bytes([n]) * 32).decode()}"' for n in (1, 2))
    (tmp_path / "topstepx.toml").write_text(
        '[profiles.topstepx]\nca_file = "own.pem"\nproxy = "http://me@proxy.test:3128"\n'
        f"pins = {{spki_sha256 = [{pins}], until = 2027-01-01T00:00:00Z, report_only = true}}\n"
    )
    visit = Visit(target_of("topstepx", None, None), SystemClock())
    assert _scheme(visit) == (
        "TLS, system roots and own.pem; 2 pins, reported only until 2027-01-01; through the proxy "
        "http://proxy.test:3128"
    )
    assert _quota(visit, "me", 3) == (
        "3 of 5 logins in 600 s, 0 of 200 general requests in 60 s, 0 of 50 bars requests in 30 s, by "
        "programs on this computer"
    )
