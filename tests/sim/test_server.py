"""Real sockets on this machine, with aiohttp's client on the other side."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.support.running import until
from tests.support.sim_line import HANDSHAKE, MNQ, NOON, PRACTICE, Json, dump, load
from topstepx.errors import ConfigurationError
from topstepx.sim.endpoints import PING, ROUTE_NAMES
from topstepx.sim.fault_kinds import (
    Answer,
    CloseHub,
    Cut,
    CutHub,
    Delay,
    DropAnswer,
    Hold,
    LoseRequest,
)
from topstepx.sim.faults import Fault
from topstepx.sim.server import SimServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

START = "2026-01-05T00:00:00Z"
WINDOW = {"startTime": START, "endTime": "2026-01-05T15:00:00Z", "includePartialBar": False}
# A good body for each endpoint.
BODIES: dict[str, dict[str, Any] | None] = {
    "Auth/loginApp": {
        "userName": "x",
        "password": "x",
        "deviceId": "x",
        "appId": "x",
        "verifyKey": "x",
    },
    "Auth/validate": None,
    "Account/search": {"onlyActiveAccounts": True},
    "Contract/search": {"searchText": "NQ", "live": False},
    "Contract/searchById": {"contractId": MNQ},
    "Contract/available": {"live": False},
    "History/retrieveBars": {
        "contractId": MNQ,
        "live": False,
        "unit": 2,
        "unitNumber": 1,
        "limit": 5,
        **WINDOW,
    },
    "Order/place": {
        "accountId": PRACTICE,
        "contractId": MNQ,
        "type": 2,
        "side": 0,
        "size": 2,
        "customTag": "socket",
    },
    "Order/modify": {"accountId": PRACTICE, "orderId": 1, "size": 1},
    "Order/cancel": {"accountId": PRACTICE, "orderId": 1},
    "Order/search": {"accountId": PRACTICE, "startTimestamp": START},
    "Order/searchOpen": {"accountId": PRACTICE},
    "Order/searchById": {"accountId": PRACTICE, "orderId": 3_400_000_000},
    "Order/v2/query": {"filter": {"accountId": PRACTICE}},
    "Position/searchOpen": {"accountId": PRACTICE},
    "Position/partialCloseContract": {"accountId": PRACTICE, "contractId": MNQ, "size": 1},
    "Position/closeContract": {"accountId": PRACTICE, "contractId": MNQ},
    "Trade/search": {"accountId": PRACTICE, "startTimestamp": START},
    "Auth/logout": None,
}

HELD_AFTER = {"Order/place": 2, "Position/partialCloseContract": 1, "Position/closeContract": 0}


class Client:
    """One logged-in aiohttp client."""

    def __init__(self, sim: SimServer, session: aiohttp.ClientSession) -> None:
        self.sim, self.session = sim, session
        self.headers = {"Content-Type": "application/json"}
        self.token = ""

    async def post(self, route: str, body: Json = None) -> tuple[int, bytes]:
        data = b"" if body is None else dump(body)
        url = f"{self.sim.url}/api/{route}"
        async with self.session.post(url, data=data, headers=self.headers) as answer:
            return answer.status, await answer.read()

    async def log_in(self) -> Client:
        body = {"userName": self.sim.user_name, "apiKey": self.sim.api_key}
        status, data = await self.post("Auth/loginKey", body)
        assert status == 200
        self.token = load(data)["token"]
        self.headers["Authorization"] = f"Bearer {self.token}"
        return self

    async def open(self, hub: str, query: str = "") -> aiohttp.ClientWebSocketResponse:
        websocket = await self.session.ws_connect(
            f"{self.sim.url}/hubs/{hub}{query}", headers={} if query else self.headers
        )
        await websocket.send_str(HANDSHAKE.decode())
        assert await hear(websocket) == [{}]
        return websocket


async def hear(websocket: aiohttp.ClientWebSocketResponse) -> list[Any]:
    """The records of the next message."""
    message = await websocket.receive(5)
    if message.type is not aiohttp.WSMsgType.TEXT:
        return [message.type]
    return [load(one) for one in message.data.encode().split(b"\x1e") if one]


@contextlib.asynccontextmanager
async def running(**options: Any) -> AsyncIterator[Client]:  # noqa: ANN401  SimServer's own
    async with (
        SimServer(**{"at": NOON, **options}) as sim,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
    ):
        yield await Client(sim, session).log_in()


def fault(client: Client, where: str, what: Any) -> None:  # noqa: ANN401  any kind
    client.sim.gateway.faults.add(Fault(where=where, what=what))


def test_every_endpoint_answers_over_a_socket() -> None:
    async def main() -> None:
        async with running() as client:
            assert {"Auth/loginKey", *BODIES, PING} == set(ROUTE_NAMES)
            truth = client.sim.gateway.venue.truth
            for route, body in BODIES.items():
                status, data = await client.post(route, body)
                answer = load(data)
                assert status == 200, (route, data)
                assert set(answer) >= {"success", "errorCode", "errorMessage"}, route
                refused = route in {"Auth/loginApp", "Order/modify", "Order/cancel"}
                assert answer["success"] is not refused, (route, answer)
                if route in HELD_AFTER:  # what comes next needs the fill
                    await until(lambda: truth.net_size(PRACTICE, MNQ) == HELD_AFTER[route])  # noqa: B023  waited for
            assert (await client.post("Auth/validate"))[0] == 401
            async with client.session.get(f"{client.sim.url}/api/Status/ping") as answer:
                assert (answer.status, await answer.text()) == (200, "pong")

    asyncio.run(main())


def test_bad_input_over_a_socket() -> None:
    async def main() -> None:
        async with running() as client:
            status, data = await client.post("Order/place", {"accountId": "x"})
            assert status == 400
            assert load(data)["errors"]["request"] == ["The request field is required."]
            assert (await client.post("Order/nothing", {}))[0] == 404
            async with client.session.get(f"{client.sim.url}/api/Order/place") as answer:
                assert answer.status == 405
            client.headers["Authorization"] = "Bearer nonsense"
            assert await client.post("Account/search", {"onlyActiveAccounts": True}) == (401, b"")

    asyncio.run(main())


def test_both_hubs_over_a_socket() -> None:
    async def main() -> None:
        async with running() as client:
            user = await client.open("user")
            market = await client.open("market", f"?access_token={client.token}")
            await market.send_str(
                f'{{"type":1,"invocationId":"1","target":"SubscribeContractQuotes","arguments":["{MNQ}"]}}\x1e'
            )
            await user.send_str(
                f'{{"type":1,"invocationId":"1","target":"SubscribeOrders","arguments":[{PRACTICE}]}}\x1e'
            )
            assert (await hear(user))[0] == {"type": 3, "invocationId": "1", "result": None}
            quotes: list[Any] = []
            while len(quotes) < 10:
                quotes += await hear(market)
            await client.post("Order/place", BODIES["Order/place"])
            statuses: list[int] = []
            while 2 not in statuses:
                statuses += [one["arguments"][0]["data"]["status"] for one in await hear(user)]
            assert statuses[0] == 6
            await user.close()
            await market.close()
            await until(lambda: client.sim.gateway.sessions == [])

    asyncio.run(main())


def test_negotiate_then_connect() -> None:
    async def main() -> None:
        async with running() as client:
            url = f"{client.sim.url}/hubs/user"
            async with client.session.post(
                f"{url}/negotiate?negotiateVersion=1", headers=client.headers
            ) as answer:
                assert answer.status == 200
                content = await answer.json()
            websocket = await client.session.ws_connect(
                f"{url}?id={content['connectionToken']}", headers=client.headers
            )
            with pytest.raises(aiohttp.WSServerHandshakeError) as second:
                await client.session.ws_connect(
                    f"{url}?id={content['connectionToken']}", headers=client.headers
                )
            assert second.value.status == 409
            await websocket.close()
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await client.session.ws_connect(url)
            assert refused.value.status == 401

    asyncio.run(main())


def test_answers_that_never_come_late_or_in_part() -> None:
    async def main() -> None:
        async with running() as client:
            ping, body = "Account/search", {"onlyActiveAccounts": True}
            fault(client, ping, DropAnswer())
            with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
                await client.post(ping, body)
            fault(client, ping, Cut(after_bytes=20))
            with pytest.raises(aiohttp.ClientPayloadError):
                await client.post(ping, body)
            fault(client, ping, LoseRequest())
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.post(ping, body), 0.3)
            loop = asyncio.get_running_loop()
            for what in (Delay(seconds=0.2), Hold(seconds=0.2)):
                fault(client, ping, what)
                started = loop.time()
                assert (await client.post(ping, body))[0] == 200
                assert loop.time() - started > 0.19
            fault(client, ping, Answer(status=502, body="<html>", headers={"X-Y": "z"}))
            assert await client.post(ping, body) == (502, b"<html>")

    asyncio.run(main())


def test_a_held_order_is_executed_though_the_client_has_left() -> None:
    async def main() -> None:
        async with running() as client:
            fault(client, "Order/place", Hold(seconds=0.4))
            loop = asyncio.get_running_loop()
            sent = loop.time()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.post("Order/place", BODIES["Order/place"]), 0.1)
            truth = client.sim.gateway.venue.truth
            await until(lambda: truth.executions(PRACTICE, "socket"))
            assert loop.time() - sent > 0.39
            assert truth.executions(PRACTICE, "socket") == 1

    asyncio.run(main())


def test_hubs_that_close_and_hubs_that_are_cut() -> None:
    async def main() -> None:
        async with running() as client:
            first = await client.open("user")
            fault(client, "hub/user", CloseHub())
            assert await hear(first) == [{"type": 7, "error": "Connection closed with an error."}]
            assert await hear(first) == [aiohttp.WSMsgType.CLOSE] or first.closed
            second = await client.open("user")
            fault(client, "hub/user", CutHub())
            ended = await second.receive(5)
            assert ended.type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
            assert second.close_code in {1006, None}

    asyncio.run(main())


def test_closing_says_goodbye_and_frees_the_port() -> None:
    async def main() -> None:
        async with running() as client:
            websocket = await client.open("user")
            port = client.sim.port
            started = asyncio.get_running_loop().time()
            await client.sim.close()
            assert asyncio.get_running_loop().time() - started < 3
            assert await hear(websocket) == [{"type": 7, "allowReconnect": True}]
            await websocket.close()
        with socket.socket() as free:
            free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            free.bind(("127.0.0.1", port))

    asyncio.run(main())


def test_closing_does_not_wait_for_a_silent_answer() -> None:
    async def main() -> None:
        async with running() as client:
            fault(client, "Account/search", LoseRequest())
            fault(client, "Trade/search", Hold(seconds=60))
            waiting = [
                asyncio.create_task(client.post(route, BODIES[route]))
                for route in ("Account/search", "Trade/search")
            ]
            await until(lambda: len(client.sim.gateway.faults.struck) == len(waiting))
            await asyncio.wait_for(client.sim.close(), 5)
            results = await asyncio.gather(*waiting, return_exceptions=True)
            assert all(isinstance(one, aiohttp.ClientError) for one in results)

    asyncio.run(main())


def test_a_faster_clock() -> None:
    async def main() -> None:
        async with running(speed=500) as client:
            started = client.sim.now()
            await asyncio.sleep(0.2)
            assert client.sim.now() - started > timedelta(seconds=90)
            websocket = await client.open("user")
            await client.post("Order/place", BODIES["Order/place"])
            placed = client.sim.now()
            await until(lambda: client.sim.gateway.venue.truth.net_size(PRACTICE, MNQ) == 2)
            await until(lambda: client.sim.now() - placed > timedelta(seconds=120))
            # More simulated seconds have passed than a hub waits for a client, and it still waits.
            assert len(client.sim.gateway.sessions) == 1
            await websocket.close()

    asyncio.run(main())


class Broken(Exception):
    pass


def explode(_: datetime) -> None:
    raise Broken


def test_a_market_that_breaks_is_not_hidden_and_frees_the_port() -> None:
    async def main() -> None:
        sim = SimServer(at=NOON)
        await sim.start()
        sim.gateway.schedule(NOON, explode)
        with pytest.raises(Broken):
            await asyncio.wait_for(sim.wait_broken(), 5)
        with pytest.raises(Broken):
            await sim.close()
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(f"{sim.url}/api/Status/ping")

    asyncio.run(main())


def test_a_port_in_use_and_a_host_of_others() -> None:
    async def main() -> None:
        async with SimServer() as sim:
            second = SimServer(port=sim.port)
            with pytest.raises(ConfigurationError, match=f"port={sim.port}: another program"):
                await second.start()

    asyncio.run(main())
    for host in ("0.0.0.0", "192.0.2.1", "example.test"):
        with pytest.raises(ConfigurationError, match="this machine only"):
            SimServer(host=host)
