from __future__ import annotations

import pytest

from tests.support.sim_line import NOON, PRACTICE
from tests.support.sim_machine import Desk


def test_pause_step_resume_speed() -> None:
    desk = Desk()
    desk.do("clock/pause")
    desk.pass_time(100)
    assert desk.do("clock/show")["at"] == NOON.isoformat()
    assert desk.do("clock/step", seconds=2.5)["at"].startswith("2026-01-05T15:00:02.5")
    desk.do("clock/resume")
    assert desk.do("clock/speed", speed=10)["speed"] == 10
    desk.pass_time(1)
    assert desk.do("clock/show")["at"].startswith("2026-01-05T15:00:12.5")
    assert desk.refused("clock/speed", speed=0)[0] == 409
    assert desk.refused("clock/step", seconds=-1)[1]["path"] == "seconds"


def test_a_fill_waits_while_the_clock_stands_still() -> None:
    desk = Desk()
    desk.do("clock/pause")
    line = desk.line
    line.market_order()
    desk.pass_time(5)
    truth = desk.machine.gateway.venue.truth
    assert truth.trades(PRACTICE) == []
    desk.do("clock/step", seconds=0.01)
    assert len(truth.trades(PRACTICE)) == 1


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("close", "2026-11-23T22:00:00"),
        ("open", "2026-11-23T23:00:00"),
        ("flat-by", "2026-11-23T21:10:00"),
        ("roll", "2026-11-23T23:00:00"),
    ],
)
def test_landmarks_of_the_trading_day(name: str, at: str) -> None:
    desk = Desk(scenario="combine-50k")
    desk.do("clock/set", at="2026-11-23T15:30:00Z")
    desk.do("clock/pause")
    assert desk.do("clock/set", next=name)["at"].startswith(at)


def test_what_the_clock_cannot_do() -> None:
    desk = Desk()
    assert "always open" in desk.refused("clock/set", next="close")[1]["message"]
    assert "reset" in desk.refused("clock/set", at="2026-01-05T14:00:00Z")[1]["next_step"]
    assert desk.refused("clock/set")[1]["path"] == "at"
    assert desk.refused("clock/set", at="2026-01-05T16:00:00")[1]["path"] == "at"


def test_ten_past_three_and_five_really_happen() -> None:
    desk = Desk(scenario="combine-50k")
    desk.machine.clock.start_over(desk.machine.gateway.now)
    desk.do("clock/set", at="2026-11-23T20:58:00Z")
    account = desk.do("accounts/list")["accounts"][0]
    placed = desk.do("orders/place", account_id=account["id"], contract="MNQ", side="buy")
    assert placed["success"]
    desk.do("clock/step", seconds=1)
    assert desk.do("orders/list")["positions"]
    desk.do("clock/set", next="flat-by")
    desk.do("clock/step", seconds=1)
    assert desk.do("orders/list")["positions"] == []
    assert desk.do("accounts/list")["accounts"][0]["canTrade"] is False
    desk.do("clock/set", next="roll")
    assert desk.do("accounts/list")["accounts"][0]["canTrade"] is True
    told = [one["text"] for one in desk.do("events")["events"] if one["kind"] == "house"]
    assert any("flat by 15:10" in text for text in told)
    assert any("rolls to 2026-11-24" in text for text in told)


def test_a_step_says_how_much_was_filled_on_the_way() -> None:
    desk = Desk()
    desk.do("clock/pause")
    line = desk.line
    line.market_order(stopLossBracket={"ticks": -20, "type": 4})
    gone = desk.do("clock/step", seconds=600)
    assert (gone["passedSeconds"], gone["fills"]) == (600, 2)
    assert desk.do("orders/list")["positions"] == []
    assert desk.do("clock/set", at="2026-01-05T15:11:00Z")["fills"] == 0
