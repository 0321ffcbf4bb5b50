"""What the simulated gateway pushes: hub events as invocation arguments, in any shape.

The defaults are the shapes of the live gateway; the switches make the others that were reported.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Raw, Struct

from topstepx.errors import InvalidRequest
from topstepx.wire.codec import encode_plainly
from topstepx.wire.hub_models import (
    Depth,
    Logout,
    QuoteUpdate,
    TapeUpdate,
    UnknownEvent,
    UserAccount,
    UserOrder,
    UserPosition,
    UserTrade,
)
from topstepx.wire.leniency import ID_MEMBERS

if TYPE_CHECKING:
    from topstepx.wire.hub_models import HubEvent

_USER_TARGETS: Final[dict[type[Struct], str]] = {
    UserAccount: "GatewayUserAccount",
    UserOrder: "GatewayUserOrder",
    UserPosition: "GatewayUserPosition",
    UserTrade: "GatewayUserTrade",
}
_KEPT: Final = (Decimal, datetime)


def encode_event(
    event: HubEvent,
    *,
    wrapped: bool = True,
    omit_nulls: bool = True,
    listed: bool | None = None,
    string_ids: bool = False,
) -> tuple[str, tuple[Raw, ...]]:
    """The target and the arguments that carry an event.

    `wrapped` puts a user event into `{"action", "data"}`, `omit_nulls` leaves out its members that
    are None, `string_ids` sends its ids as strings. `listed` asks for an array (True) or for one bare
    object (False); None is what the gateway does: arrays for trades and depth. A quote's nulls are
    always sent, what is UNSET never is. Raises `InvalidRequest` for several rows in one bare object.
    """
    if isinstance(event, QuoteUpdate):
        quote: object = [event.quote] if listed else event.quote
        return "GatewayQuote", (_raw(event.contract_id), _raw(quote))
    if isinstance(event, TapeUpdate):
        return "GatewayTrade", (_raw(event.contract_id), _rows(event.trades, listed=listed))
    if isinstance(event, Depth):
        return "GatewayDepth", (_raw(event.contract_id), _rows(event.rows, listed=listed))
    if isinstance(event, Logout):
        return "GatewayLogout", () if event.reason is None else (_raw(event.reason),)
    if isinstance(event, UnknownEvent):
        return event.target, ()
    data = msgspec.to_builtins(event.data, builtin_types=_KEPT)
    if omit_nulls:
        data = {name: value for name, value in data.items() if value is not None}
    if string_ids:
        data = {
            name: str(value) if name in ID_MEMBERS and type(value) is int else value
            for name, value in data.items()
        }
    payload: Any = {"action": event.action, "data": data} if wrapped else data
    return _USER_TARGETS[type(event)], (_raw([payload] if listed else payload),)


def _raw(thing: object) -> Raw:
    return Raw(encode_plainly(thing))


def _rows(rows: tuple[Struct, ...], *, listed: bool | None) -> Raw:
    if listed is not False:
        return _raw(rows)
    if len(rows) != 1:
        raise InvalidRequest(
            "listed", listed, f"{len(rows)} rows do not fit one object.", "Send them as an array."
        )
    return _raw(rows[0])
