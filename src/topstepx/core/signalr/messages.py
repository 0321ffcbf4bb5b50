"""What the records mean: message types, one decoder for all of them, and the encoders.

Decoding has two stages. Here the envelope is read and the arguments stay as undecoded
`msgspec.Raw`; whoever knows the target decodes them straight into its own type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from topstepx.core.signalr.records import SEPARATOR
from topstepx.errors import InvalidRequest, sanitised

if TYPE_CHECKING:
    from collections.abc import Iterable

# What msgspec and the UTF-8 decoder raise for bytes from outside. RecursionError: the stack of the
# program itself may be nearly used up when a record arrives.
UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)


class _Message(Struct, frozen=True, gc=False, tag_field="type"):
    """Base of everything that has a `type`: the number is the tag, members may come in any order."""


class Invocation(_Message, frozen=True, tag=1, rename={"invocation_id": "invocationId"}):
    """The other side calls `target`: for a client an event, for a server a method call."""

    target: str
    arguments: tuple[Raw, ...]
    """Each argument as the JSON that arrived, to be decoded by whoever knows the target."""
    invocation_id: str | None = None
    """Set when the other side waits for a completion with this id."""


class _StreamItem(_Message, frozen=True, tag=2):
    pass


class Completion(_Message, frozen=True, tag=3, rename={"invocation_id": "invocationId"}):
    """The answer to an invocation."""

    invocation_id: str
    result: Raw = Raw()
    """The JSON of the result; empty when there is none (a void method may also send `null`)."""
    error: str | None = None
    """Why it failed, in the other side's words; None when it worked."""


class StreamInvocation(_Message, frozen=True, tag=4, rename={"invocation_id": "invocationId"}):
    """A client asks for a stream. The gateway has none: answer with an error."""

    invocation_id: str
    target: str
    arguments: tuple[Raw, ...]


class _CancelInvocation(_Message, frozen=True, tag=5):
    pass


class Ping(_Message, frozen=True, tag=6):
    """The other side is alive."""


class Close(_Message, frozen=True, tag=7, rename={"allow_reconnect": "allowReconnect"}):
    """The other side ends the connection; nothing that follows it is read."""

    error: str | None = None
    allow_reconnect: bool = False


class _Ack(_Message, frozen=True, tag=8):
    pass


class _Sequence(_Message, frozen=True, tag=9):
    pass


class Poisoned(Struct, frozen=True):
    """A record that could not be read; its neighbours were. What it said is lost: a gap."""

    reason: str
    """What is wrong with it, without its content."""
    size: int
    """Its length in bytes."""


WireMessage = (
    Invocation
    | Completion
    | Ping
    | Close
    | StreamInvocation
    | _StreamItem
    | _CancelInvocation
    | _Ack
    | _Sequence
)

_KNOWN_TYPES: Final = range(1, 10)


class _TypeOnly(Struct):
    type: int


# Public, because the loop in `connection` calls it directly: it is the data path.
decode: Final = msgspec.json.Decoder[WireMessage](WireMessage).decode
_decode_type = msgspec.json.Decoder(_TypeOnly).decode


def unreadable(record: bytes, error: Exception) -> str | None:
    """Why `decode` refused a record with `error`; None when its type is merely unknown."""
    if isinstance(error, msgspec.ValidationError):
        try:
            if _decode_type(record).type not in _KNOWN_TYPES:
                return None
        except UNREADABLE:
            pass  # then the first error says it best
    return reason_of(error)


def reason_of(error: Exception) -> str:
    """Why bytes could not be read, without their content."""
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 at byte {error.start}"
    if isinstance(error, RecursionError):
        return "nested too deeply for what is left of the stack"
    return sanitised(str(error), 120) or "unreadable"


class _Call(Struct, kw_only=True, omit_defaults=True, tag_field="type", tag=1):
    invocation_id: str | UnsetType = msgspec.field(default=UNSET, name="invocationId")
    target: str
    arguments: tuple[Any, ...]


class _Answer(Struct, kw_only=True, tag_field="type", tag=3):
    invocation_id: str = msgspec.field(name="invocationId")
    result: Any = UNSET
    error: str | UnsetType = UNSET


class _Ending(Struct, kw_only=True, omit_defaults=True, tag_field="type", tag=7):
    error: str | None = None
    allow_reconnect: bool = msgspec.field(default=False, name="allowReconnect")


# Decimals as JSON numbers, digit for digit.
_encode = msgspec.json.Encoder(decimal_format="number").encode

PING: Final = b'{"type":6}' + SEPARATOR
"""A ping, ready to send."""


def encode_record(message: object) -> bytes:
    """`message` as one record, separator included."""
    return _encode(message) + SEPARATOR


def encode_invocation(
    target: str, arguments: Iterable[object] = (), invocation_id: str | None = None
) -> bytes:
    """One invocation as bytes that may be sent to any number of connections.

    Arguments are whatever msgspec encodes: `Decimal` becomes a JSON number, `msgspec.Raw` is put in
    as it is. Without `invocation_id` nobody answers. Raises `InvalidRequest` for what JSON cannot
    say (a `Decimal` that is not finite, an object of unknown type).
    """
    call = _Call(
        target=target,
        arguments=tuple(arguments),
        invocation_id=UNSET if invocation_id is None else invocation_id,
    )
    return _checked("arguments", call.arguments, call)


def encode_completion(
    invocation_id: str, *, result: object = None, error: str | None = None
) -> bytes:
    """The answer to an invocation: `error` if there is one, else `result` (None for a void one).

    Raises `InvalidRequest` for a result that JSON cannot say.
    """
    if error is not None:
        return encode_record(_Answer(invocation_id=invocation_id, error=error))
    return _checked("result", result, _Answer(invocation_id=invocation_id, result=result))


def encode_close(error: str | None = None, *, allow_reconnect: bool = False) -> bytes:
    """The message that ends a connection."""
    return encode_record(_Ending(error=error, allow_reconnect=allow_reconnect))


def _checked(field: str, value: object, message: Struct) -> bytes:
    """`message` as one record; `field` with `value` is the part that a caller may get wrong."""
    try:
        record = _encode(message)
        if b"NaN" in record or b"Infinity" in record:  # Decimal has them, JSON does not
            msgspec.json.decode(record)
    except (TypeError, OverflowError, *UNREADABLE) as error:
        raise InvalidRequest(
            field, value, f"JSON cannot say this ({reason_of(error)}).", "Send plain finite values."
        ) from error
    return record + SEPARATOR
