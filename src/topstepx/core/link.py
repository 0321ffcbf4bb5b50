"""One hub connection through its lives, as pure decisions.

Theory. A link wants a set of subscriptions. Each life of its socket is a *generation*: open the socket,
shake hands, ping at once, ask for every wanted subscription and see each completion, let what was
missed be looked up (RECOVERING, only where somebody does that), then be LIVE. Nothing of an older
generation counts. Life signs are any bytes at all: thirty seconds without one, or an unanswered
handshake or subscription, end the generation.

`core.link_ends` says what follows from an end. Usually the link waits (`core.link_waits`), the first
time less than a second, then longer up to thirty seconds, for ever or as often as it was told; only half a minute of good connection makes it forget how often it failed. A subscription refused
at its very first try is the asker's mistake and is handed back; one that worked before and is refused
now is retried, and then the generation is not trusted.

CONTESTED is waiting without trying: another program keeps taking the session, and the keeper of the
token says when that is over. CLOSED is final until `revive`.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from topstepx.clock import NANOSECONDS
from topstepx.core.link_effects import (
    Ask,
    Changed,
    Drop,
    Effect,
    LinkState,
    Malformed,
    Open,
    Received,
    Send,
    Subscribed,
    Subscription,
    subscriptions_of,
)
from topstepx.core.link_ends import EndKind, LinkEnd, Reaction, Reconnecting
from topstepx.core.link_waits import LinkWaits
from topstepx.core.signalr import (
    ClientConnection,
    Close,
    Completion,
    HandshakeAccepted,
    Invocation,
    Poisoned,
)
from topstepx.errors import HandshakeRefused, RemoteProtocolError
from topstepx.wire.hub_models import MarketEvents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from topstepx.core.signalr.connection import Quick

__all__ = [
    "Changed",
    "Drop",
    "Effect",
    "Link",
    "LinkState",
    "Malformed",
    "Open",
    "Received",
    "Send",
    "Subscribed",
    "Subscription",
    "subscriptions_of",
]

_HANDSHAKE_S, _INVOKE_S = 15, 10
_PING_EVERY_S, _DEAD_AFTER_S = 15, 30
_STABLE_S = 30
_CONTESTED_LOOK_S = 5.0
_SUBSCRIBE_TRIES = 3
_WHILE_UP = frozenset({LinkState.SUBSCRIBING, LinkState.RECOVERING, LinkState.LIVE})


class Link:
    """See the module's theory. Every method returns what the shell must do or may tell."""

    def __init__(
        self,
        hub: str,
        jitter: Callable[[], float],
        *,
        record_bytes_max: int,
        recovers: bool = False,
        reconnecting: Reconnecting | None = None,
        numbers: Iterator[int] | None = None,
        quick: Quick | None = None,
    ) -> None:
        """`recovers`: somebody calls `recovered` before it is LIVE; `numbers` of its lives."""
        self.hub = hub
        self.state = LinkState.IDLE
        self.generation, self._numbers = 0, numbers or count(1)
        self._waits = LinkWaits(jitter)
        self._recovers, self._quick = recovers, quick
        self._reconnecting = reconnecting or Reconnecting()
        self._record_bytes_max = record_bytes_max
        self._wanted: dict[Subscription, int] = {}
        self._proven: set[Subscription] = set()
        self._confirmed: set[Subscription] = set()
        self._asks: dict[str, Ask] = {}
        self._connection: ClientConnection | None = None
        self._fresh_token = self._was_contested = False
        self._due_ns = self._sent_ns = 0
        self.heard_ns = 0
        self._live_since_ns: int | None = None

    # -- what is wanted

    def want(self, subscription: Subscription, now_ns: int) -> list[Effect]:
        """Ask for a stream, now and in every later generation."""
        self._wanted.setdefault(subscription, 0)
        if subscription in self._confirmed:
            return [Subscribed(subscription)]
        if self.state is LinkState.IDLE:
            return self._connect()
        return self._ask(subscription, now_ns) if self.state in _WHILE_UP else []

    def resubscribe(self, one: Subscription, now_ns: int, *, gently: bool = False) -> list[Effect]:
        """Ask for a confirmed stream once more: it may have died. `gently`: whatever comes, it goes on."""
        if one not in self._confirmed or self.state not in _WHILE_UP:
            return []
        effects = self._ask(one, now_ns)
        if effects and gently:
            self._asks.popitem()
        return effects

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
    def attempt(self) -> int:
        """How many connections or attempts ended in a row."""
        return self._waits.failed

    @property
    def wanted(self) -> tuple[Subscription, ...]:
        """Everything that is asked for."""
        return tuple(self._wanted)

    # -- the socket's life

    def _connect(self, *, again: bool = False) -> list[Effect]:
        self.generation = self.generation if again else next(self._numbers)
        self.state = LinkState.CONNECTING
        fresh, self._fresh_token = self._fresh_token, False
        order = Open(self.generation, fresh)
        return [order] if again else [Changed(self.state, self.generation), order]

    def opened(self, generation: int, now_ns: int) -> list[Effect]:
        """The socket of `generation` is open."""
        if generation != self.generation or self.state is not LinkState.CONNECTING:
            return [Drop("a socket nobody waits for any more")]
        self._connection = ClientConnection(
            record_bytes_max=self._record_bytes_max, quick=self._quick
        )
        self.state = LinkState.HANDSHAKING
        self._due_ns = now_ns + _HANDSHAKE_S * NANOSECONDS
        self.heard_ns = now_ns
        return [
            Changed(self.state, generation),
            *self._send(self._connection.handshake_request(), now_ns),
        ]

    def received(self, generation: int, data: bytes, now_ns: int) -> list[Effect]:
        """Bytes from the socket of `generation`."""
        connection = self._connection
        if generation != self.generation or connection is None:
            return []
        self.heard_ns = now_ns
        try:
            messages = connection.receive(data)
        except RemoteProtocolError as error:
            refused = isinstance(error, HandshakeRefused)
            kind = EndKind.HANDSHAKE if refused else EndKind.PROTOCOL
            return self._end(LinkEnd(kind, str(error)), now_ns)
        effects: list[Effect] = []
        for message in messages:
            if type(message) is MarketEvents:
                effects.append(message)
            elif type(message) is Invocation:
                effects += self._called(connection, message, now_ns)
            elif type(message) is Completion:
                effects += self._completed(message, now_ns)
            elif type(message) is HandshakeAccepted and connection.state == "open":
                effects += self._accepted(connection, now_ns)
            elif type(message) is Poisoned:
                effects.append(Malformed(message.reason))
            elif type(message) is Close:
                return effects + self._end(LinkEnd.of(message), now_ns)
        return effects

    def _called(self, connection: ClientConnection, call: Invocation, now_ns: int) -> list[Effect]:
        effects: list[Effect] = [Received(call)]
        if call.invocation_id is not None and connection.state == "open":
            effects += self._send(connection.refuse(call), now_ns)
        return effects

    def _accepted(self, connection: ClientConnection, now_ns: int) -> list[Effect]:
        self.state = LinkState.SUBSCRIBING
        effects: list[Effect] = [Changed(self.state, self.generation)]
        effects += self._send(connection.ping(), now_ns)
        for subscription in self._wanted:
            effects += self._ask(subscription, now_ns)
        return effects + self._maybe_live(now_ns)

    def recovered(self, generation: int, now_ns: int) -> list[Effect]:
        """What was missed before `generation` has been looked up."""
        if generation != self.generation or self.state is not LinkState.RECOVERING:
            return []
        return self._lives(now_ns)

    def lost(self, generation: int, end: LinkEnd | str, now_ns: int) -> list[Effect]:
        """The socket of `generation` is gone, could not be opened, or shall not be trusted any more."""
        if generation != self.generation or self.state.is_down:
            return []
        if isinstance(end, str):
            end = LinkEnd(EndKind.SOCKET, end)
        return self._end(end, now_ns)

    def contested(self, generation: int, reason: str, now_ns: int) -> list[Effect]:
        """There is no token because another program keeps taking the session: look again later."""
        if generation != self.generation or self.state is not LinkState.CONNECTING:
            return []
        self.state = LinkState.CONTESTED
        self._due_ns = now_ns + round(_CONTESTED_LOOK_S * NANOSECONDS)
        if self._was_contested:
            return []
        self._was_contested = True
        kind = EndKind.EVICTED
        return [Changed(self.state, generation, reason, kind, self.attempt, _CONTESTED_LOOK_S)]

    def _end(self, end: LinkEnd, now_ns: int) -> list[Effect]:
        had_socket = self._connection is not None
        since_ns = self._live_since_ns
        if since_ns is not None and now_ns - since_ns >= _STABLE_S * NANOSECONDS:
            self._waits.forget()
        reaction, end = self._reconnecting.reaction(end)
        attempts_max = self._reconnecting.attempts_max
        self._forget_socket()
        effects: list[Effect] = [Drop(end.reason)] if had_socket else []
        if reaction is Reaction.STOP or (attempts_max is not None and self.attempt >= attempts_max):
            gave_up = (
                "" if reaction is Reaction.STOP else f"gave up after {attempts_max} attempts: "
            )
            self.state = LinkState.CLOSED
            reason = f"{gave_up}{end.reason}"
            return [*effects, Changed(self.state, self.generation, reason, end.kind, self.attempt)]
        self._fresh_token |= reaction is Reaction.REFRESH
        self.state = LinkState.WAITING
        wait_s = self._waits.after(reaction, final=end.is_final)
        self._due_ns = now_ns + round(wait_s * NANOSECONDS)
        wait_s = round(wait_s, 3)
        what = (self.state, self.generation, end.reason, end.kind, self.attempt, wait_s)
        return [*effects, Changed(*what)]

    def _forget_socket(self) -> None:
        self._live_since_ns = None
        self._connection = None
        self._was_contested = False
        self._confirmed.clear()
        self._asks.clear()

    def due_in_s(self, now_ns: int) -> float | None:
        """How long until the next attempt; None: none is waited for."""
        if self.state is not LinkState.WAITING:
            return None
        return max(0, self._due_ns - now_ns) / NANOSECONDS

    def hurry(self, now_ns: int) -> None:
        """A person, or a better token, is there: try at the next tick instead of waiting on."""
        if self.state in {LinkState.WAITING, LinkState.CONTESTED}:
            self._due_ns = now_ns

    def revive(self) -> list[Effect]:
        """A person says: try again, although it was CLOSED."""
        if self.state is not LinkState.CLOSED:
            return []
        self._waits.forget()
        if self._wanted:
            return self._connect()
        self.state = LinkState.IDLE  # whoever asks next has it opened
        return [Changed(self.state, self.generation)]

    def close(self, reason: str = "closed by us") -> list[Effect]:
        """End for good: nothing is opened afterwards."""
        goodbye = self._connection.close() if self._connection is not None else b""
        had_socket = self._connection is not None
        self._forget_socket()
        self.state = LinkState.CLOSED
        effects: list[Effect] = [Send(goodbye)] if goodbye else []
        if had_socket:
            effects.append(Drop(reason))
        return [*effects, Changed(self.state, self.generation, reason)]

    # -- subscriptions

    def _ask(
        self, subscription: Subscription, now_ns: int, *, subscribes: bool = True
    ) -> list[Effect]:
        if self._connection is None or self._connection.state != "open":  # its Close came with this
            return []
        target = subscription.method.subscribe if subscribes else subscription.method.unsubscribe
        invocation_id, payload = self._connection.invoke(target, subscription.arguments)
        deadline_ns = now_ns + _INVOKE_S * NANOSECONDS
        self._asks[invocation_id] = Ask(subscription, deadline_ns, subscribes)
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
        reason = f"{subscription.method.subscribe} was refused {_SUBSCRIBE_TRIES} times"
        return self._end(LinkEnd(EndKind.SUBSCRIPTION, reason), now_ns)

    def _maybe_live(self, now_ns: int) -> list[Effect]:
        if self.state is not LinkState.SUBSCRIBING or not self._confirmed.issuperset(self._wanted):
            return []
        if not self._recovers:
            return self._lives(now_ns)
        self.state = LinkState.RECOVERING
        return [Changed(self.state, self.generation)]

    def _lives(self, now_ns: int) -> list[Effect]:
        self.state = LinkState.LIVE
        self._live_since_ns = now_ns
        return [Changed(self.state, self.generation)]

    # -- time

    def tick(self, now_ns: int) -> list[Effect]:
        """Let time pass; call it at `deadline`."""
        if self.state in {LinkState.WAITING, LinkState.CONTESTED}:
            if now_ns < self._due_ns:
                return []
            return self._connect(again=self.state is LinkState.CONTESTED)  # the same attempt
        if self._connection is None:
            return []
        reason = self._overdue(now_ns)
        if reason is not None:
            return self._end(LinkEnd(EndKind.SILENCE, reason), now_ns)
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
        if now_ns - self.heard_ns >= _DEAD_AFTER_S * NANOSECONDS:
            return f"nothing was heard for {_DEAD_AFTER_S} s"
        if any(now_ns >= ask.deadline_ns for ask in self._asks.values()):
            return f"a subscription was not answered within {_INVOKE_S} s"
        return None

    def deadline(self) -> int | None:
        """When `tick` is due, in monotonic nanoseconds; None: not by time."""
        if self.state in {LinkState.WAITING, LinkState.CONTESTED, LinkState.HANDSHAKING}:
            return self._due_ns
        if self._connection is None:
            return None
        dues = [ask.deadline_ns for ask in self._asks.values()]
        dues.append(self.heard_ns + _DEAD_AFTER_S * NANOSECONDS)
        dues.append(self._sent_ns + _PING_EVERY_S * NANOSECONDS)
        return min(dues)

    def _send(self, payload: bytes, now_ns: int) -> list[Effect]:
        if not payload:
            return []
        self._sent_ns = now_ns
        return [Send(payload)]
