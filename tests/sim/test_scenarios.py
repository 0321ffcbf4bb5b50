from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.sim_line import Line
from topstepx.errors import ConfigurationError
from topstepx.sim.catalogue import ACCOUNTS
from topstepx.sim.gateway import Gateway
from topstepx.sim.scenarios import DEFAULT, SCENARIOS, Scenario, scenario


def world(name: str) -> tuple[Line, int, str]:
    """A user in that scenario, the account, and the front month of MNQ."""
    one = SCENARIOS[name]
    at = one.at or SCENARIOS["funded"].at
    assert at is not None
    line = Line(Gateway.build(at=at, scenario=one, catch_up=timedelta(minutes=1))).log_in()
    account_id = line.call("Account/search", {"onlyActiveAccounts": False})["accounts"][0]["id"]
    front = line.gateway.market.catalogue.front("MNQ", now=line.now)
    return line, account_id, front.id


def order(line: Line, account_id: int, contract_id: str, **more: object) -> dict[str, object]:
    body = {"accountId": account_id, "contractId": contract_id, "type": 2, "side": 0, "size": 1}
    return line.call("Order/place", body | more)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_starts_and_answers(name: str) -> None:
    line, account_id, contract_id = world(name)
    answer = order(line, account_id, contract_id)
    assert answer["success"] is (name != "closed"), answer
    rules = {rule.account_id for rule in SCENARIOS[name].rules}
    assert rules <= {one.id for one in SCENARIOS[name].accounts}


def test_a_name_with_a_slip_is_answered_with_the_right_one() -> None:
    assert scenario("Combine_50k") is SCENARIOS["combine-50k"]
    with pytest.raises(ConfigurationError, match=r"Did you mean combine-50k\? Known: mixed"):
        scenario("combin-50k")
    assert DEFAULT.accounts == ACCOUNTS


@pytest.mark.parametrize(
    ("name", "minis", "max_loss", "daily"),
    [
        ("combine-50k", 5, 2000, 1000),
        ("combine-100k", 10, 3000, 2000),
        ("combine-150k", 15, 4500, 3000),
    ],
)
def test_the_published_limits(name: str, minis: int, max_loss: int, daily: int) -> None:
    one: Scenario = SCENARIOS[name]
    assert one.accounts[0].max_minis == minis
    assert [one.rules[0].max_loss, one.rules[0].daily_loss] == [max_loss, daily]
    assert one.accounts[0].balance == one.rules[0].start


def test_a_follower_cannot_cancel() -> None:
    line, account_id, contract_id = world("follower")
    placed = order(line, account_id, contract_id, type=1, limitPrice=20_000)
    body = {"accountId": account_id, "orderId": placed["orderId"]}
    refused = line.call("Order/cancel", body)
    assert refused["errorMessage"] == "Follower accounts cannot cancel orders"


def test_position_brackets_refuse_brackets() -> None:
    line, account_id, contract_id = world("position-brackets")
    legs = {"stopLossBracket": {"ticks": -20, "type": 4}}
    assert "Position Brackets" in str(order(line, account_id, contract_id, **legs)["errorMessage"])


def test_the_closed_market_opens_on_sunday_evening() -> None:
    line, account_id, contract_id = world("closed")
    line.gateway.jump(line.now.replace(day=22, hour=23, minute=0))
    line.now = line.gateway.now
    line.log_in()  # a token lives for a day
    assert order(line, account_id, contract_id)["success"]


def test_a_holiday_is_flat_before_noon_closes_at_noon_and_opens_at_five() -> None:
    line, account_id, contract_id = world("holiday")
    assert order(line, account_id, contract_id)["success"]
    line.pass_time(1)
    truth = line.gateway.venue.truth
    assert truth.net_size(account_id, contract_id) == 1
    line.gateway.jump(line.now.replace(hour=17, minute=45))
    line.gateway.advance(line.gateway.now.replace(second=1))
    assert truth.net_size(account_id, contract_id) == 0
    line.gateway.jump(line.now.replace(hour=18, minute=1))
    line.now = line.gateway.now
    assert not order(line, account_id, contract_id)["success"]
    line.gateway.jump(line.now.replace(hour=23, minute=1))
    line.now = line.gateway.now
    assert order(line, account_id, contract_id)["success"]


def test_the_roll_gives_march_the_front_and_leaves_december_to_be_closed() -> None:
    line, account_id, december = world("roll")
    assert december.endswith("Z26")
    march = december.replace("Z26", "H27")
    assert "not active" in str(order(line, account_id, march)["errorMessage"])
    assert order(line, account_id, december)["success"]
    line.pass_time(1)
    line.gateway.jump(line.now.replace(day=13, hour=23, minute=1))
    line.now = line.gateway.now
    line.log_in()
    available = line.call("Contract/available", {"live": False})["contracts"]
    assert march in {row["id"] for row in available}
    assert december not in {row["id"] for row in available}
    assert order(line, account_id, march)["success"]
    closed = line.call("Position/closeContract", {"accountId": account_id, "contractId": december})
    assert closed["success"]
    line.pass_time(1)
    assert line.gateway.venue.truth.net_size(account_id, december) == 0
