"""A gateway saved and loaded goes on as if nothing had been: one random day, two ways."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tests.support.sim_line import MES, MNQ, NOON, PRACTICE, Line
from topstepx.errors import ConfigurationError
from topstepx.sim.fault_kinds import DropAnswer, Duplicate, Hold, Set
from topstepx.sim.faults import Fault
from topstepx.sim.gateway import Gateway
from topstepx.sim.saved import Recipe, SavedGateway, load_gateway, read_saved, save_gateway
from topstepx.sim.scenarios import SCENARIOS

RECIPE = Recipe(seed=7, scenario="practice")


def built(saved: SavedGateway) -> Gateway:
    return Gateway.build(
        at=saved.now,
        seed=saved.recipe.seed,
        scenario=SCENARIOS[saved.recipe.scenario or "mixed"],
        api_key=saved.users[0].api_key,
        signing_key=saved.signing_key,
        catch_up=timedelta(minutes=1),
    )


def again(gateway: Gateway) -> Gateway:
    return load_gateway(read_saved(save_gateway(gateway, RECIPE)), built)


def busy_line() -> Line:
    """A user with a position, brackets, resting and sleeping orders, spent tags and a fault."""
    line = Line(Gateway.build(at=NOON, seed=7, scenario=SCENARIOS["practice"])).log_in()
    legs: dict[str, Any] = {
        "stopLossBracket": {"ticks": -200, "type": 4},
        "takeProfitBracket": {"ticks": 200, "type": 1},
    }
    line.market_order(size=3, customTag="first", **legs)
    line.pass_time(2)
    last = float(line.gateway.venue.truth.trades(PRACTICE)[-1].price)
    line.market_order(size=1, type=1, limitPrice=last - 25, customTag="rest", **legs)
    line.market_order(size=1, type=5, side=1, trailPrice=last - 40)
    line.market_order(size=2, contractId=MES)
    line.market_order(size=1, customTag="first")  # refused: used
    line.gateway.faults.add(Fault(where="Order/cancel", what=DropAnswer(), times=5))
    line.gateway.faults.add(
        Fault(
            where="*",
            what=Set("limits.kind", "fixed"),
            until=line.now + timedelta(minutes=30),
        )
    )
    line.pass_time(20)
    return line


def told(line: Line, token: str) -> list[Any]:
    """Everything that reads tell, after some more of the same life."""
    line.token = token
    out: list[Any] = []
    for step in range(30):
        line.pass_time(7)
        if step == 4:
            out.append(line.market_order(side=1, size=1))
        if step == 9:
            out.append(line.market_order(customTag="rest"))
        routes = ("Order/searchOpen", "Position/searchOpen")
        out += [line.call(route, {"accountId": PRACTICE}) for route in routes]
    out.append(line.call("Order/v2/query", {"filter": {"accountId": PRACTICE}}))
    window = {"accountId": PRACTICE, "startTimestamp": "2026-01-01T00:00:00Z"}
    out.append(line.call("Trade/search", window))
    out.append(line.call("Account/search", {"onlyActiveAccounts": False}))
    return out


def test_a_loaded_gateway_goes_on_as_the_saved_one_would() -> None:
    line = busy_line()
    other = Line(again(line.gateway))
    assert other.now == line.now
    assert told(other, line.token) == told(line, line.token)
    truth, twin = line.gateway.venue.truth, other.gateway.venue.truth
    assert truth.transitions == twin.transitions
    assert truth.requests == twin.requests
    assert truth.all_trades == twin.all_trades
    assert truth.executions(PRACTICE, "first") == twin.executions(PRACTICE, "first") == 1


def test_saving_changes_nothing_and_saving_twice_is_the_same() -> None:
    line = busy_line()
    data = save_gateway(line.gateway, RECIPE)
    assert save_gateway(line.gateway, RECIPE) == data
    loaded = again(line.gateway)
    assert save_gateway(again(loaded), RECIPE) == save_gateway(loaded, RECIPE)


def test_faults_go_on_and_switches_still_go_back() -> None:
    line = busy_line()
    line.send("/api/Order/cancel", {"accountId": PRACTICE, "orderId": 1})
    gateway = again(line.gateway)
    first, second = gateway.faults.planned
    assert (first.number, first.struck, first.spent) == (1, 1, False)
    assert gateway.limits.policy.kind.value == "fixed"
    gateway.faults.remove(second)
    assert gateway.limits.policy.kind.value == "sliding"


def test_halts_gaps_and_standings_are_kept() -> None:
    line = Line(Gateway.build(at=NOON, scenario=SCENARIOS["combine-50k"])).log_in()
    gateway = line.gateway
    gateway.market.start(MNQ, line.now)
    listing = gateway.market.listing(MNQ, line.now)
    assert listing is not None
    gateway.market.hand.gap(listing, 40, line.now)
    gateway.market.hand.halt(MES)
    gateway.venue.faults.reject_next("place", text="Later.")
    gateway.house.standings[25775001].failed = True
    saved = read_saved(save_gateway(gateway, Recipe(scenario="combine-50k")))
    loaded = load_gateway(saved, built)
    assert loaded.market.hand.grips[MNQ].shift_ticks == 40
    assert loaded.market.hand.is_halted(MES)
    assert loaded.house.standings[25775001].failed
    waiting = loaded.venue.faults.take_refusal("place")
    assert waiting is not None
    assert waiting.text == "Later."


def test_a_held_request_is_executed_at_its_time_and_once() -> None:
    line = Line(Gateway.build(at=NOON, seed=7, scenario=SCENARIOS["practice"])).log_in()
    line.gateway.faults.add(Fault(where="Order/place", what=Hold(60)))
    line.gateway.faults.add(Fault(where="Order/place", what=Duplicate(gap_s=30), after=1))
    body = {"accountId": PRACTICE, "contractId": MNQ, "type": 2, "side": 0, "size": 1}
    assert not line.send("/api/Order/place", body).ready
    assert line.send("/api/Order/place", body).ready
    line.pass_time(10)
    other = Line(again(line.gateway))
    truths = [one.gateway.venue.truth for one in (line, other)]
    for seconds, orders in ((19, 1), (2, 2), (28, 2), (2, 3), (60, 3)):
        for one, truth in zip((line, other), truths, strict=True):
            one.pass_time(seconds)
            assert len(truth.orders(PRACTICE)) == orders, seconds
    assert truths[0].requests == truths[1].requests
    assert not other.gateway.strikes.held


def test_a_held_request_whose_token_died_meanwhile_is_refused_as_it_would_have_been() -> None:
    line = Line(Gateway.build(at=NOON, seed=7, scenario=SCENARIOS["practice"])).log_in()
    line.gateway.faults.add(Fault(where="Order/place", what=Hold(60)))
    line.send("/api/Order/place", {"accountId": PRACTICE, "contractId": MNQ, "type": 2})
    other = Line(again(line.gateway))
    other.gateway.tokens.revoke_all()
    other.pass_time(61)
    assert other.gateway.venue.truth.requests == []


def test_the_event_log_goes_on_with_its_numbers() -> None:
    line = busy_line()
    line.gateway.log.note(line.now, "control", "clock/pause {}")
    loaded = again(line.gateway)
    assert loaded.log.after() == line.gateway.log.after()
    loaded.log.note(line.now, "control", "one more")
    assert [one.number for one in loaded.log.after()] == list(range(1, loaded.log.count + 1))


def test_every_member_of_an_order_is_saved() -> None:
    from topstepx.sim.saved_rows import OrderRow  # noqa: PLC0415  only here
    from topstepx.sim.venue.orders import Order  # noqa: PLC0415  only here

    assert set(OrderRow.__struct_fields__) == set(Order.__slots__)


def test_the_house_still_looks_at_the_clock_after_a_load() -> None:
    line = Line(Gateway.build(at=NOON, scenario=SCENARIOS["combine-50k"])).log_in()
    line.market_order(accountId=25775001)
    line.pass_time(1)
    saved = read_saved(save_gateway(line.gateway, Recipe(scenario="combine-50k")))
    loaded = load_gateway(saved, built)
    assert loaded.venue.truth.net_size(25775001, MNQ) == 1
    loaded.jump(NOON.replace(hour=21, minute=10))
    loaded.advance(NOON.replace(hour=21, minute=10, second=1))
    assert loaded.venue.truth.net_size(25775001, MNQ) == 0


def test_nonsense_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_saved(b'{"recipe": 1}')
    data = msgspec.json.decode(save_gateway(busy_line().gateway, RECIPE))
    data["venue"]["orders"][0]["size"] = "three"
    with pytest.raises(ConfigurationError, match=r"venue\.orders"):
        read_saved(msgspec.json.encode(data))
