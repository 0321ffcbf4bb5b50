from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.sim_line import HANDSHAKE, MNQ, NOON, PRACTICE, Line, Listener, load
from topstepx.sim.fault_kinds import (
    FailInvocation,
    IgnoreInvocation,
    LoseCompletion,
    Mute,
    RefuseHandshake,
    Slice,
)
from topstepx.sim.faults import Fault
from topstepx.sim.gateway import Gateway
from topstepx.sim.hub_session import HubSession
from topstepx.sim.switches import Switches

FAILED = "Failed to invoke '{}' due to an error on the server. "


def user() -> Listener:
    return Line().log_in().open("user")


def raw_session(line: Line) -> HubSession:
    session = line.gateway.open_hub("user", line.token, line.now)
    assert isinstance(session, HubSession)
    return session


@pytest.mark.parametrize("name", ["Subscribe", "Unsubscribe"])
@pytest.mark.parametrize(
    ("hub", "method", "arguments"),
    [
        ("user", "Accounts", []),
        ("user", "Orders", [PRACTICE]),
        ("user", "Positions", [PRACTICE]),
        ("user", "Trades", [PRACTICE]),
        ("market", "ContractQuotes", [MNQ]),
        ("market", "ContractTrades", [MNQ]),
        ("market", "ContractMarketDepth", [MNQ]),
    ],
)
def test_every_method_completes(hub: str, method: str, arguments: list[object], name: str) -> None:
    listener = Line().log_in().open(hub)
    assert listener.invoke(name + method, *arguments) == {
        "type": 3,
        "invocationId": "1",
        "result": None,
    }
    assert len(listener.session.subscriptions) == (name == "Subscribe")


@pytest.mark.parametrize(
    ("target", "arguments", "error"),
    [
        ("SubscribeToOrders", [1], "HubException: Method does not exist."),
        ("SubscribeContractQuotes", [MNQ], "HubException: Method does not exist."),
        (
            "SubscribeOrders",
            [],
            "InvalidDataException: Invocation provides 0 argument(s) but target expects 1.",
        ),
        (
            "SubscribeAccounts",
            [1],
            "InvalidDataException: Invocation provides 1 argument(s) but target expects 0.",
        ),
        ("SubscribeOrders", ["26282001"], "InvalidDataException: Error binding arguments."),
        ("SubscribeOrders", [2.5], "InvalidDataException: Error binding arguments."),
        ("SubscribeOrders", [5], "HubException: Account 5 was not found."),
    ],
)
def test_wrong_calls_complete_with_an_error(
    target: str, arguments: list[object], error: str
) -> None:
    listener = user()
    answer = listener.invoke(target, *arguments)
    assert answer["error"].startswith(FAILED.format(target) + error)
    assert "result" not in answer
    assert not listener.session.closed


def test_unknown_contracts_and_streams() -> None:
    market = Line().log_in().open("market")
    answer = market.invoke("SubscribeContractQuotes", "CON.F.US.XYZ.H26")
    assert "Contract was not found" in answer["error"]
    market.say(
        b'{"type":4,"invocationId":"9","target":"SubscribeContractQuotes","arguments":[]}\x1e'
    )
    assert market.listen()[0]["error"].endswith("Method does not exist.")


def test_methods_ignore_case_and_no_id_wants_no_answer() -> None:
    listener = user()
    assert "error" not in listener.invoke("subscribeorders", PRACTICE)
    listener.say(b'{"type":1,"target":"SubscribeTrades","arguments":[%d]}\x1e' % PRACTICE)
    assert listener.listen() == []
    assert len(listener.session.subscriptions) == 2


def test_a_foreign_account_is_nobodys() -> None:
    line = Line()
    line.gateway.users["trader01"].accounts = frozenset({PRACTICE})
    listener = line.log_in().open("user")
    assert "was not found" in listener.invoke("SubscribeOrders", 25775001)["error"]
    assert "error" not in listener.invoke("SubscribeOrders", PRACTICE)


def test_a_handshake_may_come_in_pieces_and_with_more() -> None:
    line = Line().log_in()
    session = raw_session(line)
    call = b'{"type":1,"invocationId":"1","target":"SubscribeAccounts","arguments":[]}\x1e'
    data = HANDSHAKE + call
    for index in range(len(data)):
        session.receive(data[index : index + 1], line.now)
    assert b"".join(session.take()) == b'{}\x1e{"type":3,"invocationId":"1","result":null}\x1e'


@pytest.mark.parametrize("first", [b'{"protocol":"messagepack","version":1}\x1e', b"nonsense\x1e"])
def test_a_bad_handshake_is_answered_and_closed(first: bytes) -> None:
    line = Line().log_in()
    session = raw_session(line)
    session.receive(first, line.now)
    assert "error" in load(session.take()[0][:-1])
    assert session.closed


def test_no_handshake_in_fifteen_seconds() -> None:
    line = Line().log_in()
    session = raw_session(line)
    line.pass_time(14.9)
    assert not session.closed
    line.pass_time(0.2)
    assert session.take() == [b'{"error":"Handshake was canceled."}\x1e']
    assert session.closed


def test_pings_every_fifteen_seconds_and_a_silent_client_is_dropped_after_thirty() -> None:
    listener = user()
    line = listener.line
    line.pass_time(14.9)
    assert listener.listen() == []
    line.pass_time(0.2)
    assert listener.listen() == [{"type": 6}]
    line.pass_time(14.8)
    assert not listener.session.closed
    line.pass_time(0.2)
    assert listener.listen()[-1] == {
        "type": 7,
        "error": "Connection closed with an error.",
        "allowReconnect": True,
    }
    assert listener.session.closed


def test_a_shorter_keep_alive_holds_from_the_handshake_on() -> None:
    gateway = Gateway.build(at=NOON, switches=Switches(keep_alive_s=Decimal(2)))
    line = Line(gateway).log_in()
    listener = line.open("user")
    line.pass_time(2.1)
    assert listener.listen() == [{"type": 6}]


def test_a_client_that_pings_stays() -> None:
    listener = user()
    for _ in range(20):
        listener.line.pass_time(15)
        listener.say(b'{"type":6}\x1e')
    assert not listener.session.closed
    assert listener.listen().count({"type": 6}) == 20


def test_a_client_that_closes_is_gone() -> None:
    listener = user()
    listener.say(b'{"type":7}\x1e')
    assert listener.session.closed
    assert listener.line.gateway.sessions == []


def test_poison_from_the_client_closes_with_an_error() -> None:
    listener = user()
    listener.say(b'{"type":1,"target":\x1e')
    assert listener.listen() == [{"type": 7, "error": "Connection closed with an error."}]
    assert listener.session.closed


@pytest.mark.parametrize(("policy", "heard"), [("stays", 0), ("logout", 2), ("close", 1)])
def test_an_open_hub_at_its_tokens_end(policy: str, heard: int) -> None:
    line = Line()
    line.gateway.hubs.policy.expired_hub = policy  # type: ignore[assignment]  # all literals
    line.gateway.tokens.policy.life_s = 20
    listener = line.log_in().open("user")
    line.pass_time(12)
    listener.say(b'{"type":6}\x1e')
    line.pass_time(12)
    new = [one for one in listener.listen() if one["type"] != 6]
    assert len(new) == heard
    assert listener.session.closed is (heard > 0)
    if heard == 2:
        assert new[0]["target"] == "GatewayLogout"


def test_a_client_that_does_not_read_is_cut_off() -> None:
    listener = user()
    listener.line.gateway.hubs.policy.queue_bytes_max = 10_000
    for _ in range(1000):
        listener.session.push(b"x" * 100, listener.line.now)
    assert listener.session.closed
    assert listener.session.abrupt
    assert listener.session.take() == []
    assert listener.line.gateway.hubs.overflows == 1


def test_the_transport_is_woken_once_per_batch_and_at_the_end() -> None:
    listener = user()
    woken = []
    listener.session.wake = lambda: woken.append(1)
    for _ in range(3):
        listener.session.push(b"x", listener.line.now)
    assert len(woken) == 1
    assert listener.session.take() == [b"xxx"]
    listener.session.cut()
    assert len(woken) == 2


def faulty(what: object, times: int | None = 1) -> Listener:
    line = Line().log_in()
    listener = line.open("user")
    line.gateway.faults.add(Fault(where="hub/user", what=what, times=times))  # type: ignore[arg-type]  # any kind
    return listener


def test_a_failed_call_is_not_executed() -> None:
    listener = faulty(FailInvocation(error="no", method="SubscribeOrders"))
    assert "error" not in listener.invoke("SubscribeTrades", PRACTICE)
    assert listener.invoke("SubscribeOrders", PRACTICE)["error"] == "no"
    assert "error" not in listener.invoke("SubscribeOrders", PRACTICE)


@pytest.mark.parametrize(("what", "executed"), [(IgnoreInvocation(), 0), (LoseCompletion(), 1)])
def test_a_completion_that_never_comes(what: object, executed: int) -> None:
    listener = faulty(what)
    listener.say(b'{"type":1,"invocationId":"1","target":"SubscribeAccounts","arguments":[]}\x1e')
    assert listener.listen() == []
    assert len(listener.session.subscriptions) == executed


def test_a_mute_hub_says_nothing_and_stays_open() -> None:
    listener = faulty(Mute(), times=None)
    for _ in range(10):
        listener.line.pass_time(15)
        listener.say(b'{"type":6}\x1e')
    assert listener.listen() == []
    assert not listener.session.closed
    listener.line.gateway.faults.clear()
    listener.line.pass_time(15)
    assert listener.listen() == [{"type": 6}]


def test_sliced_records_are_torn_apart() -> None:
    listener = faulty(Slice(size=7), times=None)
    listener.say(b'{"type":1,"invocationId":"1","target":"SubscribeAccounts","arguments":[]}\x1e')
    frames = listener.session.take()
    assert {len(one) for one in frames[:-1]} == {7}
    assert b"".join(frames) == b'{"type":3,"invocationId":"1","result":null}\x1e'


def test_a_refused_handshake() -> None:
    line = Line().log_in()
    line.gateway.faults.add(Fault(where="hub/user", what=RefuseHandshake(error="not today")))
    session = raw_session(line)
    session.receive(HANDSHAKE, line.now)
    assert session.take() == [b'{"error":"not today"}\x1e']
    assert session.closed


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_any_bytes_leave_it_open_or_closed(chunks: list[bytes]) -> None:
    listener = user()
    for chunk in chunks:
        listener.say(chunk)
    listener.line.gateway.advance(listener.line.now + timedelta(seconds=40))
    assert listener.session.closed


def test_nothing_printed_holds_the_token() -> None:
    listener = user()
    assert listener.line.token not in repr(listener.session)
