from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.support.running import run
from topstepx.cli.sim import SimOptions, is_started, server_of
from topstepx.cli.sim_front import Front
from topstepx.errors import ConfigurationError, InvalidRequest

if TYPE_CHECKING:
    from pathlib import Path

WIRE = '[[faults]]\nwhere = "wire/rest"\nwhat = { kind = "wire_reset" }\n'
HUB = '[[faults]]\nwhere = "hub/user"\nwhat = { kind = "mute" }\n'


def plan(folder: Path, text: str) -> Path:
    path = folder / "plan.toml"
    path.write_text(text)
    return path


def test_without_faults_on_the_wire_nothing_stands_before_the_simulator(tmp_path: Path) -> None:
    async def main() -> None:
        options = SimOptions(plan=plan(tmp_path, HUB))
        front = Front(options)
        assert front.behind is options
        async with server_of(front.behind) as sim:
            await front.start(sim)
            assert (front.url, front.port) == (sim.url, sim.port)
            front.begin(sim)
            assert len(sim.gateway.faults.planned) == 1
            await front.close()

    run(main())


def test_with_them_the_port_that_was_asked_for_is_the_proxys(tmp_path: Path) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        front = Front(SimOptions(port=port, plan=plan(tmp_path, WIRE)))
        sim = server_of(front.behind)
        assert await is_started(sim, front)
        try:
            assert front.port == port != sim.port
            assert front.url == sim.machine.facts()["url"] == f"http://127.0.0.1:{port}"
            front.begin(sim)
        finally:
            await front.close()
            await sim.close()

    run(main())


def test_a_port_in_use_is_told_and_the_simulator_ends_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            front = Front(SimOptions(port=port, plan=plan(tmp_path, WIRE)))
            assert not await is_started(server_of(front.behind), front)
            assert f"port={port}: another program" in capsys.readouterr().err

    run(main())


def test_what_cannot_be_meant(tmp_path: Path) -> None:
    path = plan(tmp_path, WIRE)
    with pytest.raises(ConfigurationError, match="a state cannot hold faults on the wire"):
        Front(SimOptions(plan=path, state=tmp_path / "my.sim"))
    with pytest.raises(ConfigurationError, match="on this machine only"):
        Front(SimOptions(plan=path, host="0.0.0.0"))
    with pytest.raises(ConfigurationError, match=r"none\.toml"):
        Front(SimOptions(plan=tmp_path / "none.toml"))
    with pytest.raises(InvalidRequest, match=r"faults\[0\]\.what\.kind='wire_rest'"):
        Front(SimOptions(plan=plan(tmp_path, WIRE.replace("reset", "rest"))))
