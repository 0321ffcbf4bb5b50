"""A line: one link and its socket; what is late or stopped counts for nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from topstepx.core.link import Changed, Link, LinkState, Subscription
from topstepx.core.link_ends import EndKind, LinkEnd
from topstepx.net.hub_door import NotOpened
from topstepx.net.hub_line import Line
from topstepx.net.transport import CloseReason
from topstepx.testing.eventually import eventually
from topstepx.testing.loop import LoopClock, VirtualLoop, virtual
from topstepx.wire import routes

if TYPE_CHECKING:
    from topstepx.net.transport import HubListener

ORDERS = Subscription(routes.SUBSCRIBE_ORDERS, 7)


class Socket:
    """Notes what is sent and whether it was closed."""

    def __init__(self, listener: HubListener) -> None:
        self.listener = listener
        self.sent: list[bytes] = []
        self.is_closed = False

    def send(self, payload: bytes) -> None:
        self.sent.append(payload)

    def close(self) -> None:
        self.is_closed = True


class Bench:
    """A line on a door of the test's own, and what it said."""

    def __init__(self, *outcomes: LinkEnd | float) -> None:
        self.outcomes = list(outcomes)
        self.sockets: list[Socket] = []
        self.told: list[Changed] = []
        parts: Any = self
        link = Link("user", lambda: 0.5, record_bytes_max=1 << 20)
        self.line = Line(link, parts, LoopClock(), parts)

    async def open(self, listener: HubListener, *, fresh_token: bool) -> Socket:
        assert isinstance(fresh_token, bool)
        outcome = self.outcomes.pop(0) if self.outcomes else 0.0
        if isinstance(outcome, LinkEnd):
            raise NotOpened(outcome)
        await asyncio.sleep(outcome)
        self.sockets.append(Socket(listener))
        return self.sockets[-1]

    def line_changed(self, _line: Line, change: Changed) -> None:
        self.told.append(change)

    def line_received(self, *_said: object) -> None:
        raise AssertionError

    line_subscribed = line_malformed = line_received


@virtual
async def test_it_opens_fails_waits_and_opens_again() -> None:
    bench = Bench(LinkEnd(EndKind.UPGRADE, "HTTP 503", 503))
    running = asyncio.create_task(bench.line.run())
    bench.line.want(ORDERS)
    await eventually(lambda: bench.sockets)
    states = [change.state for change in bench.told]
    assert states == [
        LinkState.CONNECTING,
        LinkState.WAITING,
        LinkState.CONNECTING,
        LinkState.HANDSHAKING,
    ]
    assert bench.told[1].kind is EndKind.UPGRADE
    assert b"protocol" in bench.sockets[0].sent[0]
    bench.sockets[0].listener.closed(CloseReason("closed by the gateway (code 1008)", 1008))
    assert bench.told[-1].reason == "closed by the gateway (code 1008)"
    bench.line.stop()
    await running


@virtual
async def test_a_socket_that_opens_after_the_line_was_stopped_is_closed() -> None:
    bench = Bench(3.0)
    running = asyncio.create_task(bench.line.run())
    bench.line.want(ORDERS)
    await asyncio.sleep(1)
    bench.line.stop()
    await running
    assert bench.sockets[0].is_closed
    assert bench.told[-1].state is LinkState.CLOSED


@virtual
async def test_cancelling_closes_the_socket() -> None:
    bench = Bench()
    running = asyncio.create_task(bench.line.run())
    bench.line.want(ORDERS)
    await eventually(lambda: bench.sockets)
    running.cancel()
    await asyncio.wait({running})
    assert bench.sockets[0].is_closed


@virtual(seeds=[None, 1, 2, 3])
async def test_after_a_stall_of_ours_what_lies_in_the_socket_is_heard_before_the_hub_is_blamed() -> (
    None
):
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    for waits, survives in ((True, True), (False, False)):
        bench = Bench()
        running = asyncio.create_task(bench.line.run())
        bench.line.want(ORDERS)
        await eventually(lambda: bench.sockets)  # noqa: B023  awaited here
        (socket,) = bench.sockets
        socket.listener.data(b"{}\x1e")
        done = b'{"type":3,"invocationId":"1","result":null}\x1e'
        bench.line_subscribed = lambda *_: None  # type: ignore[method-assign]  # confirmed: no matter here
        socket.listener.data(done)
        assert bench.told[-1].state is LinkState.LIVE
        loop.now_ns += 40_000_000_000
        if waits:
            loop.call_later(0.1, socket.listener.data, b'{"type":6}\x1e')
        await asyncio.sleep(2)
        assert (bench.told[-1].state is LinkState.LIVE) is survives
        bench.line.stop()
        await running
