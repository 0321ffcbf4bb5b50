"""REST bodies: typed records to bytes, and bytes to typed records.

Reading. Every answer is trade data except bars: it is parsed twice, once plainly to look for what a
typed decoder overlooks or cannot forgive (`wire.leniency`), once into its type; the first can be left
out for what is written like an answer that had nothing to mend (`wire.shapes`). A page of bars may
hold 20,000 rows and no ids, so that it goes straight into its type and only its prices are looked at;
the price of that is that duplicate members and prices in strings pass there, the latter exactly.

Writing. Prices leave as plain digits: Python writes the tick of the Japanese yen as `5E-7`, and not
every reader of the other side takes an exponent. Times leave as UTC with a `Z`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from topstepx.errors import InvalidRequest, sanitised
from topstepx.wire.leniency import (
    Forgiven,
    PayloadMalformed,
    dump,
    guarded,
    mend,
    parse,
    plan_of,
    refuse_duplicates,
)
from topstepx.wire.models import BarModel, BarsAnswer, EmptyRequest, Request
from topstepx.wire.scalars import EXPONENT_MAX, is_sound
from topstepx.wire.shapes import Shape

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Forgiven", "PayloadMalformed", "decode", "decode_request", "decode_text", "encode"]

T = TypeVar("T", bound=msgspec.Struct)
R = TypeVar("R", bound=Request)


_encode_json: Final = msgspec.json.Encoder(decimal_format="number").encode
_KEPT: Final = (Decimal, datetime)
_INT64_MIN: Final = -(2**63)
_INT64_MAX: Final = 2**63 - 1
_SMALLEST: Final = -EXPONENT_MAX
_LARGEST: Final = EXPONENT_MAX
BYTES_PER_BAR_MAX: Final = 256
_EXPONENT: Final = re.compile(rb"[0-9]E[+-][0-9]")


def strict_decoder(record: type[T]) -> Callable[[bytes | msgspec.Raw], T]:
    """The typed decoder of a record, built once."""
    decoder: Callable[[bytes | msgspec.Raw], T] = _decoder(record)
    return decoder


@cache
def _decoder(record: type[Any]) -> Callable[[bytes | msgspec.Raw], Any]:
    return msgspec.json.Decoder(record).decode


def decode(answer_type: type[T], body: bytes, forgiven: Forgiven | None = None) -> T:
    """An answer's body as its type.

    Unknown members and enum values pass, ids in strings and times without offset are mended and
    counted in `forgiven`. Everything else raises `PayloadMalformed`, and nothing else is raised.
    """
    if answer_type is BarsAnswer:
        return _decode_bars(answer_type, body, forgiven or Forgiven())
    known = _READERS.get(answer_type)
    if known is not None:
        shape, decode_strictly = known
        if shape.fits(body):
            answer: T = guarded(decode_strictly, body)
            return answer
    return _decode_carefully(answer_type, body, forgiven or Forgiven())


def decode_request(request_type: type[T], body: bytes) -> T:
    """A request's body as its type, for the simulated gateway: ids in strings are refused.

    An empty body is the empty request. Raises `PayloadMalformed`, whose `where` is the JSON path.
    """
    if issubclass(request_type, EmptyRequest) and not body.strip():
        return request_type()
    plain = parse(body)
    forgiven = Forgiven()
    changed, _ = mend(plain, plan_of(request_type), forgiven)
    if forgiven.string_ids or not changed:
        return guarded(strict_decoder(request_type), body)
    return guarded(strict_decoder(request_type), dump(plain))


def decode_text(body: bytes) -> str:
    """The answer of the ping: a string, as JSON or as plain text (assumed: both occur), cleaned."""
    try:
        text = msgspec.json.decode(body, type=str)
    except (msgspec.MsgspecError, ValueError):
        text = body.decode("utf-8", errors="replace").strip()
    return sanitised(text) or ""


_READERS: Final[dict[type[Any], tuple[Shape, Callable[[bytes | msgspec.Raw], Any]]]] = {}
"""For each type of answer how it is written, as far as that was learnt, and its typed decoder."""


def _decode_carefully(answer_type: type[T], body: bytes, forgiven: Forgiven) -> T:
    decode_strictly = strict_decoder(answer_type)
    shape, _ = _READERS.setdefault(answer_type, (Shape(plan_of(answer_type)), decode_strictly))
    plain = parse(body)
    changed, members = mend(plain, plan_of(answer_type), forgiven)
    refuse_duplicates(body, members)
    if changed:
        return guarded(decode_strictly, dump(plain))
    shape.learn(body, plain)
    return guarded(decode_strictly, body)


def _decode_bars(answer_type: type[T], body: bytes, forgiven: Forgiven) -> T:
    try:
        answer = guarded(strict_decoder(answer_type), body)
    except PayloadMalformed:
        return _decode_carefully(answer_type, body, forgiven)  # or the same complaint again
    if isinstance(answer, BarsAnswer) and bars_sound(answer.bars or (), len(body)):
        return answer
    return _decode_carefully(answer_type, body, forgiven)


def bars_sound(bars: Sequence[BarModel], size: int) -> bool:
    """Whether every price in so many bytes is one. False also for what needs a closer look."""
    if size > BYTES_PER_BAR_MAX * (len(bars) + 2):
        return False  # some number may have very many digits
    for bar in bars:
        for price in (bar.o, bar.h, bar.l, bar.c):
            if not (_SMALLEST <= price.adjusted() <= _LARGEST and price.is_finite()):
                return False
    return True


def encode(message: msgspec.Struct) -> bytes:
    """A request or an answer as the body that carries it; nothing at all for the empty request.

    Requests leave out members that are None, answers send them as `null`. Raises `InvalidRequest`
    for what the wire cannot say: a time without a zone, a decimal that is not finite, an integer of
    more than 64 bits, text that is not Unicode.
    """
    if isinstance(message, EmptyRequest):
        return b""
    if isinstance(message, Request) and not _is_simple(message):
        message = _checked(message)
    return encode_plainly(message)


def encode_plainly(thing: object) -> bytes:
    """Anything of ours as JSON, with every decimal in plain digits."""
    body = _encoded(thing)
    if _needs_spelling(body):
        body = _encode_json(_spelled_out(msgspec.to_builtins(thing, builtin_types=_KEPT)))
    return body


def _encoded(thing: object) -> bytes:
    try:
        return _encode_json(thing)
    except UnicodeEncodeError:
        raise InvalidRequest(
            type(thing).__name__, "…", "text that is not Unicode.", "Send plain text."
        ) from None


def _is_simple(message: Request) -> bool:
    """Whether there is nothing in it but text, numbers of at most 64 bits and sound decimals.

    That is nearly every request, and looked at before each order leaves.
    """
    for name in message.__struct_fields__:
        value = getattr(message, name)
        kind = type(value)
        if kind is str or value is None:
            continue
        if isinstance(value, int):
            if not _INT64_MIN <= value <= _INT64_MAX:
                return False
        elif kind is not Decimal or not is_sound(value):
            return False
    return True


def _needs_spelling(body: bytes) -> bool:
    if b"NaN" in body or b"Infinity" in body:
        return True
    return (b"E-" in body or b"E+" in body) and _EXPONENT.search(body) is not None


def _spelled_out(plain: Any) -> Any:  # noqa: ANN401  what `to_builtins` made
    """The same with every `Decimal` as plain digits."""
    if isinstance(plain, dict):
        return {name: _spelled_out(value) for name, value in plain.items()}
    if isinstance(plain, list | tuple):
        return [_spelled_out(value) for value in plain]
    if isinstance(plain, Decimal):
        return msgspec.Raw(format(_sound("decimal", plain), "f").encode())
    return plain


def _checked(message: R) -> R:
    """A request whose times are UTC and whose numbers the gateway can read."""
    changes: dict[str, object] = {}
    for name in message.__struct_fields__:
        value = getattr(message, name)
        if isinstance(value, datetime):
            changes[name] = _utc(name, value)
        elif isinstance(value, Decimal):
            _sound(name, value)
        elif isinstance(value, int) and not _INT64_MIN <= value <= _INT64_MAX:
            raise InvalidRequest(name, value, "more than 64 bits.", "Send a smaller number.")
        elif isinstance(value, Request):
            changes[name] = _checked(value)
    return msgspec.structs.replace(message, **changes) if changes else message


def _utc(field: str, moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise InvalidRequest(
            field, moment, "a time without a zone.", "Use an aware datetime, such as one in UTC."
        )
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidRequest(
            field, moment, "outside of the years 1 to 9999 in UTC.", "Use a time in between."
        ) from None


def _sound(field: str, number: Decimal) -> Decimal:
    if not is_sound(number):
        raise InvalidRequest(
            field, number, "no price or amount can be this number.", "Send a plain finite number."
        )
    return number
