"""What is forgiven in a payload, and what is not.

Theory of operation. The strict decoders know the types; this module knows the two liberties that the
gateway has been seen to take, and mends them in the parsed JSON before the strict decoder has the
last word:

* an id sent as a string of digits becomes the number (seen live on the user hub);
* a time without an offset is UTC (seen live), and one with another offset is turned into UTC.

Both are counted. Nothing else is forgiven: a size in a string is a broken contract, so is a price in
a string, a number that no .NET decimal can hold, and a member that is there twice, because then two
readers could read two different orders.

Which member is an id, a time or a decimal is read from the types of `wire.models`, once per type.
"""

from __future__ import annotations

import json
import types
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar, Union, get_args, get_origin

import msgspec

from topstepx.errors import DidItHappen, TopstepxError
from topstepx.wire.scalars import EXPONENT_MAX, is_sound

if TYPE_CHECKING:
    from collections.abc import Callable

ID_MEMBERS: Final = frozenset({"id", "orderId", "accountId", "parentOrderId", "linkedOrderId"})
_ID_DIGITS_MAX: Final = 19
_INT_SOUND: Final = 10**EXPONENT_MAX
_OFFSET_LENGTH: Final = len("+00:00")


class PayloadMalformed(TopstepxError):
    """A payload that breaks the gateway's contract.

    ``where`` is a JSON path or the name of an event, ``reason`` what is wrong there. The payload
    itself is in neither: it may hold a token or the account's numbers.
    """

    did_it_happen: DidItHappen = "unknown"

    def __init__(self, where: str, reason: str) -> None:
        self.where, self.reason = where, reason
        super().__init__(f"Malformed payload at {where}: {reason}.")


@dataclass(slots=True)
class Forgiven:
    """How often the gateway took which liberty; the caller keeps it and passes it in."""

    string_ids: int = 0
    """Ids sent as strings."""
    naive_times: int = 0
    """Times sent without an offset, read as UTC."""


class Kind(Enum):
    """What a member needs looked at; a nested record has its own `Plan` instead."""

    ID = "id"
    TIME = "time"
    DECIMAL = "decimal"


Plan = tuple[tuple[str, "Kind | Plan"], ...]
"""The members of a record that need looking at, each with what it is."""

T = TypeVar("T")


@cache
def plan_of(record: type[msgspec.Struct]) -> Plan:
    """What to look at in a record of this type."""
    steps: list[tuple[str, Kind | Plan]] = []
    for field in msgspec.structs.fields(record):
        name, inner = field.encode_name, _innermost(field.type)
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            steps.append((name, plan_of(inner)))
        elif inner is Decimal:
            steps.append((name, Kind.DECIMAL))
        elif inner is datetime:
            steps.append((name, Kind.TIME))
        elif inner is int and name in ID_MEMBERS:
            steps.append((name, Kind.ID))
    return tuple(steps)


def _innermost(hint: Any) -> Any:  # noqa: ANN401  a type hint of any form
    """The type inside `X | None`, `list[X]`, `tuple[X, ...]` and `Annotated[X, ...]`."""
    origin = get_origin(hint)
    if origin is Annotated or origin in {list, tuple}:
        return _innermost(get_args(hint)[0])
    if origin in {types.UnionType, Union}:
        parts = [part for part in get_args(hint) if part not in {type(None), msgspec.UnsetType}]
        return _innermost(parts[0])
    return hint


_untyped = msgspec.json.Decoder(float_hook=Decimal).decode


def parse(body: bytes | msgspec.Raw, where: str = "$") -> Any:  # noqa: ANN401  any JSON
    """JSON as plain Python, with every fraction an exact `Decimal`."""
    return guarded(_untyped, body, where)


_encode = msgspec.json.Encoder(decimal_format="number").encode


def dump(plain: object, where: str = "$") -> bytes:
    """What `parse` made, mended meanwhile, as JSON again for a strict decoder."""
    try:
        return _encode(plain)
    except (RecursionError, ValueError):
        raise PayloadMalformed(where, "nested too deeply") from None


def guarded(
    decode: Callable[[bytes | msgspec.Raw], T], body: bytes | msgspec.Raw, where: str = "$"
) -> T:
    """`decode(body)`; whatever bytes can make it raise becomes `PayloadMalformed`.

    It is raised outside of the `except` clauses, because the decoders' errors may hold the payload
    and would stay attached as its context.
    """
    try:
        return decode(body)
    except msgspec.MsgspecError as error:
        problem = malformed(error, where)
    except UnicodeDecodeError:
        problem = PayloadMalformed(where, "not UTF-8")
    except RecursionError:
        problem = PayloadMalformed(where, "nested too deeply")
    except (ValueError, ArithmeticError):
        problem = PayloadMalformed(where, "a value that cannot be read")
    raise problem


def malformed(error: msgspec.MsgspecError, where: str = "$") -> PayloadMalformed:
    """The decoder's complaint as ours; its words name types and places, never values."""
    reason, _, path = str(error).partition(" - at `")
    inner = path.rstrip("`")
    return PayloadMalformed(where + inner.removeprefix("$"), reason or "unreadable")


def mend(plain: object, plan: Plan, forgiven: Forgiven, where: str = "$") -> tuple[bool, int]:
    """Mend the parsed JSON of a record in place; refuse what is not forgiven.

    Returns whether anything was changed, and the number of members in the records looked at.
    Whatever has the wrong shape is left alone: the strict decoder says so better.
    """
    if not isinstance(plain, dict):
        return False, 0
    changed, members = False, len(plain)
    for name, kind in plan:
        value = plain.get(name)
        if value is None:
            continue
        if isinstance(kind, tuple):
            inner_changed, inner_members = _mend_rows(value, kind, forgiven, f"{where}.{name}")
            changed |= inner_changed
            members += inner_members
        elif kind is Kind.DECIMAL:
            if type(value) is not Decimal or not is_sound(value):
                _check_number(value, f"{where}.{name}")
        elif type(value) is str:
            better = _id(value, forgiven) if kind is Kind.ID else _time(value, forgiven)
            if better is not None:
                plain[name] = better
                changed = True
    return changed, members


def _mend_rows(value: object, plan: Plan, forgiven: Forgiven, where: str) -> tuple[bool, int]:
    """`mend` for one nested record or a list of them."""
    if not isinstance(value, list):
        return mend(value, plan, forgiven, where)
    changed, members = False, 0
    for index, row in enumerate(value):
        try:
            row_changed, row_members = mend(row, plan, forgiven, "")
        except PayloadMalformed as error:  # the index is spelled only when it is needed
            raise PayloadMalformed(f"{where}[{index}]{error.where}", error.reason) from None
        changed |= row_changed
        members += row_members
    return changed, members


def _check_number(value: object, where: str) -> None:
    if isinstance(value, str):
        raise PayloadMalformed(where, "Expected a number, got `str`")
    if isinstance(value, Decimal):
        sound = is_sound(value)
    else:
        sound = not isinstance(value, int) or -_INT_SOUND < value < _INT_SOUND
    if not sound:
        raise PayloadMalformed(where, "a number that no price or amount can be")


def _id(value: str, forgiven: Forgiven) -> int | None:
    """The number in a string of digits; None leaves the string to the strict decoder."""
    if not (value.isascii() and value.isdigit() and len(value) <= _ID_DIGITS_MAX):
        return None
    forgiven.string_ids += 1
    return int(value)


def _time(value: str, forgiven: Forgiven) -> str | None:
    """The same moment in UTC; None when it is so already, or unreadable."""
    if value.endswith(("+00:00", "Z", "z")):
        return None
    if value[-_OFFSET_LENGTH:][:1] in {"+", "-"}:
        try:
            moment = msgspec.convert(value, datetime)
            return moment.astimezone(UTC).isoformat()
        except (msgspec.ValidationError, ArithmeticError):
            return None
    forgiven.naive_times += 1
    return value + "Z"


_SPACE_AFTER_QUOTE: Final = (b'" ', b'"\n', b'"\r', b'"\t')


def refuse_duplicates(body: bytes, members: int, where: str = "$") -> None:
    """Refuse a body that names a member twice. `members` is how many its records were seen to have.

    Where no space follows a quote, `":` stands once after each name, and more often only inside of
    strings. So when the count equals the members that are left, none was overwritten. Other bodies
    (spaces, escaped quotes, unknown nested records) are read once more, member by member.
    """
    if body.count(b'":') == members and not any(pair in body for pair in _SPACE_AFTER_QUOTE):
        return
    try:
        json.loads(body, object_pairs_hook=_unique)
    except _Twice:
        reason = "a member is there twice"
    except RecursionError:
        reason = "nested too deeply"
    except ValueError:
        reason = "not JSON"
    else:
        return
    raise PayloadMalformed(where, reason)


class _Twice(TopstepxError):
    """A member is there twice; never leaves this module."""


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Twice("a member is there twice")
    return found
