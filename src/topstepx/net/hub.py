"""A hub link's shell: it owns one socket at a time and decides nothing.

What the hub says is decoded in the socket's own callback and handed to one `sink`, in order, without a
task, lock or queue in between; the consumers' queues are further up.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Literal

from topstepx.clock import NANOSECONDS
from topstepx.core.link import (
    Changed,
    Drop,
    Effect,
    Link,
    LinkState,
    Malformed,
    Open,
    Received,
    Send,
    Subscribed,
    Subscription,
)
from topstepx.errors import (
    DeadlinePassed,
    InvalidRequest,
    NotSent,
    TopstepxError,
    UpgradeRefused,
    sanitised,
)
from topstepx.wire.codec import PayloadMalformed
from topstepx.wire.hub_events import decode_event

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from topstepx.clock import Clock
    from topstepx.core.token import Token
    from topstepx.net.auth import TokenKeeper
    from topstepx.net.transport import Hub, HubSocket, HubTransport
    from topstepx.settings import TokenPlacement
    from topstepx.wire.hub_events import HubEvent

_LOG = logging.getLogger("topstepx.hub")
_UNAUTHORIZED = 401


class TokenPlace:
    """Where the token travels on an upgrade, shared by both hubs of a client and remembered."""

    def __init__(self, placement: TokenPlacement) -> None:
        self._fixed = placement != "auto"
        self.current: Literal["header", "query"] = "query" if placement == "query" else "header"
        self.proven = False

    @property
    def may_move(self) -> bool:
        """Whether the other place may still be tried: once, and only while nothing is proven."""
        return not (self._fixed or self.proven or self.current == "query")

    def move(self) -> None:
        """A hub refused a token that REST accepts: send it in the address from now on."""
        self.current = "query"
        _LOG.warning(
            "the hub refused the token in the Authorization header; it now travels in the address. "
            "Tell the maintainers: this gateway was expected to take the header."
        )


class _Generation:
    """`HubListener` of one socket: it knows which life it belongs to."""

    def __init__(self, owner: HubLink, generation: int) -> None:
        self._owner = owner
        self._generation = generation

    def data(self, payload: bytes) -> None:
        """Bytes of one message."""
        self._owner.on_data(self._generation, payload)

    def closed(self, reason: str) -> None:
        """The socket is gone."""
        self._owner.on_closed(self._generation, reason)


class HubLink:
    """One hub, kept connected. `run` it in a task group; `subscribe` may be called before or after."""

    def __init__(
        self,
        hub: Hub,
        transport: HubTransport,
        keeper: TokenKeeper,
        clock: Clock,
        *,
        jitter: Callable[[], float],
        place: TokenPlace,
        rest_accepts: Callable[[], Awaitable[bool]],
        sink: Callable[[HubEvent], None],
        told: Callable[[Changed], None],
        malformed: Callable[[str, str], None],
        open_timeout_s: float = 10.0,
        record_bytes_max: int = 16 * 1024 * 1024,
    ) -> None:
        self.hub: Hub = hub
        self.link = Link(hub, jitter, record_bytes_max=record_bytes_max)
        self._transport = transport
        self._keeper = keeper
        self._clock = clock
        self._place = place
        self._rest_accepts = rest_accepts
        self._sink = sink
        self._told = told
        self._malformed = malformed
        self._open_timeout_s = open_timeout_s
        self._socket: HubSocket | None = None
        self._to_open: Open | None = None
        self._wake = asyncio.Event()
        self._waiting: dict[Subscription, list[asyncio.Future[None]]] = {}
        self._users: dict[Subscription, int] = {}

    # -- for callers

    async def subscribe(self, subscription: Subscription, *, timeout_s: float) -> None:
        """Want a stream and wait until the hub confirms it.

        It stays wanted, through every reconnect, until as many `unsubscribe` as `subscribe` came.
        Raises `InvalidRequest` when the hub refuses it, `DeadlinePassed` when the hub cannot be reached
        in time (it then stays wanted no longer), `NotSent` when this link is closed for good.
        """
        if self.link.state is LinkState.CLOSED:
            raise self._over()
        self._users[subscription] = self._users.get(subscription, 0) + 1
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(subscription, []).append(confirmed)
        self._do(self.link.want(subscription, self._clock.monotonic_ns()))
        try:
            async with asyncio.timeout(timeout_s):
                await confirmed
        except TimeoutError:
            self.unsubscribe(subscription)
            msg = f"The {self.hub} hub did not confirm {subscription.method.subscribe} within {timeout_s:g} s."
            raise DeadlinePassed(msg, next_step="Look at health(): the hub may be down.") from None
        except (
            BaseException
        ):  # boundary: whatever ends the wait, cancellation too, must give the stream up
            self.unsubscribe(subscription)
            raise
        finally:
            waiting = self._waiting.get(subscription, [])
            if confirmed in waiting:
                waiting.remove(confirmed)

    def unsubscribe(self, subscription: Subscription) -> None:
        """One user less; the last one ends the stream."""
        left = self._users.get(subscription, 0) - 1
        if left > 0:
            self._users[subscription] = left
        elif subscription in self._users:
            del self._users[subscription]
            self._do(self.link.unwant(subscription, self._clock.monotonic_ns()))

    @property
    def state(self) -> LinkState:
        """Where the link is in its life."""
        return self.link.state

    @property
    def life(self) -> int | None:
        """The number of the life that is LIVE now; None while there is none."""
        return self.link.generation if self.link.state is LinkState.LIVE else None

    def look_again(self) -> None:
        """The computer slept: timers stood still, so look at the clock now."""
        self._wake.set()

    # -- the loop

    async def run(self) -> None:
        """Keep the link alive until cancelled; closes the socket at the end."""
        try:
            while True:
                to_open, self._to_open = self._to_open, None
                if to_open is not None:
                    await self._open(to_open)
                    continue
                self._do(self.link.tick(self._clock.monotonic_ns()))
                await self._sleep()
        finally:
            self._do(self.link.close())
            for waiting in self._waiting.values():
                for confirmed in waiting:
                    if not confirmed.done():
                        confirmed.set_exception(self._over())

    def _over(self) -> NotSent:
        return NotSent(f"The {self.hub} hub is closed.", next_step="Open a new client.")

    async def _sleep(self) -> None:
        due_ns = self.link.deadline()
        self._wake.clear()
        if self._to_open is not None:
            return
        wait_s = None
        if due_ns is not None:
            wait_s = max(0.0, (due_ns - self._clock.monotonic_ns()) / NANOSECONDS)
        try:
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _open(self, order: Open) -> None:
        deadline_ns = self._clock.monotonic_ns() + round(self._open_timeout_s * NANOSECONDS)
        token: Token | None = None
        try:
            token = await self._keeper.token(deadline_ns=deadline_ns)
            headers = {"User-Agent": "topstepx-python"}
            query: dict[str, str] = {}
            if self._place.current == "header":
                headers["Authorization"] = f"Bearer {token.value.reveal()}"
            else:
                query["access_token"] = token.value.reveal()
            socket = await self._transport.open(
                self.hub,
                headers=headers,
                query=query,
                listener=_Generation(self, order.generation),
                timeout_s=self._open_timeout_s,
            )
        except UpgradeRefused as error:
            if error.status == _UNAUTHORIZED and token is not None:
                await self._unauthorized(token)
            self._lost(order.generation, str(error))
        except TopstepxError as error:
            self._lost(order.generation, str(error))
        else:
            self._place.proven = True
            self._socket = socket
            self._do(self.link.opened(order.generation, self._clock.monotonic_ns()))

    async def _unauthorized(self, token: Token) -> None:
        """401 at the upgrade: is it the token, or the place it travelled in? REST knows."""
        if self._place.may_move and await self._rest_accepts():
            self._place.move()
        else:
            self._keeper.refused(token)

    def _lost(self, generation: int, reason: str) -> None:
        self._do(self.link.lost(generation, reason, self._clock.monotonic_ns()))

    # -- from the socket

    def on_data(self, generation: int, payload: bytes) -> None:
        """Bytes from the socket of `generation`."""
        self._do(self.link.received(generation, payload, self._clock.monotonic_ns()))

    def on_closed(self, generation: int, reason: str) -> None:
        """The socket of `generation` is gone."""
        if generation == self.link.generation:
            self._socket = None
        self._lost(generation, reason)

    # -- effects

    def _do(self, effects: list[Effect]) -> None:
        wake = False
        for effect in effects:
            if isinstance(effect, Received):
                self._receive(effect)
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
                self._told(effect)
            case Subscribed():
                self._confirm(effect)
            case Malformed(reason):
                self._malformed(f"{self.hub} hub", reason)

    def _receive(self, effect: Received) -> None:
        invocation = effect.invocation
        try:
            events = decode_event(invocation.target, invocation.arguments)
        except PayloadMalformed as error:
            self._malformed(f"{self.hub} hub, {sanitised(invocation.target, 60)}", error.reason)
            return
        for event in events:
            self._sink(event)

    def _confirm(self, effect: Subscribed) -> None:
        error: TopstepxError | None = None
        if effect.error is not None:
            self._users.pop(effect.subscription, None)
            method = effect.subscription.method.subscribe
            error = InvalidRequest(
                method,
                effect.subscription.key,
                f'the {self.hub} hub refused it: "{sanitised(effect.error)}".',
                "Check the account or contract.",
            )
        for confirmed in self._waiting.pop(effect.subscription, []):
            if confirmed.done():
                continue
            if error is None:
                confirmed.set_result(None)
            else:
                confirmed.set_exception(error)
