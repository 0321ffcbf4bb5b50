from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.support.sim_line import MNQ, PRACTICE, Json, Line

BARS = {
    "contractId": MNQ,
    "live": False,
    "startTime": "2026-01-05T14:00:00Z",
    "endTime": "2026-01-05T15:00:00Z",
    "unit": 2,
    "unitNumber": 1,
    "limit": 10,
    "includePartialBar": False,
}


def bars(**change: Json) -> dict[str, Any]:
    return Line().log_in().call("History/retrieveBars", BARS | change)


def test_accounts_are_those_of_the_user() -> None:
    line = Line().log_in()
    answer = line.call("Account/search", {"onlyActiveAccounts": True})
    practice = next(one for one in answer["accounts"] if one["id"] == PRACTICE)
    assert practice == {
        "id": PRACTICE,
        "name": "PRAC-V2-600001-47190001",
        "balance": 150_000,
        "canTrade": True,
        "isVisible": True,
        "simulated": True,
    }
    line.gateway.users["trader01"].accounts = frozenset({PRACTICE})
    answer = line.call("Account/search", {"onlyActiveAccounts": False})
    assert [one["id"] for one in answer["accounts"]] == [PRACTICE]


def test_contracts_by_text_by_id_and_all() -> None:
    line = Line().log_in()
    found = line.call("Contract/search", {"searchText": "NQ", "live": False})["contracts"]
    assert {one["name"] for one in found} >= {"NQH6", "MNQH6"}
    everything = line.call("Contract/available", {"live": False})["contracts"]
    assert len(everything) == 52
    assert line.call("Contract/available", {"live": True})["contracts"] == []
    one = line.call("Contract/searchById", {"contractId": "CON.F.US.JY6.H26"})["contract"]
    assert one["tickSize"] == Decimal("0.0000005")
    assert one["activeContract"] is True


def test_an_unknown_contract_is_code_one() -> None:
    answer = Line().log_in().call("Contract/searchById", {"contractId": "CON.F.US.XYZ.H26"})
    assert answer == {"contract": None, "success": False, "errorCode": 1, "errorMessage": None}


def test_bars_come_newest_first_with_times_as_observed() -> None:
    answer = bars()
    assert answer["success"] is True
    times = [one["t"] for one in answer["bars"]]
    assert times == sorted(times, reverse=True)
    assert len(times) == 10
    assert times[0].endswith(":00+00:00")
    assert set(answer["bars"][0]) == {"t", "o", "h", "l", "c", "v"}


def test_bars_refuse_by_their_own_table() -> None:
    codes = [
        bars(contractId="CON.F.US.XYZ.H26")["errorCode"],
        bars(unit=99)["errorCode"],
        bars(unitNumber=0)["errorCode"],
        bars(limit=0)["errorCode"],
    ]
    assert codes == [1, 2, 3, 4]
