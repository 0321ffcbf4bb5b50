from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.sim_line import MNQ, PRACTICE
from tests.support.sim_run import served
from topstepx.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_another_client_and_the_venue_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(tmp_path, monkeypatch) as sim:

        def do(words: str, code: int = 0) -> None:
            assert main(["sim", "orders", *words.split()]) == code, capsys.readouterr().err

        truth = sim.gateway.venue.truth
        do("reject place --code 2 --text No.")
        do(f"place {PRACTICE} buy 2 MNQ --limit 25000")
        order = truth.orders(PRACTICE)[0].id
        do(f"fill {order} --size 1")
        assert truth.net_size(PRACTICE, MNQ) == 1
        trade = truth.trades(PRACTICE)[0].id
        do(f"void {trade}")
        assert truth.net_size(PRACTICE, MNQ) == 0
        do(f"cancel {PRACTICE} {order}")
        do(f"place {PRACTICE} sell 1 MNQ")
        do(f"close {PRACTICE} MNQ")
        capsys.readouterr()
        do("list --all")
        assert str(order) in capsys.readouterr().out
        do("void 1", 2)
