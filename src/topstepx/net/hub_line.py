"""One link machine and the socket of its present life; it carries out and decides nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from topstepx.clock import NANOSECONDS
from topstepx.core.link_effects import (
    Changed,
    Drop,
    Effect,
    Malformed,
    Open,
    Received,
    Send,
    Subscribed,
    Subscription,
)
from topstepx.core.link_ends import EndKind, LinkEnd
from topstepx.net.hub_door import HubDoor, NotOpened
from topstepx.net.transport import CloseReason
from topstepx.wire.hub_models import MarketEvents

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from topstepx.clock import Clock
    from topstepx.core.link import Link
    from topstepx.core.signalr import Invocation
    from topstepx.net.transport import HubSocket

_STALL_S: Final = 1.0
_HEARS_S: Final = 0.5


class LineOwner(Protocol):
    """Hears what a line has to say."""

    def line_changed(self, line: Line, change: Changed) -> None:
        """Its link is in another state."""
        ...

    def line_received(self, line: Line, invocation: Invocation) -> None:
        """The hub called one of our methods."""
        ...

    def line_heard(self, line: Line, events: MarketEvents) -> None:
        """Market events came, read already."""
        ...

    def line_subscribed(self, line: Line, effect: Subscribed) -> None:
        """A subscription was confirmed or refused."""
        ...

    def line_malformed(self, line: Line, reason: str) -> None:
        """A record could not be read."""
        ...


class _Generation:
    """`HubListener` of one socket: it knows which life it belongs to."""

    def __init__(self, line: Line, generation: int) -> None:
        self._line = line
        self._generation = generation

    def data(self, payload: bytes) -> None:
        """Bytes of one message."""
        self._line.on_data(self._generation, payload)

    def closed(self, reason: str) -> None:
        """The socket is gone."""
        self._line.on_closed(self._generation, reason)


class Line:
    """`run` it until it is stopped or cancelled."""

    def __init__(
        self,
        link: Link,
        door: HubDoor,
        clock: Clock,
        owner: LineOwner,
        *,
        first: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.link = link
        self._door = door
        self._clock = clock
        self._owner = owner
        self._first = first
        self._socket: HubSocket | None = None
        self._to_open: Open | None = None
        self._wake = asyncio.Event()
        self._stopped = False
        self._due_s: float | None = None

    async def run(self) -> None:
        """Keep the link alive; closes the socket at the end."""
        try:
            while not self._stopped:
                to_open, self._to_open = self._to_open, None
                if to_open is not None:
                    await self._open(to_open)
                    continue
                await self._hear_first()
                self.do(self.link.tick(self._now_ns()))
                await self._sleep()
        finally:
            self.do(self.link.close())

    def stop(self) -> None:
        """End for good."""
        self._stopped = True
        self._wake.set()

    @property
    def is_stopped(self) -> bool:
        """Whether nothing it says counts any more."""
        return self._stopped

    def look_again(self) -> None:
        """Timers stood still: look at the clock now."""
        self._wake.set()

    def _now_ns(self) -> int:
        return self._clock.monotonic_ns()

    async def _sleep(self) -> None:
        due_ns = self.link.deadline()
        self._wake.clear()
        if self._to_open is not None or self._stopped:
            return
        wait_s = None
        if due_ns is not None:
            wait_s = max(0.0, (due_ns - self._now_ns()) / NANOSECONDS)
            self._due_s = asyncio.get_running_loop().time() + wait_s
        try:
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _hear_first(self) -> None:
        """Where this program stood still, hear what lies in the socket before the hub is blamed."""
        due_s, self._due_s = self._due_s, None
        if due_s is not None and asyncio.get_running_loop().time() - due_s > _STALL_S:
            await asyncio.sleep(_HEARS_S)

    async def _open(self, order: Open) -> None:
        if self._first is not None:
            await self._first()
        try:
            socket = await self._door.open(
                _Generation(self, order.generation), fresh_token=order.fresh_token
            )
        except NotOpened as failed:
            now_ns = self._now_ns()
            if failed.contested:
                self.do(self.link.contested(order.generation, failed.end.reason, now_ns))
            else:
                self.do(self.link.lost(order.generation, failed.end, now_ns))
            return
        if self._stopped or order.generation != self.link.generation:
            socket.close()
            return
        self._socket = socket
        self.do(self.link.opened(order.generation, self._now_ns()))

    # -- for the owner

    def want(self, subscription: Subscription) -> None:
        """Ask for a stream."""
        self.do(self.link.want(subscription, self._now_ns()))

    def unwant(self, subscription: Subscription) -> None:
        """Give a stream up."""
        self.do(self.link.unwant(subscription, self._now_ns()))

    def resubscribe(self, subscription: Subscription, *, gently: bool = False) -> None:
        """Ask for a confirmed stream once more."""
        self.do(self.link.resubscribe(subscription, self._now_ns(), gently=gently))

    def recovered(self, generation: int) -> None:
        """What was missed before this generation has been looked up."""
        self.do(self.link.recovered(generation, self._now_ns()))

    def end(self, end: LinkEnd) -> None:
        """Do not trust the present life any more."""
        self.do(self.link.lost(self.link.generation, end, self._now_ns()))

    def hurry(self) -> None:
        """Try now instead of waiting on."""
        self.link.hurry(self._now_ns())
        self._wake.set()

    def revive(self) -> None:
        """Try again, although it gave up."""
        self.do(self.link.revive())

    # -- from the socket

    def on_data(self, generation: int, payload: bytes) -> None:
        """Bytes from the socket of `generation`."""
        self.do(self.link.received(generation, payload, self._now_ns()))

    def on_closed(self, generation: int, reason: str) -> None:
        """The socket of `generation` is gone."""
        if generation == self.link.generation:
            self._socket = None
        code = reason.code if isinstance(reason, CloseReason) else None
        self.do(
            self.link.lost(generation, LinkEnd(EndKind.SOCKET, str(reason), code), self._now_ns())
        )

    # -- effects

    def do(self, effects: list[Effect]) -> None:
        """Carry out what the link says, in order."""
        wake = False
        for effect in effects:
            if type(effect) is MarketEvents:
                self._owner.line_heard(self, effect)
                continue
            if isinstance(effect, Received):
                self._owner.line_received(self, effect.invocation)
                continue
            wake = True
            self._act(effect)
        if wake:  # plain messages only ever move deadlines later, so they need not wake the loop
            self._wake.set()

    def _act(self, effect: Effect) -> None:
        match effect:
            case Send(payload) if self._socket is not None:
                self._socket.send(payload)
            case Open():
                self._to_open = effect
            case Drop() if self._socket is not None:
                socket, self._socket = self._socket, None
                socket.close()
            case Changed():
                self._owner.line_changed(self, effect)
            case Subscribed():
                self._owner.line_subscribed(self, effect)
            case Malformed(reason):
                self._owner.line_malformed(self, reason)
