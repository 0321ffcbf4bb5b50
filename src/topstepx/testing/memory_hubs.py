"""The in-memory twin of the hub transport."""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from typing import TYPE_CHECKING

from topstepx.errors import NotSent, UpgradeRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from topstepx.net.transport import Hub, HubListener, HubSocket
    from topstepx.sim.hub_session import HubSession
    from topstepx.testing.memory import MemoryGateway


class MemoryHubs:
    """Opens hub sockets to a `MemoryGateway`."""

    def __init__(self, world: MemoryGateway) -> None:
        self._world = world
        self._open: dict[MemoryHubSocket, None] = {}
        self._closed = False
        self._all_gone = asyncio.Event()
        self.opened: list[Hub] = []
        """Every attempt, refused ones too: for tests that count."""

    async def open(
        self,
        hub: Hub,
        *,
        headers: Mapping[str, str],
        query: Mapping[str, str],
        listener: HubListener,
        timeout_s: float,
    ) -> HubSocket:
        """An open socket; see `HubTransport.open`."""
        network = self._world.network
        if self._closed:
            raise NotSent("The transport is closed.")
        self.opened.append(hub)
        if not network.up:
            raise NotSent("Connection refused (the simulated network is down).")
        round_trip_s = network.delay_s() + network.delay_s()
        if network.lose_up or network.lose_down or round_trip_s > timeout_s:
            await asyncio.sleep(timeout_s)
            raise NotSent(f"The {hub} hub did not answer within {timeout_s} s.")
        await asyncio.sleep(round_trip_s)
        world = self._world
        session = world.gateway.upgrade(f"/hubs/{hub}", headers, query, world.now())
        if isinstance(session, int):
            raise UpgradeRefused(hub, session)
        socket = MemoryHubSocket(world, session, listener, self._gone)
        self._open[socket] = None
        return socket

    @property
    def count(self) -> int:
        """How many sockets are open."""
        return len(self._open)

    def _gone(self, socket: MemoryHubSocket) -> None:
        self._open.pop(socket, None)
        if self._closed and not self._open:
            self._all_gone.set()

    async def close(self) -> None:
        """Close every open socket."""
        self._closed = True
        for socket in list(self._open):
            socket.close()
        if self._open:
            await self._all_gone.wait()

    def die(self) -> None:
        """The client's process ended this instant: its sockets are gone, and nobody is told here."""
        self._closed = True
        for socket in list(self._open):
            socket.die()


class MemoryHubSocket:
    """One open socket; keeps order both ways whatever the jitter."""

    def __init__(
        self,
        world: MemoryGateway,
        session: HubSession,
        listener: HubListener,
        gone: Callable[[MemoryHubSocket], None],
    ) -> None:
        self._world, self._session, self._listener, self._gone = world, session, listener, gone
        self._loop = asyncio.get_running_loop()
        # As with a real socket, what it tells runs in the context of whoever opened it.
        self._context = contextvars.copy_context()
        self._up_at_s = self._down_at_s = 0.0
        # Timers that fire together may run in any order; what they carry keeps its own.
        self._up: deque[bytes | None] = deque()
        self._down: deque[bytes | str] = deque()
        self._closing = False
        self._told = False
        self._ended = False
        session.wake = self._flush
        world.network.connections[self] = self._cut
        self._loop.call_soon(self._flush)

    def send(self, payload: bytes) -> None:
        """One text message to the hub."""
        if not self._closing and not self._told and not self._world.network.lose_up:
            self._go_up(payload)

    def close(self) -> None:
        """Leave; the listener hears `closed` soon."""
        if self._closing or self._told:
            return
        self._closing = True
        self._go_up(None)

    def die(self) -> None:
        """Gone without a word to the listener; the gateway notices."""
        self._told = True
        self._world.network.connections.pop(self, None)
        self._gone(self)
        self._session.lost(self._world.now())

    def _due_s(self, not_before_s: float) -> float:
        return max(not_before_s, self._loop.time() + self._world.network.delay_s())

    def _go_up(self, payload: bytes | None) -> None:
        self._up.append(payload)
        self._up_at_s = self._due_s(self._up_at_s)
        self._loop.call_at(self._up_at_s, self._arrive)

    def _go_down(self, said: bytes | str) -> None:
        self._down.append(said)
        self._down_at_s = self._due_s(self._down_at_s)
        self._loop.call_at(self._down_at_s, self._hear)

    def _arrive(self) -> None:
        payload = self._up.popleft()
        if payload is not None:
            self._session.receive(payload, self._world.now())
            return
        if not self._world.network.lose_up:
            self._session.lost(self._world.now())
        self._tell("closed by the client")

    def _flush(self) -> None:
        if self._world.network.lose_down:
            self._session.take()
            return
        for payload in self._session.take():
            self._go_down(payload)
        if self._session.closed and not self._ended:
            self._ended = True
            self._go_down(
                "the connection was reset" if self._session.abrupt else "closed by the gateway"
            )

    def _hear(self) -> None:
        said = self._down.popleft()
        if isinstance(said, str):
            self._tell(said)
        elif not self._told:
            self._context.run(self._listener.data, said)

    def _cut(self, reason: str) -> None:
        self._tell(reason)
        self._session.lost(self._world.now())

    def _tell(self, reason: str) -> None:
        if not self._told:
            self._told = True
            self._world.network.connections.pop(self, None)
            self._gone(self)
            self._context.run(self._listener.closed, reason)
