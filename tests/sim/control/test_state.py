from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.sim_line import PRACTICE
from tests.support.sim_machine import Desk

if TYPE_CHECKING:
    from pathlib import Path


def test_save_go_on_load_and_reset(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "sim.state")
    line = desk.line
    user = line.open("user")
    line.market_order()
    desk.pass_time(1)
    assert desk.do("state/save")["path"] == str(tmp_path / "sim.state")
    saved_at = desk.do("clock/show")["at"]
    line.market_order()
    desk.pass_time(10)
    desk.do("state/load")
    assert user.session.abrupt
    assert desk.do("clock/show")["at"] == saved_at
    assert len(desk.do("orders/list")["trades"]) == 1
    assert desk.do("state/reset", scenario="combine-50k")["scenario"] == "combine-50k"
    assert desk.do("orders/list")["trades"] == []
    assert desk.machine.gateway.api_key == "key"
    assert desk.line.token


def test_a_file_that_is_refused_changes_nothing(tmp_path: Path) -> None:
    desk = Desk()
    desk.line.market_order()
    path = tmp_path / "bad"
    path.write_bytes(b"junk")
    before = desk.machine.gateway
    status, error = desk.refused("state/load", path=str(path))
    assert (status, str(path) in error["message"]) == (409, True)
    assert desk.machine.gateway is before
    assert "Name a file" in desk.refused("state/save")[1]["next_step"]
    assert desk.refused("state/reset", scenario="nowhere")[0] == 409


def test_info_says_what_runs_and_no_secret() -> None:
    desk = Desk(switches={})
    desk.do("accounts/lock", account_id=PRACTICE)
    info = desk.do("info")
    assert info["scenario"] == "mixed"
    assert info["accounts"][1]["canTrade"] is False
    assert info["notModelled"]
    assert "'key'" not in str(info)
