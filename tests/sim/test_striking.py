from __future__ import annotations

from datetime import timedelta

from tests.support.sim_line import COMBINE, MNQ, PRACTICE, Line, load
from topstepx.sim import fault_kinds as kinds
from topstepx.sim.faults import Fault

ORDER = {"accountId": PRACTICE, "contractId": MNQ, "type": 2, "side": 0, "size": 1}


def line(*what: kinds.RequestFault, where: str = "Order/place", times: int = 1) -> Line:
    made = Line().log_in()
    for one in what:
        made.gateway.faults.add(Fault(where=where, what=one, times=times))
    return made


def executions(one: Line, tag: str = "t1") -> int:
    return one.gateway.venue.truth.executions(PRACTICE, tag)


def test_drop_answer_executes() -> None:
    one = line(kinds.DropAnswer())
    answer = one.send("/api/Order/place", {**ORDER, "customTag": "t1"})
    assert (answer.deliver, answer.hang) == (False, False)
    assert executions(one) == 1


def test_drop_answer_into_silence() -> None:
    answer = line(kinds.DropAnswer(cut=False)).send("/api/Order/place", ORDER)
    assert (answer.deliver, answer.hang) == (False, True)


def test_a_lost_request_never_happens() -> None:
    one = line(kinds.LoseRequest())
    answer = one.send("/api/Order/place", {**ORDER, "customTag": "t1"})
    assert (answer.deliver, answer.hang) == (False, True)
    one.pass_time(600)
    assert executions(one) == 0


def test_a_held_request_happens_later_and_only_then_answers() -> None:
    one = line(kinds.Hold(seconds=30))
    told = []
    answer = one.send("/api/Order/place", {**ORDER, "customTag": "t1"})
    answer.on_ready = lambda: told.append(one.gateway.now)
    assert not answer.ready
    one.pass_time(29.9)
    assert executions(one) == 0
    one.pass_time(1)
    assert executions(one) == 1
    assert load(answer.body)["success"] is True
    assert len(told) == 1
    order = one.gateway.venue.truth.orders(PRACTICE)[0]
    assert order.creation_timestamp == one.now - timedelta(seconds=0.9)


def test_504_first_and_the_execution_after() -> None:
    one = line(kinds.Hold(seconds=20), kinds.Answer(status=504), kinds.Delay(seconds=5))
    answer = one.send("/api/Order/place", {**ORDER, "customTag": "t1"})
    assert (answer.ready, answer.status, answer.hold_s) == (True, 504, 5)
    assert executions(one) == 0
    one.pass_time(21)
    assert executions(one) == 1


def test_any_answer_before_or_after_executing() -> None:
    for when, count in (("before", 0), ("after", 1)):
        one = line(kinds.Answer(status=502, body="<html>", when=when))  # type: ignore[arg-type]  # both literals
        answer = one.send("/api/Order/place", {**ORDER, "customTag": "t1"})
        assert (answer.status, answer.body) == (502, b"<html>")
        assert answer.headers["content-type"] == "text/html"
        assert executions(one) == count


def test_edits_reach_the_body() -> None:
    one = line(kinds.Edit(path="orderId", op="null"), kinds.Edit(path="errorCode", op="drop"))
    assert load(one.send("/api/Order/place", ORDER).body) == {
        "orderId": None,
        "success": True,
        "errorMessage": None,
    }


def test_a_cut_answer() -> None:
    assert line(kinds.Cut(after_bytes=7)).send("/api/Order/place", ORDER).cut_after_bytes == 7


def test_a_duplicate_executes_twice_and_the_tag_catches_it() -> None:
    one = line(kinds.Duplicate(gap_s=0.5))
    first = load(one.send("/api/Order/place", {**ORDER, "customTag": "t1"}).body)
    assert first["success"] is True
    one.pass_time(1)
    truth = one.gateway.venue.truth
    assert len(truth.requests) == 2
    assert executions(one) == 1
    one.gateway.faults.add(Fault(where="Order/place", what=kinds.Duplicate()))
    one.send("/api/Order/place", ORDER)
    one.pass_time(1)
    assert truth.net_size(PRACTICE, MNQ) == 3


def test_a_fault_strikes_one_route_only() -> None:
    one = line(kinds.Answer(status=500), where="Position/*")
    assert one.market_order()["success"] is True
    assert one.send("/api/Position/searchOpen", {"accountId": COMBINE}).status == 500
    assert one.send("/api/Position/searchOpen", {"accountId": COMBINE}).status == 200


def test_even_the_login_can_be_struck() -> None:
    one = Line()
    one.gateway.faults.add(Fault(where="Auth/loginKey", what=kinds.Answer(status=503)))
    body = {"userName": one.gateway.user_name, "apiKey": one.gateway.api_key}
    assert one.send("/api/Auth/loginKey", body).status == 503
    assert one.send("/api/Auth/loginKey", body).status == 200
