"""Somebody who talks to a simulated gateway: what its tests stand in."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from topstepx.sim.gateway import Gateway
from topstepx.sim.hub_session import HubSession

if TYPE_CHECKING:
    from topstepx.sim.answers import GatewayAnswer

Json: TypeAlias = Any
"""Any JSON value."""
NOON = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
PRACTICE = 26282001
COMBINE = 25775001
MNQ = "CON.F.US.MNQ.H26"
MES = "CON.F.US.MES.H26"
HANDSHAKE = b'{"protocol":"json","version":1}\x1e'


class Line:
    """One user's line to a gateway, with a clock that the test moves."""

    def __init__(self, gateway: Gateway | None = None) -> None:
        self.gateway = gateway or Gateway.build(at=NOON)
        self.now = self.gateway.now
        self.token = ""

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.gateway.advance(self.now)

    def send(
        self, path: str, body: Json = None, *, method: str = "POST", **headers: str
    ) -> GatewayAnswer:
        data = body if isinstance(body, bytes) else b"" if body is None else dump(body)
        named = {"content-type": "application/json"}
        if self.token:
            named["Authorization"] = f"Bearer {self.token}"
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.gateway.request(method, path, named, data, self.now)

    def call(self, route: str, body: Json = None) -> dict[str, Any]:
        answer = self.send(f"/api/{route}", body)
        assert answer.status == 200, (answer.status, answer.body)
        content: dict[str, Any] = load(answer.body)
        return content

    def log_in(self) -> Line:
        gateway = self.gateway
        body = {"userName": gateway.user_name, "apiKey": gateway.api_key}
        self.token = self.call("Auth/loginKey", body)["token"]
        return self

    def open(self, hub: str) -> Listener:
        session = self.gateway.open_hub(hub, self.token, self.now)
        assert isinstance(session, HubSession), session
        return Listener(self, session)

    def market_order(self, side: int = 0, size: int = 1, **more: Json) -> dict[str, Any]:
        body = {"accountId": PRACTICE, "contractId": MNQ, "type": 2, "side": side, "size": size}
        return self.call("Order/place", body | more)


class Listener:
    """One hub session after its handshake, with everything it said."""

    def __init__(self, line: Line, session: HubSession) -> None:
        self.line, self.session = line, session
        self.heard: list[dict[str, Any]] = []
        self._tail = b""
        self._calls = 0
        self.say(HANDSHAKE)
        assert self.listen() == [{}]

    def say(self, data: bytes) -> None:
        self.session.receive(data, self.line.now)

    def invoke(self, target: str, *arguments: Json) -> dict[str, Any]:
        """The completion of a call."""
        self._calls += 1
        number = str(self._calls)
        self.say(
            dump(
                {"type": 1, "invocationId": number, "target": target, "arguments": list(arguments)}
            )
            + b"\x1e"
        )
        found = [
            one
            for one in self.listen()
            if one.get("type") == 3 and one.get("invocationId") == number
        ]
        assert len(found) == 1, found
        return found[0]

    def listen(self) -> list[dict[str, Any]]:
        """The records that came since the last look."""
        data = self._tail + b"".join(self.session.take())
        *records, self._tail = data.split(b"\x1e")
        new = [load(one) for one in records]
        self.heard += new
        return new

    def events(self, target: str) -> list[list[Any]]:
        """The arguments of the new events with this name."""
        return [one["arguments"] for one in self.listen() if one.get("target") == target]


def dump(content: Json) -> bytes:
    return json.dumps(content).encode()


def load(data: bytes) -> Json:
    return json.loads(data, parse_float=Decimal)
