"""One client's connection to one hub of the simulator, without a socket.

The transport puts what arrived into `receive`, sends what `take` gives, and closes its socket when
`closed` turns true. Records that wait together leave in one WebSocket message, as they do from the
real server's pipe.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from topstepx.core.signalr import (
    PING,
    Close,
    HandshakeAsked,
    Invocation,
    Poisoned,
    ServerConnection,
    ServerMessage,
    StreamInvocation,
    encode_close,
    encode_completion,
)
from topstepx.errors import RemoteProtocolError
from topstepx.sim.fault_kinds import (
    FailInvocation,
    IgnoreInvocation,
    LoseCompletion,
    Mute,
    RefuseHandshake,
    Slice,
)
from topstepx.wire.routes import HUB_METHODS, HubMethod

if TYPE_CHECKING:
    from collections.abc import Callable

    from topstepx.sim.hubs import Hubs
    from topstepx.sim.tokens import Session

_ERROR: Final = "Connection closed with an error."
_FAILED: Final = "Failed to invoke '{}' due to an error on the server."
_UNBOUND: Final = (
    "InvalidDataException: Error binding arguments. Make sure that the types of the provided values"
    " match the types of the hub method being invoked."
)


@dataclass(frozen=True, slots=True)
class _Call:
    """A hub method by the name a client uses, and what calling it does."""

    method: HubMethod
    turns_on: bool


_CALLS: dict[tuple[str, str], _Call] = {
    (method.hub, name.lower()): _Call(method, turns_on)
    for method in HUB_METHODS
    for name, turns_on in ((method.subscribe, True), (method.unsubscribe, False))
}


class HubSession:
    """One open hub connection; made by `Gateway.open_hub`.

    `closed`: take what is left, then close the socket; `abrupt`: without taking anything. `wake` is
    called when there is something to take or the session closed.
    """

    def __init__(self, hubs: Hubs, hub: str, session: Session, token: str, now: datetime) -> None:
        self.hub, self.session = hub, session
        self.token = token
        self.closed = False
        self.abrupt = False
        self.wake: Callable[[], None] | None = None
        self.on_end: Callable[[], None] | None = None
        self.subscriptions: set[tuple[str, str]] = set()
        self.sent_records = 0
        self.received_records = 0
        self.opened_at = self.heard_at = self.spoke_at = now
        self._hubs = hubs
        self._connection = ServerConnection()
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._kept_back: list[bytes] = []

    def __repr__(self) -> str:
        state = "closed" if self.closed else self._connection.state
        return f"HubSession({self.hub}, {self.session.user_name}, {state})"

    @property
    def user_name(self) -> str:
        """Whose session this is."""
        return self.session.user_name

    @property
    def shaken(self) -> bool:
        """Whether the SignalR handshake is done, so that events may flow."""
        return self._connection.state == "open"

    # ------------------------------------------------------------ for the transport

    def receive(self, data: bytes, now: datetime) -> None:
        """Take in one WebSocket message of the client."""
        if self.closed:
            return
        self.heard_at = now
        shaken_before = self.shaken
        try:
            messages = self._connection.receive(data)
        except RemoteProtocolError:
            self.close(_ERROR, now=now)
            return
        if self.shaken and not shaken_before:
            self._hubs.look_at(
                self.deadline()
            )  # the keep-alive may be due before the handshake was
        for message in messages:
            self.received_records += 1
            if self._ended_by(message, now):
                return

    def take(self) -> list[bytes]:
        """The WebSocket messages to send now, in order."""
        if self.abrupt or not self._waiting:
            return []
        data = b"".join(self._waiting)
        self._waiting.clear()
        self._waiting_bytes = 0
        if not self._hubs.faults.quiet:
            for fault in self._hubs.faults.for_session(self.hub, self.spoke_at):
                if isinstance(fault, Slice):
                    size = max(1, fault.size)
                    return [data[at : at + size] for at in range(0, len(data), size)]
        return [data]

    def lost(self, _now: datetime) -> None:
        """The socket is gone, whoever closed it."""
        self._end()

    # ------------------------------------------------------------ for the hubs

    def push(self, record: bytes, now: datetime) -> None:
        """Send one record to the client."""
        if self.closed:
            return
        if not self._hubs.faults.quiet and any(
            isinstance(one, Mute) for one in self._hubs.faults.for_session(self.hub, now)
        ):
            return
        self.spoke_at = now
        self.sent_records += 1
        first = not self._waiting
        self._waiting.append(record)
        self._waiting_bytes += len(record)
        if self._waiting_bytes > self._hubs.policy.queue_bytes_max:
            # A client that does not read would fill the memory: the real server aborts it too.
            self._hubs.overflows += 1
            self.cut()
        elif first and self.wake is not None:
            self.wake()

    def keep_back(self, record: bytes) -> None:
        """Hold a record until the next one has gone out."""
        self._kept_back.append(record)

    def release(self, now: datetime) -> None:
        """Send what was held back."""
        kept, self._kept_back = self._kept_back, []
        for record in kept:
            self.push(record, now)

    def close(
        self, error: str | None = None, *, allow_reconnect: bool | None = None, now: datetime
    ) -> None:
        """Say goodbye with a Close record and close."""
        if not self.closed:
            self.push(encode_close(error, allow_reconnect=bool(allow_reconnect)), now)
            self._end()

    def cut(self) -> None:
        """Lose the socket without a word."""
        self.abrupt = True
        self._end()

    def deadline(self) -> datetime:
        """When `check` wants to look at this session again."""
        policy = self._hubs.policy
        if not self.shaken:
            return self.opened_at + timedelta(seconds=policy.handshake_timeout_s)
        times = [
            self.spoke_at + timedelta(seconds=policy.keep_alive_s),
            self.heard_at + timedelta(seconds=policy.client_timeout_s),
        ]
        if policy.expired_hub != "stays":
            times.append(self._hubs.tokens.ends_at(self.session))
        return min(times)

    def check(self, now: datetime) -> None:
        """Do what time asks for: pings, time-outs, the end of the token."""
        policy = self._hubs.policy
        if not self.shaken:
            if now >= self.opened_at + timedelta(seconds=policy.handshake_timeout_s):
                self.push(_handshake_error("Handshake was canceled."), now)
                self._end()
            return
        if now >= self.heard_at + timedelta(seconds=policy.client_timeout_s):
            self.close(_ERROR, allow_reconnect=True, now=now)
        elif policy.expired_hub != "stays" and now >= self._hubs.tokens.ends_at(self.session):
            if policy.expired_hub == "logout":
                self._hubs.kick(self, now)
            else:
                self.close(_ERROR, now=now)
        elif now >= self.spoke_at + timedelta(seconds=policy.keep_alive_s):
            self.push(PING, now)
            self.spoke_at = now

    # ------------------------------------------------------------ inside

    def _ended_by(self, message: ServerMessage, now: datetime) -> bool:
        if isinstance(message, HandshakeAsked):
            self._shake(message, now)
        elif isinstance(message, Invocation | StreamInvocation):
            self._invoked(message, now)
        elif isinstance(message, Poisoned):
            self.close(_ERROR, now=now)
        elif isinstance(message, Close):
            self._end()
        return self.closed

    def _shake(self, asked: HandshakeAsked, now: datetime) -> None:
        refusal = self._hubs.faults.for_upgrade(self.hub, RefuseHandshake, now)
        if isinstance(refusal, RefuseHandshake):
            self.push(_handshake_error(refusal.error), now)
            self._end()
            return
        self.push(asked.answer, now)
        if asked.error is not None:
            self._end()

    def _invoked(self, message: Invocation | StreamInvocation, now: datetime) -> None:
        fault = self._hubs.faults.for_invocation(self.hub, message.target, now)
        if isinstance(fault, IgnoreInvocation):
            return
        if isinstance(fault, FailInvocation):
            self._complete(message, fault.error, now)
            return
        call = _CALLS.get((self.hub, message.target.lower()))
        if call is None or isinstance(message, StreamInvocation):
            error: str | None = "HubException: Method does not exist."
            about = ""
        else:
            error, about = self._bound(call.method, message.arguments)
        if error is not None:
            error = f"{_FAILED.format(message.target)} {error}"
        elif not self._hubs.admitted(self, now):
            error = f"{_FAILED.format(message.target)} HubException: Too many requests."
        elif call is not None:
            # Unsubscribing from what one never subscribed to is no error (assumed).
            self._hubs.switch(self, call.method, about, on=call.turns_on)
        if not isinstance(fault, LoseCompletion):
            self._complete(message, error, now)
        if error is None and call is not None and call.turns_on:
            self._hubs.subscribed(self, call.method, about, now)

    def _complete(
        self, message: Invocation | StreamInvocation, error: str | None, now: datetime
    ) -> None:
        if message.invocation_id is not None:
            self.push(encode_completion(message.invocation_id, error=error), now)

    def _bound(
        self, method: HubMethod, arguments: tuple[msgspec.Raw, ...]
    ) -> tuple[str | None, str]:
        """The error of wrong arguments, or None and what the subscription is about."""
        wanted = 0 if method.by is None else 1
        error: str | None = None
        about = ""
        if len(arguments) != wanted:
            error = (
                f"InvalidDataException: Invocation provides {len(arguments)} argument(s) but target"
                f" expects {wanted}."
            )
        elif method.by == "account":
            account_id = _int32(arguments[0])
            about = str(account_id)
            if account_id is None:
                error = _UNBOUND
            elif not self._hubs.owns_account(self.user_name, account_id):
                error = f"HubException: Account {account_id} was not found."
        elif method.by == "contract":
            value: object = msgspec.json.decode(arguments[0])
            about = value if isinstance(value, str) else ""
            if not isinstance(value, str):
                error = _UNBOUND
            elif not self._hubs.knows_contract(value):
                error = "HubException: Contract was not found."
        return error, about

    def _end(self) -> None:
        if not self.closed:
            self.closed = True
            self._hubs.forget(self)
            if self.on_end is not None:
                self.on_end()
            if self.wake is not None:
                self.wake()


def _handshake_error(error: str) -> bytes:
    return msgspec.json.encode({"error": error}) + b"\x1e"


def _int32(argument: msgspec.Raw) -> int | None:
    value: object = msgspec.json.decode(argument)
    return value if type(value) is int and -(1 << 31) <= value < 1 << 31 else None
