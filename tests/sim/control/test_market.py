from __future__ import annotations

from decimal import Decimal

from tests.support.sim_machine import Desk


def row(desk: Desk) -> dict[str, object]:
    (found,) = desk.do("market/show")["contracts"]
    assert isinstance(found, dict)
    return found


def test_halt_gap_and_spread_show() -> None:
    desk = Desk()
    desk.do("market/halt", contract="MNQ")
    assert row(desk)["halted"] is True
    assert desk.line.market_order()["success"] is False
    desk.do("market/resume")
    before = Decimal(str(row(desk)["bid"]))
    desk.do("market/gap", contract="MNQ", ticks=-40)
    assert Decimal(str(row(desk)["bid"])) == before - 10
    desk.do("market/spread", contract="MNQ", ticks=20)
    now = row(desk)
    assert Decimal(str(now["ask"])) - Decimal(str(now["bid"])) >= 5
    assert (now["gapTicks"], now["spreadTicks"]) == (-40, 20)


def test_what_cannot_be_meant() -> None:
    desk = Desk()
    assert desk.refused("market/gap", contract="MNQ", ticks=0)[1]["path"] == "ticks"
    assert desk.refused("market/spread", contract="MNQ", ticks=0)[1]["path"] == "ticks"
    assert desk.refused("market/halt", contract="MQN")[0] == 400
