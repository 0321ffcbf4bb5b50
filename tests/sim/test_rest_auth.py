from __future__ import annotations

import pytest

from tests.support.sim_line import PRACTICE, Line, load
from topstepx.sim.gateway import Gateway
from topstepx.sim.switches import Switches

APP = {"deviceId": "d", "appId": "a"}


def test_login_by_name_in_any_case() -> None:
    line = Line()
    key = line.gateway.api_key
    answer = line.call("Auth/loginKey", {"userName": " TRADER01 ", "apiKey": key})
    assert list(answer) == ["token", "success", "errorCode", "errorMessage"]
    assert (answer["success"], answer["errorCode"], answer["errorMessage"]) == (True, 0, None)
    line.token = answer["token"]
    assert line.call("Account/search", {"onlyActiveAccounts": True})["success"] is True


@pytest.mark.parametrize(("name", "key"), [("nobody", None), ("trader01", "wrong"), ("", "")])
def test_bad_credentials_are_code_three(name: str, key: str | None) -> None:
    line = Line()
    body = {"userName": name, "apiKey": line.gateway.api_key if key is None else key}
    assert line.call("Auth/loginKey", body) == {
        "token": None,
        "success": False,
        "errorCode": 3,
        "errorMessage": None,
    }


@pytest.mark.parametrize("code", [7, 9, 10])
def test_other_refusals_of_a_good_key(code: int) -> None:
    line = Line()
    line.gateway.users["trader01"].login_code = code
    body = {"userName": "trader01", "apiKey": line.gateway.api_key}
    answer = line.call("Auth/loginKey", body)
    assert (answer["success"], answer["errorCode"]) == (False, code)
    assert bool(answer["errorMessage"]) is (code == 7)


def test_the_withdrawn_app_login() -> None:
    line = Line()
    key = line.gateway.api_key
    good = {"userName": "trader01", "password": key, "verifyKey": key, **APP}
    assert line.call("Auth/loginApp", good)["success"] is True
    for change, code in (
        ({"userName": "nobody"}, 1),
        ({"password": "x"}, 2),
        ({"appId": ""}, 4),
        ({"verifyKey": "x"}, 5),
        ({"deviceId": ""}, 6),
    ):
        assert line.call("Auth/loginApp", good | change)["errorCode"] == code


def test_validate_gives_a_new_token_that_works() -> None:
    line = Line().log_in()
    answer = line.call("Auth/validate")
    assert list(answer) == ["newToken", "success", "errorCode", "errorMessage"]
    assert answer["newToken"] != line.token
    line.token = answer["newToken"]
    assert line.call("Auth/validate")["success"] is True


def test_logout_ends_the_token_with_an_empty_401() -> None:
    line = Line().log_in()
    assert line.call("Auth/logout") == {"success": True, "errorCode": 0, "errorMessage": None}
    answer = line.send("/api/Auth/validate")
    assert (answer.status, answer.body) == (401, b"")


def test_a_token_expires_on_time() -> None:
    line = Line().log_in()
    line.pass_time(86_399)
    assert line.send("/api/Auth/validate").status == 200
    line.pass_time(2)
    assert line.send("/api/Auth/validate").status == 401


def test_a_second_login_may_evict_the_first_session_and_its_hubs() -> None:
    switches = Switches(second_login="evicts", logout_argument="text")
    line = Line(Gateway.build(at=Line().now, switches=switches)).log_in()
    listener = line.open("user")
    listener.invoke("SubscribeOrders", PRACTICE)
    first = line.token
    line.log_in()
    logout = listener.listen()[0]
    assert logout["target"] == "GatewayLogout"
    assert logout["arguments"] == ["Another session has logged in."]
    assert listener.session.closed
    line.token = first
    assert line.send("/api/Auth/validate").status == 401


def test_ping_needs_no_token_and_may_be_json() -> None:
    answer = Line().send("/api/Status/ping", method="GET")
    assert (answer.status, answer.body) == (200, b"pong")
    assert answer.headers["content-type"].startswith("text/plain")
    as_json = Line(Gateway.build(at=Line().now, switches=Switches(ping_as_json=True)))
    assert load(as_json.send("/api/Status/ping", method="GET").body) == "pong"
