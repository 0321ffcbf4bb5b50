"""The request log that programs share, from `connect` to the file."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import sys
from typing import TYPE_CHECKING

import pytest

import topstepx
from topstepx.access import host_of, shared_budget, shares_budget
from topstepx.clock import SystemClock
from topstepx.settings import environment, simulator_environment
from topstepx.sim.server import SimServer

if TYPE_CHECKING:
    from pathlib import Path

    from topstepx.desk.health import Health
    from topstepx.settings import Environment

LIVE, SIM = environment("topstepx"), simulator_environment("http://127.0.0.1:5000")


@pytest.mark.parametrize(
    ("target", "choice", "shares"),
    [(LIVE, None, True), (LIVE, False, False), (SIM, None, False), (SIM, True, True)],
)
def test_live_programs_share_unless_told_otherwise(
    target: Environment, choice: bool | None, shares: bool
) -> None:
    assert shares_budget(target, choice) is shares


def test_one_file_per_host_and_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOPSTEPX_HOME", str(tmp_path))
    paths = {
        shared_budget(target, user, SystemClock())._path
        for target in (LIVE, environment("tradeday"), SIM)
        for user in ("ada", "Ada", "bob")
    }
    assert len(paths) == 6
    assert host_of(LIVE) == "api.topstepx.com"
    assert not any("ada" in path.name or "topstepx.com" in path.name for path in paths)


@pytest.mark.parametrize("share", [True, None])
def test_what_leaves_is_in_the_log_of_who_shares(
    share: bool | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOPSTEPX_HOME", str(tmp_path))

    async def run() -> int:
        async with SimServer() as sim:
            async with topstepx.connect(
                "sim", url=sim.url, user_name=sim.user_name, api_key=sim.api_key, share_budget=share
            ) as tsx:
                await tsx.accounts.all(only_active=False)
                assert tsx.health().ok
            return sum(one.bucket == "general" for one in sim.gateway.limits.arrivals)

    arrived = asyncio.run(run())
    files = list(tmp_path.rglob("budget-*.sqlite"))
    if not share:
        assert files == []
        return
    (file,) = files
    with sqlite3.connect(file) as log:
        assert log.execute("SELECT count(*) FROM attempts").fetchone() == (arrived,)
    log.close()
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_log_out_of_reach_is_said_and_costs_three_quarters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "state").write_text("in the way")
    monkeypatch.setenv("TOPSTEPX_HOME", str(tmp_path))

    async def run() -> Health:
        async with (
            SimServer() as sim,
            topstepx.connect(
                "sim", url=sim.url, user_name=sim.user_name, api_key=sim.api_key, share_budget=True
            ) as tsx,
        ):
            await tsx.accounts.all(only_active=False)
            return tsx.health()

    health = asyncio.run(run())
    assert not health.ok
    assert any("a quarter is used" in problem for problem in health.problems)
