"""The simulated gateway without ports: in-memory twins of both transports, in virtual time.

::

    @virtual
    async def test_it() -> None:
        gateway = Gateway.build(at=LoopClock().now())
        async with MemoryGateway(gateway) as world:
            rest, hubs = world.rest(), world.hubs()

The client's real code runs on `rest` and `hubs`; the same `Gateway` object answers as behind the real
server, and its faults are obeyed. `world.network` adds what happens on the way.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, Self

from topstepx.errors import AnswerLost, NotSent
from topstepx.net.transport import HttpAnswer
from topstepx.testing.memory_hubs import MemoryHubs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from topstepx.sim.answers import GatewayAnswer
    from topstepx.sim.gateway import Gateway

RequestEvent = Literal["lose", "duplicate", "cut_before", "cut_after"]
_IDLE_S = 3600.0


@dataclass(slots=True)
class Network:
    """The way between client and gateway; change it while it is used.

    `latency_s` one way, plus up to `jitter_s` drawn from `chance` (in [0, 1)); order is kept on a
    socket. `up` False: nothing can be opened (connection refused). `lose_up`, `lose_down`: what is
    sent that way vanishes, and nobody is told: a half-open link. `refused` counts requests that found it down.
    """

    latency_s: float = 0.0
    jitter_s: float = 0.0
    chance: Callable[[], float] = lambda: 0.0
    up: bool = True
    lose_up: bool = False
    lose_down: bool = False
    refused: int = 0
    planned: deque[RequestEvent] = field(default_factory=deque)
    connections: dict[object, Callable[[str], None]] = field(default_factory=dict)

    def delay_s(self) -> float:
        """How long the next message takes."""
        return self.latency_s + self.jitter_s * self.chance()

    def next_request(self, what: RequestEvent, count: int = 1) -> None:
        """What happens to the next REST requests.

        "lose": never arrives. "duplicate": arrives twice. "cut_before", "cut_after": the connection
        breaks before it arrives, or after it was executed.
        """
        self.planned.extend([what] * count)

    def cut_all(self, reason: str = "the connection was reset") -> None:
        """Break every open socket and every request under way."""
        for cut in list(self.connections.values()):
            cut(reason)


class MemoryGateway:
    """A gateway, the time it lives in, and the way to it; use it as a context manager.

    Its time starts where the gateway's is and runs with the loop; the client's clock may be stepped or
    wrong without touching it. `market_step_s` is how finely the market moves by itself (fills, pings
    and held requests are exact).
    """

    def __init__(
        self, gateway: Gateway, network: Network | None = None, *, market_step_s: float = 0.05
    ) -> None:
        self.gateway = gateway
        self.network = network or Network()
        self._market_step = timedelta(seconds=market_step_s)
        self._loop = asyncio.get_running_loop()
        self._start, self._zero_s = gateway.now, self._loop.time()
        self._asleep_s = 0.0
        self._rate = 1.0
        self._news = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.gateway.on_change = self._news.set
        self._pump = asyncio.create_task(self._run(), name="simulated market")
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.network.cut_all("the simulated gateway was closed")
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.wait({self._pump})
            if not self._pump.cancelled() and (broken := self._pump.exception()) is not None:
                raise broken

    def now(self) -> datetime:
        """The gateway's time."""
        passed_s = (self._loop.time() - self._zero_s) * self._rate + self._asleep_s
        return self._start + timedelta(seconds=passed_s)

    def suspended(self, seconds: float) -> None:
        """The client's computer slept so long: here time went on, there no timer fired."""
        self._asleep_s += seconds
        self._news.set()

    def step(self, seconds: float) -> None:
        """Set the gateway's clock ahead by itself; its hubs take nobody's silence from it."""

        def stepped() -> None:
            self._asleep_s += seconds
            self.gateway.jump(self.now())
            self._news.set()

        self._loop.call_soon(stepped)  # not in the middle of what the gateway does now

    def drift(self, rate: float) -> Callable[[], None]:
        """Let the gateway's clock run so fast; what comes back lets it run as before."""
        self._run_at(self._rate * rate)
        return lambda: self._run_at(self._rate / rate)

    def _run_at(self, rate: float) -> None:
        self._start, self._zero_s, self._asleep_s = self.now(), self._loop.time(), 0.0
        self._rate = rate
        self._news.set()

    def rest(self) -> MemoryRest:
        """A REST transport to this gateway."""
        return MemoryRest(self)

    def hubs(self) -> MemoryHubs:
        """A hub transport to this gateway."""
        return MemoryHubs(self)

    async def _run(self) -> None:
        while True:
            self._news.clear()
            self.gateway.advance(self.now())
            # Not wait_for: in Python 3.11 it can swallow the cancellation that ends this loop.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._wait_s()):
                    await self._news.wait()

    def _wait_s(self) -> float:
        now = self.now()
        timed, market = self.gateway.next_timed_at(), self.gateway.feed.next_event_at()
        times = [] if timed is None else [timed]
        if market is not None:
            times.append(max(market, now + self._market_step))
        if not times:
            return _IDLE_S
        # Timedeltas are whole microseconds and loop time is not: never wake a hair too early.
        return max(0.0, (min(times) - now).total_seconds()) / self._rate + 1e-6


class MemoryRest:
    """The twin of the HTTP transport."""

    def __init__(self, world: MemoryGateway) -> None:
        self._world = world
        self._closed = False
        self._end: BaseException | None = None
        self._under_way: set[_Way] = set()
        self.sent: list[tuple[datetime, str, bytes]] = []
        """What left, with its time: for tests that count."""

    async def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes,
        timeout_s: float,
        leave_within_s: float | None = None,
    ) -> HttpAnswer:
        """One request; see `RestTransport.send`. Nothing is in its way here but the network."""
        del leave_within_s
        network = self._world.network
        if self._end is not None:
            raise self._end
        if self._closed:
            raise NotSent("The transport is closed.")
        if not network.up:
            network.refused += 1
            raise NotSent("Connection refused (the simulated network is down).")
        event = network.planned.popleft() if network.planned else None
        self.sent.append((self._world.now(), path, body))
        way = _Way(self._world, (method, path, dict(headers), body), event)
        way.leave()
        self._under_way.add(way)
        try:
            async with asyncio.timeout(timeout_s):
                return await way.answer
        except TimeoutError:
            raise AnswerLost(f"{path}: no answer within {timeout_s} s.") from None
        finally:
            # Whoever stops waiting closes the connection; the request goes on at the gateway.
            way.forget()
            self._under_way.discard(way)

    async def close(self) -> None:
        """Nothing more can be sent."""
        self._closed = True

    def die(self, end: BaseException | None = None) -> None:
        """The client's process ended this instant: what is on its way goes on, its answer reaches nobody.

        With `end`, whoever waits for an answer, or asks again, meets that instead of nothing.
        """
        self._closed, self._end = True, end
        for way in list(self._under_way):
            if end is not None and not way.answer.done():
                way.answer.set_exception(end)


class _Way:
    """One request on its way there and back; lives on when nobody waits for it any more."""

    def __init__(
        self,
        world: MemoryGateway,
        request: tuple[str, str, Mapping[str, str], bytes],
        event: RequestEvent | None,
    ) -> None:
        self._world, self._event, self._request = world, event, request
        self._loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[HttpAnswer] = self._loop.create_future()
        world.network.connections[self] = self._cut

    def leave(self) -> None:
        """Start."""
        network = self._world.network
        if self._event == "cut_before":
            self._loop.call_later(network.delay_s(), self._cut, "the connection was reset")
        elif not network.lose_up and self._event != "lose":
            self._loop.call_later(network.delay_s(), self._arrive)
            if self._event == "duplicate":
                self._loop.call_later(network.delay_s(), self._execute)

    def forget(self) -> None:
        """Nobody waits any more."""
        self._world.network.connections.pop(self, None)
        if not self.answer.done():
            self.answer.cancel()

    def _execute(self) -> GatewayAnswer:
        method, path, headers, body = self._request
        return self._world.gateway.request(method, path, headers, body, self._world.now())

    def _arrive(self) -> None:
        answer = self._execute()
        if answer.ready:
            self._executed(answer)
        else:
            answer.on_ready = lambda: self._executed(answer)

    def _executed(self, answer: GatewayAnswer) -> None:
        delay_s = self._world.network.delay_s() + answer.hold_s
        if self._event == "cut_after" or (not answer.deliver and not answer.hang):
            self._loop.call_later(delay_s, self._cut, "the connection was reset")
        elif answer.cut_after_bytes is not None:
            self._loop.call_later(delay_s, self._cut, "the connection ended inside the answer")
        elif answer.deliver and not self._world.network.lose_down:
            self._loop.call_later(delay_s, self._deliver, answer)

    def _deliver(self, answer: GatewayAnswer) -> None:
        if not self.answer.done():
            self.answer.set_result(HttpAnswer(answer.status, dict(answer.headers), answer.body))

    def _cut(self, reason: str) -> None:
        if not self.answer.done():
            _, path, _, _ = self._request
            self.answer.set_exception(AnswerLost(f"{path}: {reason}."))
