"""A client as many are written: raw HTTP that retries on every error, and a hub that is believed.

It speaks the line protocol of docs/conformance.md and is wrong on purpose:
`tests/testing/conformance/test_run.py` pins which cards find it out.
"""

from __future__ import annotations

import asyncio
import json
import sys
from decimal import Decimal
from typing import Any

import aiohttp

Json = Any
_TRIES = 4
_END = "\x1e"
_TYPES = {"market": 2, "limit": 1, "stop": 4}
_OVER = {2, 3, 4, 5}


class NaiveClient:
    def __init__(self, http: aiohttp.ClientSession, start: Json) -> None:
        self._http, self._start = http, start
        self._token = ""
        self._position = 0
        self._working: set[int] = set()
        self._hub: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()

    async def open(self) -> None:
        await self._log_in()
        self._hub = asyncio.create_task(self._listen())
        async with asyncio.timeout(15):
            await self._listening.wait()

    async def carry_out(self, asked: Json) -> Json:
        try:
            match asked["do"]:
                case "place":
                    return await self._place(asked)
                case "cancel":
                    await self._post("Order/cancel", {"orderId": asked["order_id"]})
                    return {"result": "done"}
                case "close":
                    contract = {"contractId": self._start["contract_id"]}
                    await self._post("Position/closeContract", contract)
                    return {"result": "done"}
                case "read":
                    await self._post("Order/searchOpen", {})
                    return {"result": "done"}
                case _:
                    working = sorted(self._working)
                    return {"result": "done", "position": self._position, "working": working}
        except (aiohttp.ClientError, TimeoutError, RuntimeError) as error:
            return {
                "result": "no",
                "why": repr(error),
            }  # the classic: an error means that it failed

    async def _place(self, asked: Json) -> Json:
        body = {
            "contractId": asked.get("contract_id") or self._start["contract_id"],
            "type": _TYPES[asked["type"]],
            "side": 0 if asked["side"] == "buy" else 1,
            "size": asked["size"],
        }
        if asked["type"] == "limit":
            body["limitPrice"] = float(Decimal(asked["price"]))
        if asked.get("stop_ticks"):
            body["stopLossBracket"] = {"ticks": -asked["stop_ticks"], "type": 4}
            body["takeProfitBracket"] = {"ticks": asked["target_ticks"], "type": 1}
        said = await self._post("Order/place", body)
        return {"result": "accepted", "order_id": said["orderId"]}

    async def _log_in(self) -> None:
        body = {"userName": self._start["user_name"], "apiKey": self._start["api_key"]}
        self._token = (await self._post("Auth/loginKey", body))["token"]

    async def _post(self, route: str, body: Json) -> Json:
        """Retries on everything, because errors go away."""
        if not route.startswith("Auth/"):
            body = {"accountId": self._start["account_id"], **body}
        error: Exception = RuntimeError(route)
        for _ in range(_TRIES):
            headers = {"Authorization": f"Bearer {self._token}"}
            try:
                url = f"{self._start['url']}/api/{route}"
                timeout = aiohttp.ClientTimeout(total=3)
                async with self._http.post(
                    url, json=body, headers=headers, timeout=timeout
                ) as answer:
                    if answer.status == 401:
                        await self._log_in()
                        continue
                    answer.raise_for_status()
                    said = await answer.json()
                    if not said["success"]:
                        raise RuntimeError(said)
                    return said
            except (aiohttp.ClientError, TimeoutError) as failed:
                error = failed
        raise error

    async def _listen(self) -> None:
        while True:
            try:
                url = f"{self._start['user_hub']}?access_token={self._token}"
                async with self._http.ws_connect(url.replace("http", "ws", 1)) as hub:
                    await hub.send_str('{"protocol":"json","version":1}' + _END)
                    for method in ("SubscribeOrders", "SubscribeTrades", "SubscribePositions"):
                        await hub.send_str(_invocation(method, self._start["account_id"]))
                    self._listening.set()
                    async for message in hub:
                        for record in str(message.data).split(_END):
                            if record.strip():
                                self._hear(json.loads(record))
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)

    def _hear(self, record: Json) -> None:
        if record.get("type") != 1:
            return
        row = record["arguments"][0]
        row = row.get("data", row)
        match record["target"]:
            case "GatewayUserTrade":
                line = {"event": "fill", "trade_id": row["id"], "order_id": row["orderId"]}
                say(line)
            case "GatewayUserPosition":
                self._position = row["size"] if row["type"] == 1 else -row["size"]
            case "GatewayUserOrder" if row["status"] in _OVER:
                self._working.discard(row["id"])
            case "GatewayUserOrder":
                self._working.add(row["id"])


def _invocation(method: str, account_id: int) -> str:
    return json.dumps({"type": 1, "target": method, "arguments": [account_id]}) + _END


def say(line: Json) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def asked() -> Json:
    line = await asyncio.to_thread(sys.stdin.readline)
    return json.loads(line) if line.strip() else None


async def main() -> None:
    async with aiohttp.ClientSession() as http:
        start = await asked()
        client = NaiveClient(http, start)
        await client.open()
        say({"id": start["id"], "result": "done"})
        while (command := await asked()) is not None:
            say({"id": command["id"], **await client.carry_out(command)})


if __name__ == "__main__":
    asyncio.run(main())
