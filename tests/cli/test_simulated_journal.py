"""A simulator's journal is on the disk, and one simulator's life is never taken for another's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support.commands import Home, running_sim
from topstepx.cli.simulated_journal import run_of, simulated_journal
from topstepx.settings import simulator_environment

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_nobody_there_has_no_name() -> None:
    assert run_of("http://127.0.0.1:1") is None


def test_a_key_holds_over_commands_and_a_new_simulator_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def buy(home: Home, url: str, *more: str) -> dict[str, object]:
        here = ["--environment", "sim", "--url", url, "--account", "26282001", "--yes", "--json"]
        done = home.run("buy", "1", "MNQ", "--at", "limit:26500", "--key", "kk", *here, *more)
        assert done.returncode == 0, done.stderr
        told: dict[str, object] = json.loads(done.stdout)
        return told

    monkeypatch.setenv("TOPSTEPX_HOME", str(tmp_path / "home"))
    secret = {"TOPSTEPX_USERNAME": "trader01", "TOPSTEPX_API_KEY": "a-stable-key"}
    home = Home(tmp_path, secret)
    with running_sim(api_key="a-stable-key") as sim:
        port = sim.port
        first = buy(home, sim.url)
        assert buy(home, sim.url)["order_id"] == first["order_id"], (
            "the same key, in another process"
        )
        assert len(sim.gateway.venue.truth.orders(26282001)) == 1
        kept = simulated_journal(simulator_environment(sim.url), "trader01")
        assert kept.exists()
    assert simulated_journal(simulator_environment(sim.url), "trader01") == kept, "to look at later"
    with running_sim(api_key="a-stable-key", port=port) as sim:
        assert simulated_journal(simulator_environment(sim.url), "trader01") != kept
        again = buy(home, sim.url)
        assert again["order_id"] == first["order_id"], "its numbers begin anew"
        assert again["tag"] != first["tag"]
        assert len(sim.gateway.venue.truth.orders(26282001)) == 1
        shown = home.run("journal", "show", "--environment", "sim", "--url", sim.url)
        assert "IntentRecorded" in shown.stdout, shown.stderr
