"""What one simulator holds: hub messages to fifty connections, and REST calls, in two runs.

    python bench/sim.py [seconds] [--json]

The simulator is a process of its own. Hubs: fifty connections listen to quotes, tape and depth of eight
contracts in a lively market; every record is counted where it arrives. REST: thirty-two kept
connections, each with one call under way, limits switched off, answers read whole. CPU is the
simulator's own; "per CPU second" is what it would hold with a core to itself. Targets: 20,000 messages a
second over fifty connections, 2,000 calls a second.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from topstepx.core.signalr import ClientConnection
from topstepx.net.transport_hub import PicowsTransport
from topstepx.sim.server import SimServer
from topstepx.testing.eventually import eventually

if TYPE_CHECKING:
    from topstepx.net.transport import HubSocket

SECONDS = 8.0
CONNECTIONS = 50
CALLERS = 32
RATE = 4.0
ROOTS = ("MNQ", "MES", "NQ", "ES", "M2K", "MYM", "MGC", "MCL")
PRACTICE = 26282001


# ------------------------------------------------------------------ the simulator, in its own process


async def serve() -> None:
    """Say where it is; answer each line on the input with the CPU seconds used so far."""
    async with SimServer(rate=RATE, limited=False) as sim:
        contracts = [
            sim.gateway.market.listing(one.id, sim.now())
            for root in ROOTS
            for one in sim.gateway.market.catalogue.search(root, live=False, now=sim.now())
            if one.product.root == root
        ]
        said = {
            "url": sim.url,
            "user": sim.user_name,
            "key": sim.api_key,
            "contracts": [one.id for one in contracts if one is not None],
        }
        print(json.dumps(said), flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps({"cpu_s": time.process_time()}), flush=True)


class Simulator:
    """The process and what it said."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.said = self._line()

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line: dict[str, Any] = json.loads(self._process.stdout.readline())
        return line

    def cpu_s(self) -> float:
        """CPU seconds that it has used."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        used: float = self._line()["cpu_s"]
        return used

    def end(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()


# ------------------------------------------------------------------ REST, by hand


class Caller:
    """One kept connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer, self.calls = reader, writer, 0

    async def call(self, route: str, body: object, token: str = "") -> bytes:
        """The body of a good answer."""
        content = json.dumps(body).encode()
        head = f"POST /api/{route} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        if token:
            head += f"Authorization: Bearer {token}\r\n"
        self.writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        answered = await self.reader.readuntil(b"\r\n\r\n")
        assert answered.startswith(b"HTTP/1.1 200"), answered
        size = int(answered.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        self.calls += 1
        return await self.reader.readexactly(size)


async def dial(url: str) -> Caller:
    host, port = url.removeprefix("http://").split(":")
    return Caller(*await asyncio.open_connection(host, int(port)))


async def log_in(said: dict[str, Any]) -> str:
    caller = await dial(said["url"])
    answer = json.loads(
        await caller.call("Auth/loginKey", {"userName": said["user"], "apiKey": said["key"]})
    )
    caller.writer.close()
    token: str = answer["token"]
    return token


async def rest(seconds: float) -> dict[str, float]:
    """Calls a second."""
    sim = Simulator()
    try:
        token = await log_in(sim.said)
        callers = [await dial(sim.said["url"]) for _ in range(CALLERS)]
        over = asyncio.Event()

        async def work(caller: Caller) -> None:
            while not over.is_set():
                await caller.call("Position/searchOpen", {"accountId": PRACTICE}, token)

        tasks = [asyncio.create_task(work(caller)) for caller in callers]
        await asyncio.sleep(1)
        cpu_s, began, before = sim.cpu_s(), time.perf_counter(), sum(c.calls for c in callers)
        await asyncio.sleep(seconds)
        used_s, took_s = sim.cpu_s() - cpu_s, time.perf_counter() - began
        calls = sum(caller.calls for caller in callers) - before
        over.set()
        await asyncio.gather(*tasks)
        for caller in callers:
            caller.writer.close()
        return figures(calls, took_s, used_s)
    finally:
        sim.end()


# ------------------------------------------------------------------ hubs


class Ear:
    """Counts the records of one hub connection."""

    def __init__(self) -> None:
        self.records, self.bytes, self.gone = 0, 0, False

    def data(self, payload: bytes) -> None:
        """One message."""
        self.records += payload.count(b"\x1e")
        self.bytes += len(payload)

    def closed(self, _reason: str) -> None:
        """The socket is gone."""
        self.gone = True


async def listen(
    transport: PicowsTransport, ear: Ear, token: str, contracts: list[str]
) -> HubSocket:
    link = ClientConnection()
    headers = {"Authorization": f"Bearer {token}"}
    socket = await transport.open("market", headers=headers, query={}, listener=ear, timeout_s=20)
    socket.send(link.handshake_request())
    await eventually(lambda: ear.records, timeout_s=10)
    link.receive(b"{}\x1e")
    for contract in contracts:
        for method in ("Quotes", "Trades", "MarketDepth"):
            socket.send(link.invoke(f"SubscribeContract{method}", [contract])[1])
    return socket


async def hubs(seconds: float) -> dict[str, float]:
    """Messages a second, over all connections."""
    sim = Simulator()
    try:
        token = await log_in(sim.said)
        transport = PicowsTransport(sim.said["url"].replace("http", "ws"))
        ears = [Ear() for _ in range(CONNECTIONS)]
        for ear in ears:
            await listen(transport, ear, token, sim.said["contracts"])
        await asyncio.sleep(2)
        cpu_s, began, before = sim.cpu_s(), time.perf_counter(), [ear.records for ear in ears]
        await asyncio.sleep(seconds)
        used_s, took_s = sim.cpu_s() - cpu_s, time.perf_counter() - began
        heard = [ear.records - first for ear, first in zip(ears, before, strict=True)]
        assert not any(ear.gone for ear in ears), "a connection was lost"
        assert max(heard) - min(heard) <= max(heard) * 0.05, "everybody hears the same"
        await transport.close()
        return figures(sum(heard), took_s, used_s)
    finally:
        sim.end()


def figures(count: int, took_s: float, used_s: float) -> dict[str, float]:
    return {
        "per_s": round(count / took_s),
        "cpu_percent": round(100 * used_s / took_s, 1),
        "per_cpu_s": round(count / used_s),
    }


def main() -> None:
    numbers = [float(one) for one in sys.argv[1:] if one[0].isdigit()]
    seconds = numbers[0] if numbers else SECONDS
    found = {"hub messages": asyncio.run(hubs(seconds)), "REST calls": asyncio.run(rest(seconds))}
    if "--json" in sys.argv:
        print(json.dumps(found))
        return
    for name, row in found.items():
        print(
            f"{name:14} {row['per_s']:>8,.0f} a second at {row['cpu_percent']:.0f} % of a core"
            f"   {row['per_cpu_s']:>8,.0f} per CPU second"
        )


if __name__ == "__main__":
    if "--serve" in sys.argv:
        asyncio.run(serve())
    else:
        main()
