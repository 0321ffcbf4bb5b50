from __future__ import annotations

from tests.support.sim_line import PRACTICE
from tests.support.sim_machine import Desk


def account(desk: Desk) -> dict[str, object]:
    rows = desk.do("accounts/list")["accounts"]
    return next(row for row in rows if row["id"] == PRACTICE)


def test_lock_unlock_pay_liquidate() -> None:
    desk = Desk()
    desk.do("accounts/lock", account_id=PRACTICE)
    assert desk.line.market_order()["success"] is False
    desk.do("accounts/unlock", account_id=PRACTICE)
    assert desk.line.market_order()["success"] is True
    desk.pass_time(1)
    before = float(str(account(desk)["balance"]))
    desk.do("accounts/pay", account_id=PRACTICE, amount="-100.50")
    assert float(str(account(desk)["balance"])) == before - 100.5
    desk.do("accounts/liquidate", account_id=PRACTICE)
    desk.pass_time(1)
    assert desk.do("orders/list")["positions"] == []
    assert account(desk)["canTrade"] is False


def test_the_limits_of_the_house_are_shown() -> None:
    (row,) = Desk(scenario="combine-50k").do("accounts/list")["accounts"]
    assert (row["maximumLossAt"], row["dailyLossAt"], row["failed"]) == (48000, 49000, False)


def test_who_is_not_there() -> None:
    desk = Desk()
    error = desk.refused("accounts/lock", account_id=1)[1]
    assert error["path"] == "account_id"
    assert str(PRACTICE) in error["next_step"]
    assert desk.refused("accounts/pay", account_id=PRACTICE, amount="NaN")[0] == 400
