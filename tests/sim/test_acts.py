from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.sim_line import NOON, PRACTICE, Line
from topstepx.errors import InvalidRequest
from topstepx.sim.fault_kinds import CloseHub, CutHub, Kick, Revoke, Say, Set
from topstepx.sim.faults import Fault
from topstepx.sim.limits import Limit


def test_closing_says_why_and_closes_one_hub_only() -> None:
    line = Line().log_in()
    user, market = line.open("user"), line.open("market")
    line.gateway.faults.add(Fault(where="hub/user", what=CloseHub()))
    line.pass_time(0)
    assert user.listen() == [{"type": 7, "error": "Connection closed with an error."}]
    assert user.session.closed
    assert not market.session.closed


def test_closing_may_allow_a_reconnect() -> None:
    line = Line().log_in()
    user = line.open("user")
    line.gateway.faults.add(Fault(where="hub/*", what=CloseHub(error=None, allow_reconnect=True)))
    line.pass_time(0)
    assert user.listen() == [{"type": 7, "allowReconnect": True}]


def test_cutting_says_nothing() -> None:
    line = Line().log_in()
    user = line.open("user")
    line.gateway.faults.add(Fault(where="*", what=CutHub(), since=NOON + timedelta(seconds=5)))
    line.pass_time(4)
    assert line.gateway.sessions == [user.session]
    line.pass_time(1)
    assert line.gateway.sessions == []
    assert user.session.abrupt
    assert user.listen() == []


def test_a_kick_says_logout_and_may_revoke() -> None:
    line = Line().log_in()
    user = line.open("user")
    line.gateway.faults.add(Fault(where="hub/user", what=Kick(arguments=("bye",), revoke=True)))
    line.pass_time(0)
    logout, close = user.listen()
    assert (logout["target"], logout["arguments"]) == ("GatewayLogout", ["bye"])
    assert close["type"] == 7
    assert line.send("/api/Auth/validate").status == 401


def test_words_in_its_mouth() -> None:
    line = Line().log_in()
    user = line.open("user")
    line.gateway.faults.add(Fault(where="hub/user", what=Say(text='{"type":42}')))
    line.pass_time(0)
    assert user.listen() == [{"type": 42}]


def test_revoking_all_tokens() -> None:
    line = Line().log_in()
    line.gateway.faults.add(Fault(where="*", what=Revoke()))
    line.pass_time(0)
    assert line.send("/api/Account/search", {"onlyActiveAccounts": True}).status == 401
    line.token = ""
    line.log_in()


def test_switches_are_set_for_a_while_and_go_back() -> None:
    line = Line().log_in()
    until = NOON + timedelta(seconds=10)
    faults, limits = line.gateway.faults, line.gateway.limits.policy
    faults.add(Fault(where="*", what=Set(switch="limits.kind", value="fixed"), until=until))
    faults.add(Fault(where="*", what=Set(switch="limits.general", value=[5, 1.5])))
    faults.add(Fault(where="*", what=Set(switch="venue.visibility_orders", value=8)))
    line.pass_time(1)
    assert limits.kind.value == "fixed"
    assert limits.general == Limit(5, 1.5)
    assert line.gateway.venue.faults.visibility_orders == timedelta(seconds=8)
    line.pass_time(9)
    assert limits.kind.value == "sliding"
    faults.clear()
    assert limits.general == Limit(200, 60)
    assert line.gateway.venue.faults.visibility_orders == timedelta(0)


@pytest.mark.parametrize("first_s", [5, 15])
def test_faults_on_one_switch_that_overlap_leave_it_as_it_was(first_s: int) -> None:
    line = Line().log_in()
    faults, venue = line.gateway.faults, line.gateway.venue.faults
    for value, seconds in ((8, first_s), (3, 10)):
        until = NOON + timedelta(seconds=seconds)
        what = Set(switch="venue.visibility_orders", value=value)
        faults.add(Fault(where="*", what=what, until=until))
    line.pass_time(1)
    assert venue.visibility_orders == timedelta(seconds=3)
    line.pass_time(10)
    assert venue.visibility_orders == timedelta(seconds=8 if first_s == 15 else 0)
    line.pass_time(5)
    assert venue.visibility_orders == timedelta(0)


@pytest.mark.parametrize(
    "what",
    [
        Set(switch="limits.knid", value="fixed"),
        Set(switch="nowhere.kind", value="fixed"),
        Set(switch="limits.kind", value="elastic"),
        Set(switch="limits.general", value=5),
        Set(switch="tokens.opaque", value="yes"),
        Set(switch="hubs.keep_alive_s", value=True),
    ],
)
def test_a_switch_that_is_none_is_refused_at_once(what: Set) -> None:
    with pytest.raises(InvalidRequest):
        Line().gateway.faults.add(Fault(where="*", what=what))


def test_the_pump_is_told_that_something_is_due() -> None:
    line = Line().log_in()
    line.open("user").invoke("SubscribeOrders", PRACTICE)
    told = []
    line.gateway.on_change = lambda: told.append(line.gateway.next_event_at())
    line.gateway.faults.add(Fault(where="hub/user", what=CutHub()))
    assert told == [line.now]
