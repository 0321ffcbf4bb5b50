"""One hub connection through its lives, as pure decisions.

Theory. A link wants a set of subscriptions. Each life of its socket is a *generation*: open the socket,
shake hands, ping at once, ask for every wanted subscription and see each completion, then be LIVE.
Nothing of an older generation counts. Life signs are any bytes at all: thirty seconds without one, or an
unanswered handshake or subscription, end the generation. After an end the link waits, the first time
less than a second, then exponentially longer with full jitter to thirty seconds, for ever; only half a
minute of good connection makes it forget how often it failed. A subscription refused at its very first
try is the asker's mistake and is handed back; one that worked before and is refused now is retried, and
then the generation is not trusted.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from topstepx.clock import NANOSECONDS
from topstepx.core.signalr import (
    ClientConnection,
    Close,
    Completion,
    HandshakeAccepted,
    Invocation,
    Poisoned,
)
from topstepx.errors import RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from topstepx.wire.routes import HubMethod

_HANDSHAKE_S, _INVOKE_S = 15, 10
_PING_EVERY_S, _DEAD_AFTER_S = 15, 30
_STABLE_S = 30
_FIRST_WAIT_S, _WAIT_BASE_S, _WAIT_CAP_S, _SLOW_WAIT_S = 1.0, 0.5, 30.0, 30.0
_SUBSCRIBE_TRIES = 3


class LinkState(Enum):
    """Where a link is in its life."""

    IDLE = "idle"
    CONNECTING = "connecting"
    HANDSHAKING = "handshaking"
    SUBSCRIBING = "subscribing"
    LIVE = "live"
    WAITING = "waiting"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Subscription:
    """One wanted stream: a hub method and what it is asked for (an account id, a contract, or nothing)."""

    method: HubMethod
    key: int | str | None

    @property
    def arguments(self) -> tuple[int | str, ...]:
        """What the hub method is called with."""
        return () if self.key is None else (self.key,)


@dataclass(frozen=True, slots=True)
class Open:
    """Effect: open a socket for `generation`; with a fresh token if `fresh_token`."""

    generation: int
    fresh_token: bool


@dataclass(frozen=True, slots=True)
class Send:
    """Effect: send these bytes on the current socket."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Drop:
    """Effect: let go of the current socket."""

    reason: str


@dataclass(frozen=True, slots=True)
class Changed:
    """Fact: the link is in another state now; `reason` says why for WAITING and CLOSED."""

    state: LinkState
    generation: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Subscribed:
    """Fact: the hub confirmed a subscription, or (with `error`) refused one at its first try."""

    subscription: Subscription
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """Fact: the hub called one of our methods."""

    invocation: Invocation


@dataclass(frozen=True, slots=True)
class Malformed:
    """Fact: one record could not be read and was lost."""

    reason: str


Effect = Open | Send | Drop | Changed | Subscribed | Received | Malformed


@dataclass(slots=True)
class _Ask:
    subscription: Subscription
    deadline_ns: int
    subscribes: bool


class Link:
    """See the module's theory. Every method returns what the shell must do or may tell."""

    def __init__(self, hub: str, jitter: Callable[[], float], *, record_bytes_max: int) -> None:
        self.hub = hub
        self.state = LinkState.IDLE
        self.generation = 0
        self.attempt = 0
        self._jitter = jitter
        self._record_bytes_max = record_bytes_max
        self._wanted: dict[Subscription, int] = {}
        self._proven: set[Subscription] = set()
        self._confirmed: set[Subscription] = set()
        self._asks: dict[str, _Ask] = {}
        self._connection: ClientConnection | None = None
        self._fresh_token = False
        self._due_ns = 0
        self._heard_ns = 0
        self._sent_ns = 0
        self._live_since_ns: int | None = None

    # -- what is wanted

    def want(self, subscription: Subscription, now_ns: int) -> list[Effect]:
        """Ask for a stream, now and in every later generation."""
        self._wanted.setdefault(subscription, 0)
        if subscription in self._confirmed:
            return [Subscribed(subscription)]
        if self.state is LinkState.IDLE:
            return self._connect()
        if self.state in {LinkState.SUBSCRIBING, LinkState.LIVE}:
            return self._ask(subscription, now_ns)
        return []

    def unwant(self, subscription: Subscription, now_ns: int) -> list[Effect]:
        """Give a stream up."""
        self._wanted.pop(subscription, None)
        self._proven.discard(subscription)
        effects: list[Effect] = []
        if subscription in self._confirmed:
            self._confirmed.discard(subscription)
            effects = self._ask(subscription, now_ns, subscribes=False)
        return effects + self._maybe_live(now_ns)

    @property
    def wanted(self) -> tuple[Subscription, ...]:
        """Everything that is asked for."""
        return tuple(self._wanted)

    # -- the socket's life

    def _connect(self) -> list[Effect]:
        self.generation += 1
        self.state = LinkState.CONNECTING
        fresh, self._fresh_token = self._fresh_token, False
        return [Changed(self.state, self.generation), Open(self.generation, fresh)]

    def opened(self, generation: int, now_ns: int) -> list[Effect]:
        """The socket of `generation` is open."""
        if generation != self.generation or self.state is not LinkState.CONNECTING:
            return [Drop("a socket nobody waits for any more")]
        self._connection = ClientConnection(record_bytes_max=self._record_bytes_max)
        self.state = LinkState.HANDSHAKING
        self._due_ns = now_ns + _HANDSHAKE_S * NANOSECONDS
        self._heard_ns = now_ns
        return [
            Changed(self.state, generation),
            *self._send(self._connection.handshake_request(), now_ns),
        ]

    def received(self, generation: int, data: bytes, now_ns: int) -> list[Effect]:
        """Bytes from the socket of `generation`."""
        connection = self._connection
        if generation != self.generation or connection is None:
            return []
        self._heard_ns = now_ns
        try:
            messages = connection.receive(data)
        except RemoteProtocolError as error:
            return self._end(str(error), now_ns)
        effects: list[Effect] = []
        for message in messages:
            if type(message) is Invocation:
                effects.append(Received(message))
                if message.invocation_id is not None:
                    effects += self._send(connection.refuse(message), now_ns)
            elif type(message) is Completion:
                effects += self._completed(message, now_ns)
            elif type(message) is HandshakeAccepted:
                effects += self._accepted(connection, now_ns)
            elif type(message) is Poisoned:
                effects.append(Malformed(message.reason))
            elif type(message) is Close:
                return effects + self._closed_by_hub(message, now_ns)
        return effects

    def _accepted(self, connection: ClientConnection, now_ns: int) -> list[Effect]:
        self.state = LinkState.SUBSCRIBING
        effects: list[Effect] = [Changed(self.state, self.generation)]
        effects += self._send(connection.ping(), now_ns)
        for subscription in self._wanted:
            effects += self._ask(subscription, now_ns)
        return effects + self._maybe_live(now_ns)

    def _closed_by_hub(self, message: Close, now_ns: int) -> list[Effect]:
        reason = f"the hub closed: {message.error}" if message.error else "the hub closed"
        if not message.allow_reconnect:
            self._fresh_token = True
        return self._end(reason, now_ns, slow=not message.allow_reconnect)

    def lost(
        self, generation: int, reason: str, now_ns: int, *, fresh_token: bool = False
    ) -> list[Effect]:
        """The socket of `generation` is gone, or could not be opened."""
        if generation != self.generation or self.state in {LinkState.WAITING, LinkState.CLOSED}:
            return []
        self._fresh_token = self._fresh_token or fresh_token
        return self._end(reason, now_ns)

    def _end(self, reason: str, now_ns: int, *, slow: bool = False) -> list[Effect]:
        had_socket = self._connection is not None
        if (
            self._live_since_ns is not None
            and now_ns - self._live_since_ns >= _STABLE_S * NANOSECONDS
        ):
            self.attempt = 0
        self._live_since_ns = None
        self._connection = None
        self._confirmed.clear()
        self._asks.clear()
        self.state = LinkState.WAITING
        self._due_ns = now_ns + round(self._wait_s(slow=slow) * NANOSECONDS)
        self.attempt += 1
        effects: list[Effect] = [Changed(self.state, self.generation, reason)]
        return [Drop(reason), *effects] if had_socket else effects

    def _wait_s(self, *, slow: bool) -> float:
        if slow and self.attempt > 0:
            return _SLOW_WAIT_S * (0.5 + 0.5 * self._jitter())
        if self.attempt == 0:
            return _FIRST_WAIT_S * self._jitter()
        ceiling_s: float = min(_WAIT_CAP_S, _WAIT_BASE_S * 2.0 ** min(self.attempt, 16))
        return ceiling_s * self._jitter()

    def close(self, reason: str = "closed by us") -> list[Effect]:
        """End for good: nothing is opened afterwards."""
        goodbye = self._connection.close() if self._connection is not None else b""
        had_socket = self._connection is not None
        self._connection = None
        self._confirmed.clear()
        self._asks.clear()
        self.state = LinkState.CLOSED
        effects: list[Effect] = [Send(goodbye)] if goodbye else []
        if had_socket:
            effects.append(Drop(reason))
        return [*effects, Changed(self.state, self.generation, reason)]

    # -- subscriptions

    def _ask(
        self, subscription: Subscription, now_ns: int, *, subscribes: bool = True
    ) -> list[Effect]:
        if self._connection is None:
            return []
        method = subscription.method
        target = method.subscribe if subscribes else method.unsubscribe
        invocation_id, payload = self._connection.invoke(target, subscription.arguments)
        deadline_ns = now_ns + _INVOKE_S * NANOSECONDS
        self._asks[invocation_id] = _Ask(subscription, deadline_ns, subscribes)
        return self._send(payload, now_ns)

    def _completed(self, completion: Completion, now_ns: int) -> list[Effect]:
        ask = self._asks.pop(completion.invocation_id, None)
        if ask is None or not ask.subscribes:
            return []
        subscription = ask.subscription
        if subscription not in self._wanted:  # given up while the hub was answering
            return [] if completion.error else self._ask(subscription, now_ns, subscribes=False)
        if completion.error is None:
            self._confirmed.add(subscription)
            self._proven.add(subscription)
            self._wanted[subscription] = 0
            return [Subscribed(subscription), *self._maybe_live(now_ns)]
        if subscription not in self._proven:
            del self._wanted[subscription]
            return [Subscribed(subscription, completion.error), *self._maybe_live(now_ns)]
        self._wanted[subscription] += 1
        if self._wanted[subscription] < _SUBSCRIBE_TRIES:
            return self._ask(subscription, now_ns)
        self._wanted[subscription] = 0
        return self._end(
            f"{subscription.method.subscribe} was refused {_SUBSCRIBE_TRIES} times", now_ns
        )

    def _maybe_live(self, now_ns: int) -> list[Effect]:
        if self.state is LinkState.SUBSCRIBING and self._confirmed.issuperset(self._wanted):
            self.state = LinkState.LIVE
            self._live_since_ns = now_ns
            return [Changed(self.state, self.generation)]
        return []

    # -- time

    def tick(self, now_ns: int) -> list[Effect]:
        """Let time pass; call it at `deadline`."""
        if self.state is LinkState.WAITING:
            return self._connect() if now_ns >= self._due_ns else []
        if self._connection is None:
            return []
        reason = self._overdue(now_ns)
        if reason is not None:
            return self._end(reason, now_ns)
        if (
            self.state is not LinkState.HANDSHAKING
            and now_ns - self._sent_ns >= _PING_EVERY_S * NANOSECONDS
        ):
            return self._send(self._connection.ping(), now_ns)
        return []

    def _overdue(self, now_ns: int) -> str | None:
        """What the hub should have said by now and did not."""
        if self.state is LinkState.HANDSHAKING:
            return "the hub did not answer the handshake" if now_ns >= self._due_ns else None
        if now_ns - self._heard_ns >= _DEAD_AFTER_S * NANOSECONDS:
            return f"nothing was heard for {_DEAD_AFTER_S} s"
        if any(now_ns >= ask.deadline_ns for ask in self._asks.values()):
            return f"a subscription was not answered within {_INVOKE_S} s"
        return None

    def deadline(self) -> int | None:
        """When `tick` is due, in monotonic nanoseconds; None: not by time."""
        if self.state in {LinkState.WAITING, LinkState.HANDSHAKING}:
            return self._due_ns
        if self._connection is None:
            return None
        dues = [ask.deadline_ns for ask in self._asks.values()]
        dues.append(self._heard_ns + _DEAD_AFTER_S * NANOSECONDS)
        dues.append(self._sent_ns + _PING_EVERY_S * NANOSECONDS)
        return min(dues)

    def _send(self, payload: bytes, now_ns: int) -> list[Effect]:
        if not payload:
            return []
        self._sent_ns = now_ns
        return [Send(payload)]


def subscriptions_of(
    method: HubMethod, keys: Iterable[int | str | None]
) -> tuple[Subscription, ...]:
    """One subscription of `method` per key."""
    return tuple(Subscription(method, key) for key in keys)
