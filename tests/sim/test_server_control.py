"""The control interface over real HTTP: who may call it, and what a client then suffers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.support.sim_line import NOON, PRACTICE
from topstepx.sim.server import SimServer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Test = Callable[[SimServer, aiohttp.ClientSession], Awaitable[None]]


def served(test: Test) -> None:
    async def main() -> None:
        async with SimServer(at=NOON) as sim, aiohttp.ClientSession() as session:
            await test(sim, session)

    asyncio.run(main())


def allowed(sim: SimServer) -> dict[str, str]:
    return {"Authorization": f"Bearer {sim.control_token}"}


async def do(sim: SimServer, session: aiohttp.ClientSession, name: str, **body: Any) -> Any:  # noqa: ANN401  any JSON
    async with session.post(sim.control_url + name, json=body, headers=allowed(sim)) as answer:
        content = await answer.json()
        assert answer.status == 200, content
        return content["result"]


def test_a_fault_is_added_and_a_client_suffers_it() -> None:
    async def test(sim: SimServer, session: aiohttp.ClientSession) -> None:
        await do(sim, session, "faults/add", where="Auth/*", what={"kind": "answer", "status": 503})
        login = {"userName": sim.user_name, "apiKey": sim.api_key}
        for status in (503, 200):
            async with session.post(f"{sim.url}/api/Auth/loginKey", json=login) as answer:
                assert answer.status == status
        events = (await do(sim, session, "events"))["events"]
        assert [one["kind"] for one in events] == ["control", "fault"]

    served(test)


def test_a_paused_clock_stands_still_and_a_step_moves_it() -> None:
    async def test(sim: SimServer, session: aiohttp.ClientSession) -> None:
        stopped = (await do(sim, session, "clock/pause"))["at"]
        await asyncio.sleep(0.05)
        assert (await do(sim, session, "clock/show"))["at"] == stopped
        moved = await do(sim, session, "clock/step", seconds=3600)
        assert moved["at"] > stopped
        assert moved["paused"] is True

    served(test)


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("POST", {}, 401),
        ("POST", {"Authorization": "Bearer wrong"}, 401),
        ("POST", {"Authorization": "right", "Content-Type": "text/plain"}, 415),
        ("POST", {"Authorization": "right", "Host": "evil.test"}, 403),
        ("POST", {"Authorization": "right", "Origin": "http://evil.test"}, 403),
        ("POST", {"Authorization": "right", "Origin": "null"}, 403),
        ("GET", {"Authorization": "right"}, 405),
        ("DELETE", {"Authorization": "right"}, 405),
    ],
)
def test_who_may_not_call(method: str, headers: dict[str, str], status: int) -> None:
    async def test(sim: SimServer, session: aiohttp.ClientSession) -> None:
        named = {"Content-Type": "application/json"} | headers
        if named.get("Authorization") == "right":
            named |= allowed(sim)
        data = b'{"account_id": %d}' % PRACTICE
        url = f"{sim.control_url}accounts/lock"
        async with session.request(method, url, data=data, headers=named) as answer:
            assert answer.status == status
            assert (await answer.json())["error"]["next_step"]
        assert sim.gateway.venue.floor.accounts[PRACTICE].can_trade

    served(test)


def test_the_directory_names_every_command() -> None:
    async def test(sim: SimServer, session: aiohttp.ClientSession) -> None:
        async with session.get(f"{sim.control_url}commands", headers=allowed(sim)) as answer:
            commands = (await answer.json())["result"]
        assert commands["clock/step"] == {
            "text": "Go ahead by so many seconds; orders fill and stops trigger on the way.",
            "method": "POST",
            "members": ["seconds"],
        }
        async with session.get(f"{sim.control_url}info", headers=allowed(sim)) as answer:
            text = await answer.text()
        assert sim.api_key not in text
        assert sim.control_token not in text

    served(test)
