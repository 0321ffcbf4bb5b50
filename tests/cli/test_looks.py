"""`topstepx orders`, `positions`, `trades`: what is shown, and whose it was."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import Home, running_sim
from topstepx.cli.looks import moment_of, shown
from topstepx.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("average", "text"),
    [
        ("29092.416666666667", "29092.4167"),
        ("29092.25", "29092.25"),
        ("29092.00", "29092"),
        ("100", "100"),
        ("1.10005", "1.1"),
        ("0.00625", "0.0062"),
    ],
)
def test_an_average_is_rounded_for_people(average: str, text: str) -> None:
    assert shown(Decimal(average)) == text


@pytest.mark.parametrize("text", ["yesterday", "2026-11-20T14:30:00", "2026-11", ""])
def test_a_moment_needs_its_zone(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"--since.*2026-11-20T14:30:00Z"):
        moment_of(text)


def test_moments() -> None:
    assert moment_of("2026-11-20").isoformat() == "2026-11-20T00:00:00+00:00"
    assert moment_of("2026-11-20T14:30:00-06:00").isoformat() == "2026-11-20T20:30:00+00:00"


def test_whose_trades_they_were(tmp_path: Path) -> None:
    with running_sim() as sim:
        home = Home(tmp_path, {"TOPSTEPX_USERNAME": sim.user_name, "TOPSTEPX_API_KEY": sim.api_key})
        here = ["--environment", "sim", "--url", sim.url, "--account", "26282001"]
        empty = home.run("trades", *here)
        assert empty.returncode == 0, empty.stderr
        assert "No trades since" in empty.stdout
        assert home.run("buy", "1", "MNQ", "--at", "market", "--yes", *here).returncode == 0
        assert home.run("close", "MNQ", "--yes", *here).returncode == 0
        told = [
            json.loads(line) for line in home.run("trades", "--json", *here).stdout.splitlines()
        ]
        assert [(one["side"], one["ours"]) for one in told] == [("BUY", True), ("SELL", False)]
        foreign = home.run("trades", "--foreign", "--since", "2020-01-01", *here).stdout
        assert foreign.count("\n") == 1
        assert "no tag" in foreign
