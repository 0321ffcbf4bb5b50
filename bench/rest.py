"""What one REST call costs: the whole pipeline beside bare libraries and a bare socket.

    python bench/rest.py [rounds] [--json]

"topstepx" is `Rest.call` of an open client: permit, token, breaker, send, judge, typed decode. "aiohttp"
and "httpx" post the same bytes with the same headers and read the answer's bytes; nothing is decoded.
"aiohttp+json" parses them, which is what people write. "socket" writes and reads an asyncio stream. All
talk, in turns within one run, to one server process that does next to nothing; figures are medians over
the rounds and those of the best round, which other programs disturb least; CPU is this process's own.
Ratios are against bare aiohttp.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import sys
import time
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.feed.answers import ACCOUNT, answering, headers
from topstepx.client import Client
from topstepx.core.lanes import Lane
from topstepx.core.permits import BucketPolicy
from topstepx.net.transport_http import HttpTransport
from topstepx.net.transport_hub import PicowsTransport
from topstepx.ports import Ports
from topstepx.settings import Credentials, Secret, Settings, simulator_environment
from topstepx.wire import codec, models, routes
from topstepx.wire.routes import Bucket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Call = Callable[[], Awaitable[object]]

CALLS = 200
ROUNDS = 25
ROUTE = routes.POSITION_SEARCH_OPEN
REQUEST = models.PositionSearchOpenRequest(account_id=ACCOUNT)

# ------------------------------------------------------------------ the contenders


async def open_topstepx(url: str, stack: AsyncExitStack) -> Call:
    environment = simulator_environment(url)
    ports = Ports(
        HttpTransport(url),
        PicowsTransport(environment.hub_url),
        # No call may wait here, and the log holds about as much as it does in earnest.
        policies=[BucketPolicy(Bucket.GENERAL, 1_000_000, 0.05)],
    )
    credentials = Credentials("bench", Secret("key"))
    tsx = await stack.enter_async_context(Client(Settings(environment), credentials, ports))

    async def call() -> object:
        return await tsx._rest.call(ROUTE, REQUEST, lane=Lane.READ, timeout_s=6.0)  # noqa: SLF001  the part under measurement

    return call


async def open_aiohttp(url: str, token: str, stack: AsyncExitStack, *, parse: bool) -> Call:
    aiohttp = import_module("aiohttp")
    session = await stack.enter_async_context(aiohttp.ClientSession())
    body, sent, target = codec.encode(REQUEST), headers(token), url + ROUTE.path

    async def call() -> object:
        async with session.post(target, data=body, headers=sent) as response:
            return await response.json() if parse else await response.read()

    return call


async def open_httpx(url: str, token: str, stack: AsyncExitStack) -> Call:
    httpx = import_module("httpx")
    client = await stack.enter_async_context(httpx.AsyncClient())
    body, sent, target = codec.encode(REQUEST), headers(token), url + ROUTE.path

    async def call() -> object:
        response = await client.post(target, content=body, headers=sent)
        return response.content

    return call


async def open_socket(url: str, token: str, stack: AsyncExitStack) -> Call:
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    stack.callback(writer.close)
    body = codec.encode(REQUEST)
    lines = [f"POST {ROUTE.path} HTTP/1.1", f"Host: {host}:{port}"]
    lines += [f"{name}: {value}" for name, value in headers(token).items()]
    request = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body

    async def call() -> object:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        at = head.index(b"content-length:") + 15
        return await reader.readexactly(int(head[at : head.index(b"\r\n", at)]))

    return call


# ------------------------------------------------------------------ measuring


async def measure(calls: dict[str, Call], rounds: int) -> dict[str, dict[str, float]]:
    """Latency and CPU per call in microseconds: medians over the rounds, and of the best round."""
    waits: dict[str, list[float]] = {name: [] for name in calls}
    cpu: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    for number in range(-2, rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            call, took = calls[name], []
            gc.collect()
            cpu_before = time.process_time()
            for _ in range(CALLS):
                before = time.perf_counter()
                await call()
                took.append(time.perf_counter() - before)
            if number >= 0:
                cpu[name].append((time.process_time() - cpu_before) / CALLS)
                waits[name].append(statistics.median(took))
    return {
        name: {
            "p50_us": statistics.median(waits[name]) * 1e6,
            "cpu_us": statistics.median(cpu[name]) * 1e6,
            "best_p50_us": min(waits[name]) * 1e6,
            "best_cpu_us": min(cpu[name]) * 1e6,
        }
        for name in calls
    }


async def run(url: str, token: str, rounds: int) -> dict[str, dict[str, float]]:
    async with AsyncExitStack() as stack:
        calls = {
            "topstepx": await open_topstepx(url, stack),
            "aiohttp": await open_aiohttp(url, token, stack, parse=False),
            "aiohttp+json": await open_aiohttp(url, token, stack, parse=True),
            "socket": await open_socket(url, token, stack),
        }
        try:
            calls["httpx"] = await open_httpx(url, token, stack)
        except ImportError:
            print("httpx is not installed (requirements/bench.txt); it is left out")
        return await measure(calls, rounds)


def main() -> None:
    numbers = [int(each) for each in sys.argv[1:] if each.isdigit()]
    with answering("reads") as (url, token):
        found = asyncio.run(run(url, token, numbers[0] if numbers else ROUNDS))
    if "--json" in sys.argv:
        print(json.dumps(found))
        return
    base = found["aiohttp"]
    titles = {
        "p50_us": "p50",
        "cpu_us": "CPU",
        "best_p50_us": "best p50",
        "best_cpu_us": "best CPU",
    }
    print(f"{'us':14}" + "".join(f"{title:>10}{'ratio':>7}" for title in titles.values()))
    for name, row in sorted(found.items(), key=lambda item: item[1]["cpu_us"]):
        columns = (f"{row[key]:10.0f}{row[key] / base[key]:7.2f}" for key in titles)
        print(f"{name:14}" + "".join(columns))


if __name__ == "__main__":
    main()
