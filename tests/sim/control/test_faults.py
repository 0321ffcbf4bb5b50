from __future__ import annotations

from tests.support.sim_line import PRACTICE
from tests.support.sim_machine import Desk


def test_add_strike_list_remove_clear() -> None:
    desk = Desk()
    line = desk.line
    added = desk.do("faults/add", where="Order/place", what={"kind": "drop_answer"})["fault"]
    body = {"accountId": PRACTICE, "contractId": "x", "type": 2, "side": 0, "size": 1}
    assert line.send("/api/Order/place", body).deliver is False
    (row,) = desk.do("faults/list")["faults"]
    assert (row["number"], row["struck"], row["spent"]) == (added["number"], 1, True)
    assert ("fault", "Order/place: drop_answer()") in {
        (one["kind"], one["text"]) for one in desk.do("events")["events"]
    }
    desk.do("faults/remove", number=row["number"])
    assert desk.refused("faults/remove", number=9)[1]["path"] == "number"
    desk.do("faults/plan", faults=[{"what": {"kind": "revoke"}}, {"what": {"kind": "cut"}}])
    assert line.send("/api/Account/search").status == 401
    assert desk.do("faults/clear")["removed"] == [2, 3]


def test_every_kind_is_told_with_its_members() -> None:
    kinds = {one["kind"]: one for one in Desk().do("faults/kinds")["kinds"]}
    assert kinds["hold"]["members"] == {"seconds": "(needed)"}
    assert all(one["text"] for one in kinds.values())


def test_numbers_that_would_break_the_gateway_are_refused() -> None:
    desk = Desk()
    for what in (
        {"kind": "limiter", "count": 0},
        {"kind": "limiter", "window_s": 0},
        {"kind": "partial_fills", "size": 0},
        {"kind": "duplicate", "gap_s": -1},
    ):
        assert desk.refused("faults/add", what=what)[1]["path"].startswith("what.")
    assert desk.refused("state/save", path="")[0] == 409
    assert desk.refused("accounts/pay", account_id=PRACTICE, amount="1e400")[0] == 400
