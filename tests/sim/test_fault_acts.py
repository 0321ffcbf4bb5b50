"""What happens by itself at venue, market, hubs and switches; the rest is in test_acts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.sim_line import MNQ, NOON, PRACTICE, Line
from topstepx.errors import InvalidRequest
from topstepx.sim import fault_kinds as f
from topstepx.sim.fault_acts import READS
from topstepx.sim.faults import Fault
from topstepx.sim.limits import Limit, WindowKind

LATER = NOON + timedelta(seconds=10)


def struck(line: Line, what: f.What, where: str = "*", **when: object) -> None:
    line.gateway.faults.add(Fault(where=where, what=what, **when))  # type: ignore[arg-type]  # passed through
    line.pass_time(0)


def test_told_says_what_is_not_the_default() -> None:
    assert f.told(f.Hold(seconds=30)) == "hold(seconds=30)"
    assert f.told(f.DropAnswer(cut=False)) == "drop_answer(cut=False)"
    assert f.told(f.Mute()) == "mute()"


def test_each_read_can_be_late_by_itself_and_all_at_once() -> None:
    line = Line().log_in()
    line.gateway.faults.add(Fault(where="*", what=f.Visibility(read="query", seconds=5)))
    line.market_order(customTag="late")
    asked = {"filter": {"accountId": PRACTICE}}
    assert line.call("Order/v2/query", asked)["orders"] == []
    line.pass_time(6)
    assert len(line.call("Order/v2/query", asked)["orders"]) == 1
    struck(line, f.Visibility(read="all", seconds=2))
    faults = line.gateway.venue.faults
    assert {getattr(faults, f"visibility_{name}") for name in READS} == {timedelta(seconds=2)}


@pytest.mark.parametrize("kind", ["sliding", "fixed", "token_bucket", "off"])
def test_limiters_of_every_kind_for_a_while(kind: str) -> None:
    line = Line().log_in()
    what = f.Limiter(window=kind, count=3, window_s=60, retry_after="seconds")  # type: ignore[arg-type]  # one of the four
    struck(line, what, until=LATER)
    answers = [line.send("/api/Account/search", {"onlyActiveAccounts": True}) for _ in range(6)]
    refused = [one for one in answers if one.status == 429]
    assert bool(refused) is (kind != "off")
    assert all("retry-after" in one.headers for one in refused)
    line.pass_time(11)
    policy = line.gateway.limits.policy
    assert (policy.kind, policy.general) == (WindowKind.SLIDING, Limit(200, 60.0))


def test_tokens_and_hubs_behave_otherwise_until_the_plan_is_cleared() -> None:
    line = Line().log_in()
    struck(line, f.Tokens(rotation="null", life_s=60))
    struck(line, f.HubShape(user_events="flat", ids_as_text="all"))
    user = line.open("user")
    user.invoke("SubscribeOrders", PRACTICE)
    line.market_order()
    (order,) = user.events("GatewayUserOrder")[0]
    assert isinstance(order["id"], str)
    assert "action" not in order
    assert line.call("Auth/validate")["newToken"] is None
    line.gateway.faults.clear()
    assert line.gateway.tokens.policy.life_s == 86_400
    assert line.gateway.hubs.policy.user_events == "wrapped"


def test_a_hub_is_down_for_its_window_and_comes_back() -> None:
    line = Line().log_in()
    user = line.open("user")
    struck(line, f.HubDown(), "hub/user", until=LATER)
    assert user.session.abrupt
    assert line.gateway.open_hub("user", line.token, line.now) == 503
    line.open("market")
    line.pass_time(10)
    line.open("user")


def test_stale_events_come_again_only_to_who_subscribed() -> None:
    line = Line().log_in()
    first = line.open("user")
    first.invoke("SubscribeOrders", PRACTICE)
    line.market_order()
    line.pass_time(1)
    old = first.events("GatewayUserOrder")
    second = line.open("user")
    struck(line, f.ReplayEvents(last=5), "hub/user")
    assert first.events("GatewayUserOrder") == old
    assert second.events("GatewayUserOrder") == []


def test_the_venue_the_firm_and_another_client_act() -> None:
    line = Line().log_in()
    struck(line, f.RefuseNext(text="No.", executes=True))
    refused = line.market_order(customTag="lied")
    assert (refused["success"], refused["errorMessage"]) == (False, "No.")
    line.pass_time(1)
    truth = line.gateway.venue.truth
    assert truth.net_size(PRACTICE, MNQ) == 1
    struck(line, f.ForeignOrder(account_id=PRACTICE, contract_id=MNQ, side="buy", size=2))
    line.pass_time(1)
    assert truth.net_size(PRACTICE, MNQ) == 3
    struck(line, f.Liquidate(account_id=PRACTICE, lock=False))
    line.pass_time(1)
    assert truth.net_size(PRACTICE, MNQ) == 0
    struck(line, f.CanTrade(account_id=PRACTICE))
    assert not line.market_order()["success"]


def test_a_halt_ends_with_its_window_and_a_gap_stays() -> None:
    line = Line().log_in()
    line.gateway.market.start(MNQ, line.now)
    book = line.gateway.venue.floor.books[MNQ]
    struck(line, f.Halt(contract_id=MNQ), until=LATER)
    assert not line.market_order()["success"]
    line.pass_time(10)
    assert line.market_order()["success"]
    bid = book.bid
    assert bid is not None
    struck(line, f.Gap(contract_id=MNQ, ticks=100))
    assert book.bid == bid + 25
    struck(line, f.Spread(contract_id=MNQ, ticks=50))
    assert book.bid is not None
    assert book.ask is not None
    assert book.ask - book.bid >= 12
    line.gateway.faults.clear()
    assert book.ask - book.bid < 2


def test_pieces_hidden_legs_and_frozen_contracts() -> None:
    line = Line().log_in()
    struck(line, f.PartialFills(size=1))
    line.market_order(size=3)
    line.pass_time(1)
    assert len(line.gateway.venue.truth.trades(PRACTICE)) == 3
    struck(line, f.HideLegs())
    assert line.gateway.venue.faults.hide_legs
    struck(line, f.Freeze(contract_ids=(MNQ,)))
    order = line.market_order()
    line.pass_time(5)
    assert line.gateway.venue.truth.order(order["orderId"]).status.name == "PENDING"


def test_a_wrong_date_header() -> None:
    line = Line().log_in()
    line.gateway.faults.add(Fault(where="Account/*", what=f.SkewDate(seconds=-3600)))
    answer = line.send("/api/Account/search", {"onlyActiveAccounts": True})
    assert answer.headers["date"] == "Mon, 05 Jan 2026 14:00:00 GMT"


def test_numbers_that_cannot_be_meant() -> None:
    for what in (
        f.RefuseNext(count=0),
        f.CanTrade(account_id=1),
        f.Set("hubs.user_events", "falt"),
    ):
        with pytest.raises(InvalidRequest):
            Line().gateway.faults.add(Fault(where="*", what=what))
