"""What a safe order costs: from `place` to accepted, beside a bare POST of the same bytes.

    python bench/order.py [rounds] [--json]

"topstepx" is `tsx.orders.place` of an open client with its journal in memory: gate, journal, permit,
token, breaker, last look, send, judge. "topstepx+disk" waits for the journal on the disk before the
first byte leaves. "aiohttp" and "httpx" post the same bytes and read the answer's. All talk, in turns
within one run, to one server process that does next to nothing; the user hub is a stub inside. The
split says where the time of a placing goes: waiting for the journal, waiting for the socket, the rest.
"cpu" is what this process computed per call, which a busy machine changes least: there the rest is waiting
in a queue for a core, and the longer one computes the later one comes back to its front.
"fsync" is the disk alone, which no safe order can be faster than; what is left of "topstepx+disk" without
it stands below the table.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import statistics
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.feed.answers import ACCOUNT, MNQ, answering, headers
from topstepx.client import Client
from topstepx.core.permits import DOCUMENTED, BucketPolicy
from topstepx.core.terms import Limit
from topstepx.net.transport_http import HttpTransport
from topstepx.ports import Ports
from topstepx.settings import Credentials, Secret, Settings, simulator_environment
from topstepx.store.journal import SqliteJournal
from topstepx.store.journal_memory import MemoryJournal
from topstepx.wire.enums import Side
from topstepx.wire.routes import Bucket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from topstepx.desk.order import Order
    from topstepx.events import Event
    from topstepx.net.transport import HttpAnswer, HubListener, HubSocket
    from topstepx.store.rows import Journal

    Call = Callable[[], Awaitable[object]]
    After = Callable[[Any], Awaitable[None]]

CALLS, ROUNDS = 50, 20
BODY = json.dumps(
    {
        "accountId": ACCOUNT, "contractId": MNQ, "type": 1, "side": 0, "size": 1,
        "limitPrice": 21503.25, "customTag": "T1ABCDEFGH01M84EQJC0T722E41W6H642BRY",
    }
).encode()  # fmt: skip


class StubHubs:
    """A hub that agrees to everything and tells of each order, between the measured calls."""

    def __init__(self) -> None:
        self._user: _StubSocket | None = None

    async def open(self, hub: str, *, listener: HubListener, **_: object) -> HubSocket:
        """One connection."""
        socket = _StubSocket(listener)
        if hub == "user":
            self._user = socket
        return socket

    async def tell(self, order: Order) -> None:
        """What the gateway would say of an order; it is over, so that nothing piles up."""
        assert self._user is not None
        now = "2026-11-23T15:04:05.123456+00:00"
        data = {
            "id": order.id, "accountId": ACCOUNT, "contractId": MNQ, "symbolId": "F.US.MNQ",
            "creationTimestamp": now, "updateTimestamp": now, "status": 3, "type": 1, "side": 0,
            "size": 1, "limitPrice": 21503.25, "fillVolume": 0, "customTag": order.tag,
        }  # fmt: skip
        event = {
            "type": 1,
            "target": "GatewayUserOrder",
            "arguments": [{"action": 1, "data": data}],
        }
        self._user.say(event)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def close(self) -> None:
        """Nothing is open."""


class _StubSocket:
    def __init__(self, listener: HubListener) -> None:
        self._listener, self._shaken = listener, False

    def send(self, payload: bytes) -> None:
        for record in payload.split(b"\x1e"):
            said = json.loads(record) if record else {}
            if "protocol" in said:
                self.say({})
            elif "invocationId" in said:
                self.say({"type": 3, "invocationId": said["invocationId"], "result": None})

    def say(self, record: dict[str, object]) -> None:
        data = json.dumps(record).encode() + b"\x1e"
        asyncio.get_running_loop().call_soon(self._listener.data, data)

    def close(self) -> None:
        pass


# ------------------------------------------------------------------ the contenders


class Split:
    """Where the time of the placings goes."""

    def __init__(self) -> None:
        self.journal: list[float] = []
        self.socket: list[float] = []

    def around_journal(self, journal: Any) -> Journal:  # noqa: ANN401  either of two
        """The journal, with the waits for it measured."""
        durable = journal.append_durable

        def append_durable(event: Event) -> Awaitable[None]:
            began, done = time.perf_counter(), durable(event)
            if done.done():  # in memory
                self.journal.append(time.perf_counter() - began)
            else:
                done.add_done_callback(lambda _: self.journal.append(time.perf_counter() - began))
            return done  # type: ignore[no-any-return]  # as it was

        journal.append_durable = append_durable
        return journal  # type: ignore[no-any-return]  # as it was

    def around_rest(self, rest: HttpTransport) -> HttpTransport:
        """The transport, with each order's sending measured."""
        send = rest.send

        async def measured(method: str, path: str, **more: Any) -> HttpAnswer:  # noqa: ANN401  passed through
            began = time.perf_counter()
            answer = await send(method, path, **more)
            if path.endswith("/place"):
                self.socket.append(time.perf_counter() - began)
            return answer

        rest.send = measured  # type: ignore[method-assign]  # the probe of this measurement
        return rest


async def open_topstepx(
    url: str, stack: AsyncExitStack, journal: object, split: Split
) -> tuple[Call, After]:
    hubs = StubHubs()
    ports = Ports(
        split.around_rest(HttpTransport(url)),
        hubs,
        journal=split.around_journal(journal),
        policies=[BucketPolicy(Bucket.GENERAL, 1_000_000, 0.05, DOCUMENTED[0].reserves)],
    )
    settings = Settings(simulator_environment(url))
    tsx = await stack.enter_async_context(Client(settings, Credentials("b", Secret("k")), ports))
    account = await tsx.accounts.exact(ACCOUNT)
    await tsx.ready(account)
    contract = await tsx.contracts.one(MNQ)

    async def call() -> object:
        return await tsx.orders.place(
            account, contract, Side.BUY, 1, at=Limit("21503.25"), allow_duplicate=True
        )

    return call, hubs.tell


async def open_aiohttp(url: str, token: str, stack: AsyncExitStack) -> tuple[Call, After]:
    session = await stack.enter_async_context(import_module("aiohttp").ClientSession())
    sent, target = headers(token), f"{url}/api/Order/place"

    async def call() -> object:
        async with session.post(target, data=BODY, headers=sent) as response:
            return await response.read()

    return call, nothing


async def open_httpx(url: str, token: str, stack: AsyncExitStack) -> tuple[Call, After]:
    client = await stack.enter_async_context(import_module("httpx").AsyncClient())
    sent, target = headers(token), f"{url}/api/Order/place"

    async def call() -> object:
        return (await client.post(target, content=BODY, headers=sent)).content

    return call, nothing


def open_fsync(folder: Path, stack: AsyncExitStack) -> tuple[Call, After]:
    """What the disk alone takes to make two pages durable, about what an order's record comes to."""
    file = os.open(folder / "fsync", os.O_RDWR | os.O_CREAT)
    stack.callback(os.close, file)
    pages = os.urandom(8192)

    async def call() -> object:
        os.write(file, pages)
        os.fsync(file)
        return None

    return call, nothing


async def nothing(_: object) -> None:
    """Nothing follows a bare call."""


# ------------------------------------------------------------------ measuring


async def measure(
    calls: dict[str, tuple[Call, After]], rounds: int
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Every call's latency and its CPU, the contenders in turns."""
    took: dict[str, list[float]] = {name: [] for name in calls}
    cpu: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    for number in range(-2, rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            gc.collect()
            for _ in range(CALLS):
                call, after = calls[name]
                before, busy = time.perf_counter(), time.process_time()
                got = await call()
                if number >= 0:
                    cpu[name].append(time.process_time() - busy)
                    took[name].append(time.perf_counter() - before)
                await after(got)
    return took, cpu


async def run(url: str, token: str, rounds: int, folder: Path) -> dict[str, dict[str, float]]:
    """Figures in microseconds."""
    splits = {"topstepx": Split(), "topstepx+disk": Split()}
    async with AsyncExitStack() as stack:
        disk = SqliteJournal(folder / "journal.sqlite")
        calls = {
            "topstepx": await open_topstepx(url, stack, MemoryJournal(), splits["topstepx"]),
            "topstepx+disk": await open_topstepx(url, stack, disk, splits["topstepx+disk"]),
            "aiohttp": await open_aiohttp(url, token, stack),
            "fsync": open_fsync(folder, stack),
        }
        try:
            calls["httpx"] = await open_httpx(url, token, stack)
        except ImportError:
            print("httpx is not installed (requirements/bench.txt); it is left out")
        took, cpu = await measure(calls, rounds)
    found: dict[str, dict[str, float]] = {}
    for name, times in took.items():
        times.sort()
        found[name] = {
            "p10_us": times[len(times) // 10] * 1e6,
            "p50_us": statistics.median(times) * 1e6,
            "p99_us": times[int(len(times) * 0.99)] * 1e6,
            "cpu_us": statistics.median(cpu[name]) * 1e6,
        }
        if (split := splits.get(name)) is not None:
            journal, socket = statistics.median(split.journal), statistics.median(split.socket)
            found[name] |= {"journal_us": journal * 1e6, "socket_us": socket * 1e6}
            found[name]["pipeline_us"] = found[name]["p50_us"] - (journal + socket) * 1e6
    return found


def main() -> None:
    numbers = [int(each) for each in sys.argv[1:] if each.isdigit()]
    with tempfile.TemporaryDirectory() as folder, answering("orders") as (url, token):
        rounds = numbers[0] if numbers else ROUNDS
        found = asyncio.run(run(url, token, rounds, Path(folder)))
    if "--json" in sys.argv:
        print(json.dumps(found))
        return
    base = found["aiohttp"]
    print(
        f"{'us':14}{'p10':>7}{'ratio':>7}{'p50':>7}{'ratio':>7}{'cpu':>7}{'ratio':>7}{'p99':>8}   journal  pipeline  socket"
    )
    for name, row in found.items():
        split = "".join(
            f"{row[part]:10.0f}"
            for part in ("journal_us", "pipeline_us", "socket_us")
            if part in row
        )
        columns = "".join(
            f"{row[part]:7.0f}{row[part] / base[part]:7.2f}"
            for part in ("p10_us", "p50_us", "cpu_us")
        )
        print(f"{name:14}{columns}{row['p99_us']:8.0f}{split}")
    for part in ("p10_us", "p50_us"):
        left = found["topstepx+disk"][part] - found["fsync"][part]
        beside = f", {left / found['httpx'][part]:.2f} of httpx" if "httpx" in found else ""
        print(f"on the disk, without the fsync itself, {part[:3]}: {left:.0f} us{beside}")


if __name__ == "__main__":
    main()
