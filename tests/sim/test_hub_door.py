from __future__ import annotations

import pytest

from tests.support.sim_line import Line, load
from topstepx.sim.fault_kinds import RefuseNegotiate, RefuseUpgrade
from topstepx.sim.faults import Fault
from topstepx.sim.hub_session import HubSession

USER = "/hubs/user"


def upgrade(line: Line, path: str = USER, *, header: str = "", **query: str) -> int:
    """101, or the status that refused it."""
    headers = {"Authorization": f"Bearer {header}"} if header else {}
    opened = line.gateway.upgrade(path, headers, query, line.now)
    return 101 if isinstance(opened, HubSession) else opened


def negotiate(
    line: Line, version: str = "?negotiateVersion=1", hub: str = "user"
) -> dict[str, str]:
    answer = line.send(f"/hubs/{hub}/negotiate{version}")
    assert answer.status == 200
    content: dict[str, str] = load(answer.body)
    return content


@pytest.mark.parametrize("path", ["/hubs/user", "/hubs/market", "/Hubs/Market/"])
def test_direct_by_header_or_query(path: str) -> None:
    line = Line().log_in()
    assert upgrade(line, path, header=line.token) == 101
    assert upgrade(line, path, access_token=line.token) == 101


def test_no_or_bad_token_is_401_before_the_upgrade() -> None:
    line = Line().log_in()
    assert upgrade(line) == 401
    assert upgrade(line, header="x") == 401
    assert upgrade(line, access_token="x") == 401
    line.gateway.tokens.revoke_all()
    assert upgrade(line, header=line.token) == 401


def test_there_are_two_hubs() -> None:
    line = Line().log_in()
    assert upgrade(line, "/hubs/other", header=line.token) == 404


@pytest.mark.parametrize(
    ("policy", "by_header", "by_query"), [("header", 101, 401), ("query", 401, 101)]
)
def test_a_gateway_that_wants_the_token_in_one_place(
    policy: str, by_header: int, by_query: int
) -> None:
    line = Line().log_in()
    line.gateway.hubs.policy.auth_in = policy  # type: ignore[assignment]  # both literals
    assert upgrade(line, header=line.token) == by_header
    assert upgrade(line, access_token=line.token) == by_query
    assert upgrade(line, header=line.token, access_token=line.token) == 101


def test_negotiated_ids_open_once() -> None:
    line = Line().log_in()
    content = negotiate(line)
    token = content["connectionToken"]
    assert upgrade(line, header=line.token, id=content["connectionId"]) == 404
    opened = line.gateway.upgrade(
        USER, {"authorization": f"Bearer {line.token}"}, {"id": token}, line.now
    )
    assert isinstance(opened, HubSession)
    assert upgrade(line, header=line.token, id=token) == 409
    opened.lost(line.now)
    assert upgrade(line, header=line.token, id=token) == 404
    assert upgrade(line, header=line.token, id="nonsense") == 404


def test_version_zero_uses_the_connection_id() -> None:
    line = Line().log_in()
    for version in ("", "?negotiateVersion=0", "?negotiateVersion=x"):
        content = negotiate(line, version)
        assert "connectionToken" not in content
        assert upgrade(line, header=line.token, id=content["connectionId"]) == 101


def test_negotiate_wants_a_token_and_a_post() -> None:
    line = Line()
    assert line.send("/hubs/user/negotiate").status == 401
    line.log_in()
    assert line.send("/hubs/user/negotiate", method="GET").status == 405
    assert line.send("/hubs/user", method="GET").status == 400
    assert line.send("/hubs/nobody/negotiate").status == 404
    token, line.token = line.token, ""
    assert line.send(f"/hubs/user/negotiate?access_token={token}").status == 200


def test_refusals_on_demand() -> None:
    line = Line().log_in()
    line.gateway.faults.add(Fault(where="hub/user", what=RefuseUpgrade(status=401), after=1))
    line.gateway.faults.add(Fault(where="hub/market", what=RefuseNegotiate(status=503)))
    assert [upgrade(line, header=line.token) for _ in range(3)] == [101, 401, 101]
    assert line.send("/hubs/market/negotiate").status == 503
    assert line.send("/hubs/market/negotiate").status == 200
