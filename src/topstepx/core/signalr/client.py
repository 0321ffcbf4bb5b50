"""The client's end: shakes hands, calls methods, matches their completions, takes events."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Raw, Struct

from topstepx.core.signalr.connection import DEPTH_MAX, Connection, Quick
from topstepx.core.signalr.messages import (
    PING,
    UNREADABLE,
    Close,
    Completion,
    Invocation,
    Ping,
    Poisoned,
    encode_close,
    encode_completion,
    encode_invocation,
    reason_of,
)
from topstepx.core.signalr.records import SEPARATOR, too_deep
from topstepx.errors import HandshakeRefused, NotSent, RemoteProtocolError, sanitised
from topstepx.wire.hub_models import MarketEvents

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from topstepx.core.signalr.messages import WireMessage

# Above what the gateway was ever seen to send, below what hurts (assumed: no limit is documented).
RECORD_BYTES_MAX: Final = 16 * 1024 * 1024


class HandshakeAccepted(Struct, frozen=True):
    """The server took our handshake: methods may be called from now on."""


ClientMessage = HandshakeAccepted | Invocation | Completion | Ping | Close | Poisoned | MarketEvents
"""What a client's `receive()` hands out."""


class _HandshakeResponse(Struct):
    error: str | None = None
    type: Raw = Raw()


_decode_response = msgspec.json.Decoder(_HandshakeResponse).decode


class ClientConnection(Connection[ClientMessage]):
    """The client's end of one connection; make a new one for each reconnect.

    `record_bytes_max` bounds one record, `depth_max` its nesting; what `quick` reads is handed out, in its
    place, as `quick` gives it. `state` goes from "new" to
    "shaking" (handshake sent), "open" and "closed".
    """

    __slots__ = ("_calls", "_pending")

    def __init__(
        self,
        *,
        record_bytes_max: int = RECORD_BYTES_MAX,
        depth_max: int = DEPTH_MAX,
        quick: Quick | None = None,
    ) -> None:
        super().__init__(record_bytes_max, depth_max, quick)
        self._calls = 0
        self._pending: dict[str, str] = {}

    @property
    def pending(self) -> Mapping[str, str]:
        """The invocations without an answer so far: id to target, oldest first."""
        return MappingProxyType(self._pending)

    def handshake_request(self) -> bytes:
        """The first bytes to send. Nothing else may be sent before `HandshakeAccepted` came."""
        if self.state != "new":
            raise NotSent(
                f"This connection is {self.state}; it shakes hands once.",
                next_step="Make a new ClientConnection for each WebSocket connection.",
            )
        self.state = "shaking"
        return b'{"protocol":"json","version":1}' + SEPARATOR

    def invoke(self, target: str, arguments: Iterable[object] = ()) -> tuple[str, bytes]:
        """Call `target` and ask for an answer: the invocation's id and the bytes to send.

        The answer is the `Completion` with that id. The id stays in `pending` until it comes, or
        until `abandon()` or `fail_pending()`. Raises `NotSent` unless the connection is open,
        `InvalidRequest` for arguments that JSON cannot say.
        """
        self._require_open()
        invocation_id = str(self._calls + 1)
        record = encode_invocation(target, arguments, invocation_id)
        self._calls += 1
        self._pending[invocation_id] = target
        return invocation_id, record

    def send(self, target: str, arguments: Iterable[object] = ()) -> bytes:
        """Call `target` without asking for an answer: a refusal stays invisible."""
        self._require_open()
        return encode_invocation(target, arguments)

    def abandon(self, invocation_id: str) -> bool:
        """Stop waiting for one invocation (a time-out); False when it was not pending."""
        return self._pending.pop(invocation_id, None) is not None

    def fail_pending(self) -> tuple[str, ...]:
        """The ids that will never be answered, oldest first; call it when the connection ends."""
        ids = tuple(self._pending)
        self._pending.clear()
        return ids

    def refuse(
        self, invocation: Invocation, error: str = "Client didn't provide a result."
    ) -> bytes:
        """The answer to a server's invocation that nobody here takes; empty if none is expected."""
        if invocation.invocation_id is None:
            return b""
        self._require_open()
        return encode_completion(invocation.invocation_id, error=error)

    def ping(self) -> bytes:
        """A ping; due when nothing else was sent for 15 s, or the server drops us (documented)."""
        self._require_open()
        return PING

    def close(self, error: str | None = None) -> bytes:
        """The message that says goodbye; what arrives after it is not read. Empty if too early."""
        talking = self.state == "open"
        self.state = "closed"
        return encode_close(error) if talking else b""

    def _require_open(self) -> None:
        if self.state != "open":
            why = {
                "new": "its handshake was not sent yet",
                "shaking": "the hub has not answered the handshake yet",
            }.get(self.state, "it is closed")
            raise NotSent(f"Nothing can be sent on this hub connection: {why}.")

    def _shake(self, record: bytes, out: list[Any]) -> None:
        if self.state == "new":
            raise RemoteProtocolError("The hub spoke before our handshake was sent.")
        if too_deep(record, self._depth_max):
            raise RemoteProtocolError("The hub's answer to our handshake is nested too deeply.")
        try:
            response = _decode_response(record)
        except UNREADABLE as error:
            raise RemoteProtocolError(
                f"The hub's answer to our handshake could not be read ({reason_of(error)})."
            ) from error
        said = sanitised(response.error)
        if bytes(response.type):
            raise RemoteProtocolError(
                "The hub sent a message instead of answering our handshake"
                + (f': "{said}".' if said else ".")
            )
        if said is not None:
            raise HandshakeRefused(f'The hub refused our handshake: "{said}".')
        self.state = "open"
        out.append(HandshakeAccepted())

    def _take(self, message: WireMessage, out: list[Any]) -> None:
        if type(message) is Ping:
            out.append(message)
        elif type(message) is Completion:
            if self._pending.pop(message.invocation_id, None) is None:
                self.counters.unmatched += 1
            else:
                out.append(self._consistent(message))
        else:
            self.counters.skipped += 1

    def _consistent(self, completion: Completion) -> Completion:
        """A completion with a result and an error says nothing: its invocation failed."""
        if completion.error is None or bytes(completion.result) in {b"", b"null"}:
            return completion
        self.counters.poisoned += 1
        return Completion(
            completion.invocation_id,
            error=f"protocol error: both a result and an error ({sanitised(completion.error)})",
        )
