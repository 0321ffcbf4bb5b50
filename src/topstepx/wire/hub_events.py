"""What the two hubs push, in every shape that has been seen in the field.

Theory of operation. An event is a target and its arguments, still undecoded. The user hub sends one
argument, `{"action": n, "data": {...}}` on the wire and flat in some reports; the market hub sends the
contract id and a payload, which is an object for quotes and an array for trades and depth (verified).
Market events are most of the traffic and go straight into their types. When the strict decoder
refuses one, it is read again carefully: one object where an array is usual or the other way round,
one argument or more, ids in strings, times without an offset. What cannot be read that way either is
`PayloadMalformed`, and nothing else is ever raised.

User events are trade data, so that each is read carefully: members that are there twice and prices in
strings are refused. What is written like one that was read so before needs no second look
(`wire.shapes`). Market data is not searched for these two; its prices are only seen to
be finite and of a sensible size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct

from topstepx.errors import sanitised
from topstepx.wire.codec import strict_decoder
from topstepx.wire.hub_models import (
    Depth,
    DepthRow,
    HubEvent,
    Logout,
    Quote,
    QuoteUpdate,
    TapeTrade,
    TapeUpdate,
    UnknownEvent,
    UserAccount,
    UserEvent,
    UserOrder,
    UserPosition,
    UserTrade,
)
from topstepx.wire.leniency import (
    Forgiven,
    Kind,
    PayloadMalformed,
    dump,
    guarded,
    mend,
    parse,
    plan_of,
    refuse_duplicates,
)
from topstepx.wire.models import AccountModel, OrderModel, PositionModel, TradeModel
from topstepx.wire.scalars import EXPONENT_MAX, is_sound
from topstepx.wire.shapes import Shape

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "Depth",
    "DepthRow",
    "HubEvent",
    "Logout",
    "Quote",
    "QuoteUpdate",
    "TapeTrade",
    "TapeUpdate",
    "UnknownEvent",
    "UserAccount",
    "UserEvent",
    "UserOrder",
    "UserPosition",
    "UserTrade",
    "decode_event",
]

Row = TypeVar("Row", bound=Struct)

# Whatever the strict decoders and a wrong number of arguments raise.
_REFUSED: Final = (msgspec.MsgspecError, ValueError, RecursionError)


def decode_event(
    target: str, arguments: Sequence[Raw], forgiven: Forgiven | None = None
) -> tuple[HubEvent, ...]:
    """The events in one invocation: usually one, several for a list, none for an empty list.

    What was forgiven is counted in `forgiven`. A target never seen before is an `UnknownEvent`, not
    an error. Raises `PayloadMalformed` for a payload that cannot be read, and nothing else.
    """
    decode = _DECODERS.get(target) or _DECODERS_LOWER.get(target.lower())
    if decode is None:
        return (UnknownEvent(sanitised(target, 80) or "", len(arguments)),)
    return decode(arguments, forgiven)


# ---- market data: the fast way


_text = msgspec.json.Decoder(str).decode
_SMALLEST: Final = -EXPONENT_MAX
_LARGEST: Final = EXPONENT_MAX


class _Quote(Quote, frozen=True, forbid_unknown_fields=False):
    """With members that we do not know yet."""


class _TapeTrade(TapeTrade, frozen=True, forbid_unknown_fields=False):
    """With members that we do not know yet."""


class _DepthRow(DepthRow, frozen=True, forbid_unknown_fields=False):
    """With members that we do not know yet."""


_quote = strict_decoder(_Quote)
_trades = msgspec.json.Decoder(tuple[_TapeTrade, ...]).decode
_rows = msgspec.json.Decoder(tuple[_DepthRow, ...]).decode
_members = msgspec.structs.asdict


def _decode_quote(arguments: Sequence[Raw], forgiven: Forgiven | None) -> tuple[HubEvent, ...]:
    try:
        contract, payload = arguments
        quote = Quote(**_members(_quote(payload)))
        if quote_sound(quote):
            return (QuoteUpdate(_text(contract), quote),)
    except _REFUSED:
        pass
    contract_id, quotes = _carefully("GatewayQuote", Quote, _Quote, arguments, forgiven)
    events = []
    for quote in quotes:
        said = quote.contract if isinstance(quote.contract, str) else None
        events.append(QuoteUpdate(_named("GatewayQuote", contract_id or said), quote))
    return tuple(events)


def quote_sound(quote: Quote) -> bool:
    """Whether every price in it is finite and of a sensible size."""
    # One by one: what is not finite has no digits, and 0 is said of where they begin.
    if (number := quote.best_bid) is not UNSET and number is not None:
        size = number.adjusted()
        if not (_SMALLEST <= size <= _LARGEST and (size or number.is_finite())):
            return False
    if (number := quote.best_ask) is not UNSET and number is not None:
        size = number.adjusted()
        if not (_SMALLEST <= size <= _LARGEST and (size or number.is_finite())):
            return False
    if (number := quote.last_price) is not UNSET and number is not None:
        size = number.adjusted()
        if not (_SMALLEST <= size <= _LARGEST and (size or number.is_finite())):
            return False
    return _seldom_sound(quote)


def _seldom_sound(quote: Quote) -> bool:
    """The same for what most quotes do not say."""
    if (number := quote.change) is not UNSET and number is not None:
        size = number.adjusted()
        if not (_SMALLEST <= size <= _LARGEST and (size or number.is_finite())):
            return False
    if (
        (number := quote.change_percent) is not UNSET
        and number is not None
        and not is_sound(number)
    ):
        return False
    if quote.open is UNSET is quote.high and quote.low is UNSET:
        return True
    return all(
        number is None or number is UNSET or is_sound(number)
        for number in (quote.open, quote.high, quote.low)
    )


def _decode_tape(arguments: Sequence[Raw], forgiven: Forgiven | None) -> tuple[HubEvent, ...]:
    try:
        contract, payload = arguments
        trades = tuple([TapeTrade(**_members(trade)) for trade in _trades(payload)])
        for trade in trades:
            price = trade.price
            if not (_SMALLEST <= price.adjusted() <= _LARGEST and price.is_finite()):
                break
        else:
            return (TapeUpdate(_text(contract), trades),) if trades else ()
    except _REFUSED:
        pass
    contract_id, trades = _carefully("GatewayTrade", TapeTrade, _TapeTrade, arguments, forgiven)
    named = contract_id or (trades[0].contract_id if trades else None)
    return (TapeUpdate(_named("GatewayTrade", named), trades),) if trades else ()


def _decode_depth(arguments: Sequence[Raw], forgiven: Forgiven | None) -> tuple[HubEvent, ...]:
    try:
        contract, payload = arguments
        rows = tuple([DepthRow(**_members(row)) for row in _rows(payload)])
        for row in rows:
            price = row.price
            if not (_SMALLEST <= price.adjusted() <= _LARGEST and price.is_finite()):
                break
        else:
            return (Depth(_text(contract), rows),) if rows else ()
    except _REFUSED:
        pass
    contract_id, rows = _carefully("GatewayDepth", DepthRow, _DepthRow, arguments, forgiven)
    named = contract_id or (rows[0].contract_id if rows else None)
    return (Depth(_named("GatewayDepth", named), rows),) if rows else ()


def _named(target: str, contract_id: str | None) -> str:
    if contract_id is None:
        raise PayloadMalformed(target, "names no contract")
    return contract_id


# ---- market data: the careful way


def _carefully(
    target: str,
    row_type: type[Row],
    read_as: type[Row],
    arguments: Sequence[Raw],
    forgiven: Forgiven | None,
) -> tuple[str | None, tuple[Row, ...]]:
    """The contract id and the rows, in any shape; the id is None when no argument names it."""
    contract_id: str | None = None
    rows: list[Row] = []
    found = False
    for raw in arguments:
        plain = parse(raw, target)
        if isinstance(plain, str) and contract_id is None:
            contract_id = plain
        elif isinstance(plain, list | dict):
            found = True
            read = _rows_of(target, read_as, plain, forgiven or Forgiven())
            rows.extend(row_type(**_members(row)) for row in read)
    if not found:
        raise PayloadMalformed(target, "no payload")
    return contract_id, tuple(rows)


def _rows_of(
    target: str,
    row_type: type[Row],
    plain: list[Any] | dict[str, Any],
    forgiven: Forgiven,
) -> list[Row]:
    plan, decode = plan_of(row_type), strict_decoder(row_type)
    rows: list[Row] = []
    for row in plain if isinstance(plain, list) else [plain]:
        mend(row, plan, forgiven, target)
        rows.append(guarded(decode, dump(row, target), target))
    return rows


# ---- the user hub


def _user_decoder(
    target: str, event_type: type[UserEvent], model: type[Struct]
) -> Callable[[Sequence[Raw], Forgiven | None], tuple[HubEvent, ...]]:
    """The decoder of one event of the user hub."""
    decode = strict_decoder(event_type)
    # An action in a string is dropped, not mended, so that only the shape looks at it.
    shape = Shape((("action", Kind.ID), ("data", plan_of(model))))

    def decode_user(arguments: Sequence[Raw], forgiven: Forgiven | None) -> tuple[HubEvent, ...]:
        if len(arguments) == 1 and shape.fits(payload := bytes(arguments[0])):
            try:
                return (decode(payload),)
            except _REFUSED:
                pass  # such as a list of records
        return _user_carefully(target, arguments, forgiven or Forgiven(), decode, shape)

    return decode_user


def _user_carefully(
    target: str,
    arguments: Sequence[Raw],
    counted: Forgiven,
    decode: Callable[[bytes | Raw], UserEvent],
    shape: Shape,
) -> tuple[HubEvent, ...]:
    events: list[HubEvent] = []
    found = False
    for raw in arguments:
        plain = parse(raw, target)
        if not isinstance(plain, list | dict):
            continue  # such as a leading account id
        found = True
        members, wholes = 0, []
        for entry in plain if isinstance(plain, list) else [plain]:
            for whole in _wrapped(entry, target):
                changed, seen = mend(whole, shape.plan[1:], counted, target)
                members += seen - len(whole)
                as_sent = whole is plain and not changed
                wholes.append(raw if as_sent else dump(whole, target))
            members += len(entry) if "data" in entry else 0
        refuse_duplicates(bytes(raw), members, target)
        events += [guarded(decode, whole, target) for whole in wholes]
        if len(wholes) == 1 and wholes[0] is raw:
            shape.learn(bytes(raw), plain)
    if not found:
        raise PayloadMalformed(target, "no payload")
    return tuple(events)


def _wrapped(entry: Any, target: str) -> list[dict[str, Any]]:  # noqa: ANN401  any JSON
    """`{"action", "data"}` for each record, also around what came flat.

    An action that is no number is dropped: it is not worth an order event.
    """
    if not isinstance(entry, dict):
        raise PayloadMalformed(target, "a payload that is not an object")
    if "data" not in entry:
        return [{"data": entry}]
    action, data = entry.get("action"), entry["data"]
    readable = action is None or (type(action) is int and -(2**63) <= action < 2**63)
    if readable and not isinstance(data, list):
        return [entry]
    records = data if isinstance(data, list) else [data]
    return [{"action": action if readable else None, "data": record} for record in records]


# ---- either hub


def _decode_logout(
    arguments: Sequence[Raw],
    forgiven: Forgiven | None,  # noqa: ARG001  every decoder is called alike
) -> tuple[HubEvent, ...]:
    """The shape of its argument is unknown, so that any will do."""
    for raw in arguments:
        try:
            plain = parse(raw)
        except PayloadMalformed:
            continue
        said = [plain]
        if isinstance(plain, dict):
            said = [plain.get(name) for name in ("reason", "message", "error")]
        for words in said:
            if isinstance(words, str) and words:
                return (Logout(sanitised(words, 200)),)
    return (Logout(),)


_DECODERS: Final[dict[str, Callable[[Sequence[Raw], Forgiven | None], tuple[HubEvent, ...]]]] = {
    "GatewayQuote": _decode_quote,
    "GatewayTrade": _decode_tape,
    "GatewayDepth": _decode_depth,
    "GatewayUserAccount": _user_decoder("GatewayUserAccount", UserAccount, AccountModel),
    "GatewayUserOrder": _user_decoder("GatewayUserOrder", UserOrder, OrderModel),
    "GatewayUserPosition": _user_decoder("GatewayUserPosition", UserPosition, PositionModel),
    "GatewayUserTrade": _user_decoder("GatewayUserTrade", UserTrade, TradeModel),
    "GatewayLogout": _decode_logout,
}
# Client libraries match targets without case, so a server may change it unnoticed.
_DECODERS_LOWER: Final = {target.lower(): decode for target, decode in _DECODERS.items()}
