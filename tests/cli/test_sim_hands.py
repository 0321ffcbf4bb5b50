from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.sim_line import PRACTICE
from tests.support.sim_run import served
from topstepx.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_hand_on_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(tmp_path, monkeypatch) as sim:

        def do(words: str, code: int = 0) -> None:
            assert main(["sim", *words.split()]) == code, capsys.readouterr().err

        do("clock pause")
        stopped = sim.now()
        do("clock step 90")
        assert (sim.now() - stopped).total_seconds() == 90
        do("clock step 1h30m")
        do("clock step 1.5m")
        assert (sim.now() - stopped).total_seconds() == 90 + 5400 + 90
        do("clock step 2x", 2)
        do("clock step 2h1", 2)
        assert "90s, 15m, 2h" in capsys.readouterr().err
        do("clock set 2026-01-05T16:45:00Z")
        do("clock set flat-by")
        do("clock set 2026-01-05T16:00:00Z", 2)
        do("clock speed 4")
        do("clock resume")
        do("clock")
        assert sim.speed == 4
        do("market halt MNQ")
        do("market")
        assert "MNQH26" in capsys.readouterr().out
        do("market resume")
        do("market gap MNQ -40")
        do("market spread MNQ 8")
        (grip,) = sim.gateway.market.hand.grips.values()
        assert (grip.shift_ticks, grip.spread_ticks) == (-40, 8)
        account = sim.gateway.venue.floor.accounts[PRACTICE]
        do(f"accounts do lock {PRACTICE}")
        assert not account.can_trade
        do(f"accounts do unlock {PRACTICE}")
        do(f"accounts pay {PRACTICE} -100")
        do("accounts")
        assert account.balance == 149_900
        file = tmp_path / "saved.state"
        do(f"state save {file}")
        do("state reset practice")
        assert sim.gateway.venue.floor.accounts[PRACTICE].balance == 150_000
        do(f"state load {file}")
        assert sim.gateway.venue.floor.accounts[PRACTICE].balance == 149_900
        do("state load", 2)
        assert "Name a file" in capsys.readouterr().err
