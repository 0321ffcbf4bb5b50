"""The official JavaScript SignalR client in a process of its own, and a trader who uses it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from asyncio.subprocess import PIPE
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import aiohttp
import pytest

from tests.support.sim_line import MNQ, NOON, PRACTICE
from topstepx.sim.server import SimServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

_FOLDER = Path(__file__).parents[1] / "interop"
_WAIT_S = 30.0
"""Patience, no claim: the process starts within it, on a machine that has other things to do."""
Calls: TypeAlias = dict[str, tuple[Any, ...]]
"""Hub methods and what they are called with."""


@cache
def absent() -> str | None:
    """Why the JavaScript client cannot run here, or None."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed (Node 18 or newer is needed)"
    if not (_FOLDER / "node_modules" / ".made").is_file():
        return "the pinned npm packages are not installed: run `make interop`"
    return None


def check_present(why_absent: str | None, *, ci: bool) -> None:
    """Skips the test where the client cannot run; fails it in continuous integration."""
    if why_absent is not None and ci:
        pytest.fail(f"continuous integration must run the interop tests, but {why_absent}")
    if why_absent is not None:
        pytest.skip(f"no JavaScript client: {why_absent}")


class JavaScript:
    """One Node process with up to one connection per hub."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._replies: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._asked = 0
        self._news = asyncio.Event()
        self.events: list[tuple[str, list[Any]]] = []
        self.states: list[tuple[str, str, str | None]] = []
        self.counts: dict[str, int] | None = None

    async def listen(self) -> None:
        """Everything it prints, until it ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            match said:
                case {"reply": number}:
                    self._replies.pop(number).set_result(said)
                case {"event": name, "arguments": arguments}:
                    self.events.append((name, arguments))
                case {"state": state, "hub": hub, "error": error}:
                    self.states.append((hub, state, error))
                case {"counts": counts}:
                    self.counts = counts
            self._news.set()
        for waiting in self._replies.values():
            waiting.set_exception(ConnectionError("Node ended"))

    async def ask(self, deed: str, **rest: object) -> dict[str, Any]:
        """The reply, whatever it is."""
        self._asked += 1
        reply = self._replies[self._asked] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        line = json.dumps({"id": self._asked, "do": deed, **rest})
        self._process.stdin.write(line.encode() + b"\n")
        return await asyncio.wait_for(reply, _WAIT_S)

    async def invoke(self, hub: str, method: str, *arguments: object) -> dict[str, Any]:
        return await self.ask("invoke", hub=hub, method=method, arguments=arguments)

    async def invoke_all(self, hub: str, calls: Calls) -> None:
        """Each call is completed, with nothing."""
        for method, arguments in calls.items():
            reply = await self.invoke(hub, method, *arguments)
            assert "error" not in reply, (method, reply)
            assert reply["result"] is None, (method, reply)

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for something that it prints."""
        async with asyncio.timeout(_WAIT_S):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def named(self, name: str) -> list[list[Any]]:
        return [arguments for event, arguments in self.events if event == name]

    def seen(self) -> Counter[str]:
        return Counter(name for name, _ in self.events)

    async def finish(self) -> dict[str, int]:
        """Close its input; the counts it says last."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self.until(lambda: self.counts is not None)
        assert self.counts is not None
        return self.counts


class Trader:
    """One simulator, one REST session, one JavaScript client."""

    def __init__(self, sim: SimServer, session: aiohttp.ClientSession, js: JavaScript) -> None:
        self.sim, self.js = sim, js
        self.hub_url = sim.url
        """Where the hubs are reached: a proxy may stand before them."""
        self._session = session
        self._token = ""

    async def post(self, route: str, **body: object) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        url = f"{self.sim.url}/api/{route}"
        async with self._session.post(url, json=body, headers=headers) as answer:
            content: dict[str, Any] = await answer.json()
        assert content["success"], (route, content)
        return content

    async def connect(self, *hubs: str, skip_negotiation: bool = True, **more: object) -> list[Any]:
        """The connection ids, as the JavaScript client sees them."""
        if not self._token:
            login = await self.post(
                "Auth/loginKey", userName=self.sim.user_name, apiKey=self.sim.api_key
            )
            self._token = login["token"]
        ids = []
        for hub in hubs:
            reply = await self.js.ask(
                "connect",
                hub=hub,
                url=f"{self.hub_url}/hubs/{hub}",
                token=self._token,
                skipNegotiation=skip_negotiation,
                **{"reconnectDelays": [50, 100, 200, 400], **more},
            )
            assert "error" not in reply, reply
            ids.append(reply["result"]["connectionId"])
        return ids

    async def trade_once(self) -> int:
        """Buy with a bracket, see it filled, close; the order's id."""
        order = await self.post(
            "Order/place",
            accountId=PRACTICE,
            contractId=MNQ,
            type=2,
            side=0,
            size=1,
            stopLossBracket={"ticks": -200, "type": 4},
            takeProfitBracket={"ticks": 200, "type": 1},
        )
        order_id: int = order["orderId"]
        await self.js.until(lambda: self._status_of(order_id) == 2)
        await self.js.until(lambda: self._legs() == {1, 4})
        await self.post("Position/closeContract", accountId=PRACTICE, contractId=MNQ)
        await self.js.until(self._flat)
        return order_id

    def _status_of(self, order_id: int) -> int | None:
        orders = [one["data"] for (one,) in self.js.named("GatewayUserOrder")]
        return next((one["status"] for one in reversed(orders) if one["id"] == order_id), None)

    def _legs(self) -> set[int]:
        """The types of the orders that are working in the market."""
        return {
            one["data"]["type"]
            for (one,) in self.js.named("GatewayUserOrder")
            if one["data"]["status"] == 1 and one["data"]["type"] != 2
        }

    def _flat(self) -> bool:
        positions = self.js.named("GatewayUserPosition")
        return bool(positions) and positions[-1][0]["data"]["size"] == 0


@contextlib.asynccontextmanager
async def trading(node: str) -> AsyncIterator[Trader]:
    async with (
        SimServer(at=NOON) as sim,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
    ):
        process = await asyncio.create_subprocess_exec(
            node, str(_FOLDER / "client.mjs"), stdin=PIPE, stdout=PIPE, limit=16 * 1024 * 1024
        )
        js = JavaScript(process)
        listening = asyncio.create_task(js.listen())
        try:
            yield Trader(sim, session, js)
            await js.finish()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
            await listening
