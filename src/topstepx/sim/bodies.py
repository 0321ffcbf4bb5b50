"""Request bodies as the gateway reads them, and the 400 it sends when it cannot.

A table of members per endpoint (documented: the vendor's schema of March 2026 and its additions of
September 2026), read the way ASP.NET reads: names in any case, unknown members ignored, every missing
required member named. The 400 carries problem details (verified, but for the exact `type` address and
the type names inside the texts, which are assumed).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec

_INT32 = 1 << 31
_INT64 = 1 << 63
_DEPTH_MAX = 64
_NAMES = "Gateway.Api.Models"
_PROBLEM = "https://tools.ietf.org/html/rfc9110#section-15.5.1"


class Type(Enum):
    """The .NET type of a member; the value is its name in error texts."""

    TEXT = "System.String"
    FLAG = "System.Boolean"
    INT32 = "System.Int32"
    INT64 = "System.Int64"
    DECIMAL = "System.Decimal"
    TIME = "System.DateTimeOffset"
    CODES = "System.Int32[]"
    OBJECT = "object"


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a body."""

    name: str
    type: Type
    required: bool = True
    shape: Shape | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """All members of a body, with the name the gateway gives it."""

    name: str
    members: tuple[Member, ...] = ()


class BodyRefused(Exception):
    """The body cannot be read; `errors` is the `errors` member of the problem details."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        self.errors = errors
        super().__init__(str(errors))


def _members(required: str, optional: str = "") -> tuple[Member, ...]:
    made = []
    for text, needed in ((required, True), (optional, False)):
        for part in text.split():
            name, _, kind = part.partition(":")
            made.append(Member(name, Type[kind.upper()], needed))
    return tuple(made)


_BRACKET = Shape("PlaceOrderBracket", _members("ticks:int32 type:int32"))
_FILTER = Shape(
    "QueryOrderFilter",
    _members(
        "accountId:int32", "statuses:codes contractId:text createdAfter:time createdBefore:time"
    ),
)
_ACCOUNT_AND_CONTRACT = "accountId:int32 contractId:text"

SHAPES: dict[str, Shape] = {
    "Auth/loginKey": Shape("LoginApiKeyRequest", _members("userName:text apiKey:text")),
    "Auth/loginApp": Shape(
        "LoginAppRequest",
        _members("userName:text password:text deviceId:text appId:text verifyKey:text"),
    ),
    "Account/search": Shape("SearchAccountRequest", _members("onlyActiveAccounts:flag")),
    "Contract/search": Shape("SearchContractRequest", _members("live:flag", "searchText:text")),
    "Contract/searchById": Shape("SearchContractByIdRequest", _members("contractId:text")),
    "Contract/available": Shape("ListAvailableContractRequest", _members("live:flag")),
    "History/retrieveBars": Shape(
        "RetrieveBarRequest",
        _members(
            "contractId:text live:flag startTime:time endTime:time unit:int32 unitNumber:int32"
            " limit:int32 includePartialBar:flag"
        ),
    ),
    "Order/search": Shape(
        "SearchOrderRequest", _members("accountId:int32 startTimestamp:time", "endTimestamp:time")
    ),
    "Order/searchOpen": Shape("SearchOpenOrderRequest", _members("accountId:int32")),
    "Order/searchById": Shape("SearchOrderByIdRequest", _members("accountId:int32 orderId:int64")),
    "Order/v2/query": Shape(
        "QueryOrderRequest",
        (
            Member("filter", Type.OBJECT, shape=_FILTER),
            *_members(
                "",
                "pageSize:int32 pageOffset:int32 sortBy:int32 sortDirection:int32"
                " includeTotalCount:flag",
            ),
        ),
    ),
    "Order/place": Shape(
        "PlaceOrderRequest",
        (
            *_members(
                f"{_ACCOUNT_AND_CONTRACT} type:int32 side:int32 size:int32",
                "limitPrice:decimal stopPrice:decimal trailPrice:decimal customTag:text",
            ),
            Member("stopLossBracket", Type.OBJECT, required=False, shape=_BRACKET),
            Member("takeProfitBracket", Type.OBJECT, required=False, shape=_BRACKET),
        ),
    ),
    "Order/modify": Shape(
        "ModifyOrderRequest",
        _members(
            "accountId:int32 orderId:int64",
            "size:int32 limitPrice:decimal stopPrice:decimal trailPrice:decimal",
        ),
    ),
    "Order/cancel": Shape("CancelOrderRequest", _members("accountId:int32 orderId:int64")),
    "Position/searchOpen": Shape("SearchPositionRequest", _members("accountId:int32")),
    "Position/closeContract": Shape(
        "CloseContractPositionRequest", _members(_ACCOUNT_AND_CONTRACT)
    ),
    "Position/partialCloseContract": Shape(
        "PartialCloseContractPositionRequest", _members(f"{_ACCOUNT_AND_CONTRACT} size:int32")
    ),
    "Trade/search": Shape(
        "SearchTradeRequest", _members("accountId:int32", "startTimestamp:time endTimestamp:time")
    ),
}
"""By route name; `Auth/validate` and `Auth/logout` take no body and are absent."""

_DECODER = msgspec.json.Decoder(float_hook=Decimal)


def read_body(shape: Shape, body: bytes) -> dict[str, Any]:
    """The body's members by their documented names; those left out or null are None.

    Raises `BodyRefused`.
    """
    if not body.strip():
        raise BodyRefused({"": ["A non-empty request body is required."], **_REQUEST_MISSING})
    try:
        content = _DECODER.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BodyRefused({"$": [_unparsable(body, str(error))], **_REQUEST_MISSING}) from error
    return _read(shape, content, "$", body)


_REQUEST_MISSING = {"request": ["The request field is required."]}


def problem(errors: dict[str, list[str]], trace: str) -> dict[str, Any]:
    """The 400's body."""
    return {
        "type": _PROBLEM,
        "title": "One or more validation errors occurred.",
        "status": 400,
        "errors": errors,
        "traceId": trace,
    }


def _read(shape: Shape, content: Any, path: str, body: bytes) -> dict[str, Any]:  # noqa: ANN401  any JSON value
    if not isinstance(content, dict):
        raise BodyRefused(_wrong(f"{_NAMES}.{shape.name}", path, body))
    given = {name.lower(): (name, value) for name, value in content.items()}
    missing = [one.name for one in shape.members if one.required and one.name.lower() not in given]
    read: dict[str, Any] = {}
    for member in shape.members:
        _, value = given.get(member.name.lower(), (member.name, None))
        if member.name not in missing:
            read[member.name] = _value(member, value, f"{path}.{member.name}", body)
    if missing:
        text = (
            f"JSON deserialization for type '{_NAMES}.{shape.name}' was missing required"
            f" properties, including the following: {', '.join(missing)}"
        )
        raise BodyRefused({path: [text], **_REQUEST_MISSING})
    return read


def _value(member: Member, value: Any, path: str, body: bytes) -> Any:  # noqa: ANN401  any JSON value
    if value is None:
        if not member.required:
            return None
        if member.type in {Type.TEXT, Type.OBJECT}:
            field = member.name[0].upper() + member.name[1:]
            raise BodyRefused({field: [f"The {field} field is required."]})
    elif member.shape is not None:
        return _read(member.shape, value, path, body)
    elif (read := _READERS[member.type](value)) is not None:
        return read
    raise BodyRefused(_wrong(member.type.value, path, body))


def _text(value: Any) -> str | None:  # noqa: ANN401  any JSON value
    return value if isinstance(value, str) else None


def _flag(value: Any) -> bool | None:  # noqa: ANN401  any JSON value
    return value if isinstance(value, bool) else None


def _int32(value: Any) -> int | None:  # noqa: ANN401  any JSON value
    return value if type(value) is int and -_INT32 <= value < _INT32 else None


def _int64(value: Any) -> int | None:  # noqa: ANN401  any JSON value
    return value if type(value) is int and -_INT64 <= value < _INT64 else None


def _decimal(value: Any) -> Decimal | None:  # noqa: ANN401  any JSON value
    if type(value) is int:
        return Decimal(value)
    # .NET's decimal ends at 7.9e28.
    return value if isinstance(value, Decimal) and value.adjusted() <= 28 else None  # noqa: PLR2004  see above


def _time(value: Any) -> datetime | None:  # noqa: ANN401  any JSON value
    if not isinstance(value, str):
        return None
    # Python reads at most six fractional digits, .NET seven and more.
    text = re.sub(r"(\.\d{6})\d+", r"\1", value)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        return moment.replace(tzinfo=UTC)


def _codes(value: Any) -> list[int] | None:  # noqa: ANN401  any JSON value
    if isinstance(value, list) and all(_int32(one) is not None for one in value):
        return value
    return None


_READERS = {
    Type.TEXT: _text,
    Type.FLAG: _flag,
    Type.INT32: _int32,
    Type.INT64: _int64,
    Type.DECIMAL: _decimal,
    Type.TIME: _time,
    Type.CODES: _codes,
}


def _wrong(name: str, path: str, body: bytes) -> dict[str, list[str]]:
    line, column = _place(body, path)
    text = (
        f"The JSON value could not be converted to {name}. Path: {path}"
        f" | LineNumber: {line} | BytePositionInLine: {column}."
    )
    return {path: [text], **_REQUEST_MISSING}


def _unparsable(body: bytes, message: str) -> str:
    found = re.search(r"\(byte (\d+)\)", message)
    at = min(int(found[1]), len(body)) if found else len(body)
    line, column = _line_and_column(body, at)
    rest = body[at : at + 1].decode("latin-1")
    what = (
        f"'{rest}' is an invalid start of a value."
        if rest
        else "Expected depth to be zero at the end of the JSON payload. There is an open JSON object or array that should be closed."
    )
    return f"{what} Path: $ | LineNumber: {line} | BytePositionInLine: {column}."


def _place(body: bytes, path: str) -> tuple[int, int]:
    """Where the value of a path ends in the body, near enough for an error text."""
    at = 0
    for name in path.split(".")[1:]:
        found = re.search(
            rb'"%s"\s*:\s*("[^"]*"|[^\s,}\]]*)' % re.escape(name).encode(), body[at:], re.IGNORECASE
        )
        if found is None:
            break
        at += found.end()
    return _line_and_column(body, at)


def _line_and_column(body: bytes, at: int) -> tuple[int, int]:
    line = body.count(b"\n", 0, at)
    return line, at - (body.rfind(b"\n", 0, at) + 1)
