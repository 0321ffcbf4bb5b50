from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.sim_line import MNQ, NOON, PRACTICE, Line, dump, load
from topstepx.sim.endpoints import PING, ROUTE_NAMES
from topstepx.sim.fault_kinds import DropAnswer
from topstepx.sim.faults import Fault
from topstepx.sim.gateway import Gateway
from topstepx.sim.limits import WindowKind
from topstepx.sim.switches import Switches
from topstepx.wire.routes import PING_PATH, ROUTES

ACTIVE = {"onlyActiveAccounts": True}
OPEN_TO_ALL = {"Auth/loginKey", "Auth/loginApp", PING}


def test_all_twenty_one_endpoints_are_there() -> None:
    assert len(ROUTE_NAMES) == 21
    assert set(ROUTE_NAMES) == {route.name for route in ROUTES} | {PING_PATH.removeprefix("/api/")}


@pytest.mark.parametrize("route", sorted(set(ROUTE_NAMES) - OPEN_TO_ALL))
@pytest.mark.parametrize("header", [None, "Bearer nonsense", "Basic x"])
def test_without_a_good_token_401_with_an_empty_body(route: str, header: str | None) -> None:
    named = {} if header is None else {"Authorization": header}
    answer = Line().send(f"/api/{route}", {}, **named)
    assert (answer.status, answer.body) == (401, b"")


@pytest.mark.parametrize("route", sorted(set(ROUTE_NAMES) - {PING}))
def test_get_is_405_and_an_unreadable_body_400(route: str) -> None:
    line = Line().log_in()
    answer = line.send(f"/api/{route}", method="GET")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    if route in {"Auth/validate", "Auth/logout"}:
        return  # they take no body, so no body can be wrong
    for body in (b"", b"{", b"[]", b"nonsense"):
        answer = line.send(f"/api/{route}", body)
        problem = load(answer.body)
        assert answer.status == 400
        assert problem["title"] == "One or more validation errors occurred."
        assert problem["errors"]
        assert problem["traceId"].startswith("00-")


def test_paths_ignore_case_and_unknown_ones_are_404() -> None:
    line = Line().log_in()
    assert line.send("/API/account/SEARCH", ACTIVE).status == 200
    for path in ("/api/Account/nothing", "/", "/api", "/hubs/", "/api/Account/search/x"):
        answer = line.send(path, ACTIVE)
        assert (answer.status, answer.body) == (404, b"")
    assert line.send("/api/Status/ping").status == 405


def test_another_content_type_is_415() -> None:
    assert Line().send("/api/Auth/loginKey", b"x", content_type="text/plain").status == 415


def test_the_200th_request_passes_and_the_201st_is_429_with_an_empty_body() -> None:
    line = Line().log_in()
    statuses = [line.send("/api/Account/search", ACTIVE).status for _ in range(200)]
    assert statuses == [200] * 199 + [429]
    answer = line.send("/api/Order/place", {})
    assert (answer.status, answer.body) == (429, b"")
    assert "retry-after" not in answer.headers
    line.pass_time(60.001)
    assert line.send("/api/Account/search", ACTIVE).status == 200


def test_bars_have_a_budget_of_their_own() -> None:
    line = Line().log_in()
    assert [line.send("/api/History/retrieveBars", {}).status for _ in range(51)] == (
        [400] * 50 + [429]
    )
    assert line.send("/api/Account/search", ACTIVE).status == 200


def test_limits_follow_the_switches() -> None:
    line = Line(Gateway.build(at=NOON, switches=Switches(retry_after="seconds"))).log_in()
    for _ in range(199):
        line.send("/api/Account/search", ACTIVE)
    answer = line.send("/api/Account/search", ACTIVE)
    assert answer.headers["retry-after"] == "60"
    free = Line(Gateway.build(at=NOON, limited=False)).log_in()
    assert {free.send("/api/Account/search", ACTIVE).status for _ in range(500)} == {200}
    assert free.gateway.limits.policy.kind is WindowKind.OFF


def test_every_answer_carries_the_gateways_own_time() -> None:
    line = Line().log_in()
    line.pass_time(3600)
    assert line.send("/api/Account/search", ACTIVE).headers["date"] == (
        "Mon, 05 Jan 2026 16:00:00 GMT"
    )


def test_time_never_runs_backwards() -> None:
    line = Line().log_in()
    line.pass_time(10)
    gateway = line.gateway
    gateway.advance(NOON)
    assert gateway.now == NOON + timedelta(seconds=10)
    line.now = NOON
    assert line.market_order()["success"] is True
    assert gateway.venue.truth.orders(PRACTICE)[0].creation_timestamp == gateway.now


def test_stepping_finely_or_in_one_go_gives_the_same_market_and_fills() -> None:
    def run(steps: int) -> tuple[object, ...]:
        line = Line().log_in()
        market, user = line.open("market"), line.open("user")
        market.invoke("SubscribeContractTrades", MNQ)
        user.invoke("SubscribeOrders", PRACTICE)
        line.market_order(
            customTag="x",
            stopLossBracket={"ticks": -8, "type": 4},
            takeProfitBracket={"ticks": 8, "type": 1},
        )
        for _ in range(steps):
            line.pass_time(20 / steps)
        return (
            market.events("GatewayTrade"),
            user.events("GatewayUserOrder"),
            line.gateway.venue.truth.balance(PRACTICE),
        )

    assert run(1) == run(400)


def test_the_same_seed_gives_the_same_gateway_and_another_one_does_not() -> None:
    one, same = Gateway.build(at=NOON, seed=5), Gateway.build(at=NOON, seed=5)
    other = Gateway.build(at=NOON, seed=6)
    assert one.api_key == same.api_key != other.api_key
    body = dump({"userName": one.user_name, "apiKey": one.api_key})
    path, headers = "/api/Auth/loginKey", {"content-type": "application/json"}
    answers = [each.request("POST", path, headers, body, NOON).body for each in (one, same)]
    assert answers[0] == answers[1]


def test_next_event_at_is_when_something_happens() -> None:
    line = Line().log_in()
    assert line.gateway.next_event_at() is None
    line.open("user")
    assert line.gateway.next_timed_at() == NOON + timedelta(seconds=15)
    line.market_order()
    due = line.gateway.next_timed_at()
    assert due == NOON + timedelta(milliseconds=8)
    line.gateway.advance(due)
    assert len(line.gateway.venue.truth.trades(PRACTICE)) == 1


def test_faults_name_real_routes() -> None:
    gateway = Gateway.build(at=NOON)
    for name in ROUTE_NAMES:
        gateway.faults.add(Fault(where=name, what=DropAnswer()))
    assert len(gateway.faults.planned) == 21
